/** One attempt of a race: it says when its transport is up, and ends when its signal aborts. */
export type Attempt<T> = (
  address: string,
  options: { signal: AbortSignal; onConnected: () => void },
) => Promise<T>;

/** Every address failed. */
export class RaceLost extends Error {
  /** What each address answered, in the order tried. */
  constructor(readonly failures: readonly { address: string; error: unknown }[]) {
    super("every address failed");
  }
}

/**
 * Tries addresses in order, each `delay` milliseconds after the one before or as soon as that one
 * has failed (RFC 8305). The first whose transport is up stops the others.
 */
export function race<T>(
  addresses: readonly string[],
  attempt: Attempt<T>,
  options: { delay: number; signal: AbortSignal },
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const failures: { address: string; error: unknown }[] = [];
  const running = new Set<AbortController>();
  let next = 0;
  let connected = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const stop = (reason: unknown, except?: AbortController): void => {
    clearTimeout(timer);
    next = addresses.length;
    for (const one of running) if (one !== except) one.abort(reason);
  };
  const start = (): void => {
    clearTimeout(timer);
    if (next >= addresses.length) return;
    const address = addresses[next++];
    const control = new AbortController();
    running.add(control);
    const onConnected = (): void => {
      if (connected) return;
      connected = true;
      stop(new Error("another address was faster"), control);
    };
    attempt(address, { signal: control.signal, onConnected }).then(resolve, (error) => {
      running.delete(control);
      failures.push({ address, error });
      if (next < addresses.length) start();
      else if (running.size === 0) reject(new RaceLost(failures));
    });
    if (next < addresses.length) timer = setTimeout(start, options.delay);
  };

  const abort = (): void => {
    stop(options.signal.reason);
    reject(options.signal.reason);
  };
  options.signal.addEventListener("abort", abort, { once: true });
  start();
  return promise.finally(() => options.signal.removeEventListener("abort", abort));
}
