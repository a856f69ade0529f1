import { Attempts } from "./attempt.ts";
import { Time } from "./clock.ts";
import { Deque } from "./deque.ts";
import { PoolError, type PoolErrorCode } from "./error.ts";
import type { DestroyReason } from "./observer.ts";
import { type PoolOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import type { Quota } from "./quota.ts";
import { numbers, Reporter } from "./report.ts";
import { Retry } from "./retry.ts";
import { type Home, leasesOf, MARK, mark, SharedSlot, Slot } from "./slot.ts";
import { count, methods } from "./rules.ts";
import type { Factory, PoolStats } from "./types.ts";
import { Warming } from "./warming.ts";

/** What pools under one limit have in common. */
export interface Common<T> {
  readonly quota: Quota<T>;
  readonly time: Time;
}

const assertFactory = methods(["create", "destroy"], [
  "retryable",
  "usable",
  "check",
  "capacity",
]);

const isCount = count(0);

const isOurs = <T>(slot: Slot<T>): boolean => slot.index >= 0;

const LIFETIME_JITTER = 0.025;

/**
 * The resources of a pool: how they are made, judged, checked and ended. A slot is in exactly one
 * place: among the idle ones, lent, being checked, or gone; each step leaves it there before any code
 * of the user's runs.
 */
export abstract class Stock<T> implements Home<T> {
  options: ResolvedOptions;
  /** What its owner knows it by. */
  id: unknown;
  readonly time: Time;
  readonly slots: Slot<T>[] = [];
  readonly idle: Deque<Slot<T>> = new Deque();
  /** All that counts against `maxSize`: idle, lent, being created, checked or closed. */
  size = 0;
  /** Whether the clock is read at acquire and release. */
  timed = false;
  protected readonly factory: Factory<T>;
  protected readonly quota: Quota<T> | undefined;
  protected readonly report: Reporter;
  protected readonly retry: Retry;
  /** Creations and checks, which a close cancels. */
  protected readonly attempts: Attempts;
  /** What a close waits for. */
  readonly #endings: Attempts;
  protected readonly warming: Warming = new Warming();
  protected readonly shared: boolean;
  protected creating = 0;
  protected checking = 0;
  protected closing = 0;
  protected closed = false;
  protected leases = 0;
  protected peakSize = 0;
  protected peakLeases = 0;
  protected peakWaiting = 0;
  protected pastUses = 0; // of slots that are gone
  protected pastUsed = 0; // slots that are gone and had been lent
  protected generation = 0; // of resources, which an eviction ends
  #failure: unknown;

  constructor(factory: Factory<T>, options: PoolOptions, common: Common<T> | undefined) {
    assertFactory("factory", factory);
    this.options = resolveOptions(options);
    this.time = common?.time ?? new Time(this.options.clock);
    this.factory = factory;
    this.quota = common?.quota;
    this.shared = factory.capacity !== undefined;
    this.report = new Reporter(this.options);
    this.retry = new Retry(this.time, () => this.pump());
    const error = (code: PoolErrorCode, what: string): PoolError => this.error(code, what);
    this.attempts = new Attempts(this.time, error);
    this.#endings = new Attempts(this.time, error);
  }

  abstract get waiting(): number;
  abstract giveBack(slot: Slot<T>): void;
  abstract giveUp(slot: Slot<T>, reason: DestroyReason): void;
  abstract giveAway(slot: Slot<T>): T;
  /** Starts what the waiters, the warming and the wanted number of idle ones need. */
  abstract pump(idle?: number): void;
  /** Whether a slot can carry one more lease; asking may mark it. */
  protected abstract carries(slot: Slot<T>): boolean;
  /** A slot to the first waiter, else to the idle ones; `roomy` if it is known to carry one more. */
  protected abstract offer(slot: Slot<T>, roomy?: boolean): void;
  /** Lends a slot, lays it to the idle ones or ends it, as its mark and its uses say. */
  protected abstract settle(slot: Slot<T>): void;
  /** Nothing can be created, and nothing is left to wait for. */
  protected abstract desert(error: PoolError): void;
  /** The closed pool holds nothing any more. */
  protected abstract drained(): void;
  /** There is one resource more. */
  protected abstract grown(): void;

  get stats(): PoolStats {
    const report = this.report;
    let leased = 0;
    let acquired = this.pastUses;
    let used = this.pastUsed;
    for (const slot of this.slots) {
      if (leasesOf(slot) > 0) leased++;
      if (slot.uses > 0) used++;
      acquired += slot.uses;
    }
    return {
      size: this.size,
      idle: this.slots.length - leased - this.checking,
      leased,
      leases: this.leases,
      creating: this.creating,
      checking: this.checking,
      closing: this.closing,
      waiting: this.waiting,
      totals: { ...report.totals, acquired, reused: acquired - used },
      peak: { size: this.peakSize, leases: this.peakLeases, waiting: this.peakWaiting },
      createTime: report.createTime,
    };
  }

  protected error(code: PoolErrorCode, what: string): PoolError {
    const { name, maxSize } = this.options;
    const cause = this.#failure === undefined ? undefined : { cause: this.#failure };
    return new PoolError(code, `${what} (${name}: ${numbers(this.stats, maxSize)})`, cause);
  }

  /** Asks the factory; a slot that is not usable, or no longer to be lent, is marked afterwards. */
  isUsable(slot: Slot<T>, toIdle = false): boolean {
    if (this.factory.usable === undefined) return slot.state < MARK;
    try {
      const usable = this.factory.usable(slot.resource, toIdle);
      if (usable !== true) this.#doubt(slot, usable);
    } catch (error) {
      this.report.fail(error, "usable");
      mark(slot, "unusable");
    }
    return slot.state < MARK;
  }

  /** A promise is no answer, and would pass for a yes. */
  #doubt(slot: Slot<T>, usable: unknown): void {
    if (usable instanceof Promise) {
      usable.catch((error) => this.report.fail(error, "usable"));
      throw new TypeError("Cannot use usable: it must answer at once, and a promise does not");
    }
    if (!usable) mark(slot, "unusable");
  }

  isOld(slot: Slot<T>, now: number): boolean {
    return slot.expires !== 0 && now >= slot.expires;
  }

  isStale(slot: Slot<T>, now: number): boolean {
    return now - slot.since >= this.options.idleTimeout;
  }

  isDue(slot: Slot<T>, now: number): boolean {
    return this.factory.check !== undefined &&
      now - Math.max(slot.since, slot.checked) >= this.options.checkAfter;
  }

  /** Checks a slot that was taken out of the idle ones. */
  check(slot: Slot<T>): void {
    if (slot.index < 0) return; // destroyed by code of the user's
    this.checking++;
    this.attempts.start<boolean>(
      this.options.checkTimeout,
      ["CHECK_TIMEOUT", "Cannot check: no answer"],
      {
        done: (good) => {
          this.checking--;
          if (good) slot.checked = this.time.now();
          else mark(slot, "unhealthy");
          this.settle(slot);
        },
        failed: (error) => {
          this.checking--;
          if (slot.state < MARK) this.report.fail(error, "check");
          mark(slot, "unhealthy");
          this.settle(slot);
        },
      },
      (signal) => this.factory.check!(slot.resource, { signal }),
    );
  }

  warm(n: number = this.options.minIdle || this.options.maxSize): Promise<void> {
    try {
      isCount("n", n);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.closed) {
      return Promise.reject(this.error("CLOSED", "Cannot warm: the pool is closed"));
    }
    const target = Math.min(n, this.options.maxSize);
    if (this.slots.length >= target) return Promise.resolve();
    const warm = this.warming.wait(target);
    this.pump();
    return warm;
  }

  /** Starts a creation if there is room for one, and the last failure is long enough ago. */
  protected create(): boolean {
    if (this.retry.waiting || this.size >= this.options.maxSize) return false;
    if (this.quota !== undefined && !this.quota.enter(this)) return false;
    const started = this.time.now();
    const generation = this.generation;
    this.creating++;
    if (++this.size > this.peakSize) this.peakSize = this.size;
    this.attempts.start<T>(
      this.options.createTimeout,
      ["CREATE_TIMEOUT", "Cannot create: no resource"],
      {
        done: (resource) => {
          this.creating--;
          this.#created(resource, started, generation);
        },
        failed: (error) => {
          this.creating--;
          if (!this.closed) this.#failed(error);
          this.vacated();
        },
        late: (resource) => {
          this.report.destroy("late");
          this.#end(resource, () => {});
        },
      },
      (signal) => this.factory.create({ signal }),
    );
    return true;
  }

  #created(resource: T, started: number, generation: number): void {
    const now = this.time.now();
    const slot = new (this.shared ? SharedSlot : Slot)<T>(this, resource, now, this.expiry(now));
    slot.index = this.slots.push(slot) - 1;
    this.report.create(now - started);
    if (generation !== this.generation) mark(slot, "evicted");
    else if (this.size > this.options.maxSize) mark(slot, "shrunk");
    else if (this.isUsable(slot) && this.carries(slot)) {
      this.#failure = undefined;
      this.retry.reset();
    } else this.#failed(new Error("Cannot create: the new resource is not usable"));
    // One that was found good is not asked again before it is lent: if it then said no, and the next
    // one too, nothing would hold the creations back.
    if (slot.state < MARK) this.offer(slot, true);
    else this.settle(slot);
    this.warming.reached(this.slots.length);
    this.grown();
    this.pump();
  }

  /** Holds further creations back for a while; tells everybody if it was once too often. */
  #failed(error: unknown): void {
    this.#failure = error;
    this.retry.failed(this.options, this.waiting > 0);
    this.report.createFailed++;
    this.report.tell("createFailed", error);
    this.report.fail(error, "create");
    const again = this.retry.failures <= this.options.createRetries && this.#isRetryable(error);
    if (again || this.creating > 0) return;
    this.retry.failures = 0;
    const given = this.error("CREATE_FAILED", "Cannot create a resource");
    this.warming.fail(given);
    if (!this.slots.some((slot) => slot.state < MARK)) this.desert(given);
  }

  #isRetryable(error: unknown): boolean {
    try {
      return this.factory.retryable?.(error) ?? true;
    } catch (broken) {
      this.report.fail(broken, "create");
      return true;
    }
  }

  protected expiry(now: number): number {
    const { maxLifetime } = this.options;
    if (maxLifetime === Infinity) return 0;
    return Math.ceil(now + maxLifetime * (1 - LIFETIME_JITTER * Math.random()));
  }

  /** Takes a slot without a lease out of service, and tells of it. */
  evictOne(slot: Slot<T>, reason: DestroyReason): void {
    mark(slot, reason);
    this.report.tell("evicted", reason);
    this.settle(slot);
  }

  destroy(slot: Slot<T>, reason: DestroyReason): void {
    if (slot.index < 0) return; // code of the user's was quicker
    mark(slot, reason);
    this.forget(slot);
    this.closing++;
    this.report.destroy(reason);
    this.#end(slot.resource, () => {
      this.closing--;
      this.vacated();
    });
  }

  #end(resource: T, ended: () => void): void {
    this.#endings.start<void>(
      this.options.destroyTimeout,
      ["DESTROY_TIMEOUT", "Cannot destroy: no end"],
      {
        done: ended,
        failed: (error) => {
          this.report.fail(error, "destroy");
          ended();
        },
      },
      () => this.factory.destroy(resource),
    );
  }

  protected forget(slot: Slot<T>): void {
    const last = this.slots.pop()!;
    if (last !== slot) {
      this.slots[slot.index] = last;
      last.index = slot.index;
    }
    slot.index = -1;
    if (this.shared && (slot as SharedSlot<T>).queued) this.idle.lose(isOurs);
    slot.lease = null;
    this.pastUses += slot.uses;
    if (slot.uses > 0) this.pastUsed++;
  }

  protected vacated(): void {
    this.size--;
    this.quota?.leave();
    if (this.closed && this.size === 0) this.drained();
    this.pump();
  }

  /**
   * Takes out of the idle ones those that are chosen, the longest unused first. Choosing may run code
   * of the user's that takes or returns some.
   */
  takeIdle(chosen: (slot: Slot<T>) => boolean): Slot<T>[] {
    this.idle.sift(isOurs);
    const wanted = new Set(this.idle.toArray().filter(chosen));
    const taken: Slot<T>[] = [];
    if (wanted.size === 0) return taken;
    this.idle.filter((slot) => {
      if (!wanted.has(slot)) return isOurs(slot);
      if (!isOurs(slot)) return false;
      if (this.shared) (slot as SharedSlot<T>).queued = false;
      taken.push(slot);
      return false;
    });
    return taken;
  }

  /** Ends up to `most` idle resources, the longest unused first; gives their number. */
  evictIdle(most: number, reason: DestroyReason): number {
    let victims: Slot<T>[] = [];
    if (this.shared) {
      let left = most;
      victims = this.takeIdle((slot) => leasesOf(slot) === 0 && left-- > 0);
    } else while (victims.length < most && this.idle.length > 0) victims.push(this.idle.shift()!);
    for (const slot of victims) this.evictOne(slot, reason);
    return victims.length;
  }
}
