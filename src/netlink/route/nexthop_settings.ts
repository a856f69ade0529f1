/** What nexthops are made of, and which are listed. */

import type { DumpOptions } from "../dump.ts";
import type { Encapsulation } from "./encapsulation.ts";
import type { LinkRef } from "./input.ts";

/** One member of a nexthop group (struct nexthop_grp of linux/nexthop.h). */
export interface NexthopMember {
  /** Id of the nexthop. */
  id: number;
  /**
   * Its share of the packets against the other members', 1 to 65535; above 256 since Linux 6.12.
   *
   * @default 1
   */
  weight?: number;
}

/**
 * A nexthop to be added (NHA_* of linux/nexthop.h): a link with or without gateway, a black hole, or
 * a group.
 */
export interface NewNexthop {
  /**
   * Its id.
   *
   * @default one that the kernel chooses
   */
  id?: number;
  /** The link that it goes out by. */
  link?: LinkRef;
  /** The gateway's address. */
  gateway?: string;
  /**
   * IP version; not of a group.
   *
   * @default that of the gateway, else 4
   */
  family?: 4 | 6;
  /**
   * Whether packets are dropped.
   *
   * @default false
   */
  blackhole?: boolean;
  /**
   * Whether the gateway is taken to be on the link though no address says so.
   *
   * @default false
   */
  onlink?: boolean;
  /** How packets are encapsulated. */
  encapsulation?: Encapsulation;
  /**
   * Whether it serves a VXLAN's forwarding table, not routes.
   *
   * @default false
   */
  fdb?: boolean;
  /** The members, of a group. */
  group?: readonly NexthopMember[];
  /** Makes the group resilient: flows stay with their member as long as they can. */
  resilient?: ResilientOptions;
  /**
   * Who made it, by name or number.
   *
   * @default "static"
   */
  protocol?: string | number;
}

/**
 * A resilient group's settings (NHA_RES_GROUP_* of linux/nexthop.h). What is left out is as the
 * kernel has it by default.
 */
export interface ResilientOptions {
  /** Number of buckets that flows are spread over. */
  buckets?: number;
  /**
   * Milliseconds without packets after which a bucket may move, rounded to 10, and down to what the
   * kernel's ticks are (CONFIG_HZ): of 50, a kernel with 250 a second makes 40.
   */
  idleTimeout?: number;
  /** Milliseconds of imbalance after which buckets are moved, rounded likewise; 0 never. */
  unbalancedTimeout?: number;
}

/** Which nexthops a list shall have; the kernel selects them. */
export interface NexthopFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
  /** Only those of links that are ports of this VRF, bridge or bond. */
  master?: LinkRef;
  /**
   * Only groups.
   *
   * @default false
   */
  groups?: boolean;
  /**
   * Only those of VXLANs' forwarding tables, which the kernel does not select: all are read.
   *
   * @default false
   */
  fdb?: boolean;
}

/** Which nexthops are flushed: those that have everything named. */
export interface NexthopFlush extends NexthopFilter {
  /** Only those made by this. */
  protocol?: string | number;
}

/** Which buckets of resilient groups a list shall have; the kernel selects them. */
export interface NexthopBucketFilter extends DumpOptions {
  /** Only those of this group, by its id. */
  group?: number;
  /** Only those whose flows go to this member, by its id. */
  nexthop?: number;
  /** Only those whose flows go out by this link. */
  link?: LinkRef;
  /** Only those whose flows go out by ports of this VRF, bridge or bond. */
  master?: LinkRef;
}
