import type { Observer } from "../pool/mod.ts";
import { methods } from "../pool/rules.ts";

/**
 * What is asked of a logger. `console` and the loggers of `@std/log` fit as they are. What it returns
 * is not looked at.
 */
export interface Logger {
  /** For every lease. */
  debug(message: string, ...details: unknown[]): unknown;
  /** For resources that come and go. */
  info(message: string, ...details: unknown[]): unknown;
  /** For callers that could not be served. */
  warn(message: string, ...details: unknown[]): unknown;
  /** For what somebody has to mend. */
  error(message: string, ...details: unknown[]): unknown;
}

const isLogger = methods(["debug", "info", "warn", "error"]);

/**
 * An observer that writes what a pool does to a logger: a sentence that begins with the pool's name,
 * then the details as an object (milliseconds, counts) or the error itself.
 *
 * @throws {TypeError} naming the method that the logger lacks
 *
 * @example
 * ```ts
 * import { Pool } from "@x/pool";
 * import { logObserver } from "@x/pool/observe";
 *
 * await using pool = new Pool(
 *   { create: () => Promise.resolve({}), destroy: () => {} },
 *   { name: "database", observer: logObserver(console) },
 * );
 * await pool.use(() => {}); // database: an acquire waits { waiting: 1 } ...
 * ```
 */
export function logObserver(logger: Logger): Observer {
  isLogger("logger", logger);
  return {
    created: (ms, pool) => logger.info(`${pool}: created a resource`, { ms }),
    createFailed: (error, pool) => logger.warn(`${pool}: cannot create a resource`, error),
    destroyed: (reason, pool) => logger.info(`${pool}: destroyed a resource`, { reason }),
    acquired: (waitMs, pool) => logger.debug(`${pool}: acquired`, { waitMs }),
    released: (useMs, pool) => logger.debug(`${pool}: released`, { useMs }),
    waiting: (waiting, pool) => logger.debug(`${pool}: an acquire waits`, { waiting }),
    timedOut: (waitMs, pool) => logger.warn(`${pool}: an acquire timed out`, { waitMs }),
    aborted: (waitMs, pool) => logger.debug(`${pool}: an acquire was aborted`, { waitMs }),
    leaked: (leak, pool) => logger.error(`${pool}: a lease was not released`, leak),
    failed: (error, during, pool) => logger.error(`${pool}: ${during} failed`, error),
    closed: (pool) => logger.info(`${pool}: closed`),
  };
}
