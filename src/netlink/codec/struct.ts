/** Structs: their layout, views on them, and writing them. */

import { EnumTable } from "./enums.ts";
import { hexText, ipv4Text, ipv6Text } from "./address.ts";
import type { FamilySpec, MemberSpec } from "./spec.ts";
import { byte, bytes, half, signed64, swap16, swap32, unsigned64, type Words } from "./words.ts";

/** One member with its place. */
export interface Member {
  readonly name: string;
  readonly offset: number;
  /** Bytes, of an array those of one element. */
  readonly size: number;
  readonly spec: MemberSpec;
  readonly names?: EnumTable;
  readonly layout?: StructLayout;
}

/** How one member is read; a call costs less than a getter that is looked up by name. */
interface Reading {
  readonly name: string;
  read(view: StructView): unknown;
}

const SIZES: Record<string, number> = { u8: 1, s8: 1, u16: 2, s16: 2, u32: 4, s32: 4 };

/** Where each member of a struct stands, by C's rules of alignment. */
export class StructLayout {
  /** Members by name, in order, padding left out. */
  readonly members: ReadonlyMap<string, Member>;
  /** Size with trailing padding, without what is an array's. */
  readonly size: number;
  /** Alignment in bytes. */
  readonly align: number;
  /** The class of views on this struct. */
  readonly View: new (w: Words, at: number, length: number) => StructView;

  constructor(name: string, family: FamilySpec, structs: (name: string) => StructLayout) {
    const spec = family.structs[name];
    if (spec === undefined) throw new Error(`Cannot find struct ${name} in ${family.name}`);
    const members = new Map<string, Member>();
    let at = 0, align = 1;
    for (const [member, m] of Object.entries(spec)) {
      const layout = m.struct === undefined ? undefined : structs(m.struct);
      const size = layout?.size ?? m.len ?? SIZES[m.type] ?? 8;
      const own = layout?.align ?? (m.type === "binary" || m.type === "pad" ? 1 : size);
      at = Math.ceil(at / own) * own;
      align = Math.max(align, own);
      if (m.type !== "pad") {
        const names = m.enum ? new EnumTable(family.enums[m.enum], m.flags === true) : undefined;
        members.set(member, { name: member, offset: at, size, spec: m, names, layout });
      }
      if (!m.array) at += size;
    }
    this.members = members;
    this.align = align;
    this.size = Math.ceil(at / align) * align;
    this.View = viewClass(members);
  }
}

/** A struct inside a datagram. Kernels grow structs, so members beyond its end read as zero. */
export class StructView {
  /** @internal */
  readonly _w: Words;
  /** @internal */
  readonly _at: number;
  /** @internal */
  readonly _length: number;
  /** @internal */
  declare readonly _reads: readonly Reading[];

  constructor(w: Words, at: number, length: number) {
    this._w = w;
    this._at = at;
    this._length = length;
  }

  /** A plain copy, bytes as hexadecimal text. */
  toJSON(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const { name, read } of this._reads) out[name] = plain(read(this));
    return out;
  }
}

/** The JSON form of a decoded value. */
export function plain(value: unknown): unknown {
  switch (typeof value) {
    case "bigint":
      return String(value);
    case "object":
      if (Array.isArray(value)) return value.map(plain);
      if (value instanceof Uint8Array) return hexOf(value);
      if (value !== null && "toJSON" in value) return (value as StructView).toJSON();
      return Object.fromEntries(Object.entries(value!).map(([k, v]) => [k, plain(v)]));
    default:
      return value;
  }
}

function hexOf(value: Uint8Array): string {
  let out = "";
  for (const b of value) out += b.toString(16).padStart(2, "0");
  return out;
}

/** Reads an integer at a byte offset that is aligned to it, or to four. */
export function loader(type: string, big: boolean | undefined): (w: Words, at: number) => number {
  switch (type) {
    case "u8":
      return byte;
    case "s8":
      return (w, at) => (byte(w, at) << 24) >> 24;
    case "u16":
      return big ? (w, at) => swap16(half(w, at)) : half;
    case "s16":
      return big
        ? (w, at) => (swap16(half(w, at)) << 16) >> 16
        : (w, at) => (half(w, at) << 16) >> 16;
    case "u32":
      return big ? (w, at) => swap32(w[at >> 2]) >>> 0 : (w, at) => w[at >> 2] >>> 0;
    case "s32":
      return big ? (w, at) => swap32(w[at >> 2]) : (w, at) => w[at >> 2];
    default: {
      const join = type === "s64" ? signed64 : unsigned64;
      return (big
        ? (w, at) => join(swap32(w[(at >> 2) + 1]), swap32(w[at >> 2]))
        : (w, at) => join(w[at >> 2], w[(at >> 2) + 1])) as (w: Words, at: number) => number;
    }
  }
}

/** Byte size of an integer type. */
export function sizeOf(type: string): number {
  return SIZES[type] ?? 8;
}

function viewClass(members: ReadonlyMap<string, Member>): StructLayout["View"] {
  const View = class extends StructView {};
  const reads = [...members.values()].map((member) => ({
    name: member.name,
    read: reading(member),
  }));
  Object.defineProperty(View.prototype, "_reads", { value: reads });
  for (const { name, read } of reads) {
    Object.defineProperty(View.prototype, name, {
      get(this: StructView) {
        return read(this);
      },
      enumerable: true,
    });
  }
  return View;
}

function reading(member: Member): Reading["read"] {
  const { offset, size, spec, names, layout } = member;
  if (spec.array) {
    return (view) => {
      const count = Math.max(0, Math.floor((view._length - offset) / size));
      return Array.from({ length: count }, (_, i) => element(member, offset + i * size)(view));
    };
  }
  if (layout !== undefined) {
    return (view) => {
      const left = Math.max(0, Math.min(layout.size, view._length - offset));
      return new layout.View(view._w, view._at + offset, left);
    };
  }
  if (spec.type === "binary") {
    const show = textOf(spec, size), none = spec.hint === "ipv6" ? "::" : "";
    return (view) => {
      if (offset + size > view._length) return show ? none : new Uint8Array(size);
      return (show ?? bytes)(view._w, view._at + offset, size);
    };
  }
  if (spec.hint === "ipv4") {
    return (view) =>
      offset + size > view._length ? "0.0.0.0" : ipv4Text(view._w, view._at + offset);
  }
  const load = loader(spec.type, spec.big);
  const number = (view: StructView) =>
    offset + size > view._length ? 0 : load(view._w, view._at + offset);
  if (names === undefined) return number;
  return spec.flags ? (view) => names.list(number(view)) : (view) => names.name(number(view));
}

function element({ spec: { array: _, ...spec }, ...member }: Member, offset: number) {
  return reading({ ...member, spec, offset });
}

/** How bytes with a display hint are shown; undefined if as bytes. */
export function textOf(
  spec: { readonly hint?: string },
  length?: number,
): ((w: Words, at: number, length: number) => string) | undefined {
  switch (spec.hint) {
    case "mac":
      return (w, at, n) => hexText(w, at, n, ":");
    case "ipv4":
    case "ipv6":
    case "ipv4-or-v6":
      // What has neither length is shown as what it is.
      if (length === 16) return ipv6Text;
      return (w, at, n) =>
        n === 4 ? ipv4Text(w, at) : n === 16 ? ipv6Text(w, at) : hexText(w, at, n);
    case "uuid":
      return (w, at, n) =>
        n !== 16
          ? hexText(w, at, n)
          : [[0, 4], [4, 2], [6, 2], [8, 2], [10, 6]].map(([o, l]) => hexText(w, at + o, l)).join(
            "-",
          );
    default:
      return undefined;
  }
}
