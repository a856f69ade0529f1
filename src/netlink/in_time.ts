/** Waiting for answers, but not for ever. */

import { startTimer, systemClock } from "../pool/clock.ts";
import { NetlinkError } from "./error.ts";
import type { Exchange } from "./exchange.ts";

const ETIMEDOUT = 110;

/** Checks a time to wait, for which Infinity stands for no end. */
export function checkTimeout(timeout: number | undefined, name = "timeout"): void {
  if (timeout === undefined || (typeof timeout === "number" && timeout >= 0)) return;
  throw new RangeError(
    `Cannot use ${name}: must be milliseconds from 0 on, current value is ${timeout}`,
  );
}

/** Resolves once `exchange` is done or `received` is there. */
export async function inTime(
  exchange: Exchange,
  signal: AbortSignal | undefined,
  timeout: number,
  received?: Promise<unknown>,
): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const waiting = exchange.waiting ??= new Set();
  waiting.add(resolve);
  received?.then(() => resolve());
  const abort = () => reject(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const { operation } = exchange.ask;
  const late = () =>
    reject(new NetlinkError(`no answer within ${timeout} ms`, { errno: ETIMEDOUT, operation }));
  const timer = startTimer(timeout, late);
  try {
    await promise;
  } finally {
    systemClock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    waiting.delete(resolve);
  }
}
