/**
 * The time of a pool. The default is the platform's, looked up at each call, so that a test that
 * replaces the globals moves the pool's time as well.
 *
 * @example
 * ```ts
 * import { type Clock, Pool } from "@x/pool";
 *
 * let time = 0;
 * const clock: Clock = { now: () => time, setTimeout: () => 0, clearTimeout: () => {} };
 * const factory = { create: () => Promise.resolve({}), destroy: () => {} };
 * await using pool = new Pool(factory, { clock, idleTimeout: 1000, maintenance: false });
 * await pool.use(() => {});
 * time = 2000;
 * await pool.use(() => {});
 * console.log(pool.stats.totals.created); // 2: the first one had been idle for too long
 * ```
 */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  setTimeout(fn: () => void, ms: number): unknown;
  /** Cancels what `setTimeout` returned. */
  clearTimeout(handle: unknown): void;
}

/** The platform's clock: `Date.now`, so that time spent suspended counts. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (handle) => globalThis.clearTimeout(handle as number),
};

/** A timer that need not keep the process alive, where the platform's timers have that choice. */
interface Holdable {
  ref?(): void;
  unref?(): void;
}

/** The longest delay that a timer takes, about 24.8 days. */
export const LONGEST: number = 2 ** 31 - 1;

/** Starts a timer; `Infinity` makes none, and what is more than any timer takes becomes the most. */
export function startTimer(ms: number, fn: () => void, clock: Clock = systemClock): unknown {
  return ms === Infinity ? undefined : clock.setTimeout(fn, Math.min(ms, LONGEST));
}

/** The clock as the pool uses it: whole milliseconds that never run backwards, and loose timers. */
export class Time {
  readonly #clock: Clock;
  #offset: number;
  #last = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = 1 - Math.floor(clock.now());
  }

  /** Whole milliseconds since the pool was made, plus one, so that 0 can stand for "never". */
  now(): number {
    const t = Math.floor(this.#clock.now()) + this.#offset;
    if (t < this.#last) this.#offset += this.#last - t;
    else this.#last = t > LONGEST ? t : t | 0; // a small integer needs no memory of its own
    return this.#last;
  }

  /** A timer that does not keep the process alive; `Infinity` makes none. */
  after(ms: number, fn: () => void): unknown {
    const handle = startTimer(ms, fn, this.#clock);
    this.hold(handle, false);
    return handle;
  }

  /** Whether the timer keeps the process alive. */
  hold(handle: unknown, on: boolean): void {
    if (typeof handle !== "object" || handle === null) return;
    if (on) (handle as Holdable).ref?.();
    else (handle as Holdable).unref?.();
  }

  /** Cancels a timer; nothing happens for `undefined`. */
  cancel(handle: unknown): void {
    if (handle !== undefined) this.#clock.clearTimeout(handle);
  }
}
