/** Generic netlink: families that the kernel numbers at run time. */

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { Protocol } from "./protocol.ts";

/**
 * A connection to generic netlink, in one network namespace.
 *
 * @example
 * ```ts
 * import { GenericConnection } from "@x/pool/netlink";
 *
 * await using nl = await GenericConnection.open();
 * const ethtool = await nl.family("ethtool");
 * const state = await ethtool.do("linkstate-get", { header: { devName: "lo" } });
 * console.log(state.link);
 * ```
 */
export class GenericConnection extends Connection<16> {
  private constructor(adapter: KernelAccess, options: ConnectionOptions) {
    super(adapter, Protocol.generic, options);
  }

  /**
   * Opens a connection.
   *
   * @throws {PlatformError} where there is no Linux, or no permission to call libc
   * @throws {NetlinkError} when the namespace cannot be entered
   */
  static async open(options: ConnectionOptions = {}): Promise<GenericConnection> {
    return new GenericConnection(await this.prepare(options), options);
  }
}
