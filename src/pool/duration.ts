import { duration } from "./rules.ts";

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const SHAPE = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * Reads a duration such as `250ms`, `5s`, `1.5m`, `2h` or `1d`; `0` and `never` need no unit. The
 * result is milliseconds, `Infinity` for `never`; `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseDuration } from "@x/pool";
 *
 * console.log(parseDuration("1.5s")); // 1500
 * ```
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text === "never") return Infinity;
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNITS.find(([unit]) => unit === match[2])![1];
}

/**
 * Writes milliseconds the way {@linkcode parseDuration} reads them, in the largest unit that keeps
 * the number whole.
 *
 * @throws {TypeError | RangeError} unless it is a number, at least 0
 *
 * @example
 * ```ts
 * import { formatDuration } from "@x/pool";
 *
 * console.log(formatDuration(300_000)); // 5m
 * ```
 */
export function formatDuration(ms: number): string {
  duration("ms", ms);
  if (ms === Infinity) return "never";
  if (ms === 0) return "0";
  const [unit, length] = UNITS.find(([, length]) => ms % length === 0) ?? ["ms", 1];
  return `${ms / length}${unit}`;
}
