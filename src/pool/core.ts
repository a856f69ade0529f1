import { Lender } from "./lender.ts";
import type { DestroyReason } from "./observer.ts";
import type { ResolvedOptions } from "./options.ts";
import { leasesOf, mark } from "./slot.ts";

/** What is done to all resources of a pool. */
export class Core<T> extends Lender<T> {
  #closing: PromiseWithResolvers<void> | undefined;

  reconfigure(options: ResolvedOptions): void {
    const before = this.options;
    this.options = options;
    if (before.maintenance !== options.maintenance) this.maintain(options.maintenance);
    this.adopt();
    if (before.maxLifetime !== this.options.maxLifetime) {
      const now = this.time.now();
      for (const slot of this.slots) slot.expires = this.expiry(now);
    }
    for (const slot of this.takeIdle((slot) => slot.uses >= options.maxUses)) this.settle(slot);
    const surplus = this.size - this.options.maxSize;
    if (surplus > 0) {
      this.evictIdle(surplus, "shrunk");
      for (const slot of this.slots) if (leasesOf(slot) > 0) mark(slot, "shrunk");
    }
    this.sweeper.restart();
    this.pump();
  }

  /** Ends everything that exists now: idle ones at once, others when they come back. */
  evict(reason: DestroyReason = "evicted"): void {
    this.generation++;
    for (const slot of this.slots) mark(slot, reason);
    for (const slot of this.takeIdle(() => true)) {
      if (leasesOf(slot) === 0) this.evictOne(slot, reason);
    }
  }

  maintain(on: boolean): void {
    if (this.closed) return;
    this.options.maintenance = on; // for a reconfigure that leaves it out
    if (on) this.sweeper.start();
    else this.sweeper.stop();
    this.adopt();
  }

  /** Ends what is still lent of a closed pool. */
  force(): void {
    for (const slot of [...this.slots]) this.destroy(slot, "closed");
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers();
    this.closed = true;
    this.adopt();
    this.sweeper.stop();
    this.retry.reset();
    const error = this.error("CLOSED", "Cannot acquire: the pool is closed");
    this.warming.fail(error);
    this.queue.rejectAll(error);
    this.queue.stop();
    if (this.size === 0) this.drained();
    this.evict("closed");
    this.attempts.cancel(error);
    return this.#closing.promise;
  }

  protected drained(): void {
    this.#closing!.resolve();
    this.report.tell("closed");
  }
}
