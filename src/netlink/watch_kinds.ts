/** What can be watched: its groups, its messages, and what tells two of its items apart. */

import type { Make } from "./exchange.ts";
import type { Words } from "./codec/words.ts";
import type { Address } from "./route/address.ts";
import type { Link } from "./route/link.ts";
import type { Neighbour } from "./route/neighbour.ts";
import type { Nexthop } from "./route/nexthop.ts";
import type { Route } from "./route/route.ts";
import type { Rule } from "./route/rule.ts";
import type { Qdisc } from "./route/tc/qdiscs.ts";
import type { NamespaceId } from "./watch_namespace_id.ts";

/**
 * What each kind of event is about: the messages of one or more RTNLGRP_* groups of
 * linux/rtnetlink.h.
 */
export interface WatchItems {
  /** Network links. */
  link: Link;
  /** Addresses of links, of both IP versions. */
  address: Address;
  /** Routes of both IP versions. */
  route: Route;
  /** Neighbours, the entries of the ARP and ND tables. */
  neighbour: Neighbour;
  /** Policy rules of both IP versions. */
  rule: Rule;
  /** Nexthop objects. */
  nexthop: Nexthop;
  /** Queueing disciplines. */
  qdisc: Qdisc;
  /** Numbers of other network namespaces. */
  namespace: NamespaceId;
}

/** A kind of event. */
export type WatchKind = keyof WatchItems;

/** How the kernel tells of one kind. */
export interface KindSpec<T> {
  /** Multicast groups: RTNLGRP_* of linux/rtnetlink.h. */
  readonly groups: readonly number[];
  /** Message type of a new or changed item; one that is gone has the next one, a request the third. */
  readonly type: number;
  /** Words of the fixed header of a request. */
  readonly header: number;
  /** Makes an item. */
  readonly make: Make<T>;
  /** What stays the same while an item changes. */
  key(item: T, w: Words, at: number): string | number;
  /** Whether several items may share a key, and by what they then differ. */
  detail?(item: T): string;
  /** Whether several items may be the same in everything, so that how many there are counts. */
  readonly repeats?: true;
  /** Whether a message is about an item of this kind; groups and types are shared. */
  accepts?(w: Words, at: number): boolean;
}

const AF_INET = 2, AF_INET6 = 10;

const family = (w: Words, at: number) => w[at + 4] & 0xff;

/** Loads the specification of a kind. */
export const kinds: { readonly [K in WatchKind]: () => Promise<KindSpec<WatchItems[K]>> } = {
  async link() {
    const { Link } = await import("./route/link.ts");
    return {
      groups: [1],
      type: 16,
      header: 4,
      make: (w, at) => new Link(w, at),
      key: (link) => link.index,
      // Bridges tell of their ports by messages of the same type.
      accepts: (w, at) => family(w, at) === 0,
    };
  },
  async address() {
    const { Address } = await import("./route/address.ts");
    return {
      groups: [5, 9],
      type: 20,
      header: 2,
      make: (w, at) => new Address(w, at),
      key: ({ link, address, peer }) => `${link} ${address} ${peer ?? ""}`,
    };
  },
  async route() {
    const { Route } = await import("./route/route.ts");
    return {
      groups: [7, 11],
      type: 24,
      header: 3,
      make: (w, at) => new Route(w, at),
      key: routeKey,
      detail: ({ type, gateway, link, attributes: { multipath, nhId } }) =>
        `${type} ${gateway} ${link} ${multipath} ${nhId}`,
      accepts: (w, at) => family(w, at) === AF_INET || family(w, at) === AF_INET6,
    };
  },
  async neighbour() {
    const { Neighbour } = await import("./route/neighbour.ts");
    return {
      groups: [3],
      type: 28,
      header: 3,
      make: (w, at) => new Neighbour(w, at),
      key: ({ link, address, proxy }) => `${link} ${address} ${proxy}`,
      accepts: (w, at) => family(w, at) === AF_INET || family(w, at) === AF_INET6,
    };
  },
  async rule() {
    const { Rule } = await import("./route/rule.ts");
    return {
      groups: [8, 19],
      type: 32,
      header: 3,
      make: (w, at) => new Rule(w, at),
      key: ({ attributes }) => JSON.stringify(attributes),
      repeats: true,
      accepts: (w, at) => family(w, at) === AF_INET || family(w, at) === AF_INET6,
    };
  },
  async nexthop() {
    const { Nexthop } = await import("./route/nexthop.ts");
    return {
      groups: [32],
      type: 104,
      header: 2,
      make: (w, at) => new Nexthop(w, at),
      key: ({ id }) => id,
    };
  },
  async qdisc() {
    const { Qdisc } = await import("./route/tc/qdiscs.ts");
    return {
      groups: [4],
      type: 36,
      header: 5,
      make: (w, at) => new Qdisc(w, at),
      key: ({ link, handle, parent }) => `${link} ${handle} ${parent}`,
    };
  },
  async namespace() {
    const { NamespaceId } = await import("./watch_namespace_id.ts");
    return {
      groups: [28],
      type: 88,
      header: 1,
      make: (w, at) => new NamespaceId(w, at),
      key: ({ id }) => id,
    };
  },
};

/** Routes that replace each other: of one destination, table, type of service and priority. */
function routeKey(route: Route, w: Words, at: number): string {
  const { destination, table, priority, from } = route;
  const key = `${destination} ${table} ${priority} ${w[at + 4]}`;
  // IPv6 keeps one route for each link, unless it leads to a gateway.
  return from === undefined && (family(w, at) === AF_INET || route.gateway !== undefined)
    ? key
    : `${key} ${from} ${route.gateway === undefined ? route.link : ""}`;
}
