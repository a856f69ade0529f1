/** The error of everything that the kernel refuses. */

import { errnoName } from "./errno.ts";

/** What a {@linkcode NetlinkError} carries besides its message. */
export interface NetlinkErrorOptions extends ErrorOptions {
  /** The positive errno value. */
  errno: number;
  /** What was attempted, in words: "add link veth0". */
  operation: string;
}

/** The kernel refused an operation, or a system call on the way to it failed. */
export class NetlinkError extends Error {
  /** The error's class name. */
  override readonly name = "NetlinkError";
  /** The positive errno value. */
  readonly errno: number;
  /** The errno's name, such as "EEXIST". */
  readonly code: string;
  /** What was attempted, in words: "add link veth0". */
  readonly operation: string;

  /** @param detail what the kernel or the failing step said */
  constructor(detail: string, options: NetlinkErrorOptions) {
    const code = errnoName(options.errno);
    super(`Cannot ${options.operation}: ${detail} (${code})`, options);
    this.errno = options.errno;
    this.code = code;
    this.operation = options.operation;
  }

  /** The error for a libc call that returned `-errno`. */
  static fromCall(operation: string, call: string, result: number): NetlinkError {
    return new NetlinkError(`${call} failed`, { errno: -result, operation });
  }
}
