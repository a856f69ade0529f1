import { Lease } from "./lease.ts";
import { Loans } from "./loans.ts";
import type { DestroyReason } from "./observer.ts";
import type { PoolOptions } from "./options.ts";
import type { PoolError } from "./error.ts";
import { isPlain, WaitQueue } from "./queue.ts";
import { assertOptions, limit, useRules } from "./rules.ts";
import { leasesOf, MARK, mark, reasonOf, type SharedSlot, type Slot, unmark } from "./slot.ts";
import { type Common, Stock } from "./stock.ts";
import { Sweeper } from "./sweeper.ts";
import type { AcquireOptions, Factory } from "./types.ts";
import type { Waiter } from "./waiter.ts";

const MOST_LEASES = MARK - 1;
const isLimit = limit(0);

/** How the resources of a pool are lent: at once, from hand to hand, or in turn to those who wait. */
export abstract class Lender<T> extends Stock<T> {
  readonly loans: Loans<T>;
  readonly sweeper: Sweeper<T>;
  protected readonly queue: WaitQueue<T>;
  #share: number; // leases that the next resource is thought to carry
  #plain = false; // neither time, nor observer, nor sharing, nor a limit over pools
  #simple = false; // plain, not judged, last in, first out, for any number of uses
  #tracked = false;
  #observed = false;
  #limited = false;
  #fifo = false;
  #maxUses = Infinity;
  #maxSize = 0;
  #queueLimit = 0;
  #acquireTimeout = 0;
  #pumping = false;
  #hopeless = false; // the last creations have failed, retries included

  constructor(factory: Factory<T>, options: PoolOptions, common?: Common<T>) {
    super(factory, options, common);
    this.#share = this.shared ? Infinity : 1;
    this.loans = new Loans(this.time, this.report, (slot) => this.giveUp(slot, "leaked"));
    this.queue = new WaitQueue(this.time, this.options.ageAfter, {
      expiry: () => this.error("WAIT_TIMEOUT", "Cannot acquire: timed out waiting"),
      left: (how, waiters, now) => this.report.left(how, waiters, now),
    });
    this.sweeper = new Sweeper(this, this.options.maintenance);
    this.adopt();
    if (this.options.minIdle > 0) this.sweeper.wake(0);
  }

  get waiting(): number {
    return this.queue.size;
  }

  acquire(o?: AcquireOptions): Promise<Lease<T>> {
    if (o !== undefined && !isPlain(o)) return this.#refuse(o);
    if (!this.#simple) return this.acquireJudged(o);
    const slot = this.idle.pop();
    if (slot === undefined) return this.wait(o);
    // As in #lend, written out because engines inline calls only so deep.
    slot.state = 1;
    slot.uses++;
    if (++this.leases > this.peakLeases) this.peakLeases = this.leases;
    return Promise.resolve(slot.lease = new Lease<T>(slot));
  }

  acquireJudged(o: AcquireOptions | undefined): Promise<Lease<T>> {
    const slot = this.#take();
    if (slot === undefined) return this.wait(o);
    if (this.queue.size === 0) return Promise.resolve(this.#lend(slot));
    // Others wait for a check or a creation that is under way: whose turn it is gets this one.
    const lease = this.queue.wait(o?.timeout ?? this.#acquireTimeout, o);
    this.offer(slot, true);
    return lease;
  }

  tryAcquire(): Lease<T> | undefined {
    for (;;) {
      const slot = this.#take();
      if (slot === undefined) return undefined;
      if (this.queue.size === 0) return this.#lend(slot);
      this.offer(slot, true);
    }
  }

  #refuse(o: AcquireOptions): Promise<never> {
    try {
      assertOptions("an acquire", o, useRules);
    } catch (error) {
      return Promise.reject(error);
    }
    this.report.aborted++;
    this.report.tell("aborted", 0);
    return Promise.reject(o.signal!.reason);
  }

  wait(o: AcquireOptions | undefined): Promise<Lease<T>> {
    const queue = this.queue;
    if (queue.size >= this.#queueLimit) {
      const refusal = this.#full();
      if (refusal !== undefined) return Promise.reject(refusal);
    }
    const lease = queue.wait(o?.timeout ?? this.#acquireTimeout, o);
    if (queue.size > this.peakWaiting) this.peakWaiting = queue.size;
    if (this.#observed) this.report.tell("waiting", queue.size);
    if (this.size < this.#maxSize) this.pump();
    return lease;
  }

  #full(): PoolError | undefined {
    if (this.closed) {
      return this.error("CLOSED", "Cannot acquire: the pool is closed");
    }
    const coming = this.creating + this.checking + Math.max(0, this.#maxSize - this.size);
    if (this.queue.size < this.#queueLimit + coming) return undefined;
    return this.error("QUEUE_FULL", "Cannot acquire: the queue is full");
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
      if (this.shared) {
        (slot as SharedSlot<T>).queued = false;
        if (this.#isLost(slot)) continue;
        const full = slot.state < MARK && !this.carries(slot);
        if (full && slot.state < MARK) continue; // it comes back by itself
        if ((slot as SharedSlot<T>).queued) continue; // it has come back meanwhile
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
        if (this.shared) this.#rest(slot);
        return slot;
      }
      this.settle(slot);
    }
    return undefined;
  }

  /** With `fifo` the oldest may be due for a check while the newest is not. */
  #freshest(now: number): Slot<T> | undefined {
    if (!this.#fifo) return undefined;
    let slot = this.idle.pop();
    while (slot !== undefined && this.#isLost(slot)) slot = this.idle.pop();
    if (slot === undefined) return undefined;
    if (!this.isDue(slot, now) && !this.isStale(slot, now)) return this.#examine(slot);
    this.idle.push(slot);
    return undefined;
  }

  /** Whether it was destroyed while it stood among the idle ones, as a shared one may be. */
  #isLost(slot: Slot<T>): boolean {
    if (slot.index >= 0) return false;
    this.idle.found();
    return true;
  }

  #lend(slot: Slot<T>, waiter?: Waiter<T>): Lease<T> {
    slot.state++;
    slot.uses++;
    if (++this.leases > this.peakLeases) this.peakLeases = this.leases;
    if (this.#tracked) return this.loans.lend(slot, waiter);
    return slot.lease = new Lease<T>(slot);
  }

  protected offer(slot: Slot<T>, roomy = false): void {
    const queue = this.queue;
    if (this.#limited && leasesOf(slot) === 0) {
      if (this.quota!.wanted(this, queue.since)) return this.evictOne(slot, "evicted");
    }
    for (let room = roomy; queue.size > 0 && (room || this.carries(slot)); room = false) {
      if (queue.size === 0) break; // the question emptied it
      const waiter = queue.next();
      queue.settle(waiter, this.#lend(slot, waiter));
      if (this.#tracked) this.loans.served(waiter);
      if (!this.shared) return;
    }
    if (slot.state >= MARK) return this.settle(slot); // as its capacity was asked for
    this.#rest(slot);
    if (queue.size > 0) this.pump(); // it carries fewer than was thought
  }

  protected carries(slot: Slot<T>): boolean {
    if (!this.shared) return true;
    if (slot.state >= MARK || slot.uses >= this.#maxUses) return false;
    const capacity = this.#capacity(slot); // which runs code of the user's, that may end leases
    return slot.state < MARK && leasesOf(slot) < capacity;
  }

  #capacity(slot: Slot<T>): number {
    let capacity = 0;
    try {
      const answer = this.factory.capacity!(slot.resource);
      isLimit("capacity", answer);
      capacity = Math.min(answer, MOST_LEASES);
    } catch (error) {
      this.report.fail(error, "capacity");
      mark(slot, "unusable");
      return 0;
    }
    // One that cannot even carry the first would wait for ever for a lease to end.
    if (capacity === 0 && leasesOf(slot) === 0) mark(slot, "unusable");
    this.#share = Math.max(1, capacity);
    return capacity;
  }

  /** To the idle ones, where a shared slot stands until it is found to be full. */
  #rest(slot: Slot<T>): void {
    if (this.shared) {
      const shared = slot as SharedSlot<T>;
      if (shared.queued) return;
      shared.queued = true;
    }
    this.idle.push(slot);
  }

  giveBack(slot: Slot<T>): void {
    if (this.#simple && slot.state === 1 && this.queue.size === 0) {
      slot.state = 0;
      this.leases--;
      this.idle.push(slot);
    } else this.takeBack(slot);
  }

  takeBack(slot: Slot<T>): void {
    const wanted = this.queue.size > 0;
    const fit = slot.state === 1 && slot.uses < this.#maxUses && this.isUsable(slot, !wanted);
    if (fit && this.#plain && wanted) {
      slot.uses++; // from hand to hand, it counts as lent all the time
      const waiter = this.queue.next();
      this.queue.settle(waiter, slot.lease = new Lease<T>(slot));
      return;
    }
    slot.state--;
    this.leases--;
    if (this.timed) slot.since = this.time.now();
    if (fit) this.offer(slot);
    else this.settle(slot);
  }

  giveUp(slot: Slot<T>, reason: DestroyReason): void {
    slot.state--;
    this.leases--;
    mark(slot, reason);
    this.settle(slot);
  }

  giveAway(slot: Slot<T>): T {
    if (leasesOf(slot) > 1) {
      throw new TypeError(`Cannot detach: the resource has ${leasesOf(slot)} leases`);
    }
    if (slot.index < 0) throw new TypeError("Cannot detach: the resource was destroyed");
    this.leases--;
    this.forget(slot);
    this.report.detached++;
    this.vacated();
    return slot.resource;
  }

  /** A slot that came back but may not simply be lent again. */
  protected settle(slot: Slot<T>): void {
    if (slot.index < 0) return;
    if (reasonOf(slot) === "shrunk" && this.size <= this.options.maxSize) unmark(slot);
    if (slot.uses >= this.#maxUses) mark(slot, "uses");
    if (slot.state < MARK && this.isUsable(slot)) this.offer(slot);
    else if (leasesOf(slot) === 0) this.destroy(slot, reasonOf(slot)!);
    else this.pump();
  }

  pump(idle = 0): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.closed) {
      const slot = this.#lacking() ? this.#take() : undefined;
      if (slot !== undefined) this.offer(slot, true);
      else if (!this.#lacking() && !this.#wanted(idle) || !this.create()) break;
    }
    this.#pumping = false;
    if (this.quota !== undefined && this.vacant) this.quota.vacant(this);
  }

  /** Whether it has nothing, nobody waits, and its upkeep makes nothing either, or cannot. */
  get vacant(): boolean {
    return this.size === 0 && this.queue.size === 0 &&
      !this.#wanted(this.sweeper.running && !this.#hopeless ? this.options.minIdle : 0);
  }

  /** Whether there are more waiters than resources on their way. */
  #lacking(): boolean {
    const coming = this.creating + this.checking;
    return coming === 0 ? this.queue.size > 0 : this.queue.size > coming * this.#share;
  }

  #wanted(idle: number): boolean {
    const coming = Math.max(0, this.checking + this.creating - this.queue.size);
    return this.idle.length + coming < idle ||
      this.slots.length + this.creating < this.warming.target;
  }

  protected grown(): void {
    this.#hopeless = false;
    this.sweeper.wake();
  }

  protected desert(error: PoolError): void {
    this.#hopeless = true;
    this.queue.rejectAll(error);
  }

  /** Copies what the hot path asks for, and what others keep of the options. */
  protected adopt(): void {
    const o = this.options;
    const uses = o.observer?.acquired !== undefined || o.observer?.released !== undefined;
    this.#observed = o.observer !== undefined;
    this.report.options = o;
    this.queue.ageAfter = o.ageAfter;
    this.queue.traced = o.leakAfter !== Infinity;
    this.#limited = this.quota !== undefined && this.quota.max !== Infinity;
    this.queue.exact = this.#observed || this.#limited;
    this.#fifo = o.order === "fifo";
    this.#maxUses = o.maxUses;
    this.#maxSize = o.maxSize;
    this.#acquireTimeout = o.acquireTimeout;
    this.#queueLimit = !this.closed ? o.maxWaiting : 0;
    this.#tracked = this.shared || uses || o.leakAfter !== Infinity;
    this.timed = !this.sweeper.running || this.factory.check !== undefined;
    this.#plain = !this.timed && !this.#tracked && !this.#observed && !this.#limited;
    this.#simple = this.#plain && this.factory.usable === undefined && !this.#fifo &&
      o.maxUses === Infinity;
  }
}
