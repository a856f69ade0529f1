/** What cannot be encoded, and where it stands. */

/** A value that the wire cannot carry; gathers the path to it on its way out. */
export class Unfit extends Error {
  readonly path: string[] = [];
  constructor(readonly expected: string, readonly value: unknown, readonly range = false) {
    super(`Cannot encode a value: ${expected}, current value is ${show(value)}`);
  }
}

/** Turns an {@linkcode Unfit} into the error that callers see; `where` tells the message that it is of. */
export function explain(error: unknown, where: string): never {
  if (!(error instanceof Unfit)) throw error;
  const { path, expected, value, range } = error, parameter = path.join(".");
  const Kind = range ? RangeError : TypeError;
  const text = `Cannot encode ${parameter || "the values"}${where}: ${expected}, ` +
    `current value is ${show(value)}`;
  // Whoever knows the path to it looks at the parameter.
  throw Object.defineProperty(new Kind(text), "parameter", { value: parameter || undefined });
}

/** Characters of a value. */
const SHOWN = 100;

function show(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  }
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value)
    ? "an array"
    : `an object of ${value.constructor?.name || "no"} class`;
}
