import { startTimer, systemClock } from "../pool/clock.ts";

/** How long work may take, and what becomes of it then. */
export interface WithinOptions<T> {
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
  /** Milliseconds; `Infinity` sets no limit. */
  timeout: number;
  /** The error when time is up. */
  expired: () => unknown;
  /** Gets what arrives when nobody waits any more. */
  late?: (value: T) => void;
}

/** Settles as `work` does, or as soon as time or signal say so; `work` learns of it by its signal. */
export function within<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  options: WithinOptions<T>,
): Promise<T> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const control = new AbortController();
  const stop = (reason: unknown): void => {
    reject(reason);
    control.abort(reason);
  };
  const abort = (): void => stop(signal!.reason);
  const timer = startTimer(options.timeout, () => stop(options.expired()));
  signal?.addEventListener("abort", abort, { once: true });
  Promise.try(work, control.signal).finally(() => {
    systemClock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }).then((value) => {
    if (control.signal.aborted) options.late?.(value);
    else resolve(value);
  }, reject);
  return promise;
}
