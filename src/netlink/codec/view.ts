/**
 * Decoded messages and nests are views: a datagram and an offset, with a getter for each attribute
 * that scans on demand. The getters are made once for each attribute set.
 */

import { MalformedError } from "./malformed.ts";
import { plain, type StructView } from "./struct.ts";
import { bytes, find, next, payloadLength, typeOf, type Words } from "./words.ts";
import type { View } from "./types.ts";

/** How one attribute is read. */
export interface Field {
  readonly name: string;
  readonly id: number;
  readonly multi: boolean;
  /** Whether its value is a part of a list: all that there are form one. */
  readonly part: boolean;
  /** The value of the attribute at word `i`, met in `view`. */
  read(w: Words, i: number, view: BaseView): unknown;
}

/** What the views of one attribute set at one kind of place share. */
export interface Layout {
  /** The set's name, for messages. */
  readonly set: string;
  /** Words from the first header to the first attribute. */
  readonly start: number;
  /** Bits of the first word that hold the length. */
  readonly mask: number;
  /** By attribute number. */
  readonly fields: ReadonlyMap<number, Field>;
  /** Padding, which {@linkcode BaseView.toJSON} leaves out. */
  readonly pads: ReadonlySet<number>;
  /** Whether a `header` stands in front of the attributes. */
  readonly header: boolean;
}

/** Levels of nests that are read or written; the kernel's own go no deeper than 20. */
export const DEEPEST = 100;

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** A message or a nest. */
export class BaseView implements View {
  /** @internal */
  readonly _w: Words;
  /** @internal Word index of the message's or the attribute's header. */
  readonly _at: number;
  /** @internal */
  declare readonly _layout: Layout;
  /** @internal How many nests it stands in. */
  declare readonly _depth: number;

  /** Made by the codec. */
  constructor(w: Words, at: number) {
    this._w = w;
    this._at = at;
  }

  /** @internal Byte offset of the end. */
  get _end(): number {
    return (this._at << 2) + (this._w[this._at] & this._layout.mask);
  }

  /** The payload of the first attribute numbered `id`, as a copy. */
  raw(id: number): Uint8Array | undefined {
    const i = find(this._w, this._at + this._layout.start, this._end, id);
    return i < 0 ? undefined : bytes(this._w, (i + 1) << 2, payloadLength(this._w, i));
  }

  /** A plain copy; see {@linkcode View.toJSON}. */
  toJSON(): Record<string, unknown> {
    const w = this._w, end = this._end, { fields, pads, start, header } = this._layout;
    const out: Record<string, unknown> = {};
    if (header) out.header = (this as unknown as { header: StructView }).header.toJSON();
    for (let i = this._at + start; i << 2 < end;) {
      const after = next(w, i, end), id = typeOf(w[i]), field = fields.get(id);
      if (field?.part) {
        const list = (out[field.name] ??= []) as unknown[];
        list.push(...plain(field.read(w, i, this)) as unknown[]);
      } else if (field?.multi) {
        const list = (out[field.name] ??= []) as unknown[];
        list.push(plain(field.read(w, i, this)));
      } else if (field !== undefined && out[field.name] === undefined) {
        out[field.name] = plain(field.read(w, i, this));
      } else if (!pads.has(id)) {
        // What is unknown, or there once more: under the full type, so that encoding restores its flags.
        const raw = plain(bytes(w, (i + 1) << 2, payloadLength(w, i)));
        const key = String(w[i] >>> 16), old = out[key];
        out[key] = old === undefined ? raw : Array.isArray(old) ? [...old, raw] : [old, raw];
      }
      i = after;
    }
    return out;
  }

  /** @internal What console.log shows. */
  [INSPECT](): unknown {
    return this.toJSON();
  }
}

// Of messages; a field of each would cost where a list has a million.
Object.defineProperty(BaseView.prototype, "_depth", { value: 0, writable: true });

/** A nest; knows what it stands in, where selectors may be. */
export class NestView extends BaseView {
  /** @internal */
  readonly _up: BaseView;
  /** @internal */
  override readonly _depth: number;

  /**
   * Made by the codec.
   *
   * @throws {MalformedError} in so many others that reading it all would overflow the stack
   */
  constructor(w: Words, at: number, up: BaseView) {
    super(w, at);
    this._up = up;
    this._depth = up._depth + 1;
    if (this._depth > DEEPEST) {
      throw new MalformedError(`nests stand more than ${DEEPEST} deep`, at << 2);
    }
  }
}

/** One element of an indexed array. */
export class ElementView extends NestView {
  /** The element's index. */
  get $index(): number {
    return typeOf(this._w[this._at]);
  }

  /** A plain copy with the index. */
  override toJSON(): Record<string, unknown> {
    return { $index: this.$index, ...super.toJSON() };
  }
}

/** All attributes numbered `id`, read in order; undefined if there is none. */
export function readAll(view: BaseView, field: Field): unknown[] | undefined {
  const w = view._w, end = view._end;
  let out: unknown[] | undefined;
  for (let i = view._at + view._layout.start; i << 2 < end;) {
    const after = next(w, i, end);
    if (typeOf(w[i]) === field.id) (out ??= []).push(field.read(w, i, view));
    i = after;
  }
  return field.part ? out?.flat() : out;
}
