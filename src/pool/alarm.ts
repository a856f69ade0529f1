import type { Time } from "./clock.ts";

/**
 * One timer for all deadlines of a queue. It rings at the earliest, and whoever looks then for what
 * has expired says when to look next. It holds the process only while somebody waits.
 */
export class Alarm {
  readonly #time: Time;
  /** Deals with what has expired; gives the earliest deadline left, or `Infinity`. */
  readonly #ring: (now: number) => number;
  #timer: unknown;
  #due = Infinity;
  #held = false;

  constructor(time: Time, ring: (now: number) => number) {
    this.#time = time;
    this.#ring = ring;
  }

  /** Rings at `due` at the latest. */
  set(due: number, now: number): void {
    if (due >= this.#due) return;
    this.#time.cancel(this.#timer);
    this.#due = due;
    this.#timer = this.#time.after(due - now, this.#fire);
    if (this.#held) this.#time.hold(this.#timer, true);
  }

  /** Whether the timer, this one and those to come, keeps the process alive. */
  hold(on: boolean): void {
    this.#held = on;
    if (this.#timer !== undefined) this.#time.hold(this.#timer, on);
  }

  stop(): void {
    this.#time.cancel(this.#timer);
    this.#timer = undefined;
    this.#due = Infinity;
  }

  readonly #fire = (): void => {
    // A timer may be early by the part of a millisecond that the clock does not show.
    const now = Math.max(this.#time.now(), this.#due);
    this.#due = Infinity;
    this.#timer = undefined;
    this.set(this.#ring(now), now);
  };
}
