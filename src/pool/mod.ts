/**
 * A pool for anything that is costly to make. No input or output of its own, no runtime's name.
 *
 * @module
 */
export type { Clock } from "./clock.ts";
export { PoolError, type PoolErrorCode } from "./error.ts";
export { Lease, type LeaseSource } from "./lease.ts";
export type { Activity, DestroyReason, Leak, Observer } from "./observer.ts";
export type { PoolOptions } from "./options.ts";
export { Pool } from "./pool.ts";
export type {
  AcquireOptions,
  Factory,
  PoolStats,
  PoolTotals,
  Priority,
  Timing,
  UseOptions,
} from "./types.ts";
