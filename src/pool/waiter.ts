import type { Lease } from "./lease.ts";
import type { SignalGroup } from "./signals.ts";

/**
 * What a waiter that gets no lease is settled with. Keeping only `resolve` of each promise saves a
 * quarter of a waiter's memory, and unlike a rejected promise this one is never taken for unhandled,
 * which costs some engines time in proportion to all others.
 */
export class Refusal<T> implements PromiseLike<T> {
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  then<A, B>(
    _: unknown,
    reject?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    reject?.(this.#error);
    return this as PromiseLike<never>;
  }
}

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
