/** One attempt of a race: it says when its transport is up, and ends when its signal aborts. */
export type Attempt<T> = (
  address: string,
  options: { signal: AbortSignal; onConnected: () => void },
) => Promise<T>;

/** Every address failed. */
export class RaceLost extends Error {
  /** What each address answered, in the order in which they failed. */
  constructor(readonly failures: readonly { address: string; error: unknown }[]) {
    super("every address failed");
  }
}

/**
 * Tries addresses in order, each `delay` milliseconds after the one before or as soon as that one
 * has failed (RFC 8305). The first whose transport is up wins and stops the others.
 */
export function race<T extends { close(): void }>(
  addresses: readonly string[],
  attempt: Attempt<T>,
  options: { delay: number; signal: AbortSignal },
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const failures: { address: string; error: unknown }[] = [];
  const running = new Set<AbortController>();
  let next = 0;
  let winner: AbortController | undefined;
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const stop = (reason: unknown): void => {
    clearTimeout(timer);
    next = addresses.length;
    for (const one of running) if (one !== winner) one.abort(reason);
  };
  const start = (): void => {
    clearTimeout(timer);
    const address = addresses[next++];
    const control = new AbortController();
    running.add(control);
    const onConnected = (): void => {
      if (winner !== undefined || over) return;
      winner = control;
      stop(new Error("another address was faster"));
    };
    attempt(address, { signal: control.signal, onConnected }).then((socket) => {
      onConnected();
      // Two transports can come up in one turn, and the caller may have left in it.
      if (winner === control && !over) resolve(socket);
      else socket.close();
    }, (error) => {
      running.delete(control);
      if (winner !== undefined && winner !== control) return;
      failures.push({ address, error });
      if (next < addresses.length) start();
      else if (winner === control || running.size === 0) reject(new RaceLost(failures));
    });
    if (next < addresses.length) timer = setTimeout(start, options.delay);
  };

  const abort = (): void => {
    over = true;
    winner = undefined;
    stop(options.signal.reason);
    reject(options.signal.reason);
  };
  options.signal.addEventListener("abort", abort, { once: true });
  start();
  return promise.finally(() => options.signal.removeEventListener("abort", abort));
}
