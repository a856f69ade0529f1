/** What went wrong: which limit was hit, or what the pool was told. */
export type PoolErrorCode =
  | "WAIT_TIMEOUT"
  | "CREATE_TIMEOUT"
  | "CHECK_TIMEOUT"
  | "DESTROY_TIMEOUT"
  | "CREATE_FAILED"
  | "QUEUE_FULL"
  | "CLOSED";

/**
 * What the pool throws of its own. The message gives the pool's numbers, `cause` the last failure to
 * create a resource, if there was one.
 *
 * @example
 * ```ts
 * import { Pool, PoolError } from "@x/pool";
 *
 * const refuse = () => Promise.reject(new Error("connection refused"));
 * await using pool = new Pool({ create: refuse, destroy: () => {} }, { createRetries: 0 });
 * try {
 *   await pool.acquire();
 * } catch (e) {
 *   if (e instanceof PoolError) console.log(e.code, e.cause);
 * }
 * ```
 */
export class PoolError extends Error {
  /** What went wrong. */
  readonly code: PoolErrorCode;

  /** Made by the pool. */
  constructor(code: PoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PoolError";
    this.code = code;
  }
}
