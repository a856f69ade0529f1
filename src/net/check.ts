import { LONGEST } from "../pool/clock.ts";
import { ConnectError } from "./error.ts";

/**
 * Refuses what is not a number, does not fit, or is less than `least`.
 *
 * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
 */
export function check(
  name: string,
  value: unknown,
  expected: string,
  fits: boolean,
  least: number,
): void {
  if (typeof value === "number" && fits && value >= least) return;
  const message = `Cannot use ${name}: it must be ${expected}, current value is ${String(value)}`;
  throw new ConnectError("INVALID_CONFIG", message);
}

/**
 * Refuses milliseconds that no timer takes.
 *
 * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
 */
export function checkDelay(name: string, value: number): void {
  check(name, value, `ms, from 1 to ${LONGEST}`, value <= LONGEST, 1);
}
