/** Writes attributes from plain objects, from views, or from what `toJSON` made of them. */

import type { Codec } from "./codec.ts";
import {
  address,
  appendStruct,
  binary,
  each,
  member,
  object,
  scalarWrite,
  type Values,
  within,
  writeStruct,
} from "./encode_values.ts";
import type { AttributeSpec, ScalarType } from "./spec.ts";
import { explain, Unfit } from "./unfit.ts";
import { BaseView, DEEPEST } from "./view.ts";
import type { Writer } from "./writer.ts";

export type { Values } from "./encode_values.ts";

/** Writes one attribute; `scope` is the objects that enclose it, innermost first. */
type Write = (w: Writer, value: unknown, scope: Scope) => void;

interface Scope {
  readonly values: Values;
  readonly set?: string;
  readonly header?: string;
  readonly up?: Scope;
  readonly depth: number;
}

/** Encodes for one codec. */
export class Encoder {
  readonly #sets = new Map<string, Map<string, Write>>();

  /**
   * @param codec whose definition describes the values
   * @param named whether errors name the operation and the family, which callers of objects do not know
   */
  constructor(readonly codec: Codec, readonly named = false) {}

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
      explain(error, this.named ? ` of ${operation} of ${this.codec.spec.name}` : "");
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
      if (values._layout.set !== (set ?? "")) {
        throw new Unfit(`must have the attributes of ${set}, not of ${values._layout.set}`, values);
      }
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
    const depth = up === undefined ? 0 : up.depth + 1;
    if (depth > DEEPEST) throw new Unfit(`must not nest deeper than ${DEEPEST} levels`, values);
    const scope: Scope = { values, set, header, up, depth };
    let others: string[] | undefined;
    for (const name in values) {
      const value = values[name];
      if (value === undefined) continue;
      const write = writes.get(name);
      if (write === undefined) {
        if ((name === "header" && header !== undefined) || name === "$index") continue;
        (others ??= []).push(name);
        continue;
      }
      try {
        write(w, value, scope);
      } catch (error) {
        if (error instanceof Unfit) error.path.unshift(name);
        throw error;
      }
    }
    // Last: numbers come first in an object, and one may repeat an attribute that has a name.
    for (const name of others ?? []) writeUnknown(w, name, values[name], set);
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
      each(values, (value) => one(w, value, scope));
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
          const bits = object(value), at = w.open(id);
          w.word(member(bits, "value", "u32"));
          w.word(member(bits, "selector", "u32"));
          w.close(at);
        };
      case "nest":
        if (a.sequence) return this.#sequence(a);
        return (w, value, scope) => {
          const at = w.nest(id);
          this.#body(w, a.nest, a.header, value as Values, scope);
          w.close(at);
        };
      case "indexed-array":
        return (w, values, scope) => {
          const at = w.nest(id);
          const element = this.#element(a);
          each(values, (value, i) => {
            const given = a.sub === "nest" && object(value).$index !== undefined;
            element(given ? member(value as Values, "$index", "u16") : i + 1, w, value, scope);
          });
          w.close(at);
        };
      case "sub-message":
        return this.#subMessage(a);
      case "binary": {
        if (a.struct !== undefined) {
          const layout = this.codec.struct(a.struct);
          return (w, value) => {
            const at = w.open(id);
            w.close(at, appendStruct(w, layout, value));
          };
        }
        if (a.hint?.startsWith("ip")) {
          const { hint } = a;
          return (w, value) => w.ip(id, address(hint, value));
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
        const at = w.nest(type);
        this.#body(w, a.nest, undefined, value as Values, scope);
        w.close(at);
      };
    }
    if (a.sub === "binary") {
      return (type, w, value) => w.blob(type, binary({ ...rest, id: type, sub: undefined }, value));
    }
    const names = this.codec.names(a);
    return (type, w, value) => scalarWrite(type, a, a.sub as ScalarType, names)(w, value);
  }

  #sequence(a: AttributeSpec): Write {
    return (w, values, scope) => {
      const at = w.nest(a.id);
      each(values, (value) => this.#body(w, a.nest, undefined, value as Values, scope));
      w.close(at);
    };
  }

  #levels(a: AttributeSpec, levels: readonly string[]): Write {
    const element = this.#element(a);
    return (w, entries, scope) => {
      each(entries, (entry) => {
        const values = object(entry);
        const open = [w.nest(a.id)];
        for (const level of levels.slice(0, -1)) open.push(w.nest(member(values, level, "u16")));
        const last = member(values, levels[levels.length - 1], "u16");
        within("value", () => element(last, w, values.value, scope));
        for (const at of open.reverse()) w.close(at);
      });
    };
  }

  /** The value that selects a sub-message's format, by name where it has one. */
  #selected(name: string, scope: Scope | undefined): unknown {
    for (; scope !== undefined; scope = scope.up) {
      const { values, set, header } = scope;
      let value = values[name];
      if (value === undefined && header && this.codec.struct(header).members.has(name)) {
        value = (values.header as Values | undefined)?.[name] ?? 0;
      }
      if (value === undefined) continue;
      if (typeof value !== "number") return value;
      const spec = this.codec.spec.sets[set ?? ""]?.[name];
      return (spec && this.codec.names(spec))?.name(value) ?? value;
    }
    return undefined;
  }

  #subMessage(a: AttributeSpec): Write {
    const formats = this.codec.spec.messages[a.message!];
    return (w, value, scope) => {
      const selected = String(this.#selected(a.selector!, scope));
      const format = Object.hasOwn(formats, selected) ? formats[selected] : formats[""];
      if (value instanceof Uint8Array || typeof value === "string") {
        return w.blob(a.id, binary({ ...a, type: "binary" }, value));
      }
      if (format === undefined) {
        throw new Unfit(
          `${a.selector} must be one of ${Object.keys(formats).join(", ")}`,
          selected,
        );
      }
      const at = format.set === undefined ? w.open(a.id) : w.nest(a.id);
      this.#body(w, format.set, format.header, value as Values, scope);
      w.close(at);
    };
  }
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
