/** The error of everything that the kernel refuses. */

import { errnoName } from "./errno.ts";

/** What a {@linkcode NetlinkError} carries besides its message. */
export interface NetlinkErrorOptions extends ErrorOptions {
  /** The positive errno value. */
  errno: number;
  /** What was attempted, in words: "add link veth0". */
  operation: string;
  /** What the kernel said in words, where it did. */
  kernelMessage?: string;
  /** Path of the attribute that the kernel objects to: "linkinfo.data.id". */
  attribute?: string;
  /** Path of an attribute that the kernel misses. */
  missing?: string;
  /**
   * What the kernel accepts for the attribute: its `type` ("u32", "nul-string"), and of `min`, `max`,
   * `minSigned`, `maxSigned`, `minLength`, `maxLength`, `mask` and `bits` those that it tells.
   */
  policy?: Record<string, unknown>;
}

/**
 * The kernel refused an operation, or a system call on the way to it failed (NLMSG_ERROR with the
 * NLMSGERR_ATTR_* of linux/netlink.h).
 *
 * @example
 * ```ts
 * import { NetlinkError, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * try {
 *   await nl.links.add({ name: "lo", kind: "bridge" });
 * } catch (error) {
 *   if (!(error instanceof NetlinkError && error.isExists)) throw error;
 *   console.log(error.operation, error.code, error.errno); // add link lo EEXIST 17
 * }
 * ```
 */
export class NetlinkError extends Error {
  /** The error's class name. */
  override readonly name = "NetlinkError";
  /** The positive errno value. */
  readonly errno: number;
  /** The errno's name, such as "EEXIST". */
  readonly code: string;
  /** What was attempted, in words: "add link veth0". */
  readonly operation: string;
  /** What the kernel said in words (NLMSGERR_ATTR_MSG), where it did. */
  declare readonly kernelMessage?: string;
  /**
   * Path of the attribute that the kernel objects to (NLMSGERR_ATTR_OFFS): "linkinfo.data.id", or
   * "wanted.bits.bit.1.name" where there may be several.
   */
  declare readonly attribute?: string;
  /** Path of an attribute that the kernel misses (NLMSGERR_ATTR_MISS_TYPE). */
  declare readonly missing?: string;
  /**
   * What the kernel accepts for the attribute (NLMSGERR_ATTR_POLICY): its `type` ("u32",
   * "nul-string"), and of `min`, `max`, `minSigned`, `maxSigned`, `minLength`, `maxLength`, `mask`
   * and `bits` those that it tells. Lengths are bytes.
   */
  declare readonly policy?: Record<string, unknown>;

  /**
   * Made where the kernel refuses.
   *
   * @param detail what the kernel or the failing step said
   */
  constructor(detail: string, options: NetlinkErrorOptions) {
    const code = errnoName(options.errno);
    super(`Cannot ${options.operation}: ${detail} (${code})`, options);
    this.errno = options.errno;
    this.code = code;
    this.operation = options.operation;
    const { kernelMessage, attribute, missing, policy } = options;
    if (kernelMessage !== undefined) this.kernelMessage = kernelMessage;
    if (attribute !== undefined) this.attribute = attribute;
    if (missing !== undefined) this.missing = missing;
    if (policy !== undefined) this.policy = policy;
  }

  /** The error for a libc call that returned `-errno`, which is `result`. */
  static fromCall(operation: string, call: string, result: number): NetlinkError {
    return new NetlinkError(`${call} failed`, { errno: -result, operation });
  }

  /** There is no such object: ENOENT, ENODEV, ESRCH, ENXIO or EADDRNOTAVAIL. */
  get isNotFound(): boolean {
    return ["ENOENT", "ENODEV", "ESRCH", "ENXIO", "EADDRNOTAVAIL"].includes(this.code);
  }

  /** There is such an object already: EEXIST. */
  get isExists(): boolean {
    return this.code === "EEXIST";
  }

  /** A privilege is missing: EPERM or EACCES. */
  get isPermission(): boolean {
    return this.code === "EPERM" || this.code === "EACCES";
  }

  /** Something else holds the object, or another dump the socket: EBUSY. */
  get isBusy(): boolean {
    return this.code === "EBUSY";
  }

  /** The kernel does not accept a value: EINVAL, ERANGE or EAFNOSUPPORT. */
  get isInvalid(): boolean {
    return ["EINVAL", "ERANGE", "EAFNOSUPPORT"].includes(this.code);
  }

  /** This kernel cannot do it: EOPNOTSUPP, EPROTONOSUPPORT, ENOSYS, EPFNOSUPPORT. */
  get isUnsupported(): boolean {
    return ["EOPNOTSUPP", "EPROTONOSUPPORT", "ENOSYS", "EPFNOSUPPORT"].includes(this.code);
  }

  /** A dump changed while it was read, more often than it was retried: EINTR. */
  get isInterrupted(): boolean {
    return this.code === "EINTR";
  }

  /** The time that the caller or the default allowed is over: ETIMEDOUT. */
  get isTimeout(): boolean {
    return this.code === "ETIMEDOUT";
  }
}
