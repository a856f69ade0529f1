/**
 * Why a connection could not be made or used:
 *
 * - `invalid_endpoint`, `invalid_config`: the caller's endpoint or option is wrong
 * - `dns_resolution_failed`: the host has no address
 * - `connection_failed`: every address refused or failed
 * - `connection_timeout`: none of them answered in time
 * - `tls_handshake_failed`: the peer answered, but not with a TLS session that can be trusted
 * - `connection_reset`: an open connection was reset or timed out underneath its user
 * - `connection_closed`: this side has already closed the connection
 */
export type ConnectErrorCode =
  | "invalid_endpoint"
  | "invalid_config"
  | "dns_resolution_failed"
  | "connection_failed"
  | "connection_timeout"
  | "tls_handshake_failed"
  | "connection_reset"
  | "connection_closed";

/**
 * A connection could not be made or used. Each layer adds its context as the message and keeps the
 * layer below as `cause`, so the chain reads "after 3 retries", "connecting", "resolving".
 *
 * @example
 * ```ts
 * import { connect, ConnectError } from "@x/pool";
 *
 * try {
 *   await connect("127.0.0.1:1");
 * } catch (error) {
 *   if (error instanceof ConnectError) console.log(error.code, error.endpoint);
 * }
 * ```
 */
export class ConnectError extends Error {
  /** The error's class name. */
  override readonly name = "ConnectError";
  /** What went wrong. */
  readonly code: ConnectErrorCode;
  /** The endpoint as `host:port`, where one was known. */
  readonly endpoint: string | undefined;
  /** How many times dialling was tried; 0 where it never came to that. */
  readonly attempts: number;

  /**
   * @param code what went wrong
   * @param options the endpoint concerned, the number of attempts and the cause
   */
  constructor(
    code: ConnectErrorCode,
    message: string,
    options: { endpoint?: { toString(): string }; attempts?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.endpoint = options.endpoint?.toString();
    this.attempts = options.attempts ?? 0;
  }
}
