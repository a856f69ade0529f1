/** Any netlink protocol. */

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { Protocol } from "./protocol.ts";

/** Protocols by name (NETLINK_* of linux/netlink.h). */
export type ProtocolName =
  | "route"
  | "sockDiag"
  | "xfrm"
  | "audit"
  | "netfilter"
  | "uevent"
  | "generic";

/**
 * A connection to any netlink protocol; its specified families are used through
 * {@linkcode NetlinkConnection.family}.
 *
 * @example
 * ```ts
 * import { NetlinkConnection } from "@x/pool/netlink";
 *
 * await using nl = await NetlinkConnection.open("netfilter");
 * const nftables = await nl.family("nftables");
 * for await (const table of nftables.dump("gettable")) console.log(table.name);
 * ```
 */
export class NetlinkConnection extends Connection {
  private constructor(adapter: KernelAccess, protocol: number, options: ConnectionOptions) {
    super(adapter, protocol, options);
  }

  /**
   * Opens a connection.
   *
   * @param protocol its name or number
   * @throws {PlatformError} where there is no Linux, or no permission to call libc
   * @throws {NetlinkError} when the kernel lacks the protocol or the namespace cannot be entered
   * @throws {TypeError} for a name that is none of {@linkcode ProtocolName}
   * @throws {RangeError} for a number that is not 0 to 2^31 - 1
   */
  static async open(
    protocol: ProtocolName | number,
    options: ConnectionOptions = {},
  ): Promise<NetlinkConnection> {
    return new NetlinkConnection(await this.prepare(options), numberOf(protocol), options);
  }
}

const LARGEST = 2 ** 31 - 1;

function numberOf(protocol: ProtocolName | number): number {
  if (typeof protocol === "number") {
    // The system call would take the lower 32 bits of anything.
    if (Number.isInteger(protocol) && protocol >= 0 && protocol <= LARGEST) return protocol;
    throw new RangeError(
      `Cannot open a connection: protocol must be 0 to ${LARGEST}, current value is ${protocol}`,
    );
  }
  if (Object.hasOwn(Protocol, protocol)) return Protocol[protocol];
  const names = Object.keys(Protocol).join(", ");
  throw new TypeError(
    `Cannot open a connection: protocol must be a number or one of ${names}, ` +
      `current value is ${JSON.stringify(protocol)}`,
  );
}
