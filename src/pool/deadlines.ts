import type { Time } from "./clock.ts";
import type { Waiter } from "./waiter.ts";

const BUCKETS = 64;
const WIDTH = 64; // milliseconds a bucket

const tickOf = (ms: number): number => Math.floor(ms / WIDTH);
const bucketOf = (ms: number): number => tickOf(ms) % BUCKETS;

/**
 * The deadlines of all waiters on one timer: a wheel of lists, so that adding, removing and expiring
 * take constant time. The timer holds the process only while somebody waits.
 */
export class Deadlines<T> {
  readonly #time: Time;
  readonly #expire: (waiters: Waiter<T>[], now: number) => void;
  readonly #wheel: (Waiter<T> | null)[] = new Array(BUCKETS).fill(null);
  #count = 0;
  #timer: unknown;
  #due = 0;
  #done = 0;

  constructor(time: Time, expire: (waiters: Waiter<T>[], now: number) => void) {
    this.#time = time;
    this.#expire = expire;
  }

  add(waiter: Waiter<T>): void {
    const at = bucketOf(waiter.deadline);
    const first = this.#wheel[at];
    waiter.later = first;
    if (first !== null) first.sooner = waiter;
    this.#wheel[at] = waiter;
    if (waiter.deadline < this.#done) this.#done = waiter.deadline;
    if (this.#count++ === 0 && this.#due !== 0) this.#time.hold(this.#timer, true);
    if (this.#due === 0 || waiter.deadline < this.#due) this.#arm(waiter.deadline, waiter.since);
  }

  remove(waiter: Waiter<T>): void {
    const { sooner, later } = waiter;
    if (sooner === null) this.#wheel[bucketOf(waiter.deadline)] = later;
    else sooner.later = later;
    if (later !== null) later.sooner = sooner;
    waiter.sooner = waiter.later = null;
    if (--this.#count === 0) this.#time.hold(this.#timer, false);
  }

  /** Drops the timer; the waiters must be gone. */
  stop(): void {
    this.#time.cancel(this.#timer);
    this.#timer = undefined;
    this.#due = 0;
  }

  #arm(due: number, now: number): void {
    this.#time.cancel(this.#timer);
    this.#due = due;
    this.#timer = this.#time.after(due - now, this.#fire);
    if (this.#count > 0) this.#time.hold(this.#timer, true);
  }

  readonly #fire = (): void => {
    // A timer may be early by the part of a millisecond that the clock does not show.
    const now = Math.max(this.#time.now(), this.#due);
    this.#due = 0;
    this.#timer = undefined;
    const expired: Waiter<T>[] = [];
    const last = tickOf(now);
    for (let tick = Math.max(tickOf(this.#done), last - BUCKETS + 1); tick <= last; tick++) {
      for (let w = this.#wheel[tick % BUCKETS]; w !== null; w = w.later) {
        if (w.deadline <= now) expired.push(w);
      }
    }
    this.#done = now;
    expired.reverse().sort((a, b) => a.deadline - b.deadline);
    if (expired.length > 0) this.#expire(expired, now);
    if (this.#count > 0 && this.#due === 0) this.#arm(this.#soonest(now), now);
  };

  /** The earliest deadline within one turn of the wheel, else the end of that turn. */
  #soonest(now: number): number {
    const first = tickOf(now);
    for (let tick = first; tick < first + BUCKETS; tick++) {
      let soonest = Infinity;
      for (let w = this.#wheel[tick % BUCKETS]; w !== null; w = w.later) {
        if (tickOf(w.deadline) === tick && w.deadline < soonest) soonest = w.deadline;
      }
      if (soonest !== Infinity) return soonest;
    }
    return (first + BUCKETS) * WIDTH;
  }
}
