/** Writes single values: integers, names, bytes, structs. */

import { ipBytes, type IpWords, parseHex, parseIp } from "./address.ts";
import type { EnumTable } from "./enums.ts";
import type { AttributeSpec, ScalarType, ValueSpec } from "./spec.ts";
import { type Member, sizeOf, type StructLayout } from "./struct.ts";
import { Unfit } from "./unfit.ts";
import { swap16, swap32 } from "./words.ts";
import type { Writer } from "./writer.ts";

/** Objects by name. */
export type Values = { readonly [name: string]: unknown };

/** Adds a step to the path of what fails inside. */
export function within(name: string, fn: () => void): void {
  try {
    fn();
  } catch (error) {
    if (error instanceof Unfit) error.path.unshift(name);
    throw error;
  }
}

/** Checks an array. */
function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unfit("must be an array", value);
  return value;
}

/** Calls `fn` with each element of what must be an array, holes included. */
export function each(value: unknown, fn: (element: unknown, index: number) => void): void {
  const elements = list(value);
  for (let i = 0; i < elements.length; i++) within(String(i), () => fn(elements[i], i));
}

/** Checks an object. */
export function object(value: unknown): Values {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Unfit("must be an object", value);
  }
  return value as Values;
}

/** Checks an integer that is a member of an object. */
export function member(values: Values, name: string, type: string): number {
  let out = 0;
  within(name, () => out = integer(values[name], type));
  return out;
}

const LIMITS: Record<string, readonly [number, number]> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  s8: [-0x80, 0x7f],
  s16: [-0x8000, 0x7fff],
  s32: [-0x80000000, 0x7fffffff],
};

/** Checks an integer of at most 32 bits. */
export function integer(value: unknown, type: string): number {
  const [low, high] = LIMITS[type];
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new Unfit("must be an integer", value);
  }
  if (value < low || value > high) throw new Unfit(`must be ${low} to ${high}`, value, true);
  return value;
}

/** Checks a 64-bit integer, given as a number, a bigint or decimal text. */
function long(value: unknown, signed: boolean): bigint {
  const big = typeof value === "bigint"
    ? value
    : Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value))
    ? BigInt(value as number | string)
    : undefined;
  if (big === undefined) {
    throw new Unfit("must be an integer, exact as a number or a bigint", value);
  }
  const [low, high] = signed ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  if (big < low || big > high) throw new Unfit(`must be ${low} to ${high}`, value, true);
  return big;
}

/** The number that stands for names or lists of names. */
function named(value: unknown, spec: ValueSpec, names: EnumTable): unknown {
  const one = (v: unknown) => {
    // Decimal text is a large number that went through JSON.
    if (typeof v !== "string" || /^-?\d+$/.test(v) && names.value(v) === undefined) return v;
    const number = names.value(v);
    if (number === undefined) throw new Unfit(`must be one of ${names.names.join(", ")}`, v);
    return number;
  };
  if (!spec.flags || !Array.isArray(value)) return one(value);
  const bits = value.reduce((all: bigint, v) => all | long(one(v), false), 0n);
  return bits <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bits) : bits;
}

/** How an integer attribute, or one of names, is written. */
export function scalarWrite(
  id: number,
  spec: AttributeSpec,
  type: ScalarType,
  names?: EnumTable,
): (w: Writer, value: unknown) => void {
  const number = (value: unknown) => names === undefined ? value : named(value, spec, names);
  if (spec.hint === "ipv4" && type === "u32") {
    return (w, value) => w.ip(id, address("ipv4", value));
  }
  if (type === "u32" && !spec.big && names === undefined) {
    return (w, value) => w.small(id, integer(value, "u32"), 4);
  }
  if (type in LIMITS) {
    const size = sizeOf(type), big = spec.big && size > 1;
    return (w, value) => {
      const n = integer(number(value), type);
      const masked = size === 4 ? n : n & (size === 1 ? 0xff : 0xffff);
      w.small(id, big ? (size === 2 ? swap16(masked) : swap32(masked)) : masked, size);
    };
  }
  const signed = type[0] === "s", either = type.endsWith("int");
  return (w, value) => {
    const n = long(number(value), signed);
    const at = w.open(id);
    if (either && (signed ? BigInt.asIntN(32, n) : BigInt.asUintN(32, n)) === n) {
      w.word(spec.big ? swap32(Number(BigInt.asIntN(32, n))) : Number(BigInt.asIntN(32, n)));
    } else word64(w, n, spec.big);
    w.close(at);
  };
}

function word64(w: Writer, n: bigint, big?: boolean): void {
  const low = Number(BigInt.asIntN(32, n)), high = Number(BigInt.asIntN(32, n >> 32n));
  w.word(big ? swap32(high) : low);
  w.word(big ? swap32(low) : high);
}

/** The bytes of a binary attribute or member. */
export function binary(
  spec: AttributeSpec | ({ type: "binary" } & ValueSpec),
  value: unknown,
): Uint8Array {
  if (spec.hint !== undefined && spec.hint in ADDRESSES) return ipBytes(address(spec.hint, value));
  if (value instanceof Uint8Array) return value;
  if ("sub" in spec && spec.sub !== undefined && Array.isArray(value)) {
    const size = sizeOf(spec.sub);
    const out = new Uint8Array(Math.ceil(value.length * size / 8) * 8);
    each(value, (v, i) => put(out, i * size, spec.sub as ScalarType, v, spec.big));
    return out.subarray(0, value.length * size);
  }
  if (typeof value !== "string") throw new Unfit("must be a Uint8Array or text", value);
  const parsed = parseHex(value);
  if (parsed === undefined) throw new Unfit("must be hexadecimal digits", value);
  return parsed;
}

/** What an IP address is called, by its hint. */
const ADDRESSES: Record<string, string> = {
  "ipv4": "an IPv4 address",
  "ipv6": "an IPv6 address",
  "ipv4-or-v6": "an IP address",
};

/** The words of an IP address of the version that `hint` asks for, whatever form it is given in. */
export function address(hint: string, value: unknown): IpWords {
  const found = typeof value === "string"
    ? parseIp(value) ?? hexWords(value)
    : value instanceof Uint8Array && (value.length === 4 || value.length === 16)
    ? [...new Int32Array(Uint8Array.from(value).buffer)]
    : undefined;
  const count = found?.length;
  if (count === 1 ? hint !== "ipv6" : count === 4 && hint !== "ipv4") return found!;
  throw new Unfit(`must be ${ADDRESSES[hint]}`, value);
}

function hexWords(text: string): IpWords | undefined {
  if (!/^([0-9a-f]{8}|[0-9a-f]{32})$/i.test(text)) return undefined;
  return [...new Int32Array(parseHex(text)!.buffer)];
}

/** Stores an integer at a byte offset. */
function put(out: Uint8Array, at: number, type: string, value: unknown, big?: boolean): void {
  const size = sizeOf(type);
  if (size === 8) {
    const n = long(value, type[0] === "s");
    for (let i = 0; i < 8; i++) out[at + (big ? 7 - i : i)] = Number((n >> BigInt(8 * i)) & 0xffn);
    return;
  }
  const n = integer(value, type);
  for (let i = 0; i < size; i++) out[at + (big ? size - 1 - i : i)] = n >>> (8 * i);
}

/** Appends a struct and the array that it may end with. Returns how many bytes that are. */
export function appendStruct(w: Writer, layout: StructLayout, value: unknown): number {
  let { size } = layout;
  for (const [name, { spec, offset, size: each }] of layout.members) {
    const values = spec.array && object(value)[name];
    if (values === undefined) continue;
    within(name, () => size = Math.max(size, offset + each * list(values).length));
  }
  writeStruct(w, w.zeros((size + 3) & ~3), layout, value);
  return size;
}

export function writeStruct(w: Writer, at: number, layout: StructLayout, value: unknown): void {
  const values = object(value);
  for (const name in values) {
    // Views have their getters on the prototype, which this loop reaches as well.
    if (name[0] === "_" || values[name] === undefined) continue;
    try {
      const member = layout.members.get(name);
      if (member === undefined) throw new Unfit("the struct has no such member", values[name]);
      const { offset, size, spec } = member;
      if (!spec.array) writeMember(w, at + offset, member, values[name]);
      else {
        each(values[name], (value, i) => writeMember(w, at + offset + i * size, member, value));
      }
    } catch (error) {
      if (error instanceof Unfit) error.path.unshift(name);
      throw error;
    }
  }
}

function writeMember(w: Writer, at: number, member: Member, value: unknown): void {
  const { spec, size, names, layout } = member;
  if (layout !== undefined) return writeStruct(w, at, layout, value);
  if (spec.type === "binary" || spec.hint === "ipv4") {
    const content = binary({ type: "binary", hint: spec.hint }, value);
    if (content.length > size) throw new Unfit(`must be at most ${size} bytes`, value, true);
    w.bytes.set(content, at);
  } else put(w.bytes, at, spec.type, names ? named(value, spec, names) : value, spec.big);
}
