/** Types of plain data: what may be told, and where it is something else. */

import { bad, boolean } from "../check.ts";

/**
 * What a value must be: a type by name, a list of one shape, or an object of named shapes. The name
 * "..." stands for all others.
 */
export type Shape =
  | "text"
  | "number"
  | "boolean"
  | "object"
  | "signal"
  | "text or number"
  | "text or null"
  | "anything"
  | readonly [Shape]
  | Shapes;

/** Shapes by the name of the property. */
export interface Shapes {
  readonly [name: string]: Shape;
}

const WORDS = {
  text: "text",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  signal: "an AbortSignal",
};

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (value instanceof AbortSignal) return "signal";
  return typeof value === "string" ? "text" : typeof value;
}

/** @throws {TypeError} that names the path to what has another shape, and its value */
export function checkShape(path: string, value: unknown, shape: Shape): void {
  if (shape === "anything") {
    // JSON's word for nothing is no value of anything.
    if (value === null) throw bad(path, "given, or absent", value);
    return;
  }
  if (typeof shape === "string") {
    const types = shape.split(" or ");
    const is = typeOf(value);
    if (types.includes(is)) return;
    const form = types.map((type) => WORDS[type as keyof typeof WORDS] ?? type).join(" or ");
    throw bad(path, form, value);
  }
  if (shape instanceof Array) {
    if (!Array.isArray(value)) throw bad(path, "a list", value);
    return value.forEach((entry, i) => checkShape(`${path}[${i}]`, entry, shape[0]));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(path || "the declaration", "an object", value);
  }
  for (const [name, entry] of Object.entries(value)) {
    if (entry === undefined) continue;
    const at = path === "" ? name : `${path}.${name}`;
    const inner = Object.hasOwn(shape, name) ? shape[name] : shape["..."];
    if (inner === undefined) throw bad(at, `one of ${Object.keys(shape).join(", ")}`, entry);
    checkShape(at, entry, inner);
  }
}

/** @throws {TypeError} for what has no properties, or is a list */
export function checkObject(parameter: string, value: object): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(parameter, "an object", value);
  }
}

/**
 * Checks what a method is told, as far as the use of each value does not: names that nobody reads, null
 * for what may be left out, and what would be taken of any type, as true and false or objects are.
 *
 * @throws {TypeError} that names the path to what is wrong, and its value
 */
export function checkOptions(what: string, value: object, shape: Shapes, path = ""): void {
  checkObject(path.slice(0, -1) || what, value);
  for (const name in value) {
    const entry = (value as Record<string, unknown>)[name];
    if (entry === undefined) continue;
    if (!Object.hasOwn(shape, name) && !Object.hasOwn(shape, "...")) {
      throw bad(
        path + name,
        `one of the options of ${what}: ${Object.keys(shape).join(", ")}`,
        entry,
      );
    }
    const inner = shape[name];
    if (inner === "boolean") boolean(path + name, entry as boolean);
    else if (inner === "object" || inner === "signal") checkShape(path + name, entry, inner);
    else if (typeof inner === "object") checkInner(what, entry as object, inner, path + name);
    else if (entry === null && inner !== "anything" && inner !== undefined) {
      throw bad(path + name, "given, or left out", entry);
    }
  }
}

function checkInner(what: string, value: object, shape: Shape, path: string): void {
  if (!(shape instanceof Array)) return checkOptions(what, value, shape as Shapes, `${path}.`);
  if (!Array.isArray(value)) throw bad(path, "a list", value);
  if (typeof shape[0] !== "object") return;
  value.forEach((entry, i) => checkInner(what, entry, shape[0], `${path}[${i}]`));
}
