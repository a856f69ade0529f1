import type { Time } from "./clock.ts";
import type { ResolvedOptions } from "./options.ts";

/** Holds creations back after a failure, for longer each time. Failures of one round count once. */
export class Retry {
  readonly #time: Time;
  readonly #open: () => void;
  #timer: unknown;
  /** Rounds failed in a row. */
  failures = 0;
  /** Whether creations must wait. */
  waiting = false;

  constructor(time: Time, open: () => void) {
    this.#time = time;
    this.#open = open;
  }

  /** A creation failed; `hold` keeps the process for the next try. */
  failed(o: ResolvedOptions, hold: boolean): void {
    if (this.waiting) return;
    this.waiting = true;
    const delay = Math.min(o.createRetryDelay * 2 ** this.failures++, o.createRetryMaxDelay);
    this.#timer = this.#time.after(delay * (0.9 + 0.2 * Math.random()), () => {
      this.waiting = false;
      this.#open();
    });
    if (hold) this.#time.hold(this.#timer, true);
  }

  /** A creation worked, or the pool closes. */
  reset(): void {
    this.failures = 0;
    this.waiting = false;
    this.#time.cancel(this.#timer);
    this.#timer = undefined;
  }
}
