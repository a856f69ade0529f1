/** Pools of netlink connections over many namespaces. */

import { type Factory, KeyedPool, type KeyedPoolOptions, type UseOptions } from "../pool/mod.ts";
import type { Connection } from "./connection.ts";
import { MountWatch } from "./mount_watch.ts";
import { type NamespaceTarget, targetKey } from "./namespace.ts";
import type { ProtocolName } from "./netlink_connection.ts";
import { checkOptions, POOLS } from "./options.ts";
import { connectionFactory, type ConnectionOf, limits, type NetlinkPoolBase } from "./pool.ts";

/** The settings of {@linkcode netlinkPools}. */
export interface NetlinkPoolsOptions<P extends ProtocolName | number = "route">
  extends NetlinkPoolBase<P> {
  /**
   * The most sockets of all namespaces together. At the limit an idle one of another namespace gives
   * way.
   *
   * @default Infinity
   */
  maxTotal?: number;
}

/**
 * A pool of connections for each namespace that is asked for; undefined stands for the process's own.
 *
 * @example
 * ```ts
 * import { netlinkPools } from "@x/pool/netlink";
 *
 * await using pools = netlinkPools({ size: 2, maxTotal: 8 });
 * for (const netns of [undefined, { pid: process.pid }]) {
 *   const lo = await pools.use(netns, (nl) => nl.links.get("lo"));
 *   console.log(lo.index); // 1
 * }
 * console.log(pools.stats.keys, pools.stats.size); // 2 2
 * ```
 */
export class NetlinkPools<T extends Connection> extends KeyedPool<NamespaceTarget | undefined, T> {
  readonly #mounts: MountWatch;

  /** @internal Use {@linkcode netlinkPools}. */
  constructor(
    factoryOf: (netns: NamespaceTarget | undefined) => Factory<T>,
    options: KeyedPoolOptions<NamespaceTarget | undefined>,
    mounts: MountWatch,
  ) {
    super(factoryOf, options);
    this.#mounts = mounts;
  }

  /** Closes the pools of all namespaces, as {@linkcode KeyedPool.close} does. */
  override async close(o?: { signal?: AbortSignal }): Promise<void> {
    try {
      await super.close(o);
    } finally {
      this.#mounts.close();
    }
  }

  /**
   * Borrows a connection in a namespace for the length of a call. A throw does not end it, unless
   * `discardOnError` says so.
   *
   * @throws {PoolError} when none can be had in time or opened, with the reason as `cause`
   * @throws {unknown} the signal's reason, if that aborts first, and what the call throws
   */
  override use<R>(
    netns: NamespaceTarget | undefined,
    fn: (connection: T) => R | Promise<R>,
    o?: UseOptions,
  ): Promise<R> {
    return super.use(netns, fn, { discardOnError: false, ...o });
  }
}

/**
 * Pools over namespaces: `size` sockets in each, and `maxTotal` in all.
 *
 * @throws {RangeError | TypeError} naming the option that is wrong
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, netlinkPools } from "@x/pool/netlink";
 *
 * const names = ["pods-1", "pods-2"];
 * for (const name of names) await createNamespace(name);
 * try {
 *   await using pools = netlinkPools({ size: 1, maxTotal: 64 });
 *   const counts = names.map((name) => pools.use(name, (nl) => nl.links.list().toArray()));
 *   console.log((await Promise.all(counts)).map((links) => links.length));
 * } finally {
 *   for (const name of names) await deleteNamespace(name);
 * }
 * ```
 */
export function netlinkPools<P extends ProtocolName | number = "route">(
  options: NetlinkPoolsOptions<P> = {},
): NetlinkPools<ConnectionOf<P>> {
  checkOptions("a netlink pool by namespace", options, POOLS);
  const mounts = new MountWatch();
  connectionFactory(options, mounts); // which checks them
  return new NetlinkPools(
    (netns) => connectionFactory({ ...options, netns }, mounts),
    { ...limits(options), identify: targetKey },
    mounts,
  );
}
