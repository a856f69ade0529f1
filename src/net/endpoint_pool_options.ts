import type { KeyedPoolOptions, PoolOptions } from "../pool/mod.ts";
import { systemClock } from "../pool/clock.ts";
import { defined } from "../pool/options.ts";
import { keyedRules, object } from "../pool/rules.ts";
import type { Conn } from "./conn.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpointPoolRules } from "./endpoint_pool_rules.ts";
import { ConnectError } from "./error.ts";
import type { Protocol } from "./protocol.ts";
import { checkOptions } from "./rules.ts";
import type { TlsOptions } from "./tls.ts";

/** The limits and habits of an endpoint pool. All durations are milliseconds. */
export interface EndpointPoolOptions<T extends object = Conn> extends
  Pick<
    PoolOptions,
    | ("acquireTimeout" | "maxUses" | "minIdle" | "maxWaiting" | "order" | "ageAfter")
    | ("checkAfter" | "checkTimeout" | "leakAfter" | "maintenanceInterval" | "observer" | "clock")
    | ("destroyTimeout" | "maintenance")
  > {
  /**
   * The most connections to one endpoint, those being opened or closed included.
   * @default 10
   */
  maxPerEndpoint?: number;
  /**
   * The most connections to all endpoints together. An idle connection to another endpoint gives
   * way to one that is waited for.
   * @default Infinity
   */
  maxTotal?: number;
  /**
   * How long connecting may take: the name, every address, the TLS handshake. At most 2147483647;
   * `Infinity` is refused.
   * @default 10_000
   */
  connectTimeout?: number;
  /**
   * How often a failed connect is tried again before those who wait are told. One that failed for
   * what it was told (`INVALID_CONFIG`) is not.
   * @default 3
   */
  connectRetries?: number;
  /**
   * The pause after the first failed connect; it doubles each time, give or take 10 %.
   * @default 100
   */
  connectRetryDelay?: number;
  /**
   * The longest such pause.
   * @default 5_000
   */
  connectRetryMaxDelay?: number;
  /**
   * How long the protocol's `init` may take; `Infinity` sets no limit.
   * @default 5_000
   */
  initTimeout?: number;
  /**
   * How long a connection may be idle.
   * @default 60_000
   */
  idleTimeout?: number;
  /**
   * How old a connection may grow, less up to 2.5 %.
   * @default 300_000
   */
  maxLifetime?: number;
  /**
   * How long an endpoint may be unused before it is forgotten with its counts.
   * @default 300_000
   */
  forgetAfter?: number;
  /** TLS for every endpoint, or chosen for each. */
  tls?: TlsOptions | ((endpoint: Endpoint) => TlsOptions | undefined);
  /** What else `connect` takes: the resolver, the dialer, socket options. */
  connect?: Omit<ConnectOptions, "signal" | "timeout" | "tls">;
  /** What users of a connection get in its place; the bare `Conn` by default. */
  protocol?: Protocol<T>;
  /** Proves a connection that was idle longer than `checkAfter`; false or a throw closes it. */
  healthCheck?: (state: T, options: { signal: AbortSignal }) => Promise<boolean>;
  /** A connection was opened. */
  onCreated?: (endpoint: Endpoint) => void;
  /** The pool has closed a connection. */
  onClosed?: (endpoint: Endpoint) => void;
  /** A connection was lent that had been lent before. */
  onReused?: (endpoint: Endpoint) => void;
  /** Gets the errors that no caller can be given. */
  onError?: (error: unknown, endpoint: Endpoint) => void;
}

/**
 * Options of the generic pools, as `optionsFromArgs` and `optionsFromEnv` give them, under the names
 * that they have here. A pool's `name` has none: each endpoint's is the endpoint.
 *
 * @throws {TypeError} unless it is given an object
 *
 * @example
 * ```ts
 * import { endpointOptions, EndpointPool, optionsFromEnv } from "@x/pool";
 *
 * const options = endpointOptions(optionsFromEnv({ POOL_CONNECT_TIMEOUT: "2s" }));
 * await using pool = new EndpointPool({ ...options, maxPerEndpoint: 4 });
 * console.log(options); // { connectTimeout: 2000 }
 * ```
 */
export function endpointOptions(
  options: Omit<KeyedPoolOptions<unknown>, "identify" | "optionsFor" | "onError">,
): EndpointPoolOptions {
  object("options", options);
  const { name: _, maxSize, createTimeout, createRetries, ...others } = options;
  const { createRetryDelay, createRetryMaxDelay, ...same } = others;
  const renamed = {
    maxPerEndpoint: maxSize,
    connectTimeout: createTimeout,
    connectRetries: createRetries,
    connectRetryDelay: createRetryDelay,
    connectRetryMaxDelay: createRetryMaxDelay,
  };
  return { ...same, ...defined(renamed) };
}

/** What the pool knows about one endpoint. */
export interface EndpointStats {
  /** Connections in use. */
  readonly active: number;
  /** Connections ready for use. */
  readonly idle: number;
  /** Connections being opened. */
  readonly connecting: number;
  /** Acquires waiting for one. */
  readonly waiting: number;
  /** Connections opened so far. */
  readonly totalCreated: number;
  /** Leases so far on a connection that had been lent before. */
  readonly totalReused: number;
  /** Connections that left the pool so far. */
  readonly totalClosed: number;
  /** Failed connects and checks, and connections that broke or were discarded. */
  readonly errors: number;
}

const defaults = {
  maxPerEndpoint: 10,
  maxTotal: Infinity,
  connectTimeout: 10_000,
  connectRetries: 3,
  connectRetryDelay: 100,
  connectRetryMaxDelay: 5_000,
  initTimeout: 5_000,
  idleTimeout: 60_000,
  maxLifetime: 300_000,
  forgetAfter: 300_000,
  clock: systemClock,
};

/** Options with what this pool has of its own filled in. */
export type ResolvedEndpointPoolOptions<T extends object> =
  & EndpointPoolOptions<T>
  & Required<Pick<EndpointPoolOptions<T>, keyof typeof defaults>>;

/**
 * Fills in what was left out.
 *
 * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
 */
export function resolvedOptions<T extends object>(
  options: EndpointPoolOptions<T>,
): ResolvedEndpointPoolOptions<T> {
  checkOptions("an endpoint pool", options, endpointPoolRules);
  const all: ResolvedEndpointPoolOptions<T> = { ...defaults, ...defined(options) };
  if ((all.minIdle ?? 0) > all.maxPerEndpoint) {
    const most = `at most maxPerEndpoint ${all.maxPerEndpoint}`;
    const message = `Cannot use minIdle: it must be ${most}, current value is ${all.minIdle}`;
    throw new ConnectError("INVALID_CONFIG", message);
  }
  return all;
}

/** The options of the pools below, under the names that they have there. */
export function keyedOptions<T extends object>(
  o: ResolvedEndpointPoolOptions<T>,
): Omit<KeyedPoolOptions<unknown>, "onError" | "identify" | "optionsFor"> {
  const { onError: _, ...others } = o;
  const same = Object.entries(others).filter(([name]) => Object.hasOwn(keyedRules, name));
  return {
    ...Object.fromEntries(same),
    maxSize: o.maxPerEndpoint,
    createTimeout: o.connectTimeout + o.initTimeout,
    createRetries: o.connectRetries,
    createRetryDelay: o.connectRetryDelay,
    createRetryMaxDelay: o.connectRetryMaxDelay,
  };
}
