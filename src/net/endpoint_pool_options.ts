import type { Observer } from "../pool/mod.ts";
import type { Conn } from "./conn.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Endpoint } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import type { Protocol } from "./protocol.ts";
import type { TlsOptions } from "./tls.ts";

/** The limits and habits of an endpoint pool. All durations are milliseconds. */
export interface EndpointPoolOptions<T extends object = Conn> {
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
   * How long an acquire may wait.
   * @default 30_000
   */
  acquireTimeout?: number;
  /**
   * How long connecting may take: the name, every address, the TLS handshake.
   * @default 10_000
   */
  connectTimeout?: number;
  /**
   * How often a failed connect is tried again before those who wait are told.
   * @default 3
   */
  connectRetries?: number;
  /**
   * The pause after the first failed connect; it doubles each time, give or take 10 %.
   * @default 100
   */
  connectRetryDelay?: number;
  /**
   * How long the protocol's `init` may take.
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
   * How often a connection may be lent.
   * @default Infinity
   */
  maxUses?: number;
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
  /**
   * How long a connection may go unproved, where there is a `healthCheck`.
   * @default 500
   */
  checkAfter?: number;
  /**
   * How long a `healthCheck` may take.
   * @default 5_000
   */
  checkTimeout?: number;
  /** A connection was opened. */
  onCreated?: (endpoint: Endpoint) => void;
  /** A connection left the pool. */
  onClosed?: (endpoint: Endpoint) => void;
  /** A connection was lent that had been lent before. */
  onReused?: (endpoint: Endpoint) => void;
  /** Gets the errors that no caller can be given. */
  onError?: (error: unknown, endpoint: Endpoint) => void;
  /** Sees what every endpoint's pool does; each has its endpoint as its name. */
  observer?: Observer;
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

const limits = {
  maxPerEndpoint: 10,
  maxTotal: Infinity,
  acquireTimeout: 30_000,
  connectTimeout: 10_000,
  connectRetries: 3,
  connectRetryDelay: 100,
  initTimeout: 5_000,
  idleTimeout: 60_000,
  maxLifetime: 300_000,
  maxUses: Infinity,
  forgetAfter: 300_000,
  checkAfter: 500,
  checkTimeout: 5_000,
};

/** The names of the options that are numbers. */
export type Limit = keyof typeof limits;

/** Options with every limit filled in. */
export type ResolvedEndpointPoolOptions<T extends object> =
  & EndpointPoolOptions<T>
  & Record<Limit, number>;

const counts: ReadonlySet<string> = new Set<Limit>([
  ...["maxPerEndpoint", "maxTotal", "maxUses", "connectRetries"] as const,
]);
const finite: ReadonlySet<string> = new Set<Limit>(["maxPerEndpoint", "connectTimeout"]);
const mayBeZero: ReadonlySet<string> = new Set<Limit>([
  ...["acquireTimeout", "connectRetries", "connectRetryDelay", "checkAfter"] as const,
]);

/**
 * Checks every limit and fills in what was left out.
 *
 * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
 */
export function resolvedOptions<T extends object>(
  options: EndpointPoolOptions<T>,
): ResolvedEndpointPoolOptions<T> {
  const resolved = { ...limits, ...options };
  for (const name of Object.keys(limits) as Limit[]) {
    const value = resolved[name] ??= limits[name];
    const least = mayBeZero.has(name) ? 0 : 1;
    const whole = counts.has(name);
    const fits = typeof value === "number" && value >= least &&
      (value === Infinity ? !finite.has(name) : !whole || Number.isSafeInteger(value));
    if (!fits) {
      const kind = whole ? "a whole number" : "milliseconds";
      const most = finite.has(name) ? "finite" : "or Infinity";
      throw invalid(name, `${kind}, at least ${least}, ${most}`, value);
    }
  }
  const access = options.protocol?.access;
  if (typeof access === "object" && !(Number.isInteger(access.shared) && access.shared >= 1)) {
    throw invalid("protocol.access.shared", "a whole number, at least 1", access.shared);
  }
  return resolved;
}

function invalid(name: string, expected: string, value: unknown): ConnectError {
  return new ConnectError(
    "INVALID_CONFIG",
    `Cannot use option ${name}: expected ${expected}, got ${String(value)}`,
  );
}
