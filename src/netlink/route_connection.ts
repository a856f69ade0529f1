/** Links, addresses and routes. */

import { Batch } from "./batch.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { Protocol } from "./protocol.ts";
import type { Addresses } from "./route/addresses.ts";
import type { BridgeVlans } from "./route/bridge_vlans.ts";
import type { Fdb } from "./route/fdb.ts";
import type { Links } from "./route/links.ts";
import type { Neighbours } from "./route/neighbours.ts";
import type { Nexthops } from "./route/nexthops.ts";
import type { Routes } from "./route/routes.ts";
import type { Rules } from "./route/rules.ts";
import type { Classes } from "./route/tc/classes.ts";
import type { Filters } from "./route/tc/filters.ts";
import type { Qdiscs } from "./route/tc/qdiscs.ts";

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
export class RouteConnection extends Connection<0> {
  /** Network links. */
  readonly links!: Links;
  /** Addresses of links. */
  readonly addresses!: Addresses;
  /** Routes. */
  readonly routes!: Routes;
  /** Nexthop objects and groups. */
  readonly nexthops!: Nexthops;
  /** Routing policy rules. */
  readonly rules!: Rules;
  /** Neighbours: ARP and neighbour discovery. */
  readonly neighbours!: Neighbours;
  /** Forwarding tables of bridges and VXLANs. */
  readonly fdb!: Fdb;
  /** VLANs of bridge ports. */
  readonly bridgeVlans!: BridgeVlans;
  /** Queueing disciplines. */
  readonly qdiscs!: Qdiscs;
  /** Classes of queueing disciplines. */
  readonly classes!: Classes;
  /** Filters of packets. */
  readonly filters!: Filters;

  private constructor(adapter: KernelAccess, options: ConnectionOptions, objects: Objects) {
    super(adapter, Protocol.route, options);
    Object.assign(this, objects.routeObjects(this));
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

  /**
   * Collects changes, to be made by few system calls when it is committed.
   *
   * @example
   * ```ts
   * import { RouteConnection } from "@x/pool/netlink";
   *
   * await using nl = await RouteConnection.open();
   * const results = await nl.batch()
   *   .addresses.add({ link: "lo", address: "10.7.0.1/32" })
   *   .addresses.add({ link: "lo", address: "10.7.0.2/32" })
   *   .routes.delete({ destination: "10.9.0.0/16" })
   *   .commit();
   * console.log(results.map((result) => result.status)); // [ "done", "done", "failed" ]
   * ```
   */
  batch(): Batch {
    return new Batch(this);
  }
}

type Objects = typeof import("./route/objects.ts");

/** The objects bring the kernel's specifications along, which an importer may never need. */
function load(): Promise<Objects> {
  return import("./route/objects.ts");
}
