import { type AcquireOptions, KeyedPool, Lease, PoolError, type UseOptions } from "../pool/mod.ts";
import { misuse, useLease } from "../pool/use.ts";
import type { Conn } from "./conn.ts";
import { Endpoint, type EndpointLike } from "./endpoint.ts";
import {
  type EndpointPoolOptions,
  type EndpointStats,
  keyedOptions,
  type ResolvedEndpointPoolOptions,
  resolvedOptions,
} from "./endpoint_pool_options.ts";
import { ConnectError } from "./error.ts";
import { type Member, MemberLoan } from "./member.ts";
import { memberFactory } from "./member_factory.ts";
import { Place } from "./place.ts";
import { Rest } from "./rest.ts";

/**
 * Connections to any number of endpoints, each opened once and used many times.
 *
 * @example
 * ```ts
 * import { EndpointPool } from "@x/pool";
 *
 * await using pool = new EndpointPool({ maxPerEndpoint: 5, idleTimeout: 30_000 });
 * const reply = await pool.withConnection("127.0.0.1:7", async (conn) => {
 *   await conn.write(new TextEncoder().encode("hello\n"));
 *   const into = new Uint8Array(1024);
 *   const n = await conn.read(into);
 *   return new TextDecoder().decode(into.subarray(0, n ?? 0));
 * });
 * console.log(reply, pool.stats("127.0.0.1:7"));
 * ```
 */
export class EndpointPool<T extends object = Conn> implements AsyncDisposable {
  readonly #options: ResolvedEndpointPoolOptions<T>;
  readonly #pool: KeyedPool<Place<T>, Member<T>>;
  readonly #places: Map<string, Place<T>> = new Map();
  readonly #rest: Rest<T> = new Rest();
  #lastForgot: number;

  /**
   * Makes an empty pool; nothing is opened before the first acquire.
   *
   * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
   */
  constructor(options: EndpointPoolOptions<T> = {}) {
    const o = this.#options = resolvedOptions(options);
    const lost = (place: Place<T>): void => this.#pool.maintain(place);
    this.#pool = new KeyedPool((place) => memberFactory(place, o, this.#rest, lost), {
      ...keyedOptions(o),
      optionsFor: (place) => ({ name: place.endpoint.key, onError: place.onError }),
    });
    this.#lastForgot = o.clock.now();
  }

  /**
   * Borrows a connection: an idle one at once, else the first that comes back or is opened.
   *
   * @throws {ConnectError} when connecting failed, retries included, or the endpoint is invalid
   * @throws {PoolError} when the wait took too long, the queue is full or the pool is closed
   * @throws {TypeError | RangeError} naming the bad option and its value
   * @throws {unknown} the `reason` of the signal, if that aborts first
   */
  acquire(to: EndpointLike, options?: AcquireOptions): Promise<Lease<T>> {
    let place: Place<T>;
    try {
      place = this.#place(to);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#pool.acquire(place, options).then(this.#lend, (error) => {
      throw this.#explained(error, place.endpoint);
    });
  }

  /**
   * Borrows an idle connection if there is one; opens none.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`
   */
  tryAcquire(to: EndpointLike): Lease<T> | undefined {
    const lease = this.#pool.tryAcquire(this.#place(to));
    return lease && this.#lend(lease);
  }

  /**
   * Borrows a connection for the length of a call; if that throws, the connection is closed unless
   * `discardOnError` says otherwise.
   *
   * @throws {unknown} what the call or {@linkcode EndpointPool.acquire} throws
   */
  withConnection<R>(
    to: EndpointLike,
    fn: (connection: T) => R | Promise<R>,
    options?: UseOptions,
  ): Promise<R> {
    return misuse(fn, options) ?? useLease(this.acquire(to, options), fn, options);
  }

  /**
   * Opens connections to an endpoint until there are `n`, or `maxPerEndpoint` if that is less.
   *
   * @throws {TypeError | RangeError} unless `n` is a whole number, at least 0
   * @throws {ConnectError} if connecting goes on failing, or the endpoint is invalid
   * @throws {PoolError} when the pool is closed
   */
  async warm(to: EndpointLike, n: number): Promise<void> {
    const place = this.#place(to);
    await this.#pool.warm(place, n).catch((error) => {
      throw this.#explained(error, place.endpoint);
    });
  }

  /**
   * The numbers of one endpoint, all zero for one never used.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`
   */
  stats(of: EndpointLike): EndpointStats {
    const endpoint = Endpoint.from(of);
    const place = this.#places.get(endpoint.key) ?? new Place(endpoint, this.#options);
    return place.statsWith(this.#pool.statsOf(place));
  }

  /** The numbers of every endpoint that was used lately. */
  allStats(): [Endpoint, EndpointStats][] {
    this.#forget();
    return [...this.#places.values()].map((place) => [
      place.endpoint,
      place.statsWith(this.#pool.statsOf(place)),
    ]);
  }

  /**
   * Closes an endpoint's idle connections; those in use go on and are closed when they come back.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`
   */
  clearEndpoint(to: EndpointLike): void {
    const place = this.#places.get(Endpoint.from(to).key);
    if (place !== undefined) this.#pool.clear(place);
  }

  /**
   * Refuses new acquires, rejects those that wait, closes what is idle and resolves once every lease
   * has come back. When the signal aborts, what is still lent is closed at once.
   *
   * @throws {TypeError} naming the bad option and its value; the pool goes on then
   */
  close(options?: { signal?: AbortSignal }): Promise<void> {
    return this.#pool.close(options);
  }

  /** The same as {@linkcode close}, for `await using`: waits for every lease. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #lend = (lease: Lease<Member<T>>): Lease<T> => {
    const member = lease.value;
    const { used, place } = member;
    try {
      member.enter();
    } catch (error) {
      member.leases--;
      member.blame();
      lease.discard();
      throw error;
    }
    if (used) {
      place.reused++;
      if (this.#options.onReused !== undefined) place.tell(this.#options.onReused);
    }
    return new Lease(new MemberLoan(lease));
  };

  #place(to: EndpointLike): Place<T> {
    // Text in canonical form needs no parsing.
    const known = typeof to === "string" ? this.#places.get(to) : undefined;
    if (known !== undefined) return known;
    const endpoint = Endpoint.from(to);
    let place = this.#places.get(endpoint.key);
    if (place === undefined) {
      this.#forget();
      place = new Place(endpoint, this.#options);
      this.#places.set(endpoint.key, place);
    }
    return place;
  }

  /** Drops the places that hold nothing and were not used for a while; looks now and then only. */
  #forget(): void {
    const { clock, forgetAfter } = this.#options;
    const now = clock.now();
    if (now - this.#lastForgot < forgetAfter / 8) return;
    this.#lastForgot = now;
    for (const [key, place] of this.#places) {
      if (this.#pool.statsOf(place) !== undefined) place.lastUsed = now;
      else if (now - place.lastUsed >= forgetAfter) this.#places.delete(key);
    }
  }

  #explained(error: unknown, endpoint: Endpoint): unknown {
    if (!(error instanceof PoolError) || error.code !== "CREATE_FAILED") return error;
    const { cause } = error;
    if (!(cause instanceof Error)) return error;
    if (cause instanceof ConnectError && cause.code === "INVALID_CONFIG") return cause;
    const retries = this.#options.connectRetries;
    const { code, attempts } = cause instanceof ConnectError
      ? cause
      : { code: "CONNECTION_FAILED", attempts: 1 } as const;
    // An init may fail with any error of a connection, and those count no attempts.
    const resolved = attempts > 0 ||
      !["DNS_RESOLUTION_FAILED", "CONNECTION_TIMEOUT"].includes(code);
    return new ConnectError(
      code,
      `${cause.message}, after ${retries} ${retries === 1 ? "retry" : "retries"}`,
      { endpoint, attempts: resolved ? retries + 1 : 0, cause },
    );
  }
}
