/** Checks of what callers pass, and the errors that name it. */

/** The error for a bad value; `form` says what would be good. */
export function bad(parameter: string, form: string, value: unknown): TypeError {
  const text = `Cannot use ${parameter}: must be ${form}, current value is ${shown(value)}`;
  return about(parameter, new TypeError(text));
}

/** The error for a number out of its range. */
export function outside(parameter: string, low: number, high: number, value: unknown): RangeError {
  const text = `Cannot use ${parameter}: must be ${low} to ${high}, current value is ${value}`;
  return about(parameter, new RangeError(text));
}

/** Notes on an error which parameter it is about, for those who know the path to that. */
export function about<E extends Error>(parameter: string, error: E): E {
  return Object.defineProperty(error, "parameter", { value: parameter });
}

/** An error about a parameter, with the path to that; undefined for any other error. */
export function under(path: string, error: Error): Error | undefined {
  const { message, parameter } = error as { message: string; parameter?: string };
  if (parameter === undefined) return undefined;
  const rest = message.slice(message.indexOf(parameter) + parameter.length);
  const Kind = error instanceof RangeError ? RangeError : TypeError, name = path + parameter;
  return about(name, new Kind(`Cannot use ${name}${rest}`, { cause: error }));
}

const SHOWN = 100; // characters of a value

/** A value as errors show it. */
export function shown(value: unknown): string {
  if (typeof value !== "string" && (typeof value !== "object" || value === null)) {
    return String(value);
  }
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    text = String(value);
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Checks an integer. */
export function integer(parameter: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value)) throw bad(parameter, "an integer", value);
  if (value < low || value > high) throw outside(parameter, low, high, value);
  return value;
}

/** Checks a boolean: "false", or 0 of a file, would mean the opposite of what it says. */
export function boolean(parameter: string, value: boolean): boolean {
  if (typeof value !== "boolean") throw bad(parameter, "true or false", value);
  return value;
}
