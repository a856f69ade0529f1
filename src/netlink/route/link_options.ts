/** Options of the kinds of links. */

import type { LinkRef } from "./input.ts";
import type {
  GeneveOptions,
  Gre6Options,
  GreOptions,
  Ip6TunnelOptions,
  IpTunnelOptions,
  VtiOptions,
  VxlanOptions,
  XfrmOptions,
} from "./tunnel_options.ts";

export type * from "./port_options.ts";
export type * from "./tunnel_options.ts";

/** A bridge's options (IFLA_BR_* of linux/if_link.h). Times are milliseconds, rounded to 10. */
export interface BridgeOptions {
  /** Whether it runs the spanning tree protocol. */
  stp?: boolean;
  /** Whether it looks at VLAN tags. */
  vlanFiltering?: boolean;
  /** VLAN of untagged packets on ports without another; 0 for none. */
  vlanDefaultPvid?: number;
  /** Ethertype of the tags that it looks at. */
  vlanProtocol?: "8021q" | "8021ad";
  /** Whether it counts by VLAN. */
  vlanStatistics?: boolean;
  /** Milliseconds before a port forwards. */
  forwardDelay?: number;
  /** Milliseconds between two hello packets. */
  helloTime?: number;
  /** Milliseconds that a neighbour's data is believed. */
  maxAge?: number;
  /** Milliseconds until an unseen MAC address is forgotten. */
  ageingTime?: number;
  /** Spanning tree priority, 0 to 65535. */
  priority?: number;
  /** Which link-local groups are forwarded, a bit each. */
  groupForwardMask?: number;
  /** MAC address of spanning tree packets. */
  groupAddress?: string;
  /** Whether it watches who listens to which group. */
  multicastSnooping?: boolean;
  /** Whether it asks who listens. */
  multicastQuerier?: boolean;
  /** Whether a multicast router is behind it: 0 never, 1 if heard of, 2 always. */
  multicastRouter?: number;
  /** Groups that it knows at most. */
  multicastHashMax?: number;
  /** Milliseconds between two queries. */
  multicastQueryInterval?: number;
  /** Milliseconds between two of the queries with which it begins. */
  multicastStartupQueryInterval?: number;
  /** How many those are. */
  multicastStartupQueryCount?: number;
  /** Milliseconds in which a query is to be answered. */
  multicastQueryResponseInterval?: number;
  /** Milliseconds after which another querier is taken to be gone. */
  multicastQuerierInterval?: number;
  /** Whether queries come from the bridge's own address, not from 0.0.0.0. */
  multicastQueryUseAddress?: boolean;
  /** Milliseconds between two queries for who is left, after a member has gone. */
  multicastLastMemberInterval?: number;
  /** How many those are. */
  multicastLastMemberCount?: number;
  /** Milliseconds after which a member is forgotten. */
  multicastMembershipInterval?: number;
  /** Whether it counts queries, reports and the like. */
  multicastStatistics?: boolean;
  /** Version of IGMP, 2 or 3. */
  igmpVersion?: number;
  /** Version of MLD, 1 or 2. */
  mldVersion?: number;
  /** Whether IPv4 packets pass iptables. */
  iptables?: boolean;
  /** Whether IPv6 packets pass ip6tables. */
  ip6tables?: boolean;
  /** Whether ARP packets pass arptables. */
  arptables?: boolean;
  /** Whether it learns MAC addresses from link-local packets too. */
  linkLocalLearning?: boolean;
  /** MAC addresses that are learned at most; 0 for no limit. */
  maxLearned?: number;
}

/** A VLAN's options (IFLA_VLAN_* of linux/if_link.h). */
export interface VlanOptions {
  /** The link that carries the tagged packets. */
  link: LinkRef;
  /** VLAN number, 0 to 4094. */
  id: number;
  /**
   * The tag's ethertype.
   *
   * @default "8021q"
   */
  protocol?: "8021q" | "8021ad";
  /**
   * Whether packets that came in are shown without their tag.
   *
   * @default true
   */
  reorderHeader?: boolean;
  /** Whether it registers with switches by GVRP. */
  gvrp?: boolean;
  /** Whether it stays up when the link below goes down. */
  looseBinding?: boolean;
  /** Whether it registers with switches by MVRP. */
  mvrp?: boolean;
  /** Whether it is up as long as a port of the bridge below has the VLAN. */
  bridgeBinding?: boolean;
}

/** A macvlan's or macvtap's options (IFLA_MACVLAN_* of linux/if_link.h). */
export interface MacvlanOptions {
  /** The link below. */
  link: LinkRef;
  /**
   * Who may talk to whom.
   *
   * @default "bridge"
   */
  mode?: "private" | "vepa" | "bridge" | "passthru" | "source";
  /** Whether the link below is left out of promiscuous mode, in mode passthru. */
  noPromiscuous?: boolean;
  /** MAC addresses that packets are taken from, in mode source; all of them. */
  sources?: readonly string[];
  /** Whether packets are not compared with its address, in mode source. */
  noDestination?: boolean;
  /** Broadcast packets that wait at most. */
  broadcastQueueLength?: number;
}

/** An ipvlan's or ipvtap's options (IFLA_IPVLAN_* of linux/if_link.h). */
export interface IpvlanOptions {
  /** The link below. */
  link: LinkRef;
  /**
   * The layer that it works at.
   *
   * @default "l3"
   */
  mode?: "l2" | "l3" | "l3s";
  /** Who may talk to whom. */
  isolation?: "bridge" | "private" | "vepa";
}

/** A VRF's options (IFLA_VRF_* of linux/if_link.h). */
export interface VrfOptions {
  /** The routing table of its ports. */
  table: number;
}

/** A bond's options (IFLA_BOND_* of linux/if_link.h). Times are milliseconds. */
export interface BondOptions {
  /** How its ports share the work. */
  mode?:
    | "balance-rr"
    | "active-backup"
    | "balance-xor"
    | "broadcast"
    | "802.3ad"
    | "balance-tlb"
    | "balance-alb";
  /** Milliseconds between two looks at the ports' state. */
  monitorInterval?: number;
  /** Milliseconds until a port that came up is used. */
  upDelay?: number;
  /** Milliseconds until a port that went down is given up. */
  downDelay?: number;
  /** Milliseconds between two ARP requests. */
  arpInterval?: number;
  /** IPv4 addresses to ask for by ARP. */
  arpTargets?: readonly string[];
  /** Which ARP packets count, BOND_ARP_VALIDATE_*. */
  arpValidate?: number;
  /** The port that is preferred; null for none. */
  primary?: LinkRef | null;
  /** The port that is used, in mode active-backup; null lets the bond choose. */
  activePort?: LinkRef | null;
  /** When the preferred port is taken again. */
  primaryReselect?: "always" | "better" | "failure";
  /** Whose MAC address ports have, in mode active-backup. */
  macPolicy?: "none" | "active" | "follow";
  /** What a flow's port is chosen by. */
  hashPolicy?: "layer2" | "layer3+4" | "layer2+3" | "encap2+3" | "encap3+4" | "vlan+srcmac";
  /** How often the other end is asked to send. */
  lacpRate?: "slow" | "fast";
  /** Whether it sends unasked, in mode 802.3ad. */
  lacpActive?: boolean;
  /** How a group of ports is chosen, in mode 802.3ad. */
  aggregatorSelect?: "stable" | "bandwidth" | "count";
  /** Ports that must be up for it to be up. */
  minLinks?: number;
  /** Packets that tell of a new port. */
  peerNotifications?: number;
  /** Membership reports that follow a new port. */
  igmpResends?: number;
  /** Packets that one port sends in a row, in mode balance-rr. */
  packetsPerPort?: number;
  /** Whether packets that come in by unused ports are taken. */
  allPortsActive?: boolean;
  /** Whether flows are moved by load, in mode balance-tlb. */
  dynamicBalancing?: boolean;
}

/** A netkit pair's options (IFLA_NETKIT_* of linux/if_link.h). */
export interface NetkitOptions {
  /**
   * The layer that it works at.
   *
   * @default "l3"
   */
  mode?: "l2" | "l3";
  /** What becomes of packets without a program. */
  policy?: "forward" | "blackhole";
  /** What becomes of packets at the other end without a program. */
  peerPolicy?: "forward" | "blackhole";
  /** Whether packets lose mark and priority. */
  scrub?: "none" | "default";
  /** Whether packets lose mark and priority at the other end. */
  peerScrub?: "none" | "default";
}

/** Options of a redundant ring (IFLA_HSR_* of linux/if_link.h). */
export interface HsrOptions {
  /** One port. */
  port1: LinkRef;
  /** The other port. */
  port2: LinkRef;
  /** The port to other rings. */
  interlink?: LinkRef;
  /** Last byte of the address of supervision packets. */
  multicastByte?: number;
  /** Version of the protocol, 0 or 1. */
  version?: number;
  /** The protocol. */
  protocol?: "hsr" | "prp";
}

/**
 * What a tun or tap link, of kind "tun", was made with (IFLA_TUN_*). For reading alone: such a link is
 * made by a program that opens /dev/net/tun, or by `ip tuntap`.
 */
export interface TunOptions {
  /** Whether it carries IP packets or Ethernet frames. */
  type?: "tun" | "tap";
  /** The user that may attach to it, by number. */
  owner?: number;
  /** The group that may attach to it, by number. */
  group?: number;
  /** Whether a header with the protocol precedes each packet. */
  packetInfo?: boolean;
  /** Whether a header with offloads precedes each packet. */
  vnetHeader?: boolean;
  /** Whether it stays when nobody is attached. */
  persistent?: boolean;
  /** Whether it may have several queues. */
  multiQueue?: boolean;
  /** Of several queues: how many are attached. */
  queues?: number;
  /** Of several queues: how many are attached and switched off. */
  disabledQueues?: number;
}

/**
 * What the kinds that have options of their own need (IFLA_INFO_DATA of linux/if_link.h). What is
 * left out is as the kernel has it by default.
 */
export interface KindOptions {
  /** Software bridge. */
  bridge: BridgeOptions;
  /** Tagged network. */
  vlan: VlanOptions;
  /** Ethernet over UDP. */
  vxlan: VxlanOptions;
  /** Further MAC address of a link. */
  macvlan: MacvlanOptions;
  /** Further MAC address of a link, for a program that opens its character device. */
  macvtap: MacvlanOptions;
  /** Further IP addresses on one MAC address. */
  ipvlan: IpvlanOptions;
  /** Further IP addresses on one MAC address, for a program that opens its character device. */
  ipvtap: IpvlanOptions;
  /** Routing table for its ports. */
  vrf: VrfOptions;
  /** Several links as one. */
  bond: BondOptions;
  /** IP in GRE over IPv4. */
  gre: GreOptions;
  /** Ethernet in GRE over IPv4. */
  gretap: GreOptions;
  /** IP in GRE over IPv6. */
  ip6gre: Gre6Options;
  /** Ethernet in GRE over IPv6. */
  ip6gretap: Gre6Options;
  /** IPv4 in IPv4. */
  ipip: IpTunnelOptions;
  /** IPv6 in IPv4. */
  sit: IpTunnelOptions;
  /** IP in IPv6. */
  ip6tnl: Ip6TunnelOptions;
  /** IPsec over IPv4 by route. */
  vti: VtiOptions;
  /** IPsec over IPv6 by route. */
  vti6: VtiOptions;
  /** Ethernet over UDP with options. */
  geneve: GeneveOptions;
  /** Pair for containers whose ends run programs. */
  netkit: NetkitOptions;
  /** IPsec by route. */
  xfrm: XfrmOptions;
  /** Redundant ring. */
  hsr: HsrOptions;
}
