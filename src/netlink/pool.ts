/** Pools of netlink connections. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { type Factory, Pool, type PoolOptions, type UseOptions } from "../pool/mod.ts";
import type { Connection } from "./connection.ts";
import { GenericConnection } from "./generic_connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { MountWatch } from "./mount_watch.ts";
import { type NamespaceTarget, targetPath } from "./namespace.ts";
import { NamespaceInstance } from "./namespace_instance.ts";
import { NetlinkConnection, type ProtocolName, protocolNumber } from "./netlink_connection.ts";
import { checkOptions, POOL } from "./options.ts";
import { RouteConnection } from "./route_connection.ts";

/** What a pool of a protocol lends. */
export type ConnectionOf<P extends ProtocolName | number> = P extends "route" ? RouteConnection
  : P extends "generic" ? GenericConnection
  : NetlinkConnection;

/** What the connections of a pool have in common. */
export interface NetlinkPoolBase<P extends ProtocolName | number = "route">
  extends Omit<PoolOptions, "maxSize"> {
  /**
   * The most sockets at any moment, of a namespace where there are several. More of them buy
   * isolation (one dump at a time per socket), not throughput: one JavaScript thread feeds them all.
   *
   * @default 4
   */
  size?: number;
  /**
   * How many leases one socket carries at once. Answers find their way by sequence number, and
   * dumps wait for each other.
   *
   * @default 1
   */
  share?: number;
  /**
   * The netlink protocol.
   *
   * @default "route"
   */
  protocol?: P;
  /**
   * Milliseconds that a request waits for an answer, unless it or its lease says otherwise; an
   * exclusive lease does by setting `timeout` of the connection, which holds until it ends.
   *
   * @default 5_000
   */
  requestTimeout?: number;
  /**
   * Milliseconds to wait for a socket.
   *
   * @default 5_000
   */
  acquireTimeout?: number;
  /**
   * How libc is called; for tests.
   *
   * @default the adapter of the runtime
   */
  adapter?: KernelAccess;
}

/** A {@linkcode netlinkPool}'s settings: those of any pool, with `size` in place of `maxSize`. */
export interface NetlinkPoolOptions<P extends ProtocolName | number = "route">
  extends NetlinkPoolBase<P> {
  /**
   * The namespace of every socket.
   *
   * @default the namespace of this process
   */
  netns?: NamespaceTarget;
}

/** Makes and judges the connections of one namespace. @internal */
export function connectionFactory<P extends ProtocolName | number>(
  options: NetlinkPoolOptions<P>,
  mounts: MountWatch,
): Factory<ConnectionOf<P>> {
  const { netns, share = 1, protocol = "route", requestTimeout: timeout } = options;
  if (!Number.isInteger(share) || share < 1 || share > 65_535) {
    throw new RangeError(`Cannot make a pool: share must be 1 to 65535, current value is ${share}`);
  }
  protocolNumber(protocol); // which checks it, as the next does
  if (netns !== undefined) targetPath(netns);
  let instance: NamespaceInstance | undefined;
  const connect = (adapter: KernelAccess, signal: AbortSignal): Promise<Connection> => {
    const settings = { adapter, netns, signal, timeout };
    if (protocol === "route") return RouteConnection.open(settings);
    if (protocol === "generic") return GenericConnection.open(settings);
    return NetlinkConnection.open(protocol as ProtocolName | number, settings);
  };
  const open = async (signal: AbortSignal): Promise<Connection> => {
    const adapter = options.adapter ?? await loadAdapter();
    instance ??= new NamespaceInstance(adapter.libc, netns, mounts);
    for (;;) {
      const identity = instance.identity();
      const connection = await connect(adapter, signal);
      // Else the name came to mean another namespace, and who knows which one this is in.
      if (instance.is(identity)) {
        connection.instance = identity;
        return connection;
      }
      connection.close();
    }
  };
  return {
    create: ({ signal }) => open(signal) as Promise<ConnectionOf<P>>,
    destroy: (connection) => connection.close(),
    usable(connection, toIdle) {
      if (share > 1 ? !connection.intact : !connection.usable) return false;
      connection.timeout = timeout;
      return toIdle || netns === undefined || instance!.is(connection.instance);
    },
    capacity: share > 1 ? () => share : undefined,
  };
}

/**
 * A pool whose connections survive what the kernel refuses: one goes only if it is not clean, whatever
 * its user threw.
 *
 * @example
 * ```ts
 * import { netlinkPool } from "@x/pool/netlink";
 *
 * await using pool = netlinkPool({ size: 1 });
 * {
 *   using lease = await pool.acquire();
 *   await lease.value.links.get("none").catch((error) => console.log(error.code)); // ENODEV
 * }
 * console.log(pool.stats.idle); // 1: the refusal did the socket no harm
 * ```
 */
export class NetlinkPool<T extends Connection> extends Pool<T> {
  readonly #mounts: MountWatch;

  /** @internal Use {@linkcode netlinkPool}. */
  constructor(factory: Factory<T>, options: PoolOptions, mounts: MountWatch) {
    super(factory, options);
    this.#mounts = mounts;
  }

  /** Closes, as {@linkcode Pool.close} does. */
  override async close(o?: { signal?: AbortSignal }): Promise<void> {
    try {
      await super.close(o);
    } finally {
      this.#mounts.close();
    }
  }

  /**
   * Borrows a connection for the length of a call. A throw does not end it, unless `discardOnError`
   * says so.
   *
   * @throws {PoolError} when none can be had in time or opened, with the reason as `cause`
   * @throws {unknown} the signal's reason, if that aborts first, and what the call throws
   */
  override use<R>(fn: (connection: T) => R | Promise<R>, o?: UseOptions): Promise<R> {
    return super.use(fn, { discardOnError: false, ...o });
  }
}

/** The settings of the pool below. @internal */
export function limits<O extends NetlinkPoolBase<ProtocolName | number>>(options: O) {
  const { name = "netlink", acquireTimeout = 5_000, size = 4, ...rest } = options;
  const { share: _share, protocol: _protocol, requestTimeout: _time, adapter: _libc, ...own } =
    rest;
  return { ...own, name, acquireTimeout, maxSize: size };
}

/**
 * A pool of netlink connections. Each is opened when it is first needed, and goes back only if it is
 * clean: one with unread replies or a dump under way is closed instead, and so is one of a namespace
 * that was deleted, or whose name means another by now.
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
 *
 * await using generic = netlinkPool({ protocol: "generic", share: 16 });
 * console.log(await generic.use(async (nl) => (await nl.family("nlctrl")).id));
 * ```
 */
export function netlinkPool<P extends ProtocolName | number = "route">(
  options: NetlinkPoolOptions<P> = {},
): NetlinkPool<ConnectionOf<P>> {
  checkOptions("a netlink pool", options, POOL);
  const mounts = new MountWatch(), { netns: _, ...rest } = options;
  return new NetlinkPool(connectionFactory(options, mounts), limits(rest), mounts);
}
