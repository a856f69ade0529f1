import { LONGEST, type Time } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";
import type { Lease } from "./lease.ts";
import { SignalGroup } from "./signals.ts";
import type { AcquireOptions, Priority } from "./types.ts";
import { Waiter } from "./waiter.ts";

/** The rank of each priority; lower is served first. */
export const LEVELS: Readonly<Record<Priority, number>> = {
  critical: 0,
  high: 1,
  normal: 2,
  low: 3,
};

/** What becomes of waiters that leave without a lease: told before they are rejected. */
export interface Departures<T> {
  expired(waiters: readonly Waiter<T>[], now: number): unknown;
  aborted(waiters: readonly Waiter<T>[], now: number): void;
}

/** The queued acquires: first in, first out within a priority; each step takes constant time. */
export class WaitQueue<T> {
  readonly #time: Time;
  readonly #departures: Departures<T>;
  readonly #deadlines: Deadlines<T>;
  readonly #groups: Map<AbortSignal, SignalGroup<T>> = new Map();
  readonly #heads: (Waiter<T> | null)[] = [null, null, null, null];
  readonly #tails: (Waiter<T> | null)[] = [null, null, null, null];
  size = 0;
  /** Milliseconds after which a waiter counts as one priority higher. */
  ageAfter: number;

  constructor(time: Time, ageAfter: number, departures: Departures<T>) {
    this.#time = time;
    this.ageAfter = ageAfter;
    this.#departures = departures;
    this.#deadlines = new Deadlines(time, (waiters, now) => this.#expire(waiters, now));
  }

  /** Queues a caller for at most `timeout` ms. */
  wait(timeout: number, o: AcquireOptions | undefined): Promise<Lease<T>> {
    const since = this.#time.stamp(this.size);
    const level = o?.priority === undefined ? LEVELS.normal : LEVELS[o.priority];
    return new Promise((resolve) => {
      const deadline = timeout > LONGEST ? 0 : since + Math.ceil(timeout);
      const waiter = new Waiter<T>(resolve, level, since, deadline);
      const tail = this.#tails[level];
      waiter.prev = tail;
      if (tail === null) this.#heads[level] = waiter;
      else tail.next = waiter;
      this.#tails[level] = waiter;
      this.size++;
      if (deadline !== 0) this.#deadlines.add(waiter);
      if (o?.signal !== undefined) this.#groupOf(o.signal).add(waiter);
    });
  }

  /** Takes out the waiter to be served next. */
  take(): Waiter<T> | undefined {
    let first: Waiter<T> | null = null;
    let rank = Infinity;
    for (let level = 0; level < 4; level++) {
      const head = this.#heads[level];
      if (head === null) continue;
      const own = head.since + (level === 0 ? 0 : level * this.ageAfter);
      if (first !== null && own >= rank) continue;
      first = head;
      rank = own;
    }
    if (first === null) return undefined;
    this.#remove(first);
    return first;
  }

  /** Rejects everybody. */
  rejectAll(error: unknown): void {
    for (let waiter = this.take(); waiter !== undefined; waiter = this.take()) waiter.reject(error);
  }

  /** Drops the timer of an empty queue. */
  stop(): void {
    this.#deadlines.stop();
  }

  #remove(waiter: Waiter<T>): void {
    const { prev, next, level } = waiter;
    if (prev === null) this.#heads[level] = next;
    else prev.next = next;
    if (next === null) this.#tails[level] = prev;
    else next.prev = prev;
    waiter.prev = waiter.next = null;
    this.size--;
    if (waiter.deadline !== 0) this.#deadlines.remove(waiter);
    if (waiter.group !== null) waiter.group.remove(waiter);
  }

  #expire(waiters: Waiter<T>[], now: number): void {
    const error = this.#departures.expired(waiters, now);
    for (const waiter of waiters) {
      this.#remove(waiter);
      waiter.reject(error);
    }
  }

  #groupOf(signal: AbortSignal): SignalGroup<T> {
    return this.#groups.get(signal) ?? new SignalGroup(signal, this.#groups, this.#abort);
  }

  readonly #abort = (waiters: Waiter<T>[], reason: unknown): void => {
    for (const waiter of waiters) {
      this.#remove(waiter);
      waiter.reject(reason);
    }
    this.#departures.aborted(waiters, this.#time.now());
  };
}
