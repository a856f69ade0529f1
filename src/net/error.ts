/**
 * Why a connection could not be made or used:
 *
 * - `INVALID_ENDPOINT`, `INVALID_CONFIG`: the caller's endpoint or option is wrong
 * - `DNS_RESOLUTION_FAILED`: the host has no address
 * - `CONNECTION_FAILED`: every address refused or failed
 * - `CONNECTION_TIMEOUT`: none of them answered in time
 * - `TLS_HANDSHAKE_FAILED`: the peer answered, but not with a TLS session that can be trusted
 * - `CONNECTION_RESET`: an open connection was reset or timed out underneath its user
 * - `CONNECTION_CLOSED`: this side has already closed the connection
 */
export type ConnectErrorCode =
  | "INVALID_ENDPOINT"
  | "INVALID_CONFIG"
  | "DNS_RESOLUTION_FAILED"
  | "CONNECTION_FAILED"
  | "CONNECTION_TIMEOUT"
  | "TLS_HANDSHAKE_FAILED"
  | "CONNECTION_RESET"
  | "CONNECTION_CLOSED";

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
   * Made where connecting or using fails.
   *
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
