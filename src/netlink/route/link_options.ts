/** Options of the kinds of links, and of the ports of bridges and bonds. */

import type { LinkRef } from "./input.ts";

/** A bridge's options (IFLA_BR_* of linux/if_link.h). Times in milliseconds, rounded to 10. */
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
  /** Milliseconds after which a member is forgotten. */
  multicastMembershipInterval?: number;
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
  /** MAC addresses that are learned at most; 0 for no limit. */
  maxLearned?: number;
}

/** A VLAN's options (IFLA_VLAN_*). */
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

/** A VXLAN's options (IFLA_VXLAN_*). */
export interface VxlanOptions {
  /** Network identifier, 0 to 16777215. */
  id: number;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Source address. */
  local?: string;
  /** Address of the other end, or multicast group. */
  remote?: string;
  /**
   * UDP port of the other end.
   *
   * @default 4789
   */
  port?: number;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Type of service of the outer packets; 1 takes the inner one's. */
  tos?: number;
  /** Whether addresses are learned from packets. */
  learning?: boolean;
  /** Seconds until a learned address is forgotten. */
  ageing?: number;
  /** Addresses in the forwarding table at most; 0 for no limit. */
  limit?: number;
  /** Whether it answers ARP requests itself. */
  proxy?: boolean;
  /** Whether packets to a known router skip it. */
  routeShortCircuit?: boolean;
  /** Whether programs are told of MAC addresses without an entry. */
  reportMissingMac?: boolean;
  /** Whether programs are told of IP addresses without an entry. */
  reportMissingIp?: boolean;
  /** Whether IPv4 packets carry a UDP checksum. */
  udpChecksum?: boolean;
  /** Whether IPv6 packets carry none. */
  noChecksum6Out?: boolean;
  /** Whether IPv6 packets without one are taken. */
  noChecksum6In?: boolean;
  /** UDP source ports. */
  sourcePorts?: readonly [first: number, last: number];
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
  /** Whether it serves listed network identifiers only; needs external. */
  vniFilter?: boolean;
  /** Whether packets carry a group policy. */
  groupPolicy?: boolean;
  /** The don't fragment bit of the outer packets. */
  dontFragment?: "unset" | "set" | "inherit";
  /** IPv6 flow label of the outer packets. */
  flowLabel?: number;
  /** Whether packets to this machine's own VXLANs go there at once. */
  localBypass?: boolean;
}

/** A macvlan's or macvtap's options (IFLA_MACVLAN_*). */
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
  /** Broadcast packets that wait at most. */
  broadcastQueueLength?: number;
}

/** An ipvlan's or ipvtap's options (IFLA_IPVLAN_*). */
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

/** A VRF's options. */
export interface VrfOptions {
  /** The routing table of its ports. */
  table: number;
}

/** A bond's options (IFLA_BOND_*). Times in milliseconds. */
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
  /** The port that is preferred. */
  primary?: LinkRef;
  /** The port that is used, in mode active-backup. */
  activePort?: LinkRef;
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

/** Options of a GRE tunnel over IPv4, and of gretap (IFLA_GRE_*). */
export interface GreOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Type of service of the outer packets; 1 takes the inner one's. */
  tos?: number;
  /** Whether the outer packets must not be fragmented. */
  pathMtuDiscovery?: boolean;
  /** Key that packets which come in must carry. */
  inputKey?: number;
  /** Key that packets which go out carry. */
  outputKey?: number;
  /** Whether packets carry a checksum. */
  checksum?: boolean;
  /** Whether packets carry sequence numbers. */
  sequence?: boolean;
  /** What is put around the outer packets' payload. */
  encapsulation?: "none" | "fou" | "gue";
  /** UDP source port of that; 0 chooses one by flow. */
  encapsulationSourcePort?: number;
  /** UDP port of that at the other end. */
  encapsulationPort?: number;
  /** Whether the inner packets' don't fragment bit is ignored. */
  ignoreDontFragment?: boolean;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of a GRE tunnel over IPv6, and of ip6gretap (IFLA_GRE_*). */
export interface Gre6Options {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Key that packets which come in must carry. */
  inputKey?: number;
  /** Key that packets which go out carry. */
  outputKey?: number;
  /** Whether packets carry a checksum. */
  checksum?: boolean;
  /** Whether packets carry sequence numbers. */
  sequence?: boolean;
  /** How deep tunnels may nest. */
  encapsulationLimit?: number;
  /** Traffic class and flow label of the outer packets. */
  flowInfo?: number;
  /** What is put around the outer packets' payload. */
  encapsulation?: "none" | "fou" | "gue";
  /** UDP source port of that; 0 chooses one by flow. */
  encapsulationSourcePort?: number;
  /** UDP port of that at the other end. */
  encapsulationPort?: number;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of IP in IPv4, and of sit (IFLA_IPTUN_*). */
export interface IpTunnelOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Type of service of the outer packets; 1 takes the inner one's. */
  tos?: number;
  /** Whether the outer packets must not be fragmented. */
  pathMtuDiscovery?: boolean;
  /** IP protocol inside: 4 for IPv4, 41 for IPv6, 0 for any. */
  protocol?: number;
  /** What is put around the outer packets' payload. */
  encapsulation?: "none" | "fou" | "gue";
  /** UDP source port of that; 0 chooses one by flow. */
  encapsulationSourcePort?: number;
  /** UDP port of that at the other end. */
  encapsulationPort?: number;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of IP in IPv6 (IFLA_IPTUN_*). */
export interface Ip6TunnelOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** IP protocol inside: 4 for IPv4, 41 for IPv6, 0 for any. */
  protocol?: number;
  /** How deep tunnels may nest. */
  encapsulationLimit?: number;
  /** Traffic class and flow label of the outer packets. */
  flowInfo?: number;
  /** What is put around the outer packets' payload. */
  encapsulation?: "none" | "fou" | "gue";
  /** UDP source port of that; 0 chooses one by flow. */
  encapsulationSourcePort?: number;
  /** UDP port of that at the other end. */
  encapsulationPort?: number;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of a virtual tunnel interface (IFLA_VTI_*). */
export interface VtiOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Key of the policies for packets that come in. */
  inputKey?: number;
  /** Key of the policies for packets that go out. */
  outputKey?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
}

/** A Geneve tunnel's options (IFLA_GENEVE_*). */
export interface GeneveOptions {
  /** Network identifier, 0 to 16777215. */
  id?: number;
  /** Address of the other end. */
  remote?: string;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Type of service of the outer packets; 1 takes the inner one's. */
  tos?: number;
  /**
   * UDP port of the other end.
   *
   * @default 6081
   */
  port?: number;
  /** Whether IPv4 packets carry a UDP checksum. */
  udpChecksum?: boolean;
  /** Whether IPv6 packets carry none. */
  noChecksum6Out?: boolean;
  /** Whether IPv6 packets without one are taken. */
  noChecksum6In?: boolean;
  /** IPv6 flow label of the outer packets. */
  flowLabel?: number;
  /** The don't fragment bit of the outer packets. */
  dontFragment?: "unset" | "set" | "inherit";
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** A netkit pair's options (IFLA_NETKIT_*). */
export interface NetkitOptions {
  /**
   * The layer that it works at.
   *
   * @default "l3"
   */
  mode?: "l2" | "l3";
  /** What becomes of packets without a program. */
  policy?: "forward" | "blackhole";
  /** The same at the other end. */
  peerPolicy?: "forward" | "blackhole";
  /** Whether packets lose mark and priority. */
  scrub?: "none" | "default";
  /** The same at the other end. */
  peerScrub?: "none" | "default";
}

/** Options of an interface to IPsec policies (IFLA_XFRM_*). */
export interface XfrmOptions {
  /** The link below. */
  link?: LinkRef;
  /** Number that policies and states refer to. */
  id?: number;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of a redundant ring (IFLA_HSR_*). */
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

/** Options of a bridge's port (IFLA_BRPORT_*). */
export interface BridgePortOptions {
  /** State in the spanning tree. */
  state?: "disabled" | "listening" | "learning" | "forwarding" | "blocking";
  /** Priority in the spanning tree, 0 to 63. */
  priority?: number;
  /** Cost in the spanning tree. */
  cost?: number;
  /** Whether packets may go out where they came in. */
  hairpin?: boolean;
  /** Whether spanning tree packets that come in block it. */
  guard?: boolean;
  /** Whether it may not become the way to the root. */
  rootBlock?: boolean;
  /** Whether a group is left as soon as one member says so. */
  fastLeave?: boolean;
  /** Whether MAC addresses are learned. */
  learning?: boolean;
  /** Whether packets to unknown addresses go out here. */
  unicastFlood?: boolean;
  /** Whether packets to unknown groups go out here. */
  multicastFlood?: boolean;
  /** Whether broadcast packets go out here. */
  broadcastFlood?: boolean;
  /** Whether each member of a group gets its own copy. */
  multicastToUnicast?: boolean;
  /** Whether a multicast router is behind it: 0 never, 1 if heard of, 2 always, 3 for now. */
  multicastRouter?: number;
  /** Whether the bridge answers ARP requests for what it knows. */
  proxyArp?: boolean;
  /** Whether VLANs map to tunnels. */
  vlanTunnel?: boolean;
  /** Whether ARP and neighbour discovery are answered, not flooded. */
  neighbourSuppress?: boolean;
  /** Whether isolated ports cannot talk to it. */
  isolated?: boolean;
  /** Whether packets from unknown addresses are dropped. */
  locked?: boolean;
  /** Which link-local groups are forwarded, a bit each. */
  groupForwardMask?: number;
  /** The port that takes over when it goes down. */
  backupPort?: LinkRef;
}

/** Options of a bond's port (IFLA_BOND_SLAVE_*). */
export interface BondPortOptions {
  /** Queue that filters send by. */
  queueId?: number;
  /** Priority, the higher the better. */
  priority?: number;
}

/** What the kinds that have options of their own need. */
export interface KindOptions {
  /** Software bridge. */
  bridge: BridgeOptions;
  /** Tagged network. */
  vlan: VlanOptions;
  /** Ethernet over UDP. */
  vxlan: VxlanOptions;
  /** Further MAC address of a link. */
  macvlan: MacvlanOptions;
  /** The same with a character device. */
  macvtap: MacvlanOptions;
  /** Further IP addresses on one MAC address. */
  ipvlan: IpvlanOptions;
  /** The same with a character device. */
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
