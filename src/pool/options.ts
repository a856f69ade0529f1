import { type Clock, systemClock } from "./clock.ts";
import type { Activity, Observer } from "./observer.ts";
import { poolRules } from "./rules.ts";

/**
 * The limits and habits of a pool. All durations are milliseconds; `Infinity` switches one off. They
 * may be plain data, such as parsed JSON: a name that is not among them is refused.
 *
 * @example
 * ```ts
 * import { Pool, type PoolOptions } from "@x/pool";
 *
 * const options: PoolOptions = JSON.parse('{ "maxSize": 20, "idleTimeout": 60000 }');
 * await using pool = new Pool({ create: () => Promise.resolve({}), destroy: () => {} }, options);
 * ```
 */
export interface PoolOptions {
  /**
   * The pool's name in errors and for observers.
   *
   * @default "pool"
   */
  name?: string;
  /**
   * The most resources at any moment, those being created, checked or closed included.
   *
   * @default 10
   */
  maxSize?: number;
  /**
   * Idle resources that maintenance keeps ready.
   *
   * @default 0
   */
  minIdle?: number;
  /**
   * The most acquires in the queue, beyond those for which a resource is on its way; one more is
   * refused at once.
   *
   * @default Infinity
   */
  maxWaiting?: number;
  /**
   * How often a resource may be lent.
   *
   * @default Infinity
   */
  maxUses?: number;
  /**
   * How long a resource may be idle. A pool without `check` looks at use in steps of
   * `maintenanceInterval`, so that a resource may go that much earlier, never later.
   *
   * @default 300_000
   */
  idleTimeout?: number;
  /**
   * How old a resource may grow, less up to 2.5 % that is rolled once for each. One in use is
   * destroyed when it comes back.
   *
   * @default 1_800_000
   */
  maxLifetime?: number;
  /**
   * How long an acquire may wait.
   *
   * @default 30_000
   */
  acquireTimeout?: number;
  /**
   * How long a creation may take.
   *
   * @default 10_000
   */
  createTimeout?: number;
  /**
   * How long a check may take.
   *
   * @default 5_000
   */
  checkTimeout?: number;
  /**
   * How long the end of a resource may take before its place is given away.
   *
   * @default 5_000
   */
  destroyTimeout?: number;
  /**
   * A resource that was neither used nor checked for longer is checked before it is lent; 0 checks
   * always.
   *
   * @default 500
   */
  checkAfter?: number;
  /**
   * A lease held longer is reported with the stack of its acquire. Recording stacks costs about
   * 1 µs for each acquire.
   *
   * @default Infinity
   */
  leakAfter?: number;
  /**
   * Which idle resource is lent: the last used one, so that the pool can shrink, or the one unused
   * for longest, so that all are used alike.
   *
   * @default "lifo"
   */
  order?: "lifo" | "fifo";
  /**
   * After how long a waiter counts as one priority higher.
   *
   * @default 1_000
   */
  ageAfter?: number;
  /**
   * How often a failed creation is tried again before everybody who waits is told, if no resource
   * is left that they could wait for. One that the factory's `retryable` says no to is not.
   *
   * @default 3
   */
  createRetries?: number;
  /**
   * The pause after a first failed creation; it doubles each time, give or take 10 %.
   *
   * @default 100
   */
  createRetryDelay?: number;
  /**
   * The longest pause between creations.
   *
   * @default 5_000
   */
  createRetryMaxDelay?: number;
  /**
   * How often maintenance looks at the pool while it has resources or `minIdle`.
   *
   * @default an eighth of `idleTimeout` or `maxLifetime`, a quarter of `leakAfter`, or 30_000,
   * whichever is least
   */
  maintenanceInterval?: number;
  /**
   * Whether maintenance runs. Without it the clock is read at each acquire instead.
   *
   * @default true
   */
  maintenance?: boolean;
  /** Sees what the pool does. */
  observer?: Observer;
  /** Gets the errors that no caller can be given. */
  onError?: (error: unknown, during: Activity) => void;
  /**
   * The pool's time, for tests.
   *
   * @default the platform's
   */
  clock?: Clock;
}

/** Options with every default filled in. */
export type ResolvedOptions =
  & Required<Omit<PoolOptions, "observer" | "onError" | "maintenanceInterval">>
  & Pick<PoolOptions, "observer" | "onError" | "maintenanceInterval">;

/** What a pool does unless told otherwise. */
export const defaults: ResolvedOptions = {
  name: "pool",
  maxSize: 10,
  minIdle: 0,
  maxWaiting: Infinity,
  maxUses: Infinity,
  idleTimeout: 300_000,
  maxLifetime: 1_800_000,
  acquireTimeout: 30_000,
  createTimeout: 10_000,
  checkTimeout: 5_000,
  destroyTimeout: 5_000,
  checkAfter: 500,
  leakAfter: Infinity,
  order: "lifo",
  ageAfter: 1_000,
  createRetries: 3,
  createRetryDelay: 100,
  createRetryMaxDelay: 5_000,
  maintenance: true,
  clock: systemClock,
};

/** What is given: an option that is undefined counts as left out. */
export function defined<T extends object>(options: T): T {
  const given: Partial<T> = {};
  for (const name in options) if (options[name] !== undefined) given[name] = options[name];
  return given as T;
}

/**
 * Fills in and checks options; an `undefined` one keeps what `base` has.
 *
 * @throws {TypeError | RangeError} naming the option and the value
 */
export function resolveOptions(
  options: PoolOptions,
  base: ResolvedOptions = defaults,
): ResolvedOptions {
  const all: ResolvedOptions = { ...base, ...defined(options) };
  for (const [name, rule] of Object.entries(poolRules)) {
    const value = all[name as keyof PoolOptions];
    if (value !== undefined) rule(name, value);
  }
  if (all.minIdle > all.maxSize) {
    throw new RangeError(
      `Cannot use minIdle: it must be at most maxSize ${all.maxSize}, current value is ${all.minIdle}`,
    );
  }
  return all;
}

/**
 * Refuses what would change an option that a pool keeps as it was made with it.
 *
 * @throws {TypeError} naming the option
 */
export function assertKept<T extends object>(options: T, ...names: (keyof T & string)[]): void {
  const name = names.find((name) => options[name] !== undefined);
  if (name === undefined) return;
  throw new TypeError(`Cannot reconfigure ${name}: a pool keeps the one that it was made with`);
}

/** The time between two looks of maintenance. */
export function sweepInterval(o: ResolvedOptions): number {
  const { idleTimeout, maxLifetime, leakAfter } = o;
  const least = Math.min(idleTimeout / 8, maxLifetime / 8, leakAfter / 4, 30_000);
  return o.maintenanceInterval ?? Math.max(1, Math.ceil(least));
}
