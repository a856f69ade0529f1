import { Alarm } from "./alarm.ts";
import { LONGEST, type Time } from "./clock.ts";
import type { Lease } from "./lease.ts";
import { Ring } from "./ring.ts";
import { SignalGroup } from "./signals.ts";
import type { AcquireOptions, Priority } from "./types.ts";
import { acquireSite, Refusal, type Resolve, Waiter } from "./waiter.ts";

/** The rank of each priority; lower is served first. */
const LEVELS: Readonly<Record<Priority, number>> = {
  critical: 0,
  high: 1,
  normal: 2,
  low: 3,
};

const NORMAL = LEVELS.normal;
const FEW = 16; // waiters who each cost a reading of the clock
const TICK = 10; // ms after which it is read for all who came since
const LOOKS = 1_000; // waiters looked at for each ms between two looks for expired ones

/** Whether nothing speaks against an acquire: a quick look, so that those without a flaw pass. */
export function isPlain(o: AcquireOptions): boolean {
  if (typeof o !== "object" || o === null) return false;
  for (const name in o) {
    const known = name === "timeout" || name === "signal" || name === "priority" ||
      name === "discardOnError";
    if (!known && o[name as keyof AcquireOptions] !== undefined) return false;
  }
  const { timeout, priority, signal } = o;
  return (timeout === undefined || typeof timeout === "number" && timeout >= 0) &&
    (priority === undefined || Object.hasOwn(LEVELS, priority)) &&
    (signal === undefined || signal?.aborted === false);
}

/** Hears of waiters that have left without a lease; what it does then may use the queue. */
export interface Departures<T> {
  /** The one error that those who expire are to be rejected with. */
  expiry(): unknown;
  left(how: "timedOut" | "aborted", waiters: readonly Waiter<T>[], now: number): void;
}

/**
 * The queued acquires: first in, first out within a priority. Queueing and leaving take constant
 * time: a waiter that gives up stays as an empty place until half the places are. Looking for expired
 * ones takes a look at all; a long queue is looked at so seldom (100,000 waiters: every 100 ms) that
 * this never matters. While many wait, the time of a new one begins up to 10 ms late.
 */
export class WaitQueue<T> {
  readonly #time: Time;
  readonly #departures: Departures<T>;
  readonly #alarm: Alarm;
  readonly #groups: Map<AbortSignal, SignalGroup<T>> = new Map();
  readonly #levels: Ring<Waiter<T>>[] = Object.values(LEVELS).map(() => new Ring());
  readonly #normal: Ring<Waiter<T>> = this.#levels[NORMAL];
  #ranked = 0; // waiters with another priority
  #gone = 0; // empty places
  #ticking = false;
  #soonest = Infinity;
  #resolve: Resolve<T> | null = null;
  readonly #capture = (resolve: Resolve<T>): void => {
    this.#resolve = resolve;
  };
  size = 0;
  /** Milliseconds after which a waiter counts as one priority higher. */
  ageAfter: number;
  /** Whether every waiter's time is to be exact. */
  exact = false;
  /** Whether to record who waits. */
  traced = false;

  constructor(time: Time, ageAfter: number, departures: Departures<T>) {
    this.#time = time;
    this.ageAfter = ageAfter;
    this.#departures = departures;
    this.#alarm = new Alarm(time, (now) => this.#ring(now));
  }

  /** Queues a caller for at most `timeout` ms. */
  wait(timeout: number, o: AcquireOptions | undefined): Promise<Lease<T>> {
    const promise = new Promise<Lease<T>>(this.#capture);
    const level = o?.priority === undefined ? NORMAL : LEVELS[o.priority];
    const waiter = new Waiter<T>(this.#resolve, level, timeout > LONGEST ? -1 : timeout);
    this.#resolve = null; // it would keep the last lease from being collected
    this.#levels[level].push(waiter);
    if (this.size++ === 0) this.#alarm.hold(true);
    if (level !== NORMAL) this.#ranked++;
    if (this.traced) waiter.site = acquireSite();
    if (!this.#ticking) this.#stamp(waiter);
    if (o?.signal !== undefined) this.#groupOf(o.signal).add(waiter);
    return promise;
  }

  /** Since when the waiter whose turn it is has waited, if there is one. */
  get since(): number | undefined {
    return this.size === 0 ? undefined : this.#turn().at(0)!.since;
  }

  /** The waiter whose turn it is, out of its place; there must be one. */
  next(): Waiter<T> {
    const level = this.#ranked === 0 ? this.#normal : this.#turn();
    let waiter = level.shift()!;
    while (waiter.resolve === null) {
      this.#gone--;
      waiter = level.shift()!;
    }
    return waiter;
  }

  /** Ends the waiting of one. */
  settle(waiter: Waiter<T>, outcome: Lease<T> | Refusal<Lease<T>>): void {
    const resolve = waiter.resolve!;
    waiter.resolve = null;
    if (--this.size === 0) this.#alarm.hold(false);
    if (waiter.level !== NORMAL) this.#ranked--;
    if (waiter.group !== null) waiter.group.remove(waiter);
    resolve(outcome);
  }

  /** Rejects everybody. */
  rejectAll(error: unknown): void {
    const refusal = new Refusal<Lease<T>>(error);
    while (this.size > 0) this.settle(this.next(), refusal);
  }

  /** Drops the timer of an empty queue. */
  stop(): void {
    this.#alarm.stop();
  }

  /** The level whose oldest waiter ranks first, counting the time that it has waited. */
  #turn(): Ring<Waiter<T>> {
    let first = this.#normal;
    let best: number | undefined;
    this.#levels.forEach((level, i) => {
      while (level.at(0)?.resolve === null) {
        level.shift();
        this.#gone--;
      }
      const head = level.at(0);
      if (head === undefined) return;
      const since = head.since || this.#time.now();
      const rank = i === 0 ? since : since + i * this.ageAfter;
      if (best !== undefined && rank > best) return; // of two alike the later level has waited longer
      first = level;
      best = rank;
    });
    return first;
  }

  #stamp(waiter: Waiter<T>): void {
    const now = this.#time.now();
    this.#begin(waiter, now);
    if (this.size > FEW && !this.exact) {
      this.#ticking = true;
      this.#alarm.set(now + TICK, now);
    } else if (this.#soonest !== Infinity) this.#alarm.set(this.#soonest, now);
  }

  #begin(waiter: Waiter<T>, now: number): void {
    waiter.since = now;
    if (waiter.deadline < 0) return;
    waiter.deadline += now;
    if (waiter.deadline < this.#soonest) this.#soonest = waiter.deadline;
  }

  /** Those without a time are the last of each level. */
  #tick(now: number): void {
    this.#ticking = false;
    for (const level of this.#levels) {
      for (let i = level.length - 1; i >= 0; i--) {
        const waiter = level.at(i)!;
        if (waiter.since !== 0) break;
        this.#begin(waiter, now);
      }
    }
  }

  #ring(now: number): number {
    if (this.#ticking) this.#tick(now);
    if (this.#soonest > now) return this.#soonest;
    const expired: Waiter<T>[] = [];
    let next = Infinity;
    for (const level of this.#levels) {
      for (let i = 0; i < level.length; i++) {
        const waiter = level.at(i)!;
        if (waiter.resolve === null || waiter.deadline < 0) continue;
        if (waiter.deadline <= now) expired.push(waiter);
        else if (waiter.deadline < next) next = waiter.deadline;
      }
    }
    this.#soonest = Math.max(next, now + Math.floor(this.size / LOOKS));
    if (expired.length > 0) {
      this.#reject(expired, this.#departures.expiry());
      this.#departures.left("timedOut", expired, now);
    }
    return this.#soonest;
  }

  #reject(waiters: readonly Waiter<T>[], error: unknown): void {
    const refusal = new Refusal<Lease<T>>(error);
    for (const waiter of waiters) this.settle(waiter, refusal);
    this.#gone += waiters.length;
    if (this.#gone < this.size + 32) return;
    this.#gone = 0;
    for (const level of this.#levels) level.filter((waiter) => waiter.resolve !== null);
  }

  #groupOf(signal: AbortSignal): SignalGroup<T> {
    return this.#groups.get(signal) ?? new SignalGroup(signal, this.#groups, this.#abort);
  }

  readonly #abort = (waiters: Waiter<T>[], reason: unknown): void => {
    this.#reject(waiters, reason);
    this.#departures.left("aborted", waiters, this.#time.now());
  };
}
