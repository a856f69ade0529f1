/** What the options of tunnels mean on the wire. */

import { spec } from "../spec/rt-link.ts";
import { type Fields, ipText, named, nth, present, whole, yesNo } from "./fields.ts";
import { greFlag, greKey, ip6Only, linkField, portRange, ttl } from "./link_fields.ts";
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

/** VXLAN. */
export const vxlan: Fields<VxlanOptions> = {
  id: whole("id", 0xffffff),
  link: linkField("link"),
  local: ipText("local", "local6"),
  remote: ipText("group", "group6"),
  port: whole("port", 65535, 1),
  ttl: ttl(true),
  tos: whole("tos", 255),
  learning: yesNo("learning"),
  ageing: whole("ageing"),
  limit: whole("limit"),
  proxy: yesNo("proxy"),
  routeShortCircuit: yesNo("rsc"),
  reportMissingMac: yesNo("l2miss"),
  reportMissingIp: yesNo("l3miss"),
  udpChecksum: yesNo("udpCsum"),
  noChecksum6Out: yesNo("udpZeroCsum6Tx"),
  noChecksum6In: yesNo("udpZeroCsum6Rx"),
  sourcePorts: portRange("portRange"),
  external: yesNo("collectMetadata"),
  vniFilter: yesNo("vnifilter"),
  groupPolicy: present("gbp"),
  dontFragment: named("df", spec.enums["vxlan-df"].entries),
  flowLabel: whole("label", 0xfffff),
  localBypass: yesNo("localbypass"),
};

const tunnel = {
  link: linkField("link"),
  ttl: whole("ttl", 255),
  mark: whole("fwmark"),
  encapsulation: nth("encapType", ["none", "fou", "gue"]),
  encapsulationSourcePort: whole("encapSport", 65535),
  encapsulationPort: whole("encapDport", 65535),
  external: present("collectMetadata"),
};
const over4 = {
  local: ipText("local"),
  remote: ipText("remote"),
  ...tunnel,
  tos: whole("tos", 255),
  pathMtuDiscovery: yesNo("pmtudisc"),
};
const over6 = {
  local: ip6Only("local"),
  remote: ip6Only("remote"),
  ...tunnel,
  encapsulationLimit: whole("encapLimit", 255),
  flowInfo: whole("flowinfo", 0x0fffffff),
};
const greHeader = {
  inputKey: greKey("i"),
  outputKey: greKey("o"),
  checksum: greFlag(0x8000),
  sequence: greFlag(0x1000),
};
const inside = { protocol: whole("proto", 255) };

/** GRE over IPv4. */
export const gre: Fields<GreOptions> = {
  ...over4,
  ...greHeader,
  ignoreDontFragment: yesNo("ignoreDf"),
};

/** GRE over IPv6. */
export const gre6: Fields<Gre6Options> = { ...over6, ...greHeader };

/** IP in IPv4. */
export const ipTunnel: Fields<IpTunnelOptions> = { ...over4, ...inside };

/** IP in IPv6. */
export const ip6Tunnel: Fields<Ip6TunnelOptions> = { ...over6, ...inside };

/** IPsec by route. */
export const vti: Fields<VtiOptions> = {
  local: ipText("local"),
  remote: ipText("remote"),
  link: linkField("link"),
  inputKey: whole("ikey"),
  outputKey: whole("okey"),
  mark: whole("fwmark"),
};

/** Geneve. */
export const geneve: Fields<GeneveOptions> = {
  id: whole("id", 0xffffff),
  remote: ipText("remote", "remote6"),
  ttl: ttl(1),
  tos: whole("tos", 255),
  port: whole("port", 65535, 1),
  udpChecksum: yesNo("udpCsum"),
  noChecksum6Out: yesNo("udpZeroCsum6Tx"),
  noChecksum6In: yesNo("udpZeroCsum6Rx"),
  flowLabel: whole("label", 0xfffff),
  dontFragment: nth("df", ["unset", "set", "inherit"]),
  external: present("collectMetadata"),
};

/** IPsec policies. */
export const xfrm: Fields<XfrmOptions> = {
  link: linkField("link"),
  id: whole("ifId"),
  external: present("collectMetadata"),
};
