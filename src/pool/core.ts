import { Attempt } from "./attempt.ts";
import { Time } from "./clock.ts";
import { Deque } from "./deque.ts";
import { PoolError, type PoolErrorCode } from "./error.ts";
import { Lease } from "./lease.ts";
import { Loans } from "./loans.ts";
import type { DestroyReason } from "./observer.ts";
import { assertOption, type PoolOptions, resolveOptions } from "./options.ts";
import type { ResolvedOptions } from "./options.ts";
import { LEVELS, WaitQueue } from "./queue.ts";
import type { Quota } from "./quota.ts";
import { Reporter } from "./report.ts";
import { Retry } from "./retry.ts";
import { type Home, leasesOf, MARK, mark, reasonOf, SharedSlot, Slot, unmark } from "./slot.ts";
import { Sweeper } from "./sweeper.ts";
import type { AcquireOptions, Factory, PoolStats } from "./types.ts";
import type { Waiter } from "./waiter.ts";

interface Warming {
  readonly target: number;
  resolve(): void;
  reject(error: unknown): void;
}

const LIFETIME_JITTER = 0.025;
const MOST_LEASES = MARK - 1;

/** Whether nothing speaks against an acquire. */
const isPlain = ({ timeout, priority, signal }: AcquireOptions): boolean =>
  (timeout === undefined || typeof timeout === "number" && timeout >= 0) &&
  (priority === undefined || Object.hasOwn(LEVELS, priority)) &&
  (signal === undefined || !signal.aborted);

/**
 * The machinery of a pool. A slot is in exactly one place: among the idle ones, lent, being checked,
 * or gone; each step below leaves it there before any code of the user's runs.
 */
export class Core<T> implements Home<T> {
  options: ResolvedOptions;
  /** What its owner knows it by. */
  id: unknown;
  readonly time: Time;
  readonly slots: Slot<T>[] = [];
  readonly idle: Deque<Slot<T>> = new Deque();
  readonly loans: Loans<T>;
  readonly sweeper: Sweeper<T>;
  /** Whether the clock is read at acquire and release. */
  timed = false;
  readonly #factory: Factory<T>;
  readonly #quota: Quota<T> | undefined;
  readonly #queue: WaitQueue<T>;
  readonly #report: Reporter;
  readonly #retry: Retry;
  readonly #attempts: Set<Attempt<T> | Attempt<boolean>> = new Set();
  readonly #shared: boolean;
  #share = Infinity; // leases that the next resource is thought to carry
  #plain = false; // neither time, nor observer, nor sharing, nor quota
  #judged = false; // usable() has to be asked
  #simple = false; // plain, not judged, last in, first out, for any number of uses
  #tracked = false;
  #observed = false;
  #fifo = false;
  #maxUses = Infinity;
  #maxSize = 0;
  #queueLimit = 0;
  #acquireTimeout = 0;
  /** All that counts against `maxSize`: idle, lent, created, checked and closing. */
  size = 0;
  #creating = 0;
  #checking = 0;
  #closing = 0;
  #leases = 0;
  #pastUses = 0; // of slots that are gone
  #pastUsed = 0; // slots that are gone and had been lent
  #peakLeases = 0;
  #peakSize = 0;
  #peakWaiting = 0;
  #generation = 0;
  #failure: unknown;
  #warming: Warming[] = [];
  #pumping = false;
  #closed: Promise<void> | undefined;
  #drained: () => void = () => {};

  constructor(
    factory: Factory<T>,
    options: PoolOptions,
    common?: { readonly quota: Quota<T>; readonly time: Time },
  ) {
    if (typeof factory?.create !== "function" || typeof factory.destroy !== "function") {
      throw new TypeError("Cannot make a pool: its factory needs create() and destroy()");
    }
    this.options = resolveOptions(options);
    this.time = common?.time ?? new Time(this.options.clock);
    this.#factory = factory;
    this.#quota = common?.quota;
    this.#shared = factory.capacity !== undefined;
    if (!this.#shared) this.#share = 1;
    this.#report = new Reporter(this.options);
    this.#retry = new Retry(this.time, () => this.pump());
    this.loans = new Loans(this.time, this.#report, (slot) => this.giveUp(slot, "leaked"));
    this.#queue = new WaitQueue(this.time, this.options.ageAfter, {
      expired: (waiters, now) => {
        const error = this.#error("WAIT_TIMEOUT", "Cannot acquire: timed out waiting");
        this.#report.timeouts += waiters.length;
        for (const { since } of waiters) this.#report.tell("timedOut", now - since);
        return error;
      },
      aborted: (waiters, now) => {
        this.#report.aborted += waiters.length;
        for (const { since } of waiters) this.#report.tell("aborted", now - since);
      },
    });
    this.sweeper = new Sweeper(this, this.options.maintenance);
    this.#adopt();
    if (this.options.minIdle > 0) this.sweeper.wake(0);
  }

  get waiting(): number {
    return this.#queue.size;
  }

  // Lending

  acquire(o?: AcquireOptions): Promise<Lease<T>> {
    if (o !== undefined && !isPlain(o)) return this.#refuse(o);
    if (!this.#simple) return this.acquireJudged(o);
    const slot = this.idle.pop();
    if (slot === undefined) return this.wait(o);
    // As in #lend, written out because engines inline calls only so deep.
    slot.state = 1;
    slot.uses++;
    if (++this.#leases > this.#peakLeases) this.#peakLeases = this.#leases;
    return Promise.resolve(slot.lease = new Lease<T>(slot));
  }

  acquireJudged(o: AcquireOptions | undefined): Promise<Lease<T>> {
    const slot = this.#take();
    return slot === undefined ? this.wait(o) : Promise.resolve(this.#lend(slot));
  }

  tryAcquire(): Lease<T> | undefined {
    const slot = this.#take();
    return slot === undefined ? undefined : this.#lend(slot);
  }

  #refuse({ timeout, priority, signal }: AcquireOptions): Promise<never> {
    try {
      if (timeout !== undefined) assertOption("timeout", timeout);
      if (priority !== undefined) assertOption("priority", priority);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#report.aborted++;
    this.#report.tell("aborted", 0);
    return Promise.reject(signal!.reason);
  }

  wait(o: AcquireOptions | undefined): Promise<Lease<T>> {
    const queue = this.#queue;
    if (queue.size >= this.#queueLimit) {
      const refusal = this.#full();
      if (refusal !== undefined) return Promise.reject(refusal);
    }
    const lease = queue.wait(o?.timeout ?? this.#acquireTimeout, o);
    if (queue.size > this.#peakWaiting) this.#peakWaiting = queue.size;
    if (this.#observed) this.#report.tell("waiting", queue.size);
    if (this.size < this.#maxSize) this.pump();
    return lease;
  }

  #full(): PoolError | undefined {
    if (this.#closed !== undefined) {
      return this.#error("CLOSED", "Cannot acquire: the pool is closed");
    }
    const coming = this.#creating + this.#checking + Math.max(0, this.#maxSize - this.size);
    if (this.#queue.size < this.#queueLimit + coming) return undefined;
    return this.#error("QUEUE_FULL", "Cannot acquire: the queue is full");
  }

  /** The next slot that may be lent at once. May start the check of one that may not. */
  #take(): Slot<T> | undefined {
    const slot = this.#fifo ? this.idle.shift() : this.idle.pop();
    if (slot === undefined || this.#plain && this.isUsable(slot)) return slot;
    return this.#examine(slot);
  }

  #examine(first: Slot<T>): Slot<T> | undefined {
    let next: Slot<T> | undefined = first;
    for (; next !== undefined; next = this.#fifo ? this.idle.shift() : this.idle.pop()) {
      const slot: Slot<T> = next;
      if (this.#shared) {
        (slot as SharedSlot<T>).queued = false;
        if (slot.state < MARK && !this.#hasRoom(slot)) continue; // full: it comes back by itself
      }
      if (this.timed && leasesOf(slot) === 0) {
        const now = this.time.now();
        if (this.isOld(slot, now)) mark(slot, "lifetime");
        else if (this.idle.length >= this.options.minIdle && this.isStale(slot, now)) {
          mark(slot, "idle");
        } else if (this.isDue(slot, now)) {
          this.check(slot);
          return this.#freshest(now);
        }
      }
      if (slot.state < MARK && this.isUsable(slot)) {
        if (this.#shared) this.#rest(slot, 1);
        return slot;
      }
      this.#settle(slot);
    }
    return undefined;
  }

  /** With `fifo` the oldest may be due for a check while the newest is not. */
  #freshest(now: number): Slot<T> | undefined {
    if (!this.#fifo) return undefined;
    const slot = this.idle.pop();
    if (slot === undefined) return undefined;
    if (!this.isDue(slot, now) && !this.isStale(slot, now)) return this.#examine(slot);
    this.idle.push(slot);
    return undefined;
  }

  #lend(slot: Slot<T>, waiter?: Waiter<T>): Lease<T> {
    slot.state++;
    slot.uses++;
    if (++this.#leases > this.#peakLeases) this.#peakLeases = this.#leases;
    if (this.#tracked) return this.loans.lend(slot, waiter);
    return slot.lease = new Lease<T>(slot);
  }

  /** A created, released or checked slot: to the first waiter, else to the idle ones. */
  #offer(slot: Slot<T>): void {
    const queue = this.#queue;
    if (this.#quota !== undefined && leasesOf(slot) === 0) {
      if (this.#quota.wanted(this, queue.since)) return this.evictOne(slot, "evicted");
    }
    while (queue.size > 0 && (!this.#shared || this.#hasRoom(slot))) {
      const waiter = queue.next();
      queue.settle(waiter, this.#lend(slot, waiter));
      if (!this.#shared) return;
    }
    this.#rest(slot);
  }

  /** Whether a shared slot can carry one more lease than `more`. */
  #hasRoom(slot: Slot<T>, more = 0): boolean {
    if (slot.state >= MARK || slot.uses + more >= this.#maxUses) return false;
    return leasesOf(slot) + more < this.#capacity(slot);
  }

  #capacity(slot: Slot<T>): number {
    try {
      this.#share = Math.min(this.#factory.capacity!(slot.resource), MOST_LEASES);
      return this.#share;
    } catch (error) {
      this.#report.fail(error, "capacity");
      mark(slot, "unusable");
      return 0;
    }
  }

  /** To the idle ones; a shared slot only if it can carry one more lease than `more`. */
  #rest(slot: Slot<T>, more = 0): void {
    if (this.#shared) {
      const shared = slot as SharedSlot<T>;
      if (shared.queued || !this.#hasRoom(slot, more)) return;
      shared.queued = true;
    }
    this.idle.push(slot);
  }

  // Taking back

  giveBack(slot: Slot<T>): void {
    if (this.#simple && slot.state === 1 && this.#queue.size === 0) {
      slot.state = 0;
      this.#leases--;
      this.idle.push(slot);
    } else this.takeBack(slot);
  }

  takeBack(slot: Slot<T>): void {
    const fit = slot.state === 1 && slot.uses < this.#maxUses && this.isUsable(slot);
    if (fit && this.#plain && this.#queue.size > 0) {
      slot.uses++; // from hand to hand, it counts as lent all the time
      const waiter = this.#queue.next();
      this.#queue.settle(waiter, slot.lease = new Lease<T>(slot));
      return;
    }
    slot.state--;
    this.#leases--;
    if (this.timed) slot.since = this.time.now();
    if (fit) this.#offer(slot);
    else this.#settle(slot);
  }

  giveUp(slot: Slot<T>, reason: DestroyReason): void {
    slot.state--;
    this.#leases--;
    mark(slot, reason);
    this.#settle(slot);
  }

  giveAway(slot: Slot<T>): T {
    if (leasesOf(slot) > 1) {
      throw new TypeError(`Cannot detach: the resource has ${leasesOf(slot)} leases`);
    }
    if (slot.index < 0) throw new TypeError("Cannot detach: the resource was destroyed");
    this.#leases--;
    this.#forget(slot);
    this.#report.detached++;
    this.#vacated();
    return slot.resource;
  }

  /** A slot that came back but may not simply be lent again. */
  #settle(slot: Slot<T>): void {
    if (slot.index < 0) return;
    if (reasonOf(slot) === "shrunk" && this.size <= this.options.maxSize) unmark(slot);
    if (slot.uses >= this.#maxUses) mark(slot, "uses");
    if (slot.state < MARK && this.isUsable(slot)) this.#offer(slot);
    else if (leasesOf(slot) === 0) this.destroy(slot, reasonOf(slot)!);
    else this.pump();
  }

  // Judging

  /** Asks the factory; a slot that is not usable, or no longer to be lent, is marked afterwards. */
  isUsable(slot: Slot<T>): boolean {
    if (!this.#judged) return slot.state < MARK;
    try {
      if (!this.#factory.usable!(slot.resource)) mark(slot, "unusable");
    } catch (error) {
      this.#report.fail(error, "usable");
      mark(slot, "unusable");
    }
    return slot.state < MARK;
  }

  isOld(slot: Slot<T>, now: number): boolean {
    return slot.expires !== 0 && now >= slot.expires;
  }

  isStale(slot: Slot<T>, now: number): boolean {
    return now - slot.since >= this.options.idleTimeout;
  }

  isDue(slot: Slot<T>, now: number): boolean {
    return this.#factory.check !== undefined &&
      now - Math.max(slot.since, slot.checked) >= this.options.checkAfter;
  }

  /** Checks a slot that was taken out of the idle ones. */
  check(slot: Slot<T>): void {
    const ended = (): void => {
      this.#attempts.delete(attempt);
      this.#checking--;
    };
    const { checkTimeout } = this.options;
    const attempt = new Attempt<boolean>(
      this.time,
      checkTimeout,
      () => this.#error("CHECK_TIMEOUT", `Cannot check: no answer in ${checkTimeout} ms`),
      {
        done: (good) => {
          ended();
          if (good) slot.checked = this.time.now();
          else mark(slot, "unhealthy");
          this.#settle(slot);
        },
        failed: (error) => {
          ended();
          if (slot.state < MARK) this.#report.fail(error, "check");
          mark(slot, "unhealthy");
          this.#settle(slot);
        },
      },
    );
    this.#checking++;
    this.#attempts.add(attempt);
    attempt.run((signal) => this.#factory.check!(slot.resource, { signal }));
  }

  // Making and ending

  /** Starts what the waiters, the warming and the wanted number of idle ones need. */
  pump(idle = 0): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#closed === undefined) {
      const slot = this.#lacking() ? this.#take() : undefined;
      if (slot !== undefined) this.#offer(slot);
      else if (!this.#lacking() && !this.#wanted(idle) || !this.#create()) break;
    }
    this.#pumping = false;
    if (this.size === 0 && this.#queue.size === 0) this.#quota?.vacant(this);
  }

  /** Whether there are more waiters than resources on their way. */
  #lacking(): boolean {
    const coming = this.#creating + this.#checking;
    return coming === 0 ? this.#queue.size > 0 : this.#queue.size > coming * this.#share;
  }

  #wanted(idle: number): boolean {
    const coming = Math.max(0, this.#checking + this.#creating - this.#queue.size);
    if (this.idle.length + coming < idle) return true;
    return this.#warming.some(({ target }) => this.slots.length + this.#creating < target);
  }

  #create(): boolean {
    if (this.#retry.waiting || this.size >= this.#maxSize) return false;
    if (this.#quota !== undefined && !this.#quota.enter(this)) return false;
    const { createTimeout } = this.options;
    const started = this.time.now();
    const generation = this.#generation;
    const ended = (): void => {
      this.#attempts.delete(attempt);
      this.#creating--;
    };
    const attempt = new Attempt<T>(
      this.time,
      createTimeout,
      () => this.#error("CREATE_TIMEOUT", `Cannot create: no resource in ${createTimeout} ms`),
      {
        done: (resource) => {
          ended();
          this.#created(resource, started, generation);
        },
        failed: (error) => {
          ended();
          this.#createFailed(error);
        },
        late: (resource) => {
          this.#report.destroy("late");
          this.#end(resource, () => {});
        },
      },
    );
    this.#creating++;
    this.#attempts.add(attempt);
    if (++this.size > this.#peakSize) this.#peakSize = this.size;
    attempt.run((signal) => this.#factory.create({ signal }));
    return true;
  }

  #created(resource: T, started: number, generation: number): void {
    const now = this.time.now();
    const slot = this.#shared
      ? new SharedSlot<T>(this, resource, now, this.#expiry(now))
      : new Slot<T>(this, resource, now, this.#expiry(now));
    slot.index = this.slots.push(slot) - 1;
    this.#failure = undefined;
    this.#retry.reset();
    if (generation !== this.#generation) mark(slot, "evicted");
    else if (this.size > this.options.maxSize) mark(slot, "shrunk");
    this.#report.create(now - started);
    this.#settle(slot);
    this.#warming = this.#warming.filter((warming) => {
      if (this.slots.length < warming.target) return true;
      warming.resolve();
      return false;
    });
    this.sweeper.wake();
    this.pump();
  }

  #createFailed(error: unknown): void {
    if (this.#closed === undefined) {
      this.#failure = error;
      this.#retry.failed(this.options, this.#queue.size > 0);
      this.#report.createFailed++;
      this.#report.tell("createFailed", error);
      this.#report.fail(error, "create");
      if (this.#retry.failures > this.options.createRetries) this.#giveIn();
    }
    this.#vacated();
  }

  /** Tells everybody who waits, unless a resource is left that they may get. */
  #giveIn(): void {
    if (this.#creating > 0) return;
    const error = this.#error("CREATE_FAILED", "Cannot create a resource");
    this.#retry.failures = 0;
    for (const warming of this.#warming.splice(0)) warming.reject(error);
    if (this.slots.length === 0) this.#queue.rejectAll(error);
  }

  #expiry(now: number): number {
    const { maxLifetime } = this.options;
    if (maxLifetime === Infinity) return 0;
    return Math.ceil(now + maxLifetime * (1 - LIFETIME_JITTER * Math.random()));
  }

  /** Takes an idle slot out of service, which nobody asked for. */
  evictOne(slot: Slot<T>, reason: DestroyReason): void {
    mark(slot, reason);
    this.#report.tell("evicted", reason);
    this.#settle(slot);
  }

  destroy(slot: Slot<T>, reason: DestroyReason): void {
    mark(slot, reason);
    this.#forget(slot);
    this.#closing++;
    this.#report.destroy(reason);
    this.#end(slot.resource, () => {
      this.#closing--;
      this.#vacated();
    });
  }

  #end(resource: T, ended: () => void): void {
    const { destroyTimeout } = this.options;
    const attempt = new Attempt<void>(
      this.time,
      destroyTimeout,
      () => this.#error("DESTROY_TIMEOUT", `Cannot destroy: no end in ${destroyTimeout} ms`),
      {
        done: ended,
        failed: (error) => {
          this.#report.fail(error, "destroy");
          ended();
        },
      },
    );
    attempt.run(() => this.#factory.destroy(resource));
  }

  #forget(slot: Slot<T>): void {
    if (this.#shared && (slot as SharedSlot<T>).queued) this.idle.filter((other) => other !== slot);
    const last = this.slots.pop()!;
    if (last !== slot) {
      this.slots[slot.index] = last;
      last.index = slot.index;
    }
    slot.index = -1;
    slot.lease = null;
    this.#pastUses += slot.uses;
    if (slot.uses > 0) this.#pastUsed++;
  }

  #vacated(): void {
    this.size--;
    this.#quota?.leave();
    if (this.#closed !== undefined && this.size === 0) this.#drained();
    this.pump();
  }

  // The whole pool

  warm(n: number = this.options.minIdle || this.options.maxSize): Promise<void> {
    if (!Number.isSafeInteger(n) || n < 0) {
      return Promise.reject(
        new RangeError(`Cannot warm: it must be a whole number, current value is ${n}`),
      );
    }
    if (this.#closed !== undefined) {
      return Promise.reject(this.#error("CLOSED", "Cannot warm: the pool is closed"));
    }
    const target = Math.min(n, this.options.maxSize);
    if (this.slots.length >= target) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#warming.push({ target, resolve, reject });
      this.pump();
    });
  }

  evict(): void {
    this.#generation++;
    this.#clear("evicted");
  }

  /**
   * Takes out of the idle ones those that are chosen, the longest unused first. Choosing may run code
   * of the user's that takes or returns some.
   */
  takeIdle(chosen: (slot: Slot<T>) => boolean): Slot<T>[] {
    const wanted = new Set(this.idle.toArray().filter(chosen));
    const taken: Slot<T>[] = [];
    if (wanted.size === 0) return taken;
    this.idle.filter((slot) => {
      if (!wanted.has(slot)) return true;
      if (this.#shared) (slot as SharedSlot<T>).queued = false;
      taken.push(slot);
      return false;
    });
    return taken;
  }

  /** Ends up to `most` idle resources, the longest unused first; gives their number. */
  evictIdle(most: number, reason: DestroyReason): number {
    let left = most;
    const victims = this.takeIdle((slot) => leasesOf(slot) === 0 && left-- > 0);
    for (const slot of victims) this.evictOne(slot, reason);
    return victims.length;
  }

  #clear(reason: DestroyReason): void {
    for (const slot of this.slots) mark(slot, reason);
    for (const slot of this.takeIdle(() => true)) {
      if (leasesOf(slot) > 0) continue;
      this.#report.tell("evicted", reason);
      this.#settle(slot);
    }
  }

  reconfigure(options: PoolOptions): void {
    const before = this.options;
    this.options = resolveOptions(options, before);
    this.#adopt();
    if (before.maxLifetime !== this.options.maxLifetime) {
      const now = this.time.now();
      for (const slot of this.slots) slot.expires = this.#expiry(now);
    }
    for (const slot of this.takeIdle((slot) => slot.uses >= this.#maxUses)) {
      mark(slot, "uses");
      this.#settle(slot);
    }
    const surplus = this.size - this.options.maxSize;
    if (surplus > 0) {
      this.evictIdle(surplus, "shrunk");
      for (const slot of this.slots) if (leasesOf(slot) > 0) mark(slot, "shrunk");
    }
    this.sweeper.restart();
    this.pump();
  }

  /** Copies what the hot path asks for, and what others keep of the options. */
  #adopt(): void {
    const o = this.options;
    const uses = o.observer?.acquired !== undefined || o.observer?.released !== undefined;
    this.#observed = o.observer !== undefined;
    this.#report.options = o;
    this.#queue.ageAfter = o.ageAfter;
    this.#queue.traced = o.leakAfter !== Infinity;
    this.#queue.exact = this.#observed || this.#quota !== undefined;
    this.#fifo = o.order === "fifo";
    this.#maxUses = o.maxUses;
    this.#maxSize = o.maxSize;
    this.#acquireTimeout = o.acquireTimeout;
    this.#queueLimit = this.#closed === undefined ? o.maxWaiting : 0;
    this.#tracked = this.#shared || uses || o.leakAfter !== Infinity;
    this.timed = !this.sweeper.running || this.#factory.check !== undefined;
    this.#plain = !this.timed && !this.#tracked && !this.#observed && this.#quota === undefined;
    this.#judged = this.#factory.usable !== undefined;
    this.#simple = this.#plain && !this.#judged && !this.#fifo && o.maxUses === Infinity;
  }

  maintain(on: boolean): void {
    if (this.#closed !== undefined) return;
    if (on) this.sweeper.start();
    else this.sweeper.stop();
    this.#adopt();
  }

  get stats(): PoolStats {
    const report = this.#report;
    let leased = 0;
    let acquired = this.#pastUses;
    let used = this.#pastUsed;
    for (const slot of this.slots) {
      if (leasesOf(slot) > 0) leased++;
      if (slot.uses > 0) used++;
      acquired += slot.uses;
    }
    return {
      size: this.size,
      idle: this.slots.length - leased - this.#checking,
      leased,
      leases: this.#leases,
      creating: this.#creating,
      checking: this.#checking,
      closing: this.#closing,
      waiting: this.#queue.size,
      totals: { ...report.totals, acquired, reused: acquired - used },
      peak: { size: this.#peakSize, leases: this.#peakLeases, waiting: this.#peakWaiting },
      createTime: report.createTime,
    };
  }

  #error(code: PoolErrorCode, what: string): PoolError {
    const s = this.stats;
    const numbers = `size is ${s.size} of ${this.options.maxSize}, idle ${s.idle}, ` +
      `leased ${s.leased}, creating ${s.creating}, waiting ${s.waiting}`;
    const cause = this.#failure === undefined ? undefined : { cause: this.#failure };
    return new PoolError(code, `${what} (${this.options.name}: ${numbers})`, cause);
  }

  close(signal?: AbortSignal): Promise<void> {
    const closed = this.#closed ?? this.#shut();
    if (signal === undefined) return closed;
    const force = (): void => {
      for (const slot of [...this.slots]) this.destroy(slot, "closed");
    };
    if (signal.aborted) force();
    else {
      signal.addEventListener("abort", force, { once: true });
      closed.then(() => signal.removeEventListener("abort", force));
    }
    return closed;
  }

  #shut(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#queueLimit = 0;
    this.#drained = (): void => {
      this.#drained = (): void => {};
      resolve();
      this.#report.tell("closed");
    };
    this.sweeper.stop();
    this.#retry.reset();
    const error = this.#error("CLOSED", "Cannot acquire: the pool is closed");
    for (const warming of this.#warming.splice(0)) warming.reject(error);
    this.#queue.rejectAll(error);
    this.#queue.stop();
    this.#clear("closed");
    for (const attempt of [...this.#attempts]) attempt.cancel(error);
    if (this.size === 0) this.#drained();
    return promise;
  }
}
