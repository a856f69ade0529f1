import { type Factory, Pool, type PoolOptions } from "../pool/mod.ts";
import type { NamespaceTarget } from "./namespace.ts";
import { RouteConnection } from "./route_connection.ts";

/** A {@linkcode netlinkPool}'s settings: those of any pool, with `size` in place of `maxSize`. */
export interface NetlinkPoolOptions extends Omit<PoolOptions, "maxSize"> {
  /**
   * The most sockets at any moment. More of them buy isolation (one dump at a time per socket), not
   * throughput: one JavaScript thread feeds them all.
   *
   * @default 4
   */
  size?: number;
  /**
   * The namespace of every socket.
   *
   * @default the namespace of this process
   */
  netns?: NamespaceTarget;
  /**
   * Milliseconds to wait for a socket.
   *
   * @default 5_000
   */
  acquireTimeout?: number;
}

/**
 * A pool of rtnetlink connections. Each is opened when it is first needed, and goes back only if it
 * is clean: one with unread replies or a dump under way is closed instead.
 *
 * @throws {RangeError | TypeError} naming the option that is wrong
 *
 * @example
 * ```ts
 * import { netlinkPool } from "@x/pool/netlink";
 *
 * await using pool = netlinkPool({ size: 2 });
 * const names = ["lo", "lo", "lo"];
 * const links = await Promise.all(names.map((name) => pool.use((nl) => nl.links.get(name))));
 * console.log(links.map((link) => link?.index));
 * ```
 */
export function netlinkPool(options: NetlinkPoolOptions = {}): Pool<RouteConnection> {
  const { size = 4, netns, ...rest } = options;
  const factory: Factory<RouteConnection> = {
    create: ({ signal }) => RouteConnection.open({ netns, signal }),
    destroy: (connection) => connection.close(),
    usable: (connection) => connection.usable,
  };
  return new Pool(factory, { name: "netlink", acquireTimeout: 5_000, ...rest, maxSize: size });
}
