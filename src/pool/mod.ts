/**
 * A pool for anything that is costly to make. No input or output of its own, no runtime's name.
 *
 * @module
 */
export type { Clock } from "./clock.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { PoolError, type PoolErrorCode } from "./error.ts";
export {
  formatOptions,
  optionsFromArgs,
  optionsFromEnv,
  type PoolFlag,
  poolFlags,
} from "./flags.ts";
export { KeyedPool, type KeyedPoolOptions, type KeyedPoolStats } from "./keyed.ts";
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
