import { Core } from "./core.ts";
import { draining } from "./draining.ts";
import type { Lease } from "./lease.ts";
import { assertKept, type PoolOptions, resolveOptions } from "./options.ts";
import { assertOptions, closeRules, poolRules } from "./rules.ts";
import type { AcquireOptions, Factory, PoolStats, UseOptions } from "./types.ts";
import { misuse, useLease } from "./use.ts";

/**
 * A pool of resources that are costly to make: it makes them when they are needed, lends each to one
 * caller at a time (or to as many as `capacity` says), and ends them when they are old, idle or bad.
 *
 * @example
 * ```ts
 * import { Pool } from "@x/pool";
 *
 * let n = 0;
 * await using pool = new Pool({
 *   create: () => Promise.resolve({ id: ++n }),
 *   destroy: (resource) => console.log(`closing ${resource.id}`),
 * }, { maxSize: 4 });
 *
 * await using lease = await pool.acquire({ timeout: 1_000 });
 * console.log(lease.value.id, pool.stats.leased);
 * ```
 */
export class Pool<T> implements AsyncDisposable {
  readonly #core: Core<T>;

  /**
   * Makes an empty pool.
   *
   * @throws {TypeError | RangeError} naming the bad option and its value
   */
  constructor(factory: Factory<T>, options: PoolOptions = {}) {
    assertOptions("a pool", options, poolRules);
    this.#core = new Core(factory, options);
  }

  /**
   * Borrows a resource: an idle one at once, else the first that is freed or created.
   *
   * @throws {PoolError} when it timed out, the queue is full, nothing can be created, or the pool
   * is closed
   * @throws {TypeError | RangeError} naming the bad option and its value
   * @throws {unknown} the `reason` of the signal, if that aborts first
   */
  acquire(o?: AcquireOptions): Promise<Lease<T>> {
    return this.#core.acquire(o);
  }

  /** Borrows an idle resource if there is one that needs no check; creates none. */
  tryAcquire(): Lease<T> | undefined {
    return this.#core.tryAcquire();
  }

  /**
   * Borrows a resource for the length of a call. If that throws, the resource is destroyed, unless
   * `discardOnError` says otherwise.
   *
   * @returns what the call returns
   * @throws {unknown} what {@linkcode Pool.acquire} rejects with, and what the call throws
   */
  use<R>(fn: (resource: T) => R | Promise<R>, o?: UseOptions): Promise<R> {
    return misuse(fn, o) ?? useLease(this.#core.acquire(o), fn, o);
  }

  /**
   * Changes options while the pool works. A larger `maxSize` serves waiters at once, a smaller one
   * takes the excess out of service as it comes back. The `clock` stays.
   *
   * @throws {TypeError | RangeError} naming the bad option and its value; nothing has changed then
   */
  reconfigure(options: Omit<PoolOptions, "clock">): void {
    assertOptions("a pool", options, poolRules);
    assertKept<PoolOptions>(options, "clock");
    this.#core.reconfigure(resolveOptions(options, this.#core.options));
  }

  /**
   * Creates resources until there are `n`, or `maxSize` if that is less.
   *
   * @default `minIdle`, or `maxSize` where that is 0
   * @throws {TypeError | RangeError} unless `n` is a whole number, at least 0
   * @throws {PoolError} if creations go on failing, or the pool is closed
   */
  warm(n?: number): Promise<void> {
    return this.#core.warm(n);
  }

  /** Destroys what is idle now, and everything else that exists now when it comes back. */
  evict(): void {
    this.#core.evict();
  }

  /** Starts maintenance: it ends idle and old resources, checks idle ones and keeps `minIdle`. */
  startMaintenance(): void {
    this.#core.maintain(true);
  }

  /** Stops maintenance, its timer included. Idle and old resources are then judged at acquire. */
  stopMaintenance(): void {
    this.#core.maintain(false);
  }

  /** Does one round of maintenance now. */
  maintain(): void {
    this.#core.sweeper.sweep();
  }

  /** Numbers of resources now, and what happened so far; a copy. Times are milliseconds. */
  get stats(): PoolStats {
    return this.#core.stats;
  }

  /**
   * Refuses new acquires, rejects those that wait, destroys what is idle, and resolves once every
   * lease has come back and its resource is destroyed. When the signal aborts, what is still lent is
   * destroyed at once.
   *
   * @throws {TypeError} naming the bad option and its value; the pool goes on then
   */
  async close(o: { signal?: AbortSignal } = {}): Promise<void> {
    assertOptions("close", o, closeRules);
    await draining(this.#core.close(), o.signal, () => this.#core.force());
  }

  /** The same as {@linkcode close}, for `await using`: waits for every lease. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
