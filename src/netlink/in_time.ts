/** Waiting for answers, but not for ever. */

import { NetlinkError } from "./error.ts";
import type { Exchange, RequestOptions } from "./exchange.ts";

const ETIMEDOUT = 110;
const DEFAULT_TIMEOUT = 5000;

/** Resolves once `exchange` is done or `received` is there. */
export async function inTime(
  exchange: Exchange,
  { signal, timeout = DEFAULT_TIMEOUT }: RequestOptions,
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
  const timer = setTimeout(() =>
    reject(
      new NetlinkError(`no answer within ${timeout} ms`, { errno: ETIMEDOUT, operation }),
    ), timeout);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    waiting.delete(resolve);
  }
}
