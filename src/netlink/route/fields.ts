/** Options as tables: which attribute carries each, and how its value goes there and back. */

import type { Values } from "../codec/encode.ts";
import { bad, boolean, integer, outside } from "../check.ts";
import { address, byteLength, isText, mac } from "./input.ts";
import { AF_INET } from "./item.ts";

/** Attributes as they are gathered. */
export type Draft = Record<string, unknown>;

/** One option. */
export interface Field<T> {
  /** Puts a checked value where the encoder finds it. */
  write(out: Draft, parameter: string, value: T): void;
  /** Takes it from decoded attributes; undefined where they say nothing. */
  read(from: Values): T | undefined;
}

/** A field for each option. */
export type Fields<O> = { readonly [K in keyof O]-?: Field<Exclude<O[K], undefined>> };

/** The attributes of options. */
export function encodeFields<O extends object>(
  fields: Fields<O>,
  options: Partial<O>,
  path = "",
): Draft {
  const out: Draft = {};
  for (const name in fields) {
    const value = options[name];
    if (value !== undefined) {
      fields[name].write(out, path + name, value as Exclude<O[typeof name], undefined>);
    }
  }
  return out;
}

/** The options that attributes carry. */
export function decodeFields<O extends object>(fields: Fields<O>, from: Values): Partial<O> {
  const out: Partial<O> = {};
  for (const name in fields) {
    const value = fields[name].read(from);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

/** @throws {TypeError} for an option that the table does not have */
export function refuseUnknown(fields: object, options: object, what: string, path = ""): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(fields, name)) continue;
    const known = Object.keys(fields).join(", ") || "none";
    throw bad(path + name, `one of the options of ${what}: ${known}`, value);
  }
}

function nameIn<T extends string>(
  table: { readonly [K in T]: number },
  parameter: string,
  v: T,
): T {
  if (typeof v === "string" && Object.hasOwn(table, v)) return v;
  throw bad(parameter, `one of ${Object.keys(table).join(", ")}`, v);
}

function field<T, W = unknown>(
  attribute: string,
  to: (parameter: string, value: T) => W,
  from: (value: W) => T | undefined,
): Field<T> {
  return {
    write(out, parameter, value) {
      out[attribute] = to(parameter, value);
    },
    read(values) {
      const value = values[attribute];
      return value === undefined ? undefined : from(value as W);
    },
  };
}

/** An integer. */
export function whole(attribute: string, high = 0xffffffff, low = 0): Field<number> {
  return field(attribute, (name, v) => integer(name, v, low, high), Number);
}

/** A number that stands for a multiple or a fraction of the attribute's unit. */
export function scaled(
  attribute: string,
  perUnit: number,
  high = 0xffffffff,
): Field<number> {
  return field<number, number | bigint>(attribute, (name, v) => {
    const most = high / perUnit;
    if (typeof v !== "number" || !(v >= 0)) throw bad(name, "a number from 0", v);
    if (v > most) throw outside(name, 0, most, v);
    return Math.round(v * perUnit);
  }, (v) => Number(v) / perUnit);
}

/** Milliseconds, carried as microseconds. */
export const micros = (attribute: string): Field<number> => scaled(attribute, 1000);

/** Milliseconds, carried as hundredths of a second (USER_HZ). */
export const hundredths = (attribute: string): Field<number> => scaled(attribute, 0.1);

/** Yes or no, carried as 1 or 0. */
export function yesNo(attribute: string): Field<boolean> {
  return field(attribute, (name, v) => {
    return Number(boolean(name, v));
  }, (v) => Number(v) !== 0);
}

/** Yes or no, carried as the attribute's presence. */
export function present(attribute: string): Field<boolean> {
  return {
    write(out, parameter, value) {
      out[attribute] = boolean(parameter, value);
    },
    read: (values) => values[attribute] === true ? true : undefined,
  };
}

/** A name that the codec knows as one of the `entries` of an enumeration. */
export function named<T extends string>(
  attribute: string,
  entries: { readonly [K in T]: number },
): Field<T> {
  return field<T, T | number>(
    attribute,
    (parameter, v) => nameIn(entries, parameter, v),
    (v) => String(v) as T,
  );
}

/** A name for a number, by a table of ours. */
export function oneOf<T extends string>(
  attribute: string,
  table: { readonly [K in T]: number },
): Field<T> {
  const names = new Map(Object.entries(table).map(([name, v]) => [v as number, name as T]));
  return field(attribute, (parameter, v) => {
    return table[nameIn(table, parameter, v)];
  }, (v) => names.get(v) ?? String(v) as T);
}

/** Names by position, for tables that count from 0. */
export function nth<T extends string>(attribute: string, names: readonly T[]): Field<T> {
  const table = Object.fromEntries(names.map((name, i) => [name, i])) as { [K in T]: number };
  return oneOf(attribute, table);
}

/** Text of at most `most` bytes. */
export function text(attribute: string, most: number): Field<string> {
  return field(attribute, (parameter, v) => {
    if (!isText(v) || byteLength(v) > most) {
      throw bad(parameter, `text of up to ${most} bytes`, v);
    }
    return v;
  }, String);
}

/** A MAC address. */
export function macText(attribute: string): Field<string> {
  return field(attribute, mac, (v) => String(v));
}

/** An IP address; the version decides on the attribute. */
export function ipText(v4: string | undefined, v6: string | undefined = v4): Field<string> {
  return {
    write(out, parameter, value) {
      const attribute = address(parameter, value).family === AF_INET ? v4 : v6;
      if (attribute === undefined) {
        throw bad(parameter, v4 === undefined ? "an IPv6 address" : "an IPv4 address", value);
      }
      out[attribute] = value;
    },
    read(values) {
      for (const attribute of [v4, v6]) {
        const value = attribute === undefined ? undefined : values[attribute];
        // Kernels report an address that was never set as zeros.
        if (value !== undefined && value !== "0.0.0.0" && value !== "::" && value !== "") {
          return String(value);
        }
      }
      return undefined;
    },
  };
}
