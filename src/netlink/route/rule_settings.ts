/** What rules are made of, and which are listed or deleted. */

import type { DumpOptions } from "../dump.ts";
import type { Range, RuleAction } from "./rule.ts";

/**
 * A rule to be added (FRA_* of linux/fib_rules.h), or what a rule to be deleted has; the rest of that
 * may be anything. What is given as false or 0, or as a network of length 0, it then does not have.
 */
export interface NewRule {
  /**
   * IP version.
   *
   * @default that of the addresses, else 4
   */
  family?: 4 | 6;
  /**
   * Rules are tried in the order of their priorities, lowest first.
   *
   * @default one less than the lowest but 0, as the kernel chooses
   */
  priority?: number;
  /**
   * What it does.
   *
   * @default "goto" with `goto`, else "lookup"
   */
  action?: RuleAction;
  /**
   * The table to look into.
   *
   * @default 254, the main one
   */
  table?: number;
  /** Priority of the rule to go on with. */
  goto?: number;
  /** Network that packets come from, as in "10.0.0.0/8". */
  from?: string;
  /** Network that packets go to, as in "10.0.0.0/8". */
  to?: string;
  /**
   * Whether it matches what the selectors do not.
   *
   * @default false
   */
  not?: boolean;
  /** Name of the link that packets come in by. */
  incoming?: string;
  /** Name of the link that packets are bound to go out by. */
  outgoing?: string;
  /** Firewall mark. */
  mark?: number;
  /**
   * The bits of the mark that count; not 0 with a mark of 0, which would be no mark.
   *
   * @default 0xffffffff
   */
  markMask?: number;
  /** Type of service, or traffic class. */
  tos?: number;
  /** Differentiated services code point, 0 to 63 (RFC 2474). */
  dscp?: number;
  /**
   * The bits of the code point that count; Linux 6.15.
   *
   * @default 0x3f
   */
  dscpMask?: number;
  /** IPv6 flow label, 0 to 1048575 (RFC 6437). */
  flowLabel?: number;
  /** Users whose packets match, by number. */
  users?: Range;
  /** IP protocol number, 1 to 255: 6 for TCP, 17 for UDP. */
  ipProtocol?: number;
  /** Source ports. */
  sourcePorts?: Range;
  /**
   * The bits of a single source port that count; Linux 6.15.
   *
   * @default 0xffff
   */
  sourcePortMask?: number;
  /** Destination ports. */
  destinationPorts?: Range;
  /**
   * The bits of a single destination port that count; Linux 6.15.
   *
   * @default 0xffff
   */
  destinationPortMask?: number;
  /** Tunnel that packets came through, from 1. */
  tunnelId?: number;
  /**
   * Whether the table is that of the packet's VRF.
   *
   * @default false
   */
  l3mdev?: boolean;
  /** Routes whose prefix is that long, or shorter, do not count. */
  suppressPrefixLength?: number;
  /** Routes out of links of this group do not count. */
  suppressGroup?: number;
  /** Realms: from << 16 | to, IPv4; not 0. */
  realms?: number;
  /**
   * Who made it, by name or number.
   *
   * @default "unspec", as ip does
   */
  protocol?: string | number;
}

/** Which rules a list shall have; the kernel selects them. */
export interface RuleFilter extends DumpOptions {
  /** Only those of this IP version. */
  family?: 4 | 6;
}

/** What rules to be flushed have: everything named of a {@linkcode NewRule}; the rest may be anything. */
export interface RuleFlush extends NewRule, DumpOptions {
  /**
   * Only those of this IP version.
   *
   * @default that of the addresses, else both
   */
  family?: 4 | 6;
}
