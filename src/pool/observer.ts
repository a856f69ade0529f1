/** Why the pool destroyed a resource. */
export type DestroyReason =
  | "idle" // idle longer than idleTimeout
  | "lifetime" // older than maxLifetime
  | "uses" // lent maxUses times
  | "unusable" // usable() said no
  | "unhealthy" // check() said no, threw or timed out
  | "discarded" // its borrower said so
  | "evicted" // evict(), clear(), or room was needed for another key
  | "shrunk" // maxSize became smaller
  | "leaked" // its lease was garbage collected
  | "closed" // the pool closed
  | "late"; // it arrived after its creation had timed out or the pool had closed

/** What the pool was doing when an error happened that no caller could be given. */
export type Activity =
  | "create"
  | "check"
  | "usable"
  | "capacity"
  | "destroy"
  | "observe";

/** A lease that was not released. */
export interface Leak {
  /** How it was noticed: held longer than `leakAfter`, or garbage collected. */
  readonly how: "held" | "collected";
  /** Milliseconds since the acquire, where it was recorded. */
  readonly heldMs?: number;
  /** The stack of the acquire; recorded only if `leakAfter` is set. */
  readonly stack?: string;
}

/**
 * Sees what a pool does. All methods are optional, are called synchronously, and get the pool's name
 * last, so that one observer can serve many pools. A method that throws, or whose promise rejects,
 * harms nothing: its error goes to `onError`. Nobody waits for a promise. Times are milliseconds.
 *
 * @example
 * ```ts
 * import { type Observer, Pool } from "@x/pool";
 *
 * const observer: Observer = { created: (ms, pool) => console.log(`${pool}: created in ${ms} ms`) };
 * await using pool = new Pool(
 *   { create: () => Promise.resolve({}), destroy: () => {} },
 *   { observer, name: "demo" },
 * );
 * await pool.use(() => {});
 * ```
 *
 * @example OpenTelemetry's names for what a pool does, in seconds; its counts are in `stats`
 * ```ts
 * import { type Observer, Pool } from "@x/pool";
 *
 * // Here would be the one of `@opentelemetry/api`.
 * const meter = {
 *   createHistogram: (name: string) => ({
 *     record: (value: number, attributes: object) => console.log(name, value, attributes),
 *   }),
 * };
 * const timing = (what: string) => {
 *   const histogram = meter.createHistogram(`db.client.connection.${what}`);
 *   return (ms: number, pool: string) =>
 *     histogram.record(ms / 1_000, { "db.client.connection.pool.name": pool });
 * };
 * const observer: Observer = {
 *   created: timing("create_time"),
 *   acquired: timing("wait_time"),
 *   released: timing("use_time"),
 * };
 * await using pool = new Pool(
 *   { create: () => Promise.resolve({}), destroy: () => {} },
 *   { observer, name: "db" },
 * );
 * await pool.use(() => {});
 * const { idle, leased, waiting } = pool.stats;
 * console.log({ idle, used: leased, pending_requests: waiting });
 * ```
 */
export interface Observer {
  /** A resource was created. */
  created?(ms: number, pool: string): void;
  /** A creation failed or timed out. */
  createFailed?(error: unknown, pool: string): void;
  /** A resource is being destroyed. */
  destroyed?(reason: DestroyReason, pool: string): void;
  /** A lease was given after so long in the queue. */
  acquired?(waitMs: number, pool: string): void;
  /** A lease came back: released, discarded or detached. */
  released?(useMs: number, pool: string): void;
  /** An acquire was queued; `waiting` counts it. */
  waiting?(waiting: number, pool: string): void;
  /** An acquire timed out. */
  timedOut?(waitMs: number, pool: string): void;
  /** The caller of a queued acquire went away. */
  aborted?(waitMs: number, pool: string): void;
  /**
   * A resource without a lease was taken out of service: by maintenance, for a smaller `maxSize` or
   * another key, by `evict`, `clear` or `close`. `destroyed` follows; it alone tells of all others.
   */
  evicted?(reason: DestroyReason, pool: string): void;
  /** A lease was found leaked. */
  leaked?(leak: Leak, pool: string): void;
  /** Something failed that no caller could be given. */
  failed?(error: unknown, during: Activity, pool: string): void;
  /** The pool is closed and everything in it destroyed. */
  closed?(pool: string): void;
}
