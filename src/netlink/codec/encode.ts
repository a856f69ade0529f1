/** Writes attributes from plain objects, from views, or from what `toJSON` made of them. */

import { ipBytes, parseHex, parseIp } from "./address.ts";
import type { Codec } from "./codec.ts";
import type { EnumTable } from "./enums.ts";
import type { AttributeSpec, ScalarType, ValueSpec } from "./spec.ts";
import { type Member, sizeOf, type StructLayout } from "./struct.ts";
import { BaseView } from "./view.ts";
import { swap16, swap32 } from "./words.ts";
import type { Writer } from "./writer.ts";

const NESTED = 0x8000;

/** Attributes by name. */
export type Values = { readonly [name: string]: unknown };

/** Writes one attribute; `scope` is the objects that enclose it, innermost first. */
type Write = (w: Writer, value: unknown, scope: Scope) => void;

interface Scope {
  readonly values: Values;
  readonly up?: Scope;
}

/** A value that the wire cannot carry; gathers the path to it on its way out. */
class Unfit extends Error {
  readonly path: string[] = [];
  constructor(readonly expected: string, readonly value: unknown, readonly range = false) {
    super(expected);
  }
}

/** Turns an {@linkcode Unfit} into the error that callers see. */
function explain(error: unknown): never {
  if (!(error instanceof Unfit)) throw error;
  const message = `Cannot encode ${error.path.join(".")}: ${error.expected}, ` +
    `current value is ${show(error.value)}`;
  throw error.range ? new RangeError(message) : new TypeError(message);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value)
    ? "an array"
    : `an object of ${value.constructor?.name ?? "no"} class`;
}

/** Encodes for one codec. */
export class Encoder {
  readonly #sets = new Map<string, Map<string, Write>>();

  /** @param codec whose definition describes the values */
  constructor(readonly codec: Codec) {}

  /**
   * Appends the fixed header and the attributes of an operation's request.
   *
   * @throws {TypeError} for a value of the wrong type or an unknown name
   * @throws {RangeError} for a number that does not fit
   */
  request(w: Writer, operation: string, values: Values): void {
    const { set, header } = this.codec.operation(operation);
    try {
      this.#body(w, set, header, values, undefined);
    } catch (error) {
      explain(error);
    }
  }

  #body(
    w: Writer,
    set: string | undefined,
    header: string | undefined,
    values: Values,
    up: Scope | undefined,
  ): void {
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new Unfit("must be an object", values);
    }
    if (values instanceof BaseView) {
      // The bytes as they came, unknown attributes and their order included.
      const fixed = header === undefined ? 0 : Math.ceil(this.codec.struct(header).size / 4);
      const end = values._end, from = (values._at + values._layout.start - fixed) << 2;
      if (from < end) {
        w.append(new Uint8Array(values._w.buffer, values._w.byteOffset + from, end - from));
      }
      return;
    }
    if (header !== undefined) {
      const layout = this.codec.struct(header);
      const at = w.zeros((layout.size + 3) & ~3);
      if (values.header !== undefined) {
        within("header", () => writeStruct(w, at, layout, values.header));
      }
    }
    const writes = this.#writes(set ?? "");
    const scope: Scope = { values, up };
    for (const name in values) {
      const value = values[name];
      if (value === undefined) continue;
      const write = writes.get(name);
      if (write === undefined) {
        if ((name === "header" && header !== undefined) || name === "$index") continue;
        writeUnknown(w, name, value, set);
        continue;
      }
      try {
        write(w, value, scope);
      } catch (error) {
        if (error instanceof Unfit) error.path.unshift(name);
        throw error;
      }
    }
  }

  #writes(set: string): Map<string, Write> {
    let writes = this.#sets.get(set);
    if (writes === undefined) {
      writes = new Map();
      for (const [name, a] of Object.entries(this.codec.spec.sets[set] ?? {})) {
        if (a.type !== "pad") writes.set(name, this.#write(a));
      }
      this.#sets.set(set, writes);
    }
    return writes;
  }

  #write(a: AttributeSpec): Write {
    const one = this.#one(a);
    if (!a.multi) return one;
    return (w, values, scope) => {
      list(values).forEach((value, i) => within(String(i), () => one(w, value, scope)));
    };
  }

  #one(a: AttributeSpec): Write {
    const { id } = a;
    if (a.levels !== undefined) return this.#levels(a, a.levels);
    switch (a.type) {
      case "flag":
        return (w, value) => {
          if (typeof value !== "boolean") throw new Unfit("must be true or false", value);
          if (value) w.blob(id, new Uint8Array(0));
        };
      case "string":
        return (w, value) => {
          if (typeof value !== "string" || value.includes("\0")) {
            throw new Unfit("must be a string without NUL", value);
          }
          w.string(id, value);
        };
      case "bitfield32":
        return (w, value) => {
          const { value: bits, selector } = object(value);
          const at = w.open(id);
          w.word(integer(bits, "u32"));
          w.word(integer(selector, "u32"));
          w.close(at);
        };
      case "nest":
        return (w, value, scope) => {
          const at = w.open(id | NESTED);
          this.#body(w, a.nest, a.header, value as Values, scope);
          w.close(at);
        };
      case "indexed-array":
        return (w, values, scope) => {
          const at = w.open(id | NESTED);
          const element = this.#element(a);
          list(values).forEach((value, i) =>
            within(String(i), () => {
              const index = a.sub === "nest" ? object(value).$index ?? i + 1 : i + 1;
              element(integer(index, "u16"), w, value, scope);
            })
          );
          w.close(at);
        };
      case "sub-message":
        return this.#subMessage(a);
      case "binary": {
        if (a.struct !== undefined) {
          const layout = this.codec.struct(a.struct);
          return (w, value) => {
            const at = w.open(id);
            writeStruct(w, w.zeros((layout.size + 3) & ~3), layout, value);
            w.close(at, layout.size);
          };
        }
        if (a.hint?.startsWith("ip")) {
          return (w, value) => {
            const ip = typeof value === "string" ? parseIp(value) : undefined;
            if (ip === undefined) w.blob(id, binary(a, value));
            else w.ip(id, ip);
          };
        }
        return (w, value) => w.blob(id, binary(a, value));
      }
      case "nest-type-value":
      case "pad":
        throw new TypeError(`Cannot write a ${a.type}`);
      default:
        return scalarWrite(id, a, a.type, this.codec.names(a));
    }
  }

  #element(a: AttributeSpec): (type: number, w: Writer, value: unknown, scope: Scope) => void {
    const { id: _, multi: _m, ...rest } = a;
    if (a.sub === "nest") {
      return (type, w, value, scope) => {
        const at = w.open(type | NESTED);
        this.#body(w, a.nest, undefined, value as Values, scope);
        w.close(at);
      };
    }
    if (a.sub === "binary") {
      return (type, w, value) => w.blob(type, binary({ ...rest, id: type, sub: undefined }, value));
    }
    const names = this.codec.names(a);
    return (type, w, value, scope) =>
      scalarWrite(type, a, a.sub as ScalarType, names)(w, value, scope);
  }

  #levels(a: AttributeSpec, levels: readonly string[]): Write {
    const element = this.#element(a);
    return (w, entries, scope) => {
      list(entries).forEach((entry, i) =>
        within(String(i), () => {
          const values = object(entry);
          const open = [w.open(a.id | NESTED)];
          for (const level of levels.slice(0, -1)) {
            open.push(w.open(integer(values[level], "u16") | NESTED));
          }
          element(integer(values[levels[levels.length - 1]], "u16"), w, values.value, scope);
          for (const at of open.reverse()) w.close(at);
        })
      );
    };
  }

  #subMessage(a: AttributeSpec): Write {
    const formats = this.codec.spec.messages[a.message!];
    return (w, value, scope) => {
      let from: Scope | undefined = scope;
      while (from !== undefined && from.values[a.selector!] === undefined) from = from.up;
      const selected = String(from?.values[a.selector!]);
      const format = Object.hasOwn(formats, selected) ? formats[selected] : undefined;
      if (value instanceof Uint8Array || typeof value === "string") {
        return w.blob(a.id, binary({ ...a, type: "binary" }, value));
      }
      if (format === undefined) {
        throw new Unfit(
          `${a.selector} must be one of ${Object.keys(formats).join(", ")}`,
          selected,
        );
      }
      const at = w.open(format.set === undefined ? a.id : a.id | NESTED);
      this.#body(w, format.set, format.header, value as Values, scope);
      w.close(at);
    };
  }
}

function within(name: string, fn: () => void): void {
  try {
    fn();
  } catch (error) {
    if (error instanceof Unfit) error.path.unshift(name);
    throw error;
  }
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unfit("must be an array", value);
  return value;
}

function object(value: unknown): Values {
  if (typeof value !== "object" || value === null) throw new Unfit("must be an object", value);
  return value as Values;
}

/** An attribute that the definition does not know, by its number with flags. */
function writeUnknown(w: Writer, name: string, value: unknown, set: string | undefined): void {
  const type = /^\d+$/.test(name) ? Number(name) : NaN;
  if (!(type <= 0xffff)) {
    const error = new Unfit(`${set ?? "the message"} has no such attribute`, value);
    error.path.unshift(name);
    throw error;
  }
  for (const each of Array.isArray(value) ? value : [value]) {
    within(name, () => w.blob(type, binary({ id: type, type: "binary" }, each)));
  }
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
function integer(value: unknown, type: string): number {
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

function scalarWrite(id: number, spec: AttributeSpec, type: ScalarType, names?: EnumTable): Write {
  const number = (value: unknown) => names === undefined ? value : named(value, spec, names);
  if (spec.hint === "ipv4" && type === "u32") {
    return (w, value) => w.blob(id, binary({ id, type: "binary", hint: "ipv4" }, value));
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
function binary(
  spec: AttributeSpec | ({ type: "binary" } & ValueSpec),
  value: unknown,
): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if ("sub" in spec && spec.sub !== undefined && Array.isArray(value)) {
    const size = sizeOf(spec.sub);
    const out = new Uint8Array(Math.ceil(value.length * size / 8) * 8);
    value.forEach((v, i) =>
      within(String(i), () => put(out, i * size, spec.sub as ScalarType, v, spec.big))
    );
    return out.subarray(0, value.length * size);
  }
  if (typeof value !== "string") throw new Unfit("must be a Uint8Array or text", value);
  const ip = spec.hint?.startsWith("ip") ? parseIp(value) : undefined;
  const parsed = ip === undefined ? parseHex(value) : ipBytes(ip);
  if (parsed === undefined) {
    const form = spec.hint?.startsWith("ip") ? "an IP address" : "hexadecimal digits";
    throw new Unfit(`must be ${form}`, value);
  }
  return parsed;
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

function writeStruct(w: Writer, at: number, layout: StructLayout, value: unknown): void {
  const values = object(value);
  for (const name in values) {
    // Views have their getters on the prototype, which this loop reaches as well.
    if (name[0] === "_" || values[name] === undefined) continue;
    try {
      const member = layout.members.get(name);
      if (member === undefined) throw new Unfit("the struct has no such member", values[name]);
      writeMember(w, at + member.offset, member, values[name]);
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
