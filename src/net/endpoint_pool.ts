import { type AcquireOptions, Lease, Pool, PoolError } from "../pool/mod.ts";
import type { Conn } from "./conn.ts";
import { connect } from "./connect.ts";
import { Endpoint, type EndpointLike } from "./endpoint.ts";
import {
  type EndpointPoolOptions,
  type EndpointStats,
  type ResolvedEndpointPoolOptions,
  resolvedOptions,
} from "./endpoint_pool_options.ts";
import { ConnectError } from "./error.ts";
import { Member, MemberLoan } from "./member.ts";
import { within } from "./within.ts";

interface Place<T extends object> {
  readonly endpoint: Endpoint;
  readonly pool: Pool<Member<T>>;
  readonly onError: (error: unknown) => void;
}

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
  readonly #places: Map<string, Place<T>> = new Map();
  #closed = false;

  /**
   * Makes an empty pool; nothing is opened before the first acquire.
   *
   * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
   */
  constructor(options: EndpointPoolOptions<T> = {}) {
    this.#options = resolvedOptions(options);
  }

  /**
   * Borrows a connection: an idle one at once, else the first that comes back or is opened.
   *
   * @throws {ConnectError} when connecting failed, retries included, or the endpoint is invalid
   * @throws {PoolError} when the wait took too long or the pool is closed
   * @throws {unknown} the `reason` of the signal, if that aborts first
   */
  async acquire(to: EndpointLike, options?: AcquireOptions): Promise<Lease<T>> {
    const place = this.#place(to);
    let lease: Lease<Member<T>>;
    try {
      lease = await place.pool.acquire(options);
    } catch (error) {
      throw this.#explained(error, place.endpoint);
    }
    return this.#lend(place, lease);
  }

  /** Borrows an idle connection if there is one; opens none. */
  tryAcquire(to: EndpointLike): Lease<T> | undefined {
    const place = this.#place(to);
    const lease = place.pool.tryAcquire();
    return lease && this.#lend(place, lease);
  }

  /**
   * Borrows a connection for the length of a call; if that throws, the connection is closed.
   *
   * @throws {unknown} what the call or {@linkcode EndpointPool.acquire} throws
   */
  async withConnection<R>(
    to: EndpointLike,
    fn: (connection: T) => R | Promise<R>,
    options?: AcquireOptions,
  ): Promise<R> {
    const lease = await this.acquire(to, options);
    try {
      return await fn(lease.value);
    } catch (error) {
      lease.discard();
      throw error;
    } finally {
      lease.release();
    }
  }

  /** The numbers of one endpoint, all zero for one never used. */
  stats(of: EndpointLike): EndpointStats {
    return statsOf(this.#places.get(Endpoint.from(of).key)?.pool);
  }

  /** The numbers of every endpoint. */
  allStats(): [Endpoint, EndpointStats][] {
    return [...this.#places.values()].map(({ endpoint, pool }) => [endpoint, statsOf(pool)]);
  }

  /** Closes an endpoint's idle connections; those in use go on and are closed when they come back. */
  clearEndpoint(to: EndpointLike): void {
    this.#places.get(Endpoint.from(to).key)?.pool.evict();
  }

  /**
   * Refuses new acquires, rejects those that wait, closes what is idle and resolves once every lease
   * has come back. When the signal aborts, what is still lent is closed at once.
   */
  async close(options?: { signal?: AbortSignal }): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#places.values()].map(({ pool }) => pool.close(options)));
  }

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lend(place: Place<T>, lease: Lease<Member<T>>): Lease<T> {
    const member = lease.value;
    const reused = member.used;
    try {
      member.enter();
    } catch (error) {
      member.leases--;
      lease.discard();
      throw error;
    }
    if (reused) guarded(place, this.#options.onReused);
    return new Lease(new MemberLoan(lease, place.onError));
  }

  #place(to: EndpointLike): Place<T> {
    // Text in canonical form needs no parsing.
    const known = typeof to === "string" ? this.#places.get(to) : undefined;
    if (known !== undefined) return known;
    const endpoint = Endpoint.from(to);
    let place = this.#places.get(endpoint.key);
    if (place === undefined) {
      if (this.#closed) {
        throw new PoolError("CLOSED", "Cannot acquire: the endpoint pool is closed");
      }
      this.#places.set(endpoint.key, place = this.#open(endpoint));
    }
    return place;
  }

  #open(endpoint: Endpoint): Place<T> {
    const o = this.#options;
    const onError = (error: unknown): void => o.onError?.(error, endpoint);
    let sweeping = false;
    const sweep = (): void => {
      // A peer that dies takes many connections in one turn: look at them all, once.
      if (sweeping) return;
      sweeping = true;
      queueMicrotask(() => {
        sweeping = false;
        place.pool.maintain();
      });
    };
    const check = o.healthCheck;
    const access = o.protocol?.access;
    const pool = new Pool<Member<T>>({
      create: ({ signal }) => this.#connect(place, signal, sweep),
      usable: (member) => member.usable,
      check: check && ((member, options) => check(member.state, options)),
      capacity: typeof access === "object" ? () => access.shared : undefined,
      destroy: async ({ state, conn, protocol }) => {
        try {
          await protocol?.onClose?.(state);
        } finally {
          conn.close();
          guarded(place, o.onClosed);
        }
      },
    }, {
      name: endpoint.key,
      maxSize: o.maxPerEndpoint,
      maxUses: o.maxUses,
      acquireTimeout: o.acquireTimeout,
      createTimeout: o.connectTimeout + o.initTimeout,
      createRetries: o.connectRetries,
      createRetryDelay: o.connectRetryDelay,
      idleTimeout: o.idleTimeout,
      maxLifetime: o.maxLifetime,
      checkAfter: o.checkAfter,
      checkTimeout: o.checkTimeout,
      observer: o.observer,
      onError,
    });
    const place: Place<T> = { endpoint, pool, onError };
    return place;
  }

  async #connect(place: Place<T>, signal: AbortSignal, onLost: () => void): Promise<Member<T>> {
    const { tls, protocol, connectTimeout, initTimeout, connect: extra } = this.#options;
    const { endpoint } = place;
    const conn = await connect(endpoint, {
      ...extra,
      signal,
      timeout: connectTimeout,
      tls: typeof tls === "function" ? tls(endpoint) : tls,
    });
    const onLate = (state: T): unknown => protocol?.onClose?.(state);
    try {
      const state = protocol === undefined
        ? conn as unknown as T // without a protocol T is Conn
        : await within((signal) => protocol.init(conn, { signal }), {
          signal,
          timeout: initTimeout,
          expired: () => {
            const message =
              `Cannot connect to ${endpoint}: init still running after ${initTimeout} ms`;
            return new ConnectError("CONNECTION_TIMEOUT", message, { endpoint, attempts: 1 });
          },
          late: (state) => void Promise.try(onLate, state).catch(place.onError),
        });
      const member = new Member(conn, state, protocol, onLost);
      guarded(place, this.#options.onCreated);
      return member;
    } catch (error) {
      conn.close();
      throw error;
    }
  }

  #explained(error: unknown, endpoint: Endpoint): unknown {
    if (!(error instanceof PoolError) || error.code !== "CREATE_FAILED") return error;
    const { cause } = error;
    if (!(cause instanceof Error)) return error;
    const retries = this.#options.connectRetries;
    return new ConnectError(
      cause instanceof ConnectError ? cause.code : "CONNECTION_FAILED",
      `${cause.message}, after ${retries} ${retries === 1 ? "retry" : "retries"}`,
      { endpoint, attempts: retries + 1, cause },
    );
  }
}

function guarded<T extends object>(
  place: Place<T>,
  hook: ((endpoint: Endpoint) => void) | undefined,
): void {
  try {
    hook?.(place.endpoint);
  } catch (error) {
    place.onError(error);
  }
}

function statsOf<T>(pool: Pool<T> | undefined): EndpointStats {
  if (pool === undefined) {
    return {
      ...{ active: 0, idle: 0, connecting: 0, waiting: 0 },
      ...{ totalCreated: 0, totalReused: 0, totalClosed: 0, errors: 0 },
    };
  }
  const { leased, idle, creating, waiting, totals } = pool.stats;
  const { destroyed } = totals;
  return {
    active: leased,
    idle,
    connecting: creating,
    waiting,
    totalCreated: totals.created,
    totalReused: totals.reused,
    totalClosed: Object.values(destroyed).reduce((sum, n) => sum + n, 0) + totals.detached,
    errors: totals.createFailed + destroyed.unusable + destroyed.unhealthy + destroyed.discarded,
  };
}
