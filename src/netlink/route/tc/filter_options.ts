/** Options of filters. */

import type { Action } from "./action_options.ts";
import type { Handle } from "./handle.ts";

/** What most kinds of filters have. */
export interface CommonFilterOptions {
  /** The class that packets go to, "1:10". */
  class?: Handle;
  /** What is done with them. */
  actions?: readonly Action[];
}

/** Where a filter works: TCA_CLS_FLAGS_SKIP_* of linux/pkt_cls.h. */
export interface OffloadOptions {
  /**
   * Whether the hardware does not get it.
   *
   * @default false
   */
  skipHardware?: boolean;
  /**
   * Whether the kernel does not match with it, but leaves that to the hardware.
   *
   * @default false
   */
  skipSoftware?: boolean;
}

/** Matches everything (TCA_MATCHALL_* of linux/pkt_cls.h). */
export interface MatchallOptions extends CommonFilterOptions, OffloadOptions {}

/**
 * Matches words of the packet (TCA_U32_* of linux/pkt_cls.h). Filters of one priority stand in hash
 * tables. A table is made by a filter with a `divisor`, filled by filters with `table`, and used by one
 * with `nextTable`:
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.qdiscs.replace({ link: "lo", kind: "htb", handle: "1:" });
 * const at = { link: "lo", parent: "1:", priority: 5, protocol: "ip", kind: "u32" } as const;
 * await nl.filters.add({ ...at, handle: "2:", options: { divisor: 256 } });
 * // Of packets from 10.0.0.5, which fall into bucket 5:
 * const keys = [{ offset: 12, value: 0x0a000005, mask: 0xffffffff }];
 * await nl.filters.add({ ...at, options: { table: "2:5:", keys, class: "1:10" } });
 * const hashKey = { offset: 12, mask: 0xff };
 * await nl.filters.add({ ...at, options: { nextTable: "2:", hashKey } });
 * ```
 */
export interface U32Options extends CommonFilterOptions, OffloadOptions {
  /** Words that must agree; none match all packets. */
  keys?: readonly U32Key[];
  /** The firewall mark that must agree; kernels without CONFIG_CLS_U32_MARK do not look at it. */
  mark?: { value: number; mask: number };
  /** Name of the link that packets came in by. */
  incoming?: string;
  /**
   * Makes a hash table, in place of a filter, of so many buckets: a power of two up to 256. Its number
   * is that of the filter's `handle`, "2:", up to "7ff:".
   */
  divisor?: number;
  /**
   * The bucket that this filter stands in, "2:5:", or "2:" for the first one of that table.
   *
   * @default the table of its priority that is tried first
   */
  table?: string;
  /** The hash table that packets which match are looked up in, "2:". */
  nextTable?: string;
  /** The bits of the packet, those of a word at an offset, that number the bucket of `nextTable`. */
  hashKey?: { offset: number; mask: number };
  /** How far the next header is, which the offsets of keys with `nextHeader` count from. */
  advance?: U32Advance;
}

/** One word of the packet. */
export interface U32Key {
  /** Offset in bytes from the network header, a multiple of four. */
  offset: number;
  /** The bits. */
  value: number;
  /** The bits that count. */
  mask: number;
  /**
   * Whether the offset counts from the next header, which an earlier filter's `advance` led to.
   *
   * @default false
   */
  nextHeader?: boolean;
}

/** The way to the next header: so many bytes, and as many as a field of this header says. */
export interface U32Advance {
  /**
   * Bytes that it is always.
   *
   * @default 0
   */
  bytes?: number;
  /** Offset in bytes of the 16 bits that tell the rest, an even number; needed with `mask`. */
  offset?: number;
  /** The bits of those that count; needed with `offset`. */
  mask?: number;
  /**
   * How far those are shifted right.
   *
   * @default 0
   */
  shift?: number;
  /**
   * Whether the offsets of all keys count from there.
   *
   * @default false
   */
  eat?: boolean;
}

/** A program decides (TCA_BPF_* of linux/pkt_cls.h). */
export interface BpfOptions extends CommonFilterOptions, OffloadOptions {
  /** A loaded program of the type sched_cls. */
  fd?: number;
  /** A name to show for the program of `fd`; the kernel keeps none of a classic one. */
  name?: string;
  /** A classic program, in place of `fd`: instructions of [code, jt, jf, k]. */
  bytecode?: readonly (readonly [code: number, jt: number, jf: number, k: number])[];
  /**
   * Whether what the program returns is the verdict.
   *
   * @default false
   */
  directAction?: boolean;
}

/** Matches header fields (TCA_FLOWER_* of linux/pkt_cls.h). */
export interface FlowerOptions extends CommonFilterOptions, OffloadOptions {
  /** Name of the link that packets came in by. */
  incoming?: string;
  /** Source MAC address. */
  sourceMac?: string;
  /** Destination MAC address. */
  destinationMac?: string;
  /** IP protocol: 6 for TCP, 17 for UDP, 1 for ICMP. */
  ipProtocol?: number;
  /** Source network, as in "10.0.0.0/8". */
  source?: string;
  /** Destination network. */
  destination?: string;
  /** Source port, of TCP, UDP or SCTP by `ipProtocol`. */
  sourcePort?: number;
  /** Destination port. */
  destinationPort?: number;
  /** Source ports from the first to the last, of TCP, UDP or SCTP by `ipProtocol`. */
  sourcePorts?: readonly [first: number, last: number];
  /** Destination ports from the first to the last. */
  destinationPorts?: readonly [first: number, last: number];
  /** Flags of TCP, with an `ipProtocol` of 6: 2 for SYN, 16 for ACK. */
  tcpFlags?: number;
  /**
   * The flags of those that count.
   *
   * @default 0xfff, all
   */
  tcpFlagsMask?: number;
  /** Type of ICMP, with an `ipProtocol` of 1, or of ICMPv6, with one of 58. */
  icmpType?: number;
  /** Code of ICMP or ICMPv6. */
  icmpCode?: number;
  /** VLAN number. */
  vlan?: number;
  /** VLAN priority. */
  vlanPriority?: number;
  /**
   * Type of the packets behind the tag, as a filter's `protocol` has them.
   *
   * @default that of the addresses, where there are some
   */
  vlanProtocol?: string | number;
  /** Type of service. */
  tos?: number;
  /** Time to live. */
  ttl?: number;
  /** Tunnel key, such as a VXLAN's network identifier. */
  tunnelKey?: number;
  /** Source network of the tunnel. */
  tunnelSource?: string;
  /** Destination network of the tunnel. */
  tunnelDestination?: string;
  /** Source port of the tunnel. */
  tunnelSourcePort?: number;
  /** Destination port of the tunnel. */
  tunnelDestinationPort?: number;
}

/** Matches a firewall mark (TCA_FW_* of linux/pkt_cls.h); the filter's handle is the mark. */
export interface FwOptions extends CommonFilterOptions {
  /** The bits of the mark that count. */
  mask?: number;
  /** Name of the link that packets came in by. */
  incoming?: string;
}

/** What each kind takes (linux/pkt_cls.h). */
export interface FilterOptions {
  /** Everything. */
  matchall: MatchallOptions;
  /** Words of the packet. */
  u32: U32Options;
  /** Header fields. */
  flower: FlowerOptions;
  /** A program. */
  bpf: BpfOptions;
  /** A firewall mark. */
  fw: FwOptions;
}
