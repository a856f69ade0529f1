const SHOWN = 100; // characters of a value

const short = (text: string): string => text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;

/** A value as errors give it. Of an object they give the names alone: what it holds may be secret. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(short(value));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return short(Array.isArray(value) ? "a list" : `{${Object.keys(value).join(", ")}}`);
}
