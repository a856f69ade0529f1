/** How the options of filters go over the wire. */

import type { Values } from "../../codec/encode.ts";
import { bad, boolean, integer } from "../../check.ts";
import { isText } from "../input.ts";
import { decodeFields, encodeFields, type Fields, whole } from "../fields.ts";
import { handleText } from "./handle.ts";
import { asRead, inOptions, untold } from "./tc_object.ts";
import type {
  BpfOptions,
  CommonFilterOptions,
  FilterOptions,
  FwOptions,
  MatchallOptions,
} from "./filter_options.ts";
import {
  classid,
  type FilterCodec,
  incoming,
  OFFLOAD,
  offloadFlags,
  readOffload,
} from "./filter_codec.ts";
import { u32 } from "./u32.ts";
import { flower, fullMask } from "./flower.ts";

const matchall: FilterCodec<MatchallOptions> = {
  known: OFFLOAD,
  reported: ["flags", "pcnt"],
  write: (o) => ({ classid: classid(o), flags: offloadFlags(o) }),
  read: (values) => readOffload(values.flags as number | undefined),
};

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
    if (o.name !== undefined && !isText(o.name)) throw bad("name", "text without NUL", o.name);
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
