import type { DestroyReason } from "./observer.ts";

/**
 * Makes, judges and ends the resources of a pool. Only `create` and `destroy` are required.
 *
 * @example
 * ```ts
 * import type { Factory } from "@x/pool";
 *
 * const counters: Factory<{ n: number }> = {
 *   create: () => Promise.resolve({ n: 0 }),
 *   destroy: () => {},
 * };
 * console.log(await counters.create({ signal: new AbortController().signal }));
 * ```
 */
export interface Factory<T> {
  /**
   * Makes one resource. The signal is the pool's: it aborts at `createTimeout` and when the pool
   * closes, never because one caller went away.
   */
  create(o: { signal: AbortSignal }): Promise<T>;
  /**
   * Whether what made a creation fail may be over next time. `false` spares those who wait the
   * retries; without it, every failure is tried again.
   */
  retryable?(error: unknown): boolean;
  /** Ends one resource. Called once for each resource that the pool owns. */
  destroy(resource: T): void | Promise<void>;
  /**
   * Whether the resource may be lent. Asked at acquire, at release and by maintenance.
   *
   * @param toIdle it comes back and nobody waits: what costs much may be left to its next acquire
   */
  usable?(resource: T, toIdle: boolean): boolean;
  /** Proves a resource that was idle longer than `checkAfter`; `false` or a throw destroys it. */
  check?(resource: T, o: { signal: AbortSignal }): Promise<boolean>;
  /**
   * How many leases the resource can carry at once, at most 65,535; without it, one. It may change
   * while they are out. A resource that can carry none while it has none is not usable.
   */
  capacity?(resource: T): number;
}

/** Who is served first. A waiter moves up one step each `ageAfter`, so that nobody starves. */
export type Priority = "critical" | "high" | "normal" | "low";

/** What one acquire may ask for. */
export interface AcquireOptions {
  /** Gives up when it aborts; the acquire rejects with `signal.reason` itself. */
  signal?: AbortSignal;
  /**
   * Milliseconds to wait at most; `Infinity` waits for ever.
   *
   * @default the pool's `acquireTimeout`
   */
  timeout?: number;
  /**
   * Rank among the waiters.
   *
   * @default "normal"
   */
  priority?: Priority;
}

/** What `use` may ask for, beyond what an acquire may. */
export interface UseOptions extends AcquireOptions {
  /**
   * Whether a throw of the function destroys the resource; a function decides by the error.
   *
   * @default true
   */
  discardOnError?: boolean | ((error: unknown) => boolean);
}

/** How long something took, in milliseconds: a mean that is right from its first sample on. */
export interface Timing {
  /** How many samples there were. */
  readonly count: number;
  /** Their arithmetic mean, 0 without a sample. */
  readonly mean: number;
  /** The largest one, 0 without a sample. */
  readonly max: number;
}

/** What happened since the pool was made. */
export interface PoolTotals {
  /** Leases given. */
  readonly acquired: number;
  /** Leases given on a resource that had been lent before. */
  readonly reused: number;
  /** Resources created. */
  readonly created: number;
  /** Creations that failed or timed out. */
  readonly createFailed: number;
  /** Resources handed over to a caller by `detach`. */
  readonly detached: number;
  /** Resources destroyed, by reason. */
  readonly destroyed: Readonly<Record<DestroyReason, number>>;
  /** Acquires that timed out. */
  readonly timeouts: number;
  /** Acquires whose caller went away. */
  readonly aborted: number;
  /** Leases found leaked. */
  readonly leaked: number;
  /** Errors given to `onError`. */
  readonly errors: number;
}

/** A picture of a pool: numbers of resources now, and what happened so far. */
export interface PoolStats {
  /** All that counts against `maxSize`: idle, leased, creating, checking and closing. */
  readonly size: number;
  /** Resources that nobody uses and that can be lent. */
  readonly idle: number;
  /** Resources with at least one lease. */
  readonly leased: number;
  /** Leases out; more than `leased` only where resources are shared. */
  readonly leases: number;
  /** Creations under way. */
  readonly creating: number;
  /** Idle resources being checked. */
  readonly checking: number;
  /** Resources being destroyed. */
  readonly closing: number;
  /** Acquires in the queue. */
  readonly waiting: number;
  /** What happened since the pool was made. */
  readonly totals: PoolTotals;
  /** The largest values seen. */
  readonly peak: { readonly size: number; readonly leases: number; readonly waiting: number };
  /** How long successful creations took. */
  readonly createTime: Timing;
}
