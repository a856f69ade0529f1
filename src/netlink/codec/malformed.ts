/**
 * A message that does not follow the framing of struct nlmsghdr and struct nlattr (linux/netlink.h).
 * Nothing of it is given out.
 *
 * @example
 * ```ts
 * import { MalformedError, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * try {
 *   console.log((await nl.links.list().toArray()).length);
 * } catch (error) {
 *   if (!(error instanceof MalformedError)) throw error;
 *   console.log(error.message, error.offset); // which byte of the datagram
 * }
 * ```
 */
export class MalformedError extends Error {
  /** The error's class name. */
  override readonly name = "MalformedError";
  /** Always "MALFORMED", for callers that switch on `code`. */
  readonly code = "MALFORMED";
  /**
   * Made by the decoder.
   *
   * @param what what is wrong
   * @param offset where in the datagram, in bytes
   */
  constructor(what: string, readonly offset: number) {
    super(`Cannot read the message: ${what} at byte ${offset}`);
  }
}
