import { Time } from "./clock.ts";
import { Core } from "./core.ts";
import { draining } from "./draining.ts";
import { PoolError } from "./error.ts";
import type { Lease } from "./lease.ts";
import { assertKept, defined, type PoolOptions, resolveOptions } from "./options.ts";
import { Quota } from "./quota.ts";
import { redacted } from "./redact.ts";
import { numbers } from "./report.ts";
import { assertOptions, callable, closeRules, keyedRules, poolRules } from "./rules.ts";
import type { AcquireOptions, Factory, PoolStats, UseOptions } from "./types.ts";
import { misuse, useLease } from "./use.ts";

/** Options of a {@linkcode KeyedPool}: those of each key's pool, and the limit over all keys. */
export interface KeyedPoolOptions<K> extends PoolOptions {
  /**
   * The most resources of all keys together. At the limit, an idle resource of another key gives
   * way.
   *
   * @default Infinity
   */
  maxTotal?: number;
  /**
   * What makes two keys the same, such as `host:port` of an endpoint.
   *
   * @default the key itself
   */
  identify?: (key: K) => unknown;
  /**
   * Options of one key's pool that differ from the common ones. Its name is else the common one with
   * the key behind it, of which user, password and query are left out where it is a URL.
   */
  optionsFor?: (key: K) => Omit<PoolOptions, "clock">;
}

/** A picture of a {@linkcode KeyedPool}: sums over all keys. */
export interface KeyedPoolStats {
  /** Keys that have resources or waiters. */
  readonly keys: number;
  /** All that counts against `maxTotal`. */
  readonly size: number;
  /** Resources that nobody uses. */
  readonly idle: number;
  /** Resources with a lease. */
  readonly leased: number;
  /** Creations under way. */
  readonly creating: number;
  /** Acquires in the queues. */
  readonly waiting: number;
}

interface Entry<K, T> {
  readonly key: K;
  readonly core: Core<T>;
}

/**
 * A pool for each key, made when it is first asked for and dropped once it holds nothing, under one
 * limit for all of them.
 *
 * @example
 * ```ts
 * import { KeyedPool } from "@x/pool";
 *
 * await using pool = new KeyedPool((host: string) => ({
 *   create: () => Promise.resolve({ host }),
 *   destroy: () => {},
 * }), { maxSize: 4, maxTotal: 100 });
 *
 * await pool.use("db1", (connection) => console.log(connection.host));
 * ```
 */
export class KeyedPool<K, T> implements AsyncDisposable {
  readonly #factoryOf: (key: K) => Factory<T>;
  readonly #entries: Map<unknown, Entry<K, T>> = new Map();
  readonly #closing: Set<Promise<void>> = new Set();
  readonly #quota: Quota<T>;
  readonly #time: Time;
  #options: KeyedPoolOptions<K>;
  #closed = false;

  /**
   * Makes an empty pool; `factoryOf` gives the factory of each key.
   *
   * @throws {TypeError | RangeError} naming the bad option and its value
   */
  constructor(factoryOf: (key: K) => Factory<T>, options: KeyedPoolOptions<K> = {}) {
    callable("factoryOf", factoryOf);
    assertOptions("a keyed pool", options, keyedRules);
    this.#factoryOf = factoryOf;
    this.#options = defined(options);
    this.#time = new Time(resolveOptions(options).clock);
    this.#quota = new Quota(
      limitOf(options),
      () => this.#cores(),
      // Later: an acquire that has just found its only resource useless makes another one.
      (core) => void Promise.resolve().then(() => this.#drop(core as Core<T>)),
    );
  }

  /**
   * Borrows a resource of a key, as {@linkcode Pool.acquire} does.
   *
   * @throws {PoolError} when it timed out, the queue is full, nothing can be created, or the pool
   * is closed
   * @throws {TypeError | RangeError} naming the bad option and its value
   * @throws {unknown} the `reason` of the signal, if that aborts first, and what the functions throw
   * that give the factory and the options of the key
   */
  acquire(key: K, o?: AcquireOptions): Promise<Lease<T>> {
    if (this.#closed) return Promise.reject(this.#refusal("acquire"));
    let core: Core<T>;
    try {
      core = this.#coreOf(key);
    } catch (error) {
      return Promise.reject(error);
    }
    const lease = core.acquire(o);
    this.#drop(core); // it may have been refused
    return lease;
  }

  /** Borrows an idle resource of a key if there is one that needs no check; creates none. */
  tryAcquire(key: K): Lease<T> | undefined {
    return this.#find(key)?.tryAcquire();
  }

  /**
   * Borrows a resource of a key for the length of a call, as {@linkcode Pool.use} does.
   *
   * @returns what the call returns
   * @throws {PoolError} when it timed out, the queue is full, nothing can be created, or the pool is
   * closed
   * @throws {unknown} the `reason` of the signal, if that aborts first, or what the call throws
   */
  use<R>(key: K, fn: (resource: T) => R | Promise<R>, o?: UseOptions): Promise<R> {
    return misuse(fn, o) ?? useLease(this.acquire(key, o), fn, o);
  }

  /**
   * Creates resources of a key until there are `n`, or `maxSize` if that is less.
   *
   * @default `minIdle`, or `maxSize` where that is 0
   * @throws {TypeError | RangeError} unless `n` is a whole number, at least 0
   * @throws {PoolError} if creations go on failing, or the pool is closed
   */
  async warm(key: K, n?: number): Promise<void> {
    if (this.#closed) throw this.#refusal("warm");
    const core = this.#coreOf(key);
    const warm = core.warm(n);
    this.#drop(core); // there may be nothing to make
    await warm;
  }

  /** Destroys what a key has idle now, and everything else that it has when it comes back. */
  clear(key: K): void {
    this.#find(key)?.evict();
  }

  /** Destroys what every key has idle now, and everything else when it comes back. */
  evict(): void {
    for (const core of [...this.#cores()]) core.evict();
  }

  /** Does one round of maintenance now, for one key or for every key. */
  maintain(key?: K): void {
    if (key !== undefined) this.#find(key)?.sweeper.sweep();
    else for (const core of [...this.#cores()]) core.sweeper.sweep();
  }

  /**
   * Changes options of all keys while the pool works. `identify` and the `clock` stay.
   *
   * @throws {TypeError | RangeError} naming the bad option and its value; nothing has changed then
   */
  reconfigure(options: Omit<KeyedPoolOptions<K>, "clock" | "identify">): void {
    assertOptions("a keyed pool", options, keyedRules);
    assertKept<KeyedPoolOptions<K>>(options, "clock", "identify");
    const next = { ...this.#options, ...defined(options) };
    resolveOptions(next);
    const max = limitOf(next);
    const changes = [...this.#entries.values()].map(({ key, core }) =>
      [core, resolveOptions(this.#optionsOf(key, next))] as const
    );
    this.#quota.max = max;
    this.#options = next;
    for (const [core, resolved] of changes) core.reconfigure(resolved);
    this.#quota.serve();
  }

  /** The keys that have resources or waiters, or are to be kept ready (`minIdle`) and can be. */
  keys(): K[] {
    return [...this.#entries.values()].flatMap(({ key, core }) => core.vacant ? [] : [key]);
  }

  /** Sums over all keys, as they are now. */
  get stats(): KeyedPoolStats {
    const sum = { keys: this.keys().length, size: 0, idle: 0, leased: 0, creating: 0, waiting: 0 };
    for (const core of this.#cores()) {
      const { size, idle, leased, creating, waiting } = core.stats;
      sum.size += size;
      sum.idle += idle;
      sum.leased += leased;
      sum.creating += creating;
      sum.waiting += waiting;
    }
    return sum;
  }

  /** The numbers of one key's pool, if it has one; they begin anew each time it is made. */
  statsOf(key: K): PoolStats | undefined {
    return this.#find(key)?.stats;
  }

  /**
   * Closes the pools of all keys, as {@linkcode Pool.close} does.
   *
   * @throws {TypeError} naming the bad option and its value; the pools go on then
   */
  async close(o: { signal?: AbortSignal } = {}): Promise<void> {
    assertOptions("close", o, closeRules);
    this.#closed = true;
    const cores = [...this.#cores()];
    for (const core of cores) this.#closing.add(core.close());
    // One listener for all keys: adding one takes time in proportion to those that are there.
    await draining(Promise.all(this.#closing), o.signal, () => {
      for (const core of cores) core.force();
    });
  }

  /** The same as {@linkcode close}, for `await using`: waits for every lease. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(what: string): PoolError {
    const { name = "pool" } = this.#options;
    const now = numbers(this.stats, this.#quota.max);
    return new PoolError("CLOSED", `Cannot ${what}: the pool is closed (${name}: ${now})`);
  }

  #find(key: K): Core<T> | undefined {
    return this.#entries.get(this.#identify(key))?.core;
  }

  #identify(key: K): unknown {
    return this.#options.identify === undefined ? key : this.#options.identify(key);
  }

  #coreOf(key: K): Core<T> {
    const id = this.#identify(key);
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      const core = new Core(this.#factoryOf(key), this.#optionsOf(key), {
        quota: this.#quota,
        time: this.#time,
      });
      entry = { key, core };
      this.#entries.set(id, entry);
      core.id = id;
    }
    return entry.core;
  }

  #optionsOf(key: K, options: KeyedPoolOptions<K> = this.#options): PoolOptions {
    const id = String(this.#identify(key));
    const name = `${options.name ?? "pool"}[${LOCATOR.test(id) ? redacted(id) : id}]`;
    const own = options.optionsFor?.(key);
    if (own === undefined) return { ...options, name };
    assertOptions("one key", own, oneKeyRules);
    return { ...options, name, ...defined(own) };
  }

  *#cores(): Generator<Core<T>> {
    for (const { core } of this.#entries.values()) yield core;
  }

  #drop(core: Core<T>): void {
    if (!core.vacant || this.#entries.get(core.id)?.core !== core) return;
    this.#entries.delete(core.id);
    core.sweeper.stop(); // or it would make what nobody knows
  }
}

/** What may be a URL, or has a password where a URL has it. */
const LOCATOR = /:\/\/|:.*@/;

const { clock: _, ...oneKeyRules } = poolRules;

function limitOf(options: { maxTotal?: number }): number {
  const { maxTotal = Infinity } = options;
  keyedRules.maxTotal("maxTotal", maxTotal);
  return maxTotal;
}
