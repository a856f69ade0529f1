import type { Core } from "./core.ts";
import type { DestroyReason } from "./observer.ts";
import { sweepInterval } from "./options.ts";
import { leasesOf, mark, type Slot } from "./slot.ts";

/**
 * Looks at all slots now and then, so that neither acquire nor release reads a clock: what changed
 * since the last look was in use, the rest was not.
 */
export class Sweeper<T> {
  readonly #core: Core<T>;
  #timer: unknown;
  #last: number;
  running: boolean;

  constructor(core: Core<T>, running: boolean) {
    this.#core = core;
    this.#last = core.time.now();
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
  wake(delay: number = sweepInterval(this.#core.options)): void {
    if (!this.running || this.#timer !== undefined) return;
    if (this.#core.slots.length === 0 && this.#core.options.minIdle === 0) return;
    this.#timer = this.#core.time.after(Math.max(delay, 1), () => {
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
    const core = this.#core;
    const { options, time } = core;
    const interval = sweepInterval(options);
    const now = time.now();
    const before = Math.max(this.#last, now - interval);
    this.#last = now;
    let next = interval;
    for (const slot of core.slots) {
      if (leasesOf(slot) > 0) this.#lookAtLeased(slot, now);
      else if (slot.seen !== slot.uses && !core.timed) slot.since = before;
      slot.seen = slot.uses;
      if (slot.expires > now) next = Math.min(next, slot.expires - now);
    }
    const reasons = new Map<Slot<T>, DestroyReason | "due">();
    let checks = Math.ceil(core.idle.length / 2);
    let spare = core.idle.length - options.minIdle;
    const taken = core.takeIdle((slot) => {
      if (leasesOf(slot) > 0) return false;
      const reason = core.isOld(slot, now)
        ? "lifetime"
        : spare > 0 && core.isStale(slot, now)
        ? "idle"
        : !core.isUsable(slot)
        ? "unusable"
        : undefined;
      if (reason !== undefined) {
        spare--;
        reasons.set(slot, reason);
      } else if (checks > 0 && core.isDue(slot, now)) {
        checks--;
        reasons.set(slot, "due");
      } else if (spare > 0) {
        next = Math.min(next, slot.since + options.idleTimeout - now);
      }
      return reasons.has(slot);
    });
    for (const slot of taken) {
      const reason = reasons.get(slot)!;
      if (reason === "due") core.check(slot);
      else core.evictOne(slot, reason);
    }
    core.loans.sweep(now);
    core.pump(options.minIdle);
    return next;
  }

  #lookAtLeased(slot: Slot<T>, now: number): void {
    slot.since = now;
    if (slot.seen === slot.uses) this.#core.loans.watch(slot);
    if (this.#core.isOld(slot, now)) mark(slot, "lifetime");
  }

  #cancel(): void {
    this.#core.time.cancel(this.#timer);
    this.#timer = undefined;
  }
}
