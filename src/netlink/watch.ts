/** Events of links, addresses, routes and the rest of rtnetlink. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { bad } from "./check.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { type NamespaceTarget, pinned } from "./namespace.ts";
import { NetlinkConnection } from "./netlink_connection.ts";
import { checkOptions, WATCH } from "./options.ts";
import { Protocol } from "./protocol.ts";
import { Feed, receiveBuffer } from "./watch_feed.ts";
import { feedSource } from "./watch_feed_source.ts";
import { kinds, type KindSpec, type WatchItems, type WatchKind } from "./watch_kinds.ts";
import { copied, snapshot, type Specs, stateOf, type WatchState } from "./watch_snapshot.ts";
import { Watch } from "./watch_stream.ts";
import { concerns, removes } from "./watch_table.ts";

/** An item is new or has changed, or it is gone. */
export type WatchChange<K extends WatchKind> = {
  [P in K]: {
    /** What it is about. */
    readonly kind: P;
    /** Whether the item was added or changed, or deleted. */
    readonly action: "set" | "delete";
    /** The item, as it is now or was last. */
    readonly item: WatchItems[P];
  };
}[K];

/** Everything as it is now: the events that follow come after it. */
export interface WatchResync<K extends WatchKind> {
  /** Tells it from a change. */
  readonly kind: "resync";
  /** Why it is told: the watch begins, or events were lost. */
  readonly reason: "start" | "overrun";
  /** All items of each kind that is watched. */
  readonly state: WatchState<K>;
}

/** What a {@linkcode Watch} gives. */
export type WatchEvent<K extends WatchKind> = WatchChange<K> | WatchResync<K>;

/** How {@linkcode watch} listens. */
export interface WatchOptions {
  /**
   * The network namespace.
   *
   * @default the caller's own
   */
  netns?: NamespaceTarget;
  /** Ends the watch; who waits for an event gets the signal's reason. */
  signal?: AbortSignal;
  /**
   * Bytes of events that the kernel keeps for a slow reader; what comes beyond them is lost, and told
   * as a resync. A route's event takes about 830. Without CAP_NET_ADMIN it is `net.core.rmem_max` at
   * most. A smaller one than the default grows up to it where a resync overran as well.
   *
   * @default 8_388_608
   */
  receiveBuffer?: number;
  /**
   * Whether the first event is a resync with the state at the start.
   *
   * @default false
   */
  initial?: boolean;
  /**
   * How libc is called; for tests.
   *
   * @default the adapter of the runtime
   */
  adapter?: KernelAccess;
}

/** What {@linkcode subscribe} gives. @internal */
export interface Subscription {
  /** What is needed of the runtime. */
  readonly adapter: KernelAccess;
  /** The events. */
  readonly feed: Feed;
  /** Another socket in the same namespace, for lists. */
  readonly connection: NetlinkConnection;
  /** How the kernel tells of each kind. */
  readonly specs: Specs;
}

/** Opens a feed and a connection in one and the same namespace. @internal */
export async function subscribe(
  names: readonly WatchKind[],
  options: Omit<WatchOptions, "initial">,
): Promise<Subscription> {
  const { signal } = options;
  signal?.throwIfAborted();
  receiveBuffer(options.receiveBuffer);
  if (!Array.isArray(names as unknown)) throw bad("kinds", "a list of names", names);
  const wanted = [...new Set(names)];
  for (const name of wanted) {
    if (Object.hasOwn(kinds, name)) continue;
    throw new TypeError(
      `Cannot watch: kinds must be of ${Object.keys(kinds).join(", ")}, ` +
        `current value is ${JSON.stringify(name)}`,
    );
  }
  if (wanted.length === 0) throw new TypeError("Cannot watch: kinds must name at least one");
  const [adapter, loaded] = await Promise.all([
    options.adapter ?? loadAdapter(),
    Promise.all(wanted.map((name) => kinds[name]() as Promise<KindSpec<object>>)),
  ]);
  const specs: Specs = new Map(wanted.map((name, i) => [name, loaded[i]]));
  signal?.throwIfAborted();
  return await pinned(adapter.libc, options.netns, async (netns) => {
    const connection = await NetlinkConnection.open("route", { adapter, netns });
    try {
      signal?.throwIfAborted();
      const feed = new Feed(adapter, {
        protocol: Protocol.route,
        groups: loaded.flatMap(({ groups }) => groups),
        netns,
        receiveBuffer: options.receiveBuffer,
      });
      return { adapter, feed, connection, specs };
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

/**
 * Listens to changes, whoever makes them. Events come one by one, in the kernel's order. When more
 * come than the receive buffer holds, a resync with the fresh state takes the place of what was
 * lost, and no event from before it follows. A flood does not end a watch, however long it lasts: the
 * resync is tried again after pauses of 1 to 250 ms until it gets through.
 *
 * The kernel does not tell everything. It is silent about IPv4 routes that go because their link goes
 * down or away, and about routes that go or lose a hop with a nexthop object: a {@linkcode mirror}
 * knows. It tells of an IPv6 address once that has been found to be unique, of neighbours for multicast
 * never, and of the `parent` of a veth pair's first end, its peer, with that link's next change.
 *
 * @throws {NetlinkError} when the namespace cannot be entered
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * ```ts
 * import { RouteConnection, watch } from "@x/pool/netlink";
 *
 * await using events = await watch(["link", "address"]);
 * await using nl = await RouteConnection.open();
 * await nl.addresses.add({ link: "lo", address: "10.1.2.3/32" });
 * for await (const event of events) {
 *   if (event.kind === "address") console.log(event.action, event.item.address);
 *   else if (event.kind === "resync") console.log(event.state.link.length);
 *   break;
 * }
 * ```
 */
export async function watch<K extends WatchKind>(
  kinds: readonly K[],
  options: WatchOptions = {},
): Promise<Watch<WatchEvent<K>>> {
  checkOptions("a watch", options, WATCH);
  const { adapter, feed, connection, specs } = await subscribe(kinds, options);
  const all = [...specs];
  const source = feedSource<WatchEvent<K>>(feed, {
    take(w, at) {
      for (const [kind, spec] of all) {
        if (!concerns(spec, w, at)) continue;
        const action = removes(spec, w, at) ? "delete" : "set";
        return { kind, action, item: spec.make(copied(w, at), 0) } as unknown as WatchEvent<K>;
      }
      return undefined;
    },
    async resync(reason, signal) {
      const tables = await snapshot(feed, connection, specs, signal);
      return { kind: "resync", reason, state: stateOf<K>(tables) };
    },
    close: () => connection.close(),
  }, options.initial);
  return new Watch(adapter, source, options.signal);
}
