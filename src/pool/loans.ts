import type { Time } from "./clock.ts";
import { Lease, type LeaseSource } from "./lease.ts";
import type { Reporter } from "./report.ts";
import { leasesOf, type Slot } from "./slot.ts";
import { acquireSite, type Waiter } from "./waiter.ts";

/** A lease whose beginning was recorded. */
class Loan<T> implements LeaseSource<T> {
  open = true;
  reported = false;

  constructor(
    readonly loans: Loans<T>,
    readonly slot: Slot<T>,
    readonly since: number,
    readonly site: Error | undefined,
  ) {}

  get resource(): T {
    return this.slot.resource;
  }

  release(): void {
    this.loans.end(this);
    this.slot.release();
  }

  discard(): void {
    this.loans.end(this);
    this.slot.discard();
  }

  detach(): T {
    const resource = this.slot.detach();
    this.loans.end(this);
    return resource;
  }
}

/** A plain lease, told from later ones of its slot by the slot's use count. */
interface Watch<T> {
  readonly slot: Slot<T>;
  readonly uses: number;
}

/** Finds leases that nobody gives back. */
export class Loans<T> {
  readonly #time: Time;
  readonly #report: Reporter;
  readonly #out: Set<Loan<T>> = new Set();
  readonly #registry: FinalizationRegistry<Loan<T> | Watch<T>>;

  constructor(time: Time, report: Reporter, collected: (slot: Slot<T>) => void) {
    this.#time = time;
    this.#report = report;
    this.#registry = new FinalizationRegistry((lost) => {
      const { slot } = lost;
      if (lost instanceof Loan) {
        if (!lost.open) return;
        this.end(lost);
        report.leak({
          how: "collected",
          heldMs: time.now() - lost.since,
          stack: lost.site?.stack,
        });
      } else {
        if (slot.uses !== lost.uses || leasesOf(slot) === 0) return;
        report.leak({ how: "collected" });
      }
      collected(slot);
    });
  }

  /** A lease with its time and, where leaks are looked for, its stack. */
  lend(slot: Slot<T>, waiter: Waiter<T> | undefined): Lease<T> {
    const now = this.#time.now();
    const traced = this.#report.options.leakAfter !== Infinity;
    const site = traced ? waiter?.site ?? acquireSite() : undefined;
    const loan = new Loan(this, slot, now, site);
    if (site !== undefined) this.#out.add(loan);
    const lease = new Lease<T>(loan);
    this.#registry.register(lease, loan);
    if (waiter === undefined) this.#report.tell("acquired", 0);
    return lease;
  }

  /** Tells of a lease, once whoever waited for it has it: the observer may use the pool. */
  served(waiter: Waiter<T>): void {
    this.#report.tell("acquired", this.#time.now() - waiter.since);
  }

  end(loan: Loan<T>): void {
    loan.open = false;
    this.#out.delete(loan);
    this.#report.tell("released", this.#time.now() - loan.since);
  }

  /** Watches a plain lease from now on; only seldom used ones are worth the price. */
  watch(slot: Slot<T>): void {
    if (slot.lease === null) return;
    this.#registry.register(slot.lease, { slot, uses: slot.uses });
    slot.lease = null;
  }

  /** Reports what is held too long, once each. */
  sweep(now: number): void {
    for (const loan of this.#out) {
      const heldMs = now - loan.since;
      if (loan.reported || heldMs < this.#report.options.leakAfter) continue;
      loan.reported = true;
      this.#report.leak({ how: "held", heldMs, stack: loan.site?.stack });
    }
  }
}
