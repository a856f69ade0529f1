/** Makes the getter of each attribute: one closure a wire type, not one interpreter for all. */

import { ipv4Text } from "./address.ts";
import type { EnumTable } from "./enums.ts";
import { loader, sizeOf, textOf } from "./struct.ts";
import type { AttributeSpec, ScalarType } from "./spec.ts";
import { type BaseView, type Field, readAll } from "./view.ts";
import {
  byte,
  bytes,
  find,
  need,
  next,
  payloadLength,
  swap32,
  text,
  typeOf,
  type Words,
} from "./words.ts";

/** Reads the payload of the attribute at word `i`, met in `view`. */
export type Read = (w: Words, i: number, view: BaseView) => unknown;

/** How an integer, or a list of them, is read. */
export function scalarRead(spec: AttributeSpec, type: ScalarType, names?: EnumTable): Read {
  const number = numberRead(type, spec.big);
  if (spec.hint === "ipv4" && type === "u32") {
    return (w, i) => {
      need(w, i, 4);
      return ipv4Text(w, (i + 1) << 2);
    };
  }
  if (names === undefined) return number;
  return spec.flags ? (w, i) => names.list(number(w, i)) : (w, i) => names.name(number(w, i));
}

function numberRead(type: ScalarType, big?: boolean): (w: Words, i: number) => number {
  if (type === "uint" || type === "sint") {
    const short = loader(type === "uint" ? "u32" : "s32", big);
    const long = loader(type === "uint" ? "u64" : "s64", big);
    return (w, i) => {
      need(w, i, 4);
      return (payloadLength(w, i) < 8 ? short : long)(w, (i + 1) << 2);
    };
  }
  const size = sizeOf(type), load = loader(type, big);
  return (w, i) => {
    need(w, i, size);
    return load(w, (i + 1) << 2);
  };
}

/** A binary attribute that is no struct. */
export function binaryRead(spec: AttributeSpec): Read {
  if (spec.sub !== undefined && spec.sub !== "nest" && spec.sub !== "binary") {
    const size = sizeOf(spec.sub), load = loader(spec.sub, spec.big);
    return (w, i) => {
      const out: number[] = [], first = (i + 1) << 2, end = first + payloadLength(w, i);
      for (let at = first; at + size <= end; at += size) out.push(load(w, at));
      return out;
    };
  }
  const show = textOf(spec) ?? bytes;
  return (w, i) => show(w, (i + 1) << 2, payloadLength(w, i));
}

/** NUL-terminated text. */
export const stringRead: Read = (w, i) => text(w, (i + 1) << 2, payloadLength(w, i));

/** Presence, unless the kernel says no in a byte: it does so for some flags. */
export const flagRead: Read = (w, i) => payloadLength(w, i) < 1 || byte(w, (i + 1) << 2) !== 0;

/** `struct nla_bitfield32`. */
export const bitfieldRead: Read = (w, i) => {
  need(w, i, 8);
  return { value: w[i + 1] >>> 0, selector: w[i + 2] >>> 0 };
};

/** The attributes that nest directly in the attribute at word `i`, each read by `read`. */
export function children(w: Words, i: number, view: BaseView, read: Read): unknown[] {
  const out: unknown[] = [], end = (i << 2) + (w[i] & 0xffff);
  for (let k = i + 1; k << 2 < end;) {
    const after = next(w, k, end);
    out.push(read(w, k, view));
    k = after;
  }
  return out;
}

/** The levels of a nest-type-value, flattened into one list. */
export function levelsRead(levels: readonly string[], value: Read): Read {
  const descend = (w: Words, i: number, view: BaseView, depth: number, path: object): unknown[] =>
    children(w, i, view, (w, k, view) => {
      const here = { ...path, [levels[depth]]: typeOf(w[k]) };
      return depth + 1 === levels.length
        ? [{ ...here, value: value(w, k, view) }]
        : descend(w, k, view, depth + 1, here);
    }).flat();
  return (w, i, view) => descend(w, i, view, 0, {});
}

/** The getter of a field. The most frequent types get a closure with nothing to call. */
export function getter(field: Field, spec: AttributeSpec, start: number, mask: number) {
  const { id } = field;
  if (field.multi) {
    return function (this: BaseView) {
      return readAll(this, field);
    };
  }
  if (spec.type === "u32" && !spec.enum && !spec.hint) {
    return spec.big
      ? function (this: BaseView) {
        const w = this._w, at = this._at;
        const i = find(w, at + start, (at << 2) + (w[at] & mask), id);
        if (i < 0) return undefined;
        need(w, i, 4);
        return swap32(w[i + 1]) >>> 0;
      }
      : function (this: BaseView) {
        const w = this._w, at = this._at;
        const i = find(w, at + start, (at << 2) + (w[at] & mask), id);
        if (i < 0) return undefined;
        need(w, i, 4);
        return w[i + 1] >>> 0;
      };
  }
  const { read } = field;
  return function (this: BaseView) {
    const w = this._w, at = this._at;
    const i = find(w, at + start, (at << 2) + (w[at] & mask), id);
    return i < 0 ? undefined : read(w, i, this);
  };
}
