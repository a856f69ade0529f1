import type { Lender } from "./lender.ts";
import type { DestroyReason } from "./observer.ts";
import { sweepInterval } from "./options.ts";
import { leasesOf, mark, type Slot } from "./slot.ts";

/**
 * Looks at all slots now and then, so that neither acquire nor release reads a clock: what changed
 * since the last look was in use, the rest was not.
 */
export class Sweeper<T> {
  readonly #lender: Lender<T>;
  #timer: unknown;
  #last: number;
  running: boolean;

  constructor(lender: Lender<T>, running: boolean) {
    this.#lender = lender;
    this.#last = lender.time.now();
    this.running = running;
  }

  start(): void {
    this.running = true;
    this.wake(0);
  }

  stop(): void {
    this.running = false;
    this.#cancel();
  }

  /** Looks after `delay` ms at the latest, if there is anything to look after. */
  wake(delay: number = sweepInterval(this.#lender.options)): void {
    if (!this.running || this.#timer !== undefined) return;
    if (this.#lender.slots.length === 0 && this.#lender.options.minIdle === 0) return;
    this.#timer = this.#lender.time.after(Math.max(delay, 1), () => {
      this.#timer = undefined;
      this.wake(this.sweep());
    });
  }

  /** Looks again soon, because the options changed. */
  restart(): void {
    this.#cancel();
    this.wake(0);
  }

  /** One look; the result says in how many ms the next is due. */
  sweep(): number {
    const lender = this.#lender;
    const { options, time } = lender;
    const interval = sweepInterval(options);
    const now = time.now();
    const before = Math.max(this.#last, now - interval);
    this.#last = now;
    let next = interval;
    for (const slot of lender.slots) {
      if (leasesOf(slot) > 0) this.#lookAtLeased(slot, now);
      else if (slot.seen !== slot.uses && !lender.timed) slot.since = before;
      slot.seen = slot.uses;
      if (slot.expires > now) next = Math.min(next, slot.expires - now);
    }
    const reasons = new Map<Slot<T>, DestroyReason | "due">();
    let checks = Math.ceil(lender.idle.length / 2);
    let spare = lender.idle.length - options.minIdle;
    const taken = lender.takeIdle((slot) => {
      if (leasesOf(slot) > 0) return false;
      const reason = lender.isOld(slot, now)
        ? "lifetime"
        : spare > 0 && lender.isStale(slot, now)
        ? "idle"
        : !lender.isUsable(slot)
        ? "unusable"
        : undefined;
      if (reason !== undefined) {
        spare--;
        reasons.set(slot, reason);
      } else if (checks > 0 && lender.isDue(slot, now)) {
        checks--;
        reasons.set(slot, "due");
      } else if (spare > 0) {
        next = Math.min(next, slot.since + options.idleTimeout - now);
      }
      return reasons.has(slot);
    });
    for (const slot of taken) {
      const reason = reasons.get(slot)!;
      if (reason === "due") lender.check(slot);
      else lender.evictOne(slot, reason);
    }
    lender.loans.sweep(now);
    lender.pump(options.minIdle);
    return next;
  }

  #lookAtLeased(slot: Slot<T>, now: number): void {
    slot.since = now;
    if (slot.seen === slot.uses) this.#lender.loans.watch(slot);
    if (this.#lender.isOld(slot, now)) mark(slot, "lifetime");
  }

  #cancel(): void {
    this.#lender.time.cancel(this.#timer);
    this.#timer = undefined;
  }
}
