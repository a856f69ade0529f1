/** How long work may take, and what becomes of it then. */
export interface WithinOptions<T> {
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
  /** Milliseconds. */
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
  const timer = setTimeout(() => stop(options.expired()), options.timeout);
  signal?.addEventListener("abort", abort, { once: true });
  Promise.try(work, control.signal).finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }).then((value) => {
    if (control.signal.aborted) options.late?.(value);
    else resolve(value);
  }, reject);
  return promise;
}
