/** Builds views and writes messages from a family's definition. */

import { EnumTable } from "./enums.ts";
import {
  binaryRead,
  bitfieldRead,
  children,
  flagRead,
  getter,
  levelsRead,
  type Read,
  scalarRead,
  stringRead,
} from "./getters.ts";
import type { AttributeSpec, FamilySpec, OperationSpec, ScalarType } from "./spec.ts";
import { StructLayout } from "./struct.ts";
import { BaseView, ElementView, type Field, type Layout, NestView } from "./view.ts";
import { bytes, payloadLength } from "./words.ts";

/** Makes the view of a message at a word index. */
export type MessageClass = new (w: Int32Array<ArrayBufferLike>, at: number) => BaseView;
type NestClass = new (w: Int32Array<ArrayBufferLike>, at: number, up: BaseView) => NestView;

/** Where a set's attributes stand, which decides how far they are from the first header. */
type Place = "message" | "nest" | "element" | "alone";

/** Words of `struct nlmsghdr`; generic netlink puts one more behind it. */
const HEADER_WORDS = 4;
const MESSAGE_MASK = -1, NEST_MASK = 0xffff;

/** One family's classes, made when they are first needed. */
export class Codec {
  readonly #classes = new Map<string, MessageClass | NestClass>();
  readonly #structs = new Map<string, StructLayout>();
  readonly #enums = new Map<string, EnumTable>();

  /** @param spec the family's definition */
  constructor(readonly spec: FamilySpec) {}

  /** The class of the replies and notifications of an operation. */
  message(operation: string): MessageClass {
    const { set, header } = this.operation(operation);
    return this.#class(set ?? "", header, "message") as MessageClass;
  }

  /** An operation's definition. */
  operation(name: string): OperationSpec {
    const found = Object.hasOwn(this.spec.operations, name) && this.spec.operations[name];
    if (!found) throw new TypeError(`Cannot find operation ${name} in family ${this.spec.name}`);
    return found;
  }

  /** A struct's layout. */
  struct(name: string): StructLayout {
    let layout = this.#structs.get(name);
    if (layout === undefined) {
      layout = new StructLayout(name, this.spec, (n) => this.struct(n));
      this.#structs.set(name, layout);
    }
    return layout;
  }

  /** The names of an attribute's values. */
  names(spec: { readonly enum?: string; readonly flags?: true }): EnumTable | undefined {
    if (spec.enum === undefined) return undefined;
    const key = `${spec.enum} ${spec.flags === true}`;
    let table = this.#enums.get(key);
    if (table === undefined) {
      table = new EnumTable(this.spec.enums[spec.enum], spec.flags === true);
      this.#enums.set(key, table);
    }
    return table;
  }

  #class(set: string, header: string | undefined, place: Place): MessageClass | NestClass {
    const key = `${place} ${set} ${header}`;
    let found = this.#classes.get(key);
    if (found === undefined) {
      found = this.#build(set, header, place);
      this.#classes.set(key, found);
    }
    return found;
  }

  #build(set: string, header: string | undefined, place: Place): MessageClass | NestClass {
    const message = place === "message";
    // What stands alone begins with its own header, not with one around it.
    const outside = place === "alone" ? 0 : 1;
    const prefix = message ? HEADER_WORDS + (this.spec.protocol === 16 ? 1 : 0) : outside;
    const struct = header === undefined ? undefined : this.struct(header);
    const start = prefix + Math.ceil((struct?.size ?? 0) / 4);
    const mask = message ? MESSAGE_MASK : NEST_MASK;
    const View = place === "message"
      ? class extends BaseView {}
      : place === "element"
      ? class extends ElementView {}
      : class extends NestView {};
    const fields = new Map<number, Field>(), pads = new Set<number>();
    const layout: Layout = { set, start, mask, fields, pads, header: struct !== undefined };
    Object.defineProperty(View.prototype, "_layout", { value: layout });
    if (struct !== undefined) {
      Object.defineProperty(View.prototype, "header", {
        get(this: BaseView) {
          const at = (this._at + prefix) << 2;
          return new struct.View(
            this._w,
            at,
            Math.max(0, Math.min(struct.size, this._end - at)),
          );
        },
      });
    }
    for (const [name, a] of Object.entries(this.spec.sets[set] ?? {})) {
      if (a.type === "pad") {
        pads.add(a.id);
        continue;
      }
      const part = a.levels !== undefined, multi = part || a.multi === true;
      const field: Field = { name, id: a.id, multi, part, read: this.#read(set, a) };
      if (!fields.has(a.id)) fields.set(a.id, field);
      Object.defineProperty(View.prototype, name, { get: getter(field, a, start, mask) });
    }
    return View as MessageClass | NestClass;
  }

  #nest(set: string, header?: string, place: Place = "nest"): Read {
    let View: NestClass | undefined; // sets may nest in themselves
    return (w, i, view) => new (View ??= this.#class(set, header, place) as NestClass)(w, i, view);
  }

  #read(set: string, a: AttributeSpec): Read {
    if (a.levels !== undefined) {
      const value = a.sub === "nest"
        ? this.#nest(a.nest!)
        : scalarRead(a, a.sub as ScalarType, this.names(a));
      return levelsRead(a.levels, value);
    }
    switch (a.type) {
      case "flag":
        return flagRead;
      case "string":
        return stringRead;
      case "bitfield32":
        return bitfieldRead;
      case "nest": {
        if (!a.sequence) return this.#nest(a.nest!, a.header);
        const each = this.#nest(a.nest!, undefined, "alone");
        return (w, i, view) => children(w, i, view, each);
      }
      case "binary": {
        if (a.struct === undefined) return binaryRead(a);
        const layout = this.struct(a.struct);
        return (w, i) => new layout.View(w, (i + 1) << 2, payloadLength(w, i));
      }
      case "indexed-array": {
        const element = a.sub === "nest"
          ? this.#nest(a.nest!, undefined, "element")
          : a.sub === "binary"
          ? binaryRead({ ...a, sub: undefined })
          : scalarRead(a, a.sub as ScalarType, this.names(a));
        return (w, i, view) => children(w, i, view, element);
      }
      case "sub-message":
        return this.#subMessage(a);
      case "nest-type-value":
      case "pad":
        throw new TypeError(`Cannot read a ${a.type} of set ${set}`);
      default:
        return scalarRead(a, a.type, this.names(a));
    }
  }

  #subMessage(a: AttributeSpec): Read {
    const formats = this.spec.messages[a.message!];
    const reads = new Map(
      Object.entries(formats).map(([value, f]) => {
        return [value, this.#nest(f.set ?? "", f.header)];
      }),
    );
    const name = a.selector as keyof BaseView, others = reads.get("");
    return (w, i, view) => {
      // The selector stands beside the sub-message, in an enclosing nest, or in a header.
      let scope: BaseView | undefined = view, found: object | undefined;
      while (scope !== undefined && found === undefined) {
        if (name in scope) found = scope;
        else if (scope._layout.header) found = headerWith(a.selector!, scope);
        scope = scope instanceof NestView ? scope._up : undefined;
      }
      const read = reads.get(String((found as BaseView | undefined)?.[name])) ?? others;
      return read === undefined ? bytes(w, (i + 1) << 2, payloadLength(w, i)) : read(w, i, view);
    };
  }
}

function headerWith(name: string, view: BaseView): object | undefined {
  const { header } = view as unknown as { header: object };
  return name in header ? header : undefined;
}
