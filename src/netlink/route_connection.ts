/** Links, addresses and routes. */

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { Protocol } from "./protocol.ts";
import type { Addresses } from "./route/addresses.ts";
import type { Links } from "./route/links.ts";
import type { Routes } from "./route/routes.ts";

/**
 * A connection to rtnetlink, in one network namespace.
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const lo = await nl.links.get("lo");
 * for await (const address of nl.addresses.list({ link: lo.index })) console.log(address.address);
 * for await (const route of nl.routes.list({ table: 254 })) {
 *   console.log(route.destination, route.gateway);
 * }
 * ```
 */
export class RouteConnection extends Connection {
  /** Network links. */
  readonly links: Links;
  /** Addresses of links. */
  readonly addresses: Addresses;
  /** Routes. */
  readonly routes: Routes;

  private constructor(adapter: KernelAccess, options: ConnectionOptions, objects: Objects) {
    super(adapter, Protocol.route, options);
    this.links = new objects.Links(this);
    this.addresses = new objects.Addresses(this, this.links);
    this.routes = new objects.Routes(this, this.links);
  }

  /**
   * Opens a connection.
   *
   * @throws {PlatformError} where there is no Linux, or no permission to call libc
   * @throws {NetlinkError} when the namespace cannot be entered
   */
  static async open(options: ConnectionOptions = {}): Promise<RouteConnection> {
    const [adapter, objects] = await Promise.all([this.prepare(options), load()]);
    options.signal?.throwIfAborted();
    return new RouteConnection(adapter, options, objects);
  }
}

type Objects = Awaited<ReturnType<typeof load>>;

/** The objects bring the kernel's specifications along, which an importer may never need. */
async function load() {
  const [{ Links }, { Addresses }, { Routes }] = await Promise.all([
    import("./route/links.ts"),
    import("./route/addresses.ts"),
    import("./route/routes.ts"),
  ]);
  return { Links, Addresses, Routes };
}
