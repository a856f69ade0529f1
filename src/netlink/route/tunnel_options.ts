/** Options of tunnels. */

import type { LinkRef } from "./input.ts";

/** Options of a GRE tunnel over IPv4, and of gretap (IFLA_GRE_* of linux/if_tunnel.h). */
export interface GreOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets, 0 to 255; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Type of service of the outer packets, 0 to 255; 1 takes the inner one's. */
  tos?: number;
  /** Whether the outer packets must not be fragmented. */
  pathMtuDiscovery?: boolean;
  /** Key that packets which come in must carry, 0 to 4294967295 (RFC 2890). */
  inputKey?: number;
  /** Key that packets which go out carry, 0 to 4294967295 (RFC 2890). */
  outputKey?: number;
  /** Whether packets carry a checksum. */
  checksum?: boolean;
  /** Whether packets carry sequence numbers (RFC 2890). */
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

/** Options of a GRE tunnel over IPv6, and of ip6gretap (IFLA_GRE_* of linux/if_tunnel.h). */
export interface Gre6Options {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets, 0 to 255; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Key that packets which come in must carry, 0 to 4294967295 (RFC 2890). */
  inputKey?: number;
  /** Key that packets which go out carry, 0 to 4294967295 (RFC 2890). */
  outputKey?: number;
  /** Whether packets carry a checksum. */
  checksum?: boolean;
  /** Whether packets carry sequence numbers (RFC 2890). */
  sequence?: boolean;
  /** How deep tunnels may nest, 0 to 255 (RFC 2473). */
  encapsulationLimit?: number;
  /** Traffic class << 20 | flow label of the outer packets, 28 bits (RFC 8200). */
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

/** Options of IP in IPv4, and of sit (IFLA_IPTUN_* of linux/if_tunnel.h). */
export interface IpTunnelOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets, 0 to 255; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** Type of service of the outer packets, 0 to 255; 1 takes the inner one's. */
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

/** Options of IP in IPv6 (IFLA_IPTUN_* of linux/if_tunnel.h). */
export interface Ip6TunnelOptions {
  /** Source address of the outer packets. */
  local?: string;
  /** Address of the other end. */
  remote?: string;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Time to live of the outer packets, 0 to 255; 0 takes the inner one's. */
  ttl?: number;
  /** Firewall mark of the outer packets. */
  mark?: number;
  /** IP protocol inside: 4 for IPv4, 41 for IPv6, 0 for any. */
  protocol?: number;
  /** How deep tunnels may nest, 0 to 255 (RFC 2473). */
  encapsulationLimit?: number;
  /** Traffic class << 20 | flow label of the outer packets, 28 bits (RFC 8200). */
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

/** Options of a virtual tunnel interface (IFLA_VTI_* of linux/if_tunnel.h). */
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

/** A Geneve tunnel's options (IFLA_GENEVE_* of linux/if_link.h, RFC 8926). */
export interface GeneveOptions {
  /** Network identifier, 0 to 16777215. */
  id?: number;
  /** Address of the other end. */
  remote?: string;
  /** Time to live of the outer packets, 0 to 255; 0 takes the system's, "inherit" the inner one's. */
  ttl?: number | "inherit";
  /** Type of service of the outer packets, 0 to 255; 1 takes the inner one's. */
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
  /** IPv6 flow label of the outer packets, 0 to 1048575 (RFC 6437). */
  flowLabel?: number;
  /** The don't fragment bit of the outer packets. */
  dontFragment?: "unset" | "set" | "inherit";
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** Options of an interface to IPsec policies (IFLA_XFRM_* of linux/if_link.h). */
export interface XfrmOptions {
  /** The link below. */
  link?: LinkRef;
  /** Number that policies and states refer to. */
  id?: number;
  /** Whether routes and filters say where packets go, not options. */
  external?: boolean;
}

/** A VXLAN's options (IFLA_VXLAN_* of linux/if_link.h, RFC 7348). */
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
  /** Time to live of the outer packets, 0 to 255; 0 takes the system's, "inherit" the inner one's. */
  ttl?: number | "inherit";
  /** Type of service of the outer packets, 0 to 255; 1 takes the inner one's. */
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
  /** IPv6 flow label of the outer packets, 0 to 1048575 (RFC 6437). */
  flowLabel?: number;
  /** Whether packets to this machine's own VXLANs go there at once. */
  localBypass?: boolean;
}
