/** What routes are made of, and which are listed or looked up. */

import type { DumpOptions } from "../dump.ts";
import type { RequestOptions } from "../exchange.ts";
import type { LinkRef } from "./input.ts";
import type { RouteType } from "./names.ts";
import type { RouteDetails } from "./route_details.ts";

/** Which route. What is left out matches anything when it is deleted, but for `tos`. */
export interface RouteRef {
  /** The network, as in "10.0.0.0/24" or "2001:db8::/32"; "default" for all. */
  destination: string;
  /**
   * IP version; of a destination other than "default" it is known.
   *
   * @default that of the gateway, the source, `from` or the first next hop with a gateway, else 4
   */
  family?: 4 | 6;
  /** The next hop's address. */
  gateway?: string;
  /** The link that it goes out by. */
  link?: LinkRef;
  /**
   * Number of the table.
   *
   * @default 254, the main one
   */
  table?: number;
  /**
   * Of routes to the same network the one with the lowest is taken (RTA_PRIORITY). When a route is
   * deleted, 0 matches any, lowest first.
   *
   * @default 0 for a new IPv4 route, 1024 for a new IPv6 route
   */
  priority?: number;
  /** Preferred source address. */
  source?: string;
  /**
   * What happens to packets.
   *
   * @default "unicast"
   */
  type?: RouteType;
  /**
   * How far the destination is (RT_SCOPE_*).
   *
   * @default as far as the type and gateway imply
   */
  scope?: string | number;
  /** Who made it. */
  protocol?: string | number;
  /** The network that packets come from, IPv6. */
  from?: string;
  /**
   * Type of service, IPv4, 0 to 255; 0 takes packets of any. It is a part of which route it is, as the
   * destination and the table are.
   *
   * @default 0, also of the route to be deleted
   */
  tos?: number;
}

/** A route to be added (struct rtmsg and RTA_* of linux/rtnetlink.h). */
export interface NewRoute extends RouteRef, RouteDetails {
  /** The path's MTU, in bytes. */
  mtu?: number;
  /**
   * Whether the gateway is taken to be on the link though no address says so.
   *
   * @default false
   */
  onlink?: boolean;
  /**
   * Who made it.
   *
   * @default "static"
   */
  protocol?: string | number;
  /**
   * Whether a route to the same network is replaced instead of refused.
   *
   * @default false
   */
  replace?: boolean;
}

/** Which routes a list shall have; the kernel selects them. */
export interface RouteFilter extends DumpOptions {
  /** Only those of this IP version. */
  family?: 4 | 6;
  /** Only those of this table, which need not be there. */
  table?: number;
  /** Only those that go out by this link. */
  link?: LinkRef;
  /** Only those of this type. */
  type?: RouteType;
  /** Only those made by this. */
  protocol?: string | number;
}

/** Which routes are flushed: those that have everything named. */
export interface RouteFlush extends Omit<RouteFilter, "table"> {
  /**
   * Only those of this table; "all" is every table, the local one with the machine's own addresses
   * too.
   *
   * @default 254, the main one
   */
  table?: number | "all";
  /** Only those that go out by this link and no other. */
  link?: LinkRef;
  /** Only those to this network or to a part of it. */
  within?: string;
  /** Only those whose one next hop has this address. */
  gateway?: string;
  /** Only those whose destination is that far. */
  scope?: string | number;
}

/** What a look-up takes into account besides the destination. */
export interface RouteLookup extends RequestOptions {
  /** Source address. */
  from?: string;
  /** The link to go out by. */
  link?: LinkRef;
  /** The link that the packet comes in by, as if it were forwarded; needs `from`. */
  incoming?: LinkRef;
  /**
   * Firewall mark.
   *
   * @default 0
   */
  mark?: number;
  /** Number of the user. */
  user?: number;
  /** IP protocol number: 6 for TCP, 17 for UDP. */
  ipProtocol?: number;
  /** Source port. */
  sourcePort?: number;
  /** Destination port. */
  destinationPort?: number;
  /**
   * Type of service, or traffic class, 0 to 255.
   *
   * @default 0
   */
  tos?: number;
  /**
   * Whether the route as it stands in its table is wanted, not what comes of it.
   *
   * @default false
   */
  match?: boolean;
}
