import type { Lease } from "./lease.ts";
import type { SignalGroup } from "./signals.ts";

/** The function that settles a waiter's promise. */
export type Resolve<T> = (lease: Lease<T> | PromiseLike<Lease<T>>) => void;

/**
 * One queued acquire. Whoever settles it takes its `resolve`; the queue drops a waiter
 * without one when it comes across it.
 */
export class Waiter<T> {
  /** When it was queued; 0 while nobody has read the clock for it. */
  since = 0;
  /** Where it was queued, if leases are traced; no waiter pays for it otherwise. */
  declare site?: Error;
  group: SignalGroup<T> | null = null;

  /** `deadline` is the time allowed until `since` is known; -1 means none. */
  constructor(public resolve: Resolve<T> | null, readonly level: number, public deadline: number) {}
}

/** Remembers who acquires. */
export const acquireSite = (): Error => new Error("the lease was acquired here");
