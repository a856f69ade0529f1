import type { Time } from "./clock.ts";
import type { PoolError, PoolErrorCode } from "./error.ts";

/** How an attempt may end; exactly one of `done` and `failed` is called, once. */
export interface Ending<R> {
  done(result: R): void;
  failed(error: unknown): void;
  /** The work came to a result after the attempt had failed. */
  late?(result: R): void;
}

/** Work of the user's under a time limit. Whatever it does, the attempt ends. */
class Attempt<R> {
  readonly #time: Time;
  readonly #ending: Ending<R>;
  readonly #abort: AbortController = new AbortController();
  #timer: unknown;
  #open = true;

  constructor(time: Time, ms: number, timeout: () => PoolError, ending: Ending<R>) {
    this.#time = time;
    this.#ending = ending;
    this.#timer = time.after(ms, () => this.cancel(timeout()));
  }

  /** Starts the work; a result that is not a promise ends the attempt before this returns. */
  run(work: (signal: AbortSignal) => R | Promise<R>): void {
    let result: R | Promise<R>;
    let later: boolean;
    try {
      result = work(this.#abort.signal);
      later = typeof (result as PromiseLike<R> | undefined)?.then === "function";
    } catch (error) {
      return this.#fail(error);
    }
    if (!later) return this.#succeed(result as R);
    // It may be anything with a `then`, which may throw.
    Promise.resolve(result).then((r) => this.#succeed(r), (error) => this.#fail(error));
  }

  /** Ends the attempt as failed. */
  cancel(reason: unknown): void {
    if (!this.#close()) return;
    this.#abort.abort(reason);
    this.#ending.failed(reason);
  }

  #close(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#time.cancel(this.#timer);
    return true;
  }

  #succeed(result: R): void {
    if (this.#close()) this.#ending.done(result);
    else this.#ending.late?.(result);
  }

  #fail(error: unknown): void {
    if (this.#close()) this.#ending.failed(error);
  }
}

/** All attempts of a pool that are under way. */
export class Attempts {
  readonly #time: Time;
  readonly #error: (code: PoolErrorCode, what: string) => PoolError;
  readonly #open: Set<{ cancel(reason: unknown): void }> = new Set();

  constructor(time: Time, error: (code: PoolErrorCode, what: string) => PoolError) {
    this.#time = time;
    this.#error = error;
  }

  /** Starts work that may take `ms`; `code` and `what` say what went wrong if it takes longer. */
  start<R>(
    ms: number,
    [code, what]: readonly [PoolErrorCode, string],
    ending: Ending<R>,
    work: (signal: AbortSignal) => R | Promise<R>,
  ): void {
    const attempt = new Attempt<R>(this.#time, ms, () => this.#error(code, `${what} in ${ms} ms`), {
      done: (result) => {
        this.#open.delete(attempt);
        ending.done(result);
      },
      failed: (error) => {
        this.#open.delete(attempt);
        ending.failed(error);
      },
      late: (result) => ending.late?.(result),
    });
    this.#open.add(attempt);
    attempt.run(work);
  }

  /** Ends them as failed. */
  cancel(reason: unknown): void {
    for (const attempt of [...this.#open]) attempt.cancel(reason);
  }
}
