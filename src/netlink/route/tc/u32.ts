/** Filters that match words of the packet. */

import { swap16, swap32 } from "../../codec/words.ts";
import { bad, boolean, integer } from "../../check.ts";
import { u32BucketText, u32Handle } from "./handle.ts";
import type { U32Advance, U32Key, U32Options } from "./filter_options.ts";

import {
  classid,
  type FilterCodec,
  incoming,
  OFFLOAD,
  offloadFlags,
  readOffload,
} from "./filter_codec.ts";
import { decodeFields, encodeFields } from "../fields.ts";

const SEL = 16, KEY = 16; // sizeof(struct tc_u32_sel) without keys, sizeof(struct tc_u32_key)
const U32_SEL = 5; // TCA_U32_SEL
const TERMINAL = 1, OFFSET = 2, VAROFFSET = 4, EAT = 8; // TC_U32_*
const U32_ROOT = 0x800; // tables from this one on are numbered by the kernel

/** A number of the packet's: at most 32767 bytes from where offsets count. */
function nearOffset(parameter: string, value: number, step: number): number {
  integer(parameter, value, -0x8000, 0x7fff);
  if (value % step !== 0) throw bad(parameter, step === 2 ? "even" : "a multiple of four", value);
  return value;
}

/** What `struct tc_u32_sel` says of the way to the next header. */
function advanceValues(o: U32Advance) {
  if ((o.offset === undefined) !== (o.mask === undefined)) {
    throw bad("advance.mask", "given with offset, and offset with it", o.mask);
  }
  if (o.eat !== undefined) boolean("advance.eat", o.eat);
  const bytes = integer("advance.bytes", o.bytes ?? 0, 0, 0xffff);
  return {
    flags: (o.bytes === undefined ? 0 : OFFSET) | (o.mask === undefined ? 0 : VAROFFSET) |
      (o.eat ? EAT : 0),
    shift: integer("advance.shift", o.shift ?? 0, 0, 15),
    mask: swap16(integer("advance.mask", o.mask ?? 0, 0, 0xffff)),
    bytes,
    offset: nearOffset("advance.offset", o.offset ?? 0, 2),
  };
}

/** `struct tc_u32_sel` with its keys. */
function u32Selector(o: U32Options): Uint8Array {
  const keys = o.keys?.length ? o.keys : [{ offset: 0, value: 0, mask: 0 }];
  if (keys.length > 128) throw bad("keys", "at most 128 keys", keys.length);
  const words = new Int32Array((SEL + KEY * keys.length) / 4);
  const { flags, shift, mask, bytes, offset } = advanceValues(o.advance ?? {});
  const terminal = o.class === undefined && !o.actions?.length ? 0 : TERMINAL;
  words[0] = flags | terminal | shift << 8 | keys.length << 16;
  words[1] = mask | bytes << 16;
  const { hashKey = { offset: 0, mask: 0 } } = o;
  words[2] = offset & 0xffff | nearOffset("hashKey.offset", hashKey.offset, 4) << 16;
  words[3] = swap32(integer("hashKey.mask", hashKey.mask, 0, 0xffffffff));
  keys.forEach(({ offset, value, mask, nextHeader = false }: U32Key, i) => {
    integer(`keys[${i}].offset`, offset, -0x80000000, 0x7fffffff);
    if (offset % 4 !== 0) throw bad(`keys[${i}].offset`, "a multiple of four", offset);
    integer(`keys[${i}].mask`, mask, 0, 0xffffffff);
    integer(`keys[${i}].value`, value, 0, 0xffffffff);
    const next = boolean(`keys[${i}].nextHeader`, nextHeader) ? -1 : 0;
    words.set([swap32(mask), swap32(value & mask), offset, next], SEL / 4 + 4 * i);
  });
  return new Uint8Array(words.buffer);
}

/** The number of a hash table. */
function u32Table(parameter: string, value: string): number {
  const number = u32Handle(parameter, value);
  if ((number & 0xfffff) !== 0) throw bad(parameter, "a hash table such as 2:", value);
  return number;
}

/** Matches words of the packet. */
export const u32: FilterCodec<U32Options> = {
  known: [
    ...["keys", "mark", "incoming", "divisor", "table", "nextTable", "hashKey", "advance"],
    ...OFFLOAD,
  ],
  reported: ["flags", "pcnt", "hash", "mark"],
  write(o) {
    const { divisor, table, nextTable, mark } = o;
    if (divisor !== undefined) {
      integer("divisor", divisor, 1, 256);
      if ((divisor & (divisor - 1)) !== 0) throw bad("divisor", "a power of two", divisor);
      for (const [name, value] of Object.entries(o)) {
        if (name !== "divisor" && value !== undefined) {
          throw bad(name, "absent, with divisor", value);
        }
      }
      return { divisor };
    }
    const bucket = table === undefined ? undefined : u32Handle("table", table);
    if (bucket !== undefined && (bucket & 0xfff) !== 0) {
      throw bad("table", "a bucket such as 2:5:, or a hash table such as 2:", table);
    }
    // In this order, and the selector under its number: the struct of the specification has room for
    // one key.
    return {
      classid: classid(o),
      hash: bucket,
      link: nextTable === undefined ? undefined : u32Table("nextTable", nextTable),
      [U32_SEL]: u32Selector(o),
      mark: mark && {
        val: integer("mark.value", mark.value, 0, 0xffffffff),
        mask: integer("mark.mask", mark.mask, 0, 0xffffffff),
      },
      ...encodeFields(incoming, { incoming: o.incoming }),
      flags: offloadFlags(o),
    };
  },
  read(values) {
    const { sel, divisor, hash, link, mark, flags } = values as {
      sel?: U32Selector & { _w: Int32Array; _at: number };
      divisor?: number;
      hash?: number;
      link?: number;
      mark?: { val: number; mask: number };
      flags?: number;
    };
    if (divisor !== undefined) return { divisor };
    const out: U32Options = sel === undefined ? {} : readSelector(sel);
    if (hash !== undefined && (hash >>> 20 < U32_ROOT || (hash & 0xff000) !== 0)) {
      out.table = u32BucketText(hash);
    }
    if (link !== undefined) out.nextTable = u32BucketText(link);
    if (mark !== undefined) out.mark = { value: mark.val, mask: mark.mask };
    return { ...out, ...decodeFields(incoming, values), ...readOffload(flags) };
  },
};

/** `struct tc_u32_sel` as it is read. */
interface U32Selector {
  flags: number;
  offshift: number;
  nkeys: number;
  offmask: number;
  off: number;
  offoff: number;
  hoff: number;
  hmask: number;
}

function readSelector(sel: U32Selector & { _w: Int32Array; _at: number }): U32Options {
  const at = sel._at >> 2, { flags, hmask, hoff } = sel;
  const keys = Array.from({ length: sel.nkeys }, (_, i) => {
    const [mask, value, offset, next] = sel._w.subarray(at + SEL / 4 + 4 * i);
    const key = { offset, value: swap32(value) >>> 0, mask: swap32(mask) >>> 0 };
    return next === -1 ? { ...key, nextHeader: true } : key;
  });
  const advance = {
    ...(flags & OFFSET) === 0 ? {} : { bytes: sel.off },
    ...(flags & VAROFFSET) === 0 ? {} : { offset: sel.offoff, mask: sel.offmask },
    ...sel.offshift === 0 ? {} : { shift: sel.offshift },
    ...(flags & EAT) === 0 ? {} : { eat: true },
  };
  return {
    keys,
    ...hmask === 0 ? {} : { hashKey: { offset: hoff, mask: hmask } },
    ...Object.keys(advance).length === 0 ? {} : { advance },
  };
}
