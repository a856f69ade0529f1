/** What links are given, and which are listed. */

import type { Values } from "../codec/encode.ts";
import type { DumpOptions } from "../dump.ts";
import type { NamespaceTarget } from "../namespace.ts";
import type { AddressGeneration } from "./address_generation.ts";
import type { LinkRef } from "./input.ts";
import type { BondPortOptions, BridgePortOptions, KindOptions } from "./link_options.ts";

export type { AddressGeneration };

/** What is told of few links (IFLA_* of linux/if_link.h). */
export interface LinkTuning {
  /** The MAC address that packets to all go to (IFLA_BROADCAST). */
  broadcast?: string;
  /** Whether it can send to many at once (IFF_MULTICAST). */
  multicast?: boolean;
  /**
   * How IPv6 makes link-local and other addresses of a prefix; "none" is by hand alone, and
   * "stable-privacy" needs a secret. Told before the link is switched on.
   *
   * @default as `net.ipv6.conf.default.addr_gen_mode` has it, for a new link
   */
  addressGeneration?: AddressGeneration;
  /**
   * Bytes of the largest packet that is given to it whole, to be cut into segments, 1 to 524280. Up to
   * 65536 it becomes `gsoIpv4MaxSize` too.
   */
  gsoMaxSize?: number;
  /** Segments of such a packet, 1 to 65535. */
  gsoMaxSegs?: number;
  /** The same as `gsoMaxSize` of IPv4 alone; Linux 6.3. */
  gsoIpv4MaxSize?: number;
  /**
   * Bytes of the largest packet that is made of those that it receives, up to 524280. Up to 65536 it
   * becomes `groIpv4MaxSize` too.
   */
  groMaxSize?: number;
  /** The same of IPv4 alone; Linux 6.3. */
  groIpv4MaxSize?: number;
}

/**
 * What every link can be given (IFLA_* of linux/if_link.h). A link that is created has what is left
 * out as the kernel has it by default; of one that is set, it stays.
 */
export interface LinkSettings extends LinkTuning {
  /** Largest packet, in bytes. */
  mtu?: number;
  /** MAC address, as in "02:00:00:00:00:01". */
  address?: string;
  /**
   * Whether it is switched on (IFF_UP).
   *
   * @default false, for a new link
   */
  up?: boolean;
  /** The bridge, bond or VRF that it becomes a port of; null leaves it. */
  master?: LinkRef | null;
  /** The network namespace that it is created in, or moves to. */
  netns?: NamespaceTarget;
  /** A note of up to 255 bytes. */
  alias?: string;
  /** The most packets that wait to be sent (IFLA_TXQLEN). */
  txQueueLength?: number;
  /** Whether it takes packets to any MAC address (IFF_PROMISC). */
  promiscuous?: boolean;
  /** Whether it takes packets to any multicast address (IFF_ALLMULTI). */
  allMulticast?: boolean;
  /** Whether it asks for MAC addresses (IFF_NOARP is not set). */
  arp?: boolean;
  /**
   * Number of the group that it is in (IFLA_GROUP).
   *
   * @default 0, for a new link
   */
  group?: number;
  /** Options as a port of a bridge. */
  bridgePort?: BridgePortOptions;
  /** Options as a port of a bond. */
  bondPort?: BondPortOptions;
  /** Options of its kind, named as in the kernel's specification (`IFLA_INFO_DATA`). */
  data?: Values;
}

/** The other end of a veth or netkit pair. It is switched on by a `set` of its own, once both ends exist. */
export interface VethPeer extends
  Omit<
    LinkSettings,
    "master" | "data" | "up" | "alias" | "bridgePort" | "bondPort" | "addressGeneration"
  > {
  /**
   * Its name.
   *
   * @default one that the kernel chooses
   */
  name?: string;
}

/** A link to be created. */
export type NewLink =
  & LinkSettings
  & {
    /** Its name, 1 to 15 bytes. */
    name: string;
    /**
     * Its index, from 1.
     *
     * @default the next one that is free
     */
    index?: number;
    /**
     * How many transmit queues it has, 1 to 4096 (IFLA_NUM_TX_QUEUES).
     *
     * @default what its kind has
     */
    txQueues?: number;
    /**
     * How many receive queues it has, 1 to 4096 (IFLA_NUM_RX_QUEUES).
     *
     * @default what its kind has
     */
    rxQueues?: number;
  }
  & (
    | {
      [K in keyof KindOptions]: { kind: K } & KindOptions[K];
    }[Exclude<keyof KindOptions, "netkit">]
    | { kind: "veth"; peer?: VethPeer }
    | { kind: "netkit"; peer?: VethPeer } & KindOptions["netkit"]
    | { kind: string }
  );

/** What changes of a link. Options of a kind are told with that kind. */
export type LinkChanges =
  & LinkSettings
  & {
    /** Its new name; before Linux 6.2 only while it is switched off. */
    name?: string;
    /** Whether it has a carrier, of a kind that can be told so, as dummy and tun can (IFLA_CARRIER). */
    carrier?: boolean;
    /**
     * Whether a protocol keeps it without a carrier, as one that has found an error does; macvlan and
     * VXLAN can, and some hardware (IFLA_PROTO_DOWN).
     */
    protoDown?: boolean;
  }
  & (
    | { kind?: undefined }
    | { [K in keyof KindOptions]: { kind: K } & Partial<KindOptions[K]> }[keyof KindOptions]
    | { kind: string }
  );

/** Which links a list shall have; the kernel selects them. */
export interface LinkFilter extends DumpOptions {
  /** Only links of this kind. */
  kind?: string;
  /** Only ports of this bridge, bond or VRF. */
  master?: LinkRef;
}
