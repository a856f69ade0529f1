/** A message that does not follow the protocol's framing. */
export class MalformedError extends Error {
  /** The error's class name. */
  override readonly name = "MalformedError";
  /** For callers that switch on `code`. */
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
