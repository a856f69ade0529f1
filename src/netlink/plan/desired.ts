/** What a machine shall look like: plain data, as JSON or YAML could hold it. */

import type { Handle, Parent } from "../route/tc/handle.ts";
import type { NewAddress } from "../route/addresses.ts";
import type { NewBridgeVlan } from "../route/bridge_vlans.ts";
import type { NewFdbEntry } from "../route/fdb.ts";
import type { LinkSettings, LinkTuning, NewLink } from "../route/link_settings.ts";
import type { NewNeighbour } from "../route/neighbours.ts";
import type { NewNexthop } from "../route/nexthop_settings.ts";
import type { NewRoute } from "../route/routes.ts";
import type { NewRule } from "../route/rules.ts";
import type { NewClass } from "../route/tc/classes.ts";
import type { NewFilter } from "../route/tc/filters.ts";
import type { NewQdisc } from "../route/tc/qdiscs.ts";

/** A type without some properties, each member of a union by itself. */
export type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** Links are named by name: an index does not survive a link that is made anew. */
export type Named<T> = Without<T, "link"> & {
  /** The link, by name. */
  link: string;
};

/**
 * A link: with a kind one that is created where it is missing, without one a link that is there, or
 * that is the other end of a declared pair. What `peer` says is compared too, in the same namespace; of
 * an end in another one, no more than that it is elsewhere is seen, and no more can be declared. The
 * state of a bridge's port is the spanning tree's, and is not declared.
 */
export type DesiredLink =
  & (
    | Without<NewLink, "netns" | "data" | keyof LinkTuning>
    | (Omit<LinkSettings, "netns" | "data" | keyof LinkTuning> & { name: string; kind?: undefined })
  )
  & {
    /** All its further names. */
    altNames?: readonly string[];
  };

/**
 * VLANs of a bridge's port, or of a bridge itself; their numbers identify them. A bridge gives a new
 * port its default one, which is no other than those that somebody adds: it stays unless it is pruned.
 */
export type DesiredBridgeVlan = Named<Without<NewBridgeVlan, "self">>;
/** An address of a link. */
export type DesiredAddress = Named<Without<NewAddress, "replace" | "protocol">>;
/**
 * A route. Its network, table, priority and type of service identify it, and the network that packets
 * come from; with IPv6, which has a route into each link, the link as well where it leads to no
 * gateway. What the kernel made is left alone: a route of another way comes beside it, in front of it
 * with IPv4.
 */
export type DesiredRoute = Omit<NewRoute, "link" | "replace"> & {
  /** The link, by name. */
  link?: string;
};
/** A rule; its priority and selectors identify it. */
export type DesiredRule = NewRule & {
  /** Rules are tried in the order of their priorities, lowest first. */
  priority: number;
};
/** A nexthop object; its id identifies it. */
export type DesiredNexthop = Omit<NewNexthop, "link"> & {
  /** Its id. */
  id: number;
  /** The link, by name. */
  link?: string;
};
/** A neighbour. */
export type DesiredNeighbour = Named<Without<NewNeighbour, "managed">>;
/**
 * An entry of a forwarding table. Its link, MAC address, VLAN and source network identify it; of a
 * tunnel's that go to all remotes, such as 00:00:00:00:00:00, the remote with its port, network and
 * link as well.
 */
export type DesiredFdbEntry = Named<Without<NewFdbEntry, "router">>;
/** A queueing discipline; its link and parent identify it. */
export type DesiredQdisc = Without<NewQdisc, "link" | "data"> & {
  /** The link, by name. */
  link: string;
};
/** A class; its link and handle identify it. */
export type DesiredClass = Without<NewClass, "link" | "data"> & {
  /** The link, by name. */
  link: string;
  /** Its handle. */
  handle: Handle;
};
/**
 * A filter; its link, parent, chain and priority identify it. A priority has one filter: what else is
 * there of a declared one's goes when it is replaced. Beside that one, u32 has hash tables and what
 * stands in them, which their handles identify, and which stay unless they are pruned.
 */
export type DesiredFilter = Without<NewFilter, "link" | "data" | "handle"> & {
  /**
   * The mark, of a filter of kind fw. Of u32 "2:" is a hash table, with a `divisor`, and "2:5:1" the
   * first filter in its bucket 5. Others have none here.
   */
  handle?: number | string;
  /** The link, by name. */
  link: string;
  /** Where it hangs; not "root". */
  parent: Parent;
  /** Filters are tried in the order of their priorities, lowest first. */
  priority: number;
};

/** Routes that are deleted unless they are declared. */
export interface RouteScope {
  /**
   * Number of the table.
   *
   * @default 254, the main one
   */
  table?: number;
  /** Only those of this IP version. */
  family?: 4 | 6;
  /** Only those out of this link. */
  link?: string;
  /**
   * Only those made by this.
   *
   * @default all but "kernel", "ra" and "redirect"
   */
  protocol?: string | number;
}

/**
 * What is deleted unless it is declared. Names of links may end in "*". What the kernel made by
 * itself stays: loopback, link-local addresses, the routes of addresses, default queueing disciplines.
 */
export interface Prune {
  /** Links of these names. */
  links?: readonly string[];
  /** VLANs of these links, which are bridges or their ports. */
  bridgeVlans?: readonly string[];
  /** Addresses of these links. */
  addresses?: readonly string[];
  /** Permanent neighbours of these links. */
  neighbours?: readonly string[];
  /** Static forwarding entries of these links. */
  fdb?: readonly string[];
  /**
   * Nexthops with ids from the first to the last. The kernel lets what uses one go with it: a plan is
   * refused that would take a route, group or forwarding entry along that nobody declares or prunes.
   */
  nexthops?: readonly [first: number, last: number];
  /** Routes. */
  routes?: readonly RouteScope[];
  /** Rules with priorities from the first to the last. */
  rules?: readonly [first: number, last: number];
  /** Queueing disciplines of these links, with their classes and filters. */
  qdiscs?: readonly string[];
}

/** What a machine shall look like. What is not declared is left alone. */
export interface Desired {
  /** Links. */
  links?: readonly DesiredLink[];
  /** VLANs of bridges and their ports. */
  bridgeVlans?: readonly DesiredBridgeVlan[];
  /** Addresses. */
  addresses?: readonly DesiredAddress[];
  /** Neighbours. */
  neighbours?: readonly DesiredNeighbour[];
  /** Entries of forwarding tables. */
  fdb?: readonly DesiredFdbEntry[];
  /** Nexthop objects. */
  nexthops?: readonly DesiredNexthop[];
  /** Routes. */
  routes?: readonly DesiredRoute[];
  /** Rules. */
  rules?: readonly DesiredRule[];
  /** Queueing disciplines. */
  qdiscs?: readonly DesiredQdisc[];
  /** Classes. */
  classes?: readonly DesiredClass[];
  /** Filters. */
  filters?: readonly DesiredFilter[];
  /** What is deleted unless it is declared. */
  prune?: Prune;
}
