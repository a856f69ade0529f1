/** Options of filters, and how they go over the wire. */

import type { Values } from "../../codec/encode.ts";
import type { AttributeSpec } from "../../codec/spec.ts";
import { swap16, swap32 } from "../../codec/words.ts";
import { address, bad, boolean, integer, prefix } from "../input.ts";
import { AF_INET } from "../item.ts";
import { spec } from "../../spec/tc.ts";
import { type Draft, encodeFields, type Field, type Fields, macText, whole } from "../fields.ts";
import { decodeFields, text } from "../fields.ts";
import type { Action } from "./actions.ts";
import { type Handle, handleText, handleValue, u32BucketText, u32Handle } from "./handle.ts";
import { asRead, inOptions, untold } from "./tc_object.ts";

/** What most kinds of filters have. */
export interface CommonFilterOptions {
  /** The class that packets go to, "1:10". */
  class?: Handle;
  /** What is done with them. */
  actions?: readonly Action[];
}

/** Where a filter works: TCA_CLS_FLAGS_SKIP_* of linux/pkt_cls.h. */
export interface OffloadOptions {
  /**
   * Whether the hardware does not get it.
   *
   * @default false
   */
  skipHardware?: boolean;
  /**
   * Whether the kernel does not match with it, but leaves that to the hardware.
   *
   * @default false
   */
  skipSoftware?: boolean;
}

/** Matches everything (TCA_MATCHALL_* of linux/pkt_cls.h). */
export interface MatchallOptions extends CommonFilterOptions, OffloadOptions {}

/**
 * Matches words of the packet (TCA_U32_* of linux/pkt_cls.h). Filters of one priority stand in hash
 * tables. A table is made by a filter with a `divisor`, filled by filters with `table`, and used by one
 * with `nextTable`:
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.qdiscs.replace({ link: "lo", kind: "htb", handle: "1:" });
 * const at = { link: "lo", parent: "1:", priority: 5, protocol: "ip", kind: "u32" } as const;
 * await nl.filters.add({ ...at, handle: "2:", options: { divisor: 256 } });
 * // Of packets from 10.0.0.5, which fall into bucket 5:
 * const keys = [{ offset: 12, value: 0x0a000005, mask: 0xffffffff }];
 * await nl.filters.add({ ...at, options: { table: "2:5:", keys, class: "1:10" } });
 * const hashKey = { offset: 12, mask: 0xff };
 * await nl.filters.add({ ...at, options: { nextTable: "2:", hashKey } });
 * ```
 */
export interface U32Options extends CommonFilterOptions, OffloadOptions {
  /** Words that must agree; none match all packets. */
  keys?: readonly U32Key[];
  /** The firewall mark that must agree; kernels without CONFIG_CLS_U32_MARK do not look at it. */
  mark?: { value: number; mask: number };
  /** Name of the link that packets came in by. */
  incoming?: string;
  /**
   * Makes a hash table, in place of a filter, of so many buckets: a power of two up to 256. Its number
   * is that of the filter's `handle`, "2:", up to "7ff:".
   */
  divisor?: number;
  /**
   * The bucket that this filter stands in, "2:5:", or "2:" for the first one of that table.
   *
   * @default the table of its priority that is tried first
   */
  table?: string;
  /** The hash table that packets which match are looked up in, "2:". */
  nextTable?: string;
  /** The bits of the packet, those of a word at an offset, that number the bucket of `nextTable`. */
  hashKey?: { offset: number; mask: number };
  /** How far the next header is, which the offsets of keys with `nextHeader` count from. */
  advance?: U32Advance;
}

/** One word of the packet. */
export interface U32Key {
  /** Offset in bytes from the network header, a multiple of four. */
  offset: number;
  /** The bits. */
  value: number;
  /** The bits that count. */
  mask: number;
  /**
   * Whether the offset counts from the next header, which an earlier filter's `advance` led to.
   *
   * @default false
   */
  nextHeader?: boolean;
}

/** The way to the next header: so many bytes, and as many as a field of this header says. */
export interface U32Advance {
  /**
   * Bytes that it is always.
   *
   * @default 0
   */
  bytes?: number;
  /** Offset in bytes of the 16 bits that tell the rest, an even number; needed with `mask`. */
  offset?: number;
  /** The bits of those that count; needed with `offset`. */
  mask?: number;
  /**
   * How far those are shifted right.
   *
   * @default 0
   */
  shift?: number;
  /**
   * Whether the offsets of all keys count from there.
   *
   * @default false
   */
  eat?: boolean;
}

/** A program decides (TCA_BPF_* of linux/pkt_cls.h). */
export interface BpfOptions extends CommonFilterOptions, OffloadOptions {
  /** A loaded program of the type sched_cls. */
  fd?: number;
  /** A name to show for the program of `fd`; the kernel keeps none of a classic one. */
  name?: string;
  /** A classic program, in place of `fd`: instructions of [code, jt, jf, k]. */
  bytecode?: readonly (readonly [code: number, jt: number, jf: number, k: number])[];
  /**
   * Whether what the program returns is the verdict.
   *
   * @default false
   */
  directAction?: boolean;
}

/** Matches header fields (TCA_FLOWER_* of linux/pkt_cls.h). */
export interface FlowerOptions extends CommonFilterOptions, OffloadOptions {
  /** Name of the link that packets came in by. */
  incoming?: string;
  /** Source MAC address. */
  sourceMac?: string;
  /** Destination MAC address. */
  destinationMac?: string;
  /** IP protocol: 6 for TCP, 17 for UDP, 1 for ICMP. */
  ipProtocol?: number;
  /** Source network, as in "10.0.0.0/8". */
  source?: string;
  /** Destination network. */
  destination?: string;
  /** Source port, of TCP, UDP or SCTP by `ipProtocol`. */
  sourcePort?: number;
  /** Destination port. */
  destinationPort?: number;
  /** Source ports from the first to the last, of TCP, UDP or SCTP by `ipProtocol`. */
  sourcePorts?: readonly [first: number, last: number];
  /** Destination ports from the first to the last. */
  destinationPorts?: readonly [first: number, last: number];
  /** Flags of TCP, with an `ipProtocol` of 6: 2 for SYN, 16 for ACK. */
  tcpFlags?: number;
  /**
   * The flags of those that count.
   *
   * @default 0xfff, all
   */
  tcpFlagsMask?: number;
  /** Type of ICMP, with an `ipProtocol` of 1, or of ICMPv6, with one of 58. */
  icmpType?: number;
  /** Code of ICMP or ICMPv6. */
  icmpCode?: number;
  /** VLAN number. */
  vlan?: number;
  /** VLAN priority. */
  vlanPriority?: number;
  /**
   * Type of the packets behind the tag, as a filter's `protocol` has them.
   *
   * @default that of the addresses, where there are some
   */
  vlanProtocol?: string | number;
  /** Type of service. */
  tos?: number;
  /** Time to live. */
  ttl?: number;
  /** Tunnel key, such as a VXLAN's network identifier. */
  tunnelKey?: number;
  /** Source network of the tunnel. */
  tunnelSource?: string;
  /** Destination network of the tunnel. */
  tunnelDestination?: string;
  /** Source port of the tunnel. */
  tunnelSourcePort?: number;
  /** Destination port of the tunnel. */
  tunnelDestinationPort?: number;
}

/** Matches a firewall mark (TCA_FW_* of linux/pkt_cls.h); the filter's handle is the mark. */
export interface FwOptions extends CommonFilterOptions {
  /** The bits of the mark that count. */
  mask?: number;
  /** Name of the link that packets came in by. */
  incoming?: string;
}

/** What each kind takes (linux/pkt_cls.h). */
export interface FilterOptions {
  /** Everything. */
  matchall: MatchallOptions;
  /** Words of the packet. */
  u32: U32Options;
  /** Header fields. */
  flower: FlowerOptions;
  /** A program. */
  bpf: BpfOptions;
  /** A firewall mark. */
  fw: FwOptions;
}

/** How one kind's own options are written and read. */
interface FilterCodec<O> {
  readonly known: readonly string[];
  /** Names of attributes that tell nothing of how packets are matched. */
  readonly reported?: readonly string[];
  write(options: O, context: { ethertype: number }): Values;
  read(values: Values): Partial<O>;
}

const classid = (options: CommonFilterOptions) =>
  options.class === undefined ? undefined : handleValue("class", options.class);

const OFFLOAD = ["skipHardware", "skipSoftware"] as const;
const SKIP_HW = 1, SKIP_SW = 2; // TCA_CLS_FLAGS_*

/** The flags of where a filter works; undefined if there are none. */
function offloadFlags(options: OffloadOptions): number | undefined {
  for (const name of OFFLOAD) if (options[name] !== undefined) boolean(name, options[name]);
  return (options.skipHardware ? SKIP_HW : 0) | (options.skipSoftware ? SKIP_SW : 0) || undefined;
}

function readOffload(flags: number | readonly string[] = 0): OffloadOptions {
  const has = (bit: number, name: string) =>
    typeof flags === "number" ? (flags & bit) !== 0 : flags.includes(name);
  return {
    ...has(SKIP_HW, "skip-hw") ? { skipHardware: true } : {},
    ...has(SKIP_SW, "skip-sw") ? { skipSoftware: true } : {},
  };
}

const matchall: FilterCodec<MatchallOptions> = {
  known: OFFLOAD,
  reported: ["flags", "pcnt"],
  write: (o) => ({ classid: classid(o), flags: offloadFlags(o) }),
  read: (values) => readOffload(values.flags as number | undefined),
};

const SEL = 16, KEY = 16; // sizeof(struct tc_u32_sel) without keys, sizeof(struct tc_u32_key)
const U32_SEL = 5; // TCA_U32_SEL
const TERMINAL = 1, OFFSET = 2, VAROFFSET = 4, EAT = 8; // TC_U32_*
const U32_ROOT = 0x800; // tables from this one on are numbered by the kernel
const incoming = { incoming: text("indev", 15) };

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

const u32: FilterCodec<U32Options> = {
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

const DIRECT = 1; // TCA_BPF_FLAG_ACT_DIRECT

const bpf: FilterCodec<BpfOptions> = {
  known: ["fd", "name", "bytecode", "directAction", ...OFFLOAD],
  reported: ["flagsGen", "tag", "id"],
  write(o) {
    const { fd, bytecode } = o;
    if (o.directAction !== undefined) boolean("directAction", o.directAction);
    if ((fd === undefined) === (bytecode === undefined)) {
      throw bad("fd", "given, or bytecode, and not both", fd);
    }
    if (bytecode !== undefined && o.name !== undefined) throw bad("name", "given with fd", o.name);
    const ops = bytecode && new Uint8Array(bytecode.length * 8);
    bytecode?.forEach(([code, jt, jf, k], i) => {
      const view = new DataView(ops!.buffer, i * 8);
      view.setUint16(0, integer(`bytecode[${i}].code`, code, 0, 0xffff), true);
      view.setUint8(2, integer(`bytecode[${i}].jt`, jt, 0, 255));
      view.setUint8(3, integer(`bytecode[${i}].jf`, jf, 0, 255));
      view.setUint32(4, integer(`bytecode[${i}].k`, k, 0, 0xffffffff), true);
    });
    return {
      opsLen: bytecode?.length,
      ops,
      fd: fd === undefined ? undefined : integer("fd", fd, 0, 0x7fffffff),
      name: o.name,
      classid: classid(o),
      flags: o.directAction ? DIRECT : undefined,
      flagsGen: offloadFlags(o),
    };
  },
  read(values) {
    const { ops, name, flags, flagsGen } = values as {
      ops?: Uint8Array;
      name?: string;
      flags?: number;
      flagsGen?: number;
    };
    const out: BpfOptions = readOffload(flagsGen);
    if (ops !== undefined) {
      const view = new DataView(ops.buffer, ops.byteOffset, ops.byteLength);
      out.bytecode = Array.from({ length: ops.length >> 3 }, (_, i) => [
        view.getUint16(i * 8, true),
        view.getUint8(i * 8 + 2),
        view.getUint8(i * 8 + 3),
        view.getUint32(i * 8 + 4, true),
      ]);
    }
    if (name !== undefined) out.name = name;
    if ((flags ?? 0) & DIRECT) out.directAction = true;
    return out;
  },
};

const IP = 0x0800, IP6 = 0x86dd, VLANS = [0x8100, 0x88a8];
const PORTS: Record<number, string> = { 6: "Tcp", 17: "Udp", 132: "Sctp" };
const ICMP: Record<number, string> = { 1: "Icmpv4", 58: "Icmpv6" };
const FLOWER = spec.sets["flower-attrs"] as { [name: string]: AttributeSpec };

/** A network: the attribute of the address, and its mask's beside it. */
function networkField(prefixed: string, direction: "Src" | "Dst"): Field<string> {
  const name = (version: number) => `${prefixed}Ipv${version}${direction}`;
  return {
    write(out, parameter, value) {
      const { family, length } = prefix(parameter, value);
      const v = family === AF_INET ? 4 : 6;
      out[name(v)] = value.split("/")[0];
      out[`${name(v)}Mask`] = maskText(v, length);
    },
    read(values) {
      for (const v of [4, 6]) {
        const ip = values[name(v)];
        if (ip === undefined) continue;
        const mask = values[`${name(v)}Mask`] as string | undefined;
        const length = mask === undefined ? (v === 4 ? 32 : 128) : prefixLength(mask);
        // What a prefix cannot tell stays with the attributes.
        return length === undefined ? undefined : `${ip}/${length}`;
      }
      return undefined;
    },
  };
}

function maskText(version: number, length: number): string {
  const groups = version === 4 ? 4 : 8, bits = version === 4 ? 8 : 16;
  const parts = Array.from({ length: groups }, (_, i) => {
    const n = Math.max(0, Math.min(bits, length - i * bits));
    return (2 ** bits - 1) - (2 ** (bits - n) - 1);
  });
  return version === 4 ? parts.join(".") : parts.map((p) => p.toString(16)).join(":");
}

/** The leading ones of a mask; undefined if others follow. */
function prefixLength(mask: string): number | undefined {
  const bits = address("mask", mask).words
    .map((word) => (swap32(word) >>> 0).toString(2).padStart(32, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.replace(/0/g, "").length : undefined;
}

/** The mask of an attribute of which everything counts; undefined for one that has none. */
function fullMask(attribute: string): unknown {
  switch (FLOWER[`${attribute}Mask`]?.type) {
    case "u8":
      return 0xff;
    case "u16":
      return 0xffff;
    case "binary":
      return FLOWER[attribute].hint === "mac" ? "ff:ff:ff:ff:ff:ff" : undefined;
  }
}

/** A field of which the attribute says something only where everything counts. */
function unmasked<T>(attribute: string, { write, read }: Field<T>): Field<T> {
  const full = fullMask(attribute);
  return {
    write,
    read: (values) => (values[`${attribute}Mask`] ?? full) === full ? read(values) : undefined,
  };
}

/** A number whose mask stands beside it, all ones. */
function exact(attribute: string, high: number): Field<number> {
  const { write, read } = unmasked(attribute, whole(attribute, high));
  return {
    write(out, parameter, value) {
      write(out, parameter, value);
      out[`${attribute}Mask`] = fullMask(attribute);
    },
    read,
  };
}

const port = (attribute: string) => unmasked(attribute, whole(attribute, 0xffff));

/** A number that the kernel keeps in the host's order, whatever its specification says. */
function hostOrder(attribute: string, high: number): Field<number> {
  const { write, read } = whole(attribute, 0xffff);
  return {
    write(out, parameter, value) {
      write(out, parameter, swap16(integer(parameter, value, 0, high)));
    },
    read(values) {
      const value = read(values);
      return value === undefined ? undefined : swap16(value);
    },
  };
}

/** Ports from the first to the last. */
function portRange(direction: "Src" | "Dst"): Field<readonly [number, number]> {
  const min = `keyPort${direction}Min`, max = `keyPort${direction}Max`;
  return {
    write(out, parameter, value) {
      if (!Array.isArray(value) || value.length !== 2) throw bad(parameter, "[first, last]", value);
      out[min] = integer(`${parameter}[0]`, value[0], 1, 65535);
      out[max] = integer(`${parameter}[1]`, value[1], 1, 65535);
      if (value[0] >= value[1]) throw bad(parameter, "[first, last] in order", value);
    },
    read(values) {
      const first = values[min], last = values[max];
      if (first === undefined || last === undefined) return undefined;
      return [first as number, last as number];
    },
  };
}

/** Options whose attribute depends on the protocol. */
const BY_PROTOCOL = [
  ["sourcePort", PORTS, "Src"],
  ["destinationPort", PORTS, "Dst"],
  ["icmpType", ICMP, "Type"],
  ["icmpCode", ICMP, "Code"],
] as const;

const TCP_FLAGS = 0xfff;

const flowerFields: Fields<
  Omit<
    FlowerOptions,
    | keyof CommonFilterOptions
    | keyof OffloadOptions
    | (typeof BY_PROTOCOL)[number][0]
    | "tcpFlagsMask"
    | "vlanProtocol"
  >
> = {
  incoming: text("indev", 15),
  sourceMac: unmasked("keyEthSrc", macText("keyEthSrc")),
  destinationMac: unmasked("keyEthDst", macText("keyEthDst")),
  ipProtocol: whole("keyIpProto", 255),
  source: networkField("key", "Src"),
  destination: networkField("key", "Dst"),
  sourcePorts: portRange("Src"),
  destinationPorts: portRange("Dst"),
  tcpFlags: whole("keyTcpFlags", TCP_FLAGS),
  vlan: hostOrder("keyVlanId", 4095),
  vlanPriority: whole("keyVlanPrio", 7),
  tos: exact("keyIpTos", 255),
  ttl: exact("keyIpTtl", 255),
  tunnelKey: whole("keyEncKeyId"),
  tunnelSource: networkField("keyEnc", "Src"),
  tunnelDestination: networkField("keyEnc", "Dst"),
  tunnelSourcePort: port("keyEncUdpSrcPort"),
  tunnelDestinationPort: port("keyEncUdpDstPort"),
};

/** The type of packets that the addresses are of; 0 without. */
function addressType(values: Values): number {
  if (values.keyIpv4Src ?? values.keyIpv4Dst) return IP;
  return values.keyIpv6Src ?? values.keyIpv6Dst ? IP6 : 0;
}

const flower: FilterCodec<FlowerOptions> = {
  known: [
    ...Object.keys(flowerFields),
    ...BY_PROTOCOL.map(([name]) => name),
    ...["tcpFlagsMask", "vlanProtocol"],
    ...OFFLOAD,
  ],
  reported: ["flags", "inHwCount"],
  write(o, { ethertype: type }) {
    const out: Draft = encodeFields(flowerFields, o), ip = addressType(out);
    const tagged = VLANS.includes(type);
    const inner = o.vlanProtocol === undefined ? ip : ethertype("vlanProtocol", o.vlanProtocol);
    if (o.vlanProtocol !== undefined && !tagged) {
      throw bad("protocol", "802.1q or 802.1ad, with vlanProtocol", type);
    }
    if (tagged && ip && inner !== ip) {
      throw bad("vlanProtocol", "the one of the addresses", o.vlanProtocol);
    }
    if (ip && !tagged && ip !== type) {
      throw bad("protocol", `the one of the addresses, ${ip === IP ? "ip" : "ipv6"}`, type);
    }
    if (o.ipProtocol !== undefined && ![IP, IP6].includes(tagged ? inner : type)) {
      throw tagged
        ? bad("vlanProtocol", "ip or ipv6, with ipProtocol", o.vlanProtocol)
        : bad("protocol", "ip or ipv6, with ipProtocol", type);
    }
    if (tagged && inner) out.keyVlanEthType = inner;
    out.keyEthType = type === ALL_PROTOCOLS ? undefined : type;
    for (const [name, protocols, side] of BY_PROTOCOL) {
      const value = o[name];
      if (value === undefined) continue;
      const family = protocols[o.ipProtocol ?? -1];
      if (family === undefined) {
        const numbers = protocols === PORTS ? "6, 17 or 132" : "1 or 58";
        throw bad("ipProtocol", `${numbers}, with ${name}`, o.ipProtocol);
      }
      const attribute = `key${family}${side}`;
      if (protocols === PORTS) port(attribute).write(out, name, value);
      else exact(attribute, 255).write(out, name, value);
    }
    for (const name of ["sourcePorts", "destinationPorts"] as const) {
      if (o[name] !== undefined && PORTS[o.ipProtocol ?? -1] === undefined) {
        throw bad("ipProtocol", `6, 17 or 132, with ${name}`, o.ipProtocol);
      }
    }
    if ((o.tcpFlags ?? o.tcpFlagsMask) !== undefined) {
      if (o.ipProtocol !== 6) throw bad("ipProtocol", "6, with tcpFlags", o.ipProtocol);
      if (o.tcpFlags === undefined) throw bad("tcpFlags", "given with tcpFlagsMask", o.tcpFlags);
      out.keyTcpFlagsMask = integer("tcpFlagsMask", o.tcpFlagsMask ?? TCP_FLAGS, 0, TCP_FLAGS);
    }
    return { classid: classid(o), ...out, flags: offloadFlags(o) };
  },
  read(values) {
    const out: FlowerOptions = decodeFields(flowerFields, values);
    for (const [name, protocols, side] of BY_PROTOCOL) {
      const family = protocols[out.ipProtocol ?? -1];
      const value = family && port(`key${family}${side}`).read(values);
      if (value !== undefined && value !== "") out[name] = value;
    }
    const { keyTcpFlagsMask: mask, keyVlanEthType: inner } = values;
    if (out.tcpFlags !== undefined && mask !== undefined && mask !== TCP_FLAGS) {
      out.tcpFlagsMask = mask as number;
    }
    if (inner !== undefined && inner !== addressType(values)) {
      out.vlanProtocol = typeName(inner as number);
    }
    return { ...out, ...readOffload(values.flags as readonly string[] | undefined) };
  },
};

const fwFields: Fields<Omit<FwOptions, keyof CommonFilterOptions>> = {
  mask: whole("mask"),
  ...incoming,
};

const fw: FilterCodec<FwOptions> = {
  known: Object.keys(fwFields),
  write: ({ class: _class, actions: _actions, ...own }) => ({
    classid: classid({ class: _class }),
    ...encodeFields(fwFields, own),
  }),
  read: (values) => decodeFields(fwFields, values),
};

const kinds: { readonly [K in keyof FilterOptions]: FilterCodec<FilterOptions[K]> } = {
  matchall,
  u32,
  flower,
  bpf,
  fw,
};

// Those of the kernel's specification that have no table here.
const OTHERS = ["basic", "cgroup", "flow", "route"];

/** The attributes of a kind's options, without those of its actions. */
export function filterValues(kind: string, options: object, ethertype: number): Values {
  const codec = Object.hasOwn(kinds, kind)
    ? kinds[kind as keyof FilterOptions] as FilterCodec<object>
    : undefined;
  if (codec === undefined && !OTHERS.includes(kind)) {
    throw bad("kind", `one of ${[...Object.keys(kinds), ...OTHERS].join(", ")}`, kind);
  }
  const known = ["class", "actions", ...codec?.known ?? []];
  return inOptions(() => {
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined || (codec && known.includes(name))) continue;
      throw bad(name, `one of the options of ${kind}: ${codec ? known.join(", ") : "data"}`, value);
    }
    return codec?.write(options, { ethertype }) ?? {};
  });
}

/** The options that attributes carry, without actions; undefined for a kind that has no table here. */
export function filterOptions(kind: string, values: Values): CommonFilterOptions | undefined {
  if (!Object.hasOwn(kinds, kind)) return undefined;
  const own = kinds[kind as keyof FilterOptions].read(values) as CommonFilterOptions;
  if (values.classid !== undefined) own.class = handleText(values.classid as number);
  return own;
}

/** Options, without actions, as they are told once the kernel has them. */
export function filterOptionsAsTold(
  kind: string,
  options: CommonFilterOptions,
  ethertype: number,
): CommonFilterOptions {
  const own = filterValues(kind, options, ethertype);
  return filterOptions(kind, asRead(kind, own)) ?? {};
}

/** The attributes that tell more than the options that were read of them; undefined if none do. */
export function filterData(
  kind: string,
  values: Values,
  options: CommonFilterOptions | undefined,
  ethertype: number,
): Values | undefined {
  if (options === undefined) return untold(values, asRead(kind, {}), ["pcnt"]);
  const { reported = [] } = kinds[kind as keyof FilterOptions];
  // The kernel tells the name of a program, and no descriptor.
  const program = kind === "bpf" && !("bytecode" in options) ? { fd: 0 } : {};
  let own: Values = {};
  try {
    own = filterValues(kind, { ...options, ...program }, ethertype);
  } catch {
    // What cannot be written as it was read is told by the attributes alone.
  }
  // The kernel tells every mask, also one that hides nothing.
  const masks = kind === "flower"
    ? Object.fromEntries(Object.keys(own).map((name) => [`${name}Mask`, fullMask(name)]))
    : {};
  return untold(values, asRead(kind, { ...masks, ...own }), ["act", ...reported]);
}

/** ETH_P_* of linux/if_ether.h. */
const ETHERTYPES: Record<string, number> = {
  all: 3,
  ip: IP,
  ipv6: IP6,
  arp: 0x0806,
  "802.1q": 0x8100,
  "802.1ad": 0x88a8,
  mpls: 0x8847,
};
const ALL_PROTOCOLS = 3;
const TYPE_NAMES = new Map(Object.entries(ETHERTYPES).map(([name, v]) => [v, name]));

/** Name of a packet type that has one. */
function typeName(type: number): string | number {
  return TYPE_NAMES.get(type) ?? type;
}

/** Number of a packet type. */
export function ethertype(parameter: string, value: string | number): number {
  if (typeof value === "number") return integer(parameter, value, 0, 0xffff);
  if (!Object.hasOwn(ETHERTYPES, value)) {
    throw bad(parameter, `a number or one of ${Object.keys(ETHERTYPES).join(", ")}`, value);
  }
  return ETHERTYPES[value];
}

/** `tcm_info`: the priority, and the packet type big-endian. */
export function filterInfo(priority: number, type: number): number {
  return (priority << 16 | swap16(type)) >>> 0;
}

/** Both parts of `tcm_info`. */
export function readInfo(info: number): { priority: number; protocol: string | number } {
  return { priority: info >>> 16, protocol: typeName(swap16(info & 0xffff)) };
}
