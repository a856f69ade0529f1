/** What the options of each kind of link mean on the wire. */

import type { Values } from "../codec/encode.ts";
import {
  decodeFields,
  type Draft,
  encodeFields,
  type Field,
  type Fields,
  hundredths,
  ipText,
  macText,
  named,
  nth,
  present,
  refuseUnknown,
  whole,
  yesNo,
} from "./fields.ts";
import { address, bad, integer, type LinkRef, linkRef } from "./input.ts";
import { AF_INET } from "./item.ts";
import type {
  BondOptions,
  BondPortOptions,
  BridgeOptions,
  BridgePortOptions,
  GeneveOptions,
  Gre6Options,
  GreOptions,
  HsrOptions,
  Ip6TunnelOptions,
  IpTunnelOptions,
  IpvlanOptions,
  KindOptions,
  MacvlanOptions,
  NetkitOptions,
  VlanOptions,
  VrfOptions,
  VtiOptions,
  VxlanOptions,
  XfrmOptions,
} from "./link_options.ts";

/** A link that an attribute names; its index takes its place before anything is sent. */
export class LinkTarget {
  constructor(readonly parameter: string, readonly link: LinkRef) {}
}

/** IFLA_INFO_DATA, and the link that IFLA_LINK names. */
export interface KindData {
  readonly data?: Values;
  readonly link?: LinkRef;
}

const BOND_MODES = [
  "balance-rr",
  "active-backup",
  "balance-xor",
  "broadcast",
  "802.3ad",
  "balance-tlb",
  "balance-alb",
] as const;
const HASH_POLICIES = [
  "layer2",
  "layer3+4",
  "layer2+3",
  "encap2+3",
  "encap3+4",
  "vlan+srcmac",
] as const;
const PORT_STATES = ["disabled", "listening", "learning", "forwarding", "blocking"] as const;

function linkField(attribute: string): Field<LinkRef> {
  return {
    write(out, parameter, value) {
      out[attribute] = new LinkTarget(parameter, linkRef(parameter, value));
    },
    read: (values) => Number(values[attribute] ?? 0) || undefined,
  };
}

const ip6Only = (attribute: string) => ipText(undefined, attribute);

/** A bit of an attribute that has several. */
function bitIn(attribute: string, bit: number): Field<boolean> {
  return {
    write(out, parameter, value) {
      if (typeof value !== "boolean") throw bad(parameter, "true or false", value);
      out[attribute] = Number(out[attribute] ?? 0) | (value ? bit : 0);
    },
    read(values) {
      const all = values[attribute];
      return all === undefined ? undefined : (Number(all) & bit) !== 0;
    },
  };
}

/** `struct ifla_vlan_flags`: the mask says which flags are meant. */
function vlanFlag(name: string, bit: number): Field<boolean> {
  return {
    write(out, parameter, value) {
      if (typeof value !== "boolean") throw bad(parameter, "true or false", value);
      const old = (out.flags ?? { flags: [], mask: 0 }) as { flags: string[]; mask: number };
      out.flags = { flags: value ? [...old.flags, name] : old.flags, mask: old.mask | bit };
    },
    read(values) {
      return (values.flags as { flags: readonly string[] } | undefined)?.flags.includes(name);
    },
  };
}

const TAGS = { "8021q": 0x8100, "8021ad": 0x88a8 } as const;

/** An ethertype whose bytes the kernel's specification of bridges does not know to be swapped. */
function tagType(attribute: string): Field<keyof typeof TAGS> {
  const swap = (v: number) => ((v & 0xff) << 8) | (v >> 8);
  return {
    write(out, parameter, value) {
      if (!Object.hasOwn(TAGS, value)) throw bad(parameter, "8021q or 8021ad", value);
      out[attribute] = swap(TAGS[value]);
    },
    read(values) {
      const value = values[attribute];
      if (value === undefined) return undefined;
      return swap(Number(value)) === TAGS["8021ad"] ? "8021ad" : "8021q";
    },
  };
}

function portRange(attribute: string): Field<readonly [number, number]> {
  return {
    write(out, parameter, [first, last]) {
      const low = integer(`${parameter}[0]`, first, 0, 65535);
      out[attribute] = { low, high: integer(`${parameter}[1]`, last, low, 65535) };
    },
    read(values) {
      const range = values[attribute] as { low: number; high: number } | undefined;
      return range === undefined || range.high === 0 ? undefined : [range.low, range.high];
    },
  };
}

function list(attribute: string): Field<readonly string[]> {
  return {
    write(out, parameter, value) {
      out[attribute] = value.map((text, i) => {
        if (address(`${parameter}[${i}]`, text).family === AF_INET) return text;
        throw bad(`${parameter}[${i}]`, "an IPv4 address", text);
      });
    },
    read: (values) => values[attribute] as readonly string[] | undefined,
  };
}

const GRE_KEY = 0x2000; // linux/if_tunnel.h

/** A key of one direction, and the flag that says there is one. */
function greKey(direction: "i" | "o"): Field<number> {
  const flags = `${direction}flags`, key = `${direction}key`;
  return {
    write(out, parameter, value) {
      out[key] = integer(parameter, value, 0, 0xffffffff);
      out[flags] = Number(out[flags] ?? 0) | GRE_KEY;
    },
    read: (values) => Number(values[flags] ?? 0) & GRE_KEY ? Number(values[key]) : undefined,
  };
}

/** A flag of both directions. */
function greFlag(bit: number): Field<boolean> {
  const input = bitIn("iflags", bit), output = bitIn("oflags", bit);
  return {
    write(out, parameter, value) {
      input.write(out, parameter, value);
      output.write(out, parameter, value);
    },
    read: (values) => output.read(values),
  };
}

const isolation: Field<"bridge" | "private" | "vepa"> = {
  write(out, parameter, value) {
    if (!["bridge", "private", "vepa"].includes(value)) {
      throw bad(parameter, "bridge, private or vepa", value);
    }
    out.flags = value === "bridge" ? [] : [value];
  },
  read(values) {
    const flags = values.flags as readonly string[] | undefined;
    return flags && ((flags[0] ?? "bridge") as "bridge" | "private" | "vepa");
  },
};

const bridge: Fields<BridgeOptions> = {
  stp: yesNo("stpState"),
  vlanFiltering: yesNo("vlanFiltering"),
  vlanDefaultPvid: whole("vlanDefaultPvid", 4094),
  vlanProtocol: tagType("vlanProtocol"),
  vlanStatistics: yesNo("vlanStatsEnabled"),
  forwardDelay: hundredths("forwardDelay"),
  helloTime: hundredths("helloTime"),
  maxAge: hundredths("maxAge"),
  ageingTime: hundredths("ageingTime"),
  priority: whole("priority", 65535),
  groupForwardMask: whole("groupFwdMask", 0xffff),
  groupAddress: macText("groupAddr"),
  multicastSnooping: yesNo("mcastSnooping"),
  multicastQuerier: yesNo("mcastQuerier"),
  multicastRouter: whole("mcastRouter", 2),
  multicastHashMax: whole("mcastHashMax"),
  multicastQueryInterval: hundredths("mcastQueryIntvl"),
  multicastMembershipInterval: hundredths("mcastMembershipIntvl"),
  igmpVersion: whole("mcastIgmpVersion", 3, 2),
  mldVersion: whole("mcastMldVersion", 2, 1),
  iptables: yesNo("nfCallIptables"),
  ip6tables: yesNo("nfCallIp6tables"),
  arptables: yesNo("nfCallArptables"),
  maxLearned: whole("fdbMaxLearned"),
};

const vlan: Fields<Omit<VlanOptions, "link">> = {
  id: whole("id", 4094),
  protocol: named("protocol"),
  reorderHeader: vlanFlag("reorder-hdr", 1),
  gvrp: vlanFlag("gvrp", 2),
  looseBinding: vlanFlag("loose-binding", 4),
  mvrp: vlanFlag("mvrp", 8),
  bridgeBinding: vlanFlag("bridge-binding", 16),
};

const vxlan: Fields<VxlanOptions> = {
  id: whole("id", 0xffffff),
  link: linkField("link"),
  local: ipText("local", "local6"),
  remote: ipText("group", "group6"),
  port: whole("port", 65535, 1),
  ttl: whole("ttl", 255),
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
  dontFragment: named("df"),
  flowLabel: whole("label", 0xfffff),
  localBypass: yesNo("localbypass"),
};

const macvlan: Fields<Omit<MacvlanOptions, "link">> = {
  mode: named("mode"),
  noPromiscuous: bitIn("flags", 1),
  broadcastQueueLength: whole("bcQueueLen"),
};

const ipvlan: Fields<Omit<IpvlanOptions, "link">> = {
  mode: named("mode"),
  isolation: isolation,
};

const vrf: Fields<VrfOptions> = {
  table: whole("table", 0xffffffff, 1),
};

const bond: Fields<BondOptions> = {
  mode: nth("mode", BOND_MODES),
  monitorInterval: whole("miimon"),
  upDelay: whole("updelay"),
  downDelay: whole("downdelay"),
  arpInterval: whole("arpInterval"),
  arpTargets: list("arpIpTarget"),
  arpValidate: whole("arpValidate", 6),
  primary: linkField("primary"),
  activePort: linkField("activeSlave"),
  primaryReselect: nth("primaryReselect", ["always", "better", "failure"]),
  macPolicy: nth("failOverMac", ["none", "active", "follow"]),
  hashPolicy: nth("xmitHashPolicy", HASH_POLICIES),
  lacpRate: nth("adLacpRate", ["slow", "fast"]),
  lacpActive: yesNo("adLacpActive"),
  aggregatorSelect: nth("adSelect", ["stable", "bandwidth", "count"]),
  minLinks: whole("minLinks"),
  peerNotifications: whole("numPeerNotif", 255),
  igmpResends: whole("resendIgmp", 255),
  packetsPerPort: whole("packetsPerSlave", 65535),
  allPortsActive: yesNo("allSlavesActive"),
  dynamicBalancing: yesNo("tlbDynamicLb"),
};

const gre: Fields<GreOptions> = {
  local: ipText("local"),
  remote: ipText("remote"),
  link: linkField("link"),
  ttl: whole("ttl", 255),
  mark: whole("fwmark"),
  tos: whole("tos", 255),
  pathMtuDiscovery: yesNo("pmtudisc"),
  inputKey: greKey("i"),
  outputKey: greKey("o"),
  checksum: greFlag(0x8000),
  sequence: greFlag(0x1000),
  encapsulation: nth("encapType", ["none", "fou", "gue"]),
  encapsulationSourcePort: whole("encapSport", 65535),
  encapsulationPort: whole("encapDport", 65535),
  ignoreDontFragment: yesNo("ignoreDf"),
  external: present("collectMetadata"),
};

const gre6: Fields<Gre6Options> = {
  local: ip6Only("local"),
  remote: ip6Only("remote"),
  link: linkField("link"),
  ttl: whole("ttl", 255),
  mark: whole("fwmark"),
  inputKey: greKey("i"),
  outputKey: greKey("o"),
  checksum: greFlag(0x8000),
  sequence: greFlag(0x1000),
  encapsulationLimit: whole("encapLimit", 255),
  flowInfo: whole("flowinfo", 0x0fffffff),
  encapsulation: nth("encapType", ["none", "fou", "gue"]),
  encapsulationSourcePort: whole("encapSport", 65535),
  encapsulationPort: whole("encapDport", 65535),
  external: present("collectMetadata"),
};

const ipTunnel: Fields<IpTunnelOptions> = {
  local: ipText("local"),
  remote: ipText("remote"),
  link: linkField("link"),
  ttl: whole("ttl", 255),
  mark: whole("fwmark"),
  tos: whole("tos", 255),
  pathMtuDiscovery: yesNo("pmtudisc"),
  protocol: whole("proto", 255),
  encapsulation: nth("encapType", ["none", "fou", "gue"]),
  encapsulationSourcePort: whole("encapSport", 65535),
  encapsulationPort: whole("encapDport", 65535),
  external: present("collectMetadata"),
};

const ip6Tunnel: Fields<Ip6TunnelOptions> = {
  local: ip6Only("local"),
  remote: ip6Only("remote"),
  link: linkField("link"),
  ttl: whole("ttl", 255),
  mark: whole("fwmark"),
  protocol: whole("proto", 255),
  encapsulationLimit: whole("encapLimit", 255),
  flowInfo: whole("flowinfo", 0x0fffffff),
  encapsulation: nth("encapType", ["none", "fou", "gue"]),
  encapsulationSourcePort: whole("encapSport", 65535),
  encapsulationPort: whole("encapDport", 65535),
  external: present("collectMetadata"),
};

const vti: Fields<VtiOptions> = {
  local: ipText("local"),
  remote: ipText("remote"),
  link: linkField("link"),
  inputKey: whole("ikey"),
  outputKey: whole("okey"),
  mark: whole("fwmark"),
};

const geneve: Fields<GeneveOptions> = {
  id: whole("id", 0xffffff),
  remote: ipText("remote", "remote6"),
  ttl: whole("ttl", 255),
  tos: whole("tos", 255),
  port: whole("port", 65535, 1),
  udpChecksum: yesNo("udpCsum"),
  noChecksum6Out: yesNo("udpZeroCsum6Tx"),
  noChecksum6In: yesNo("udpZeroCsum6Rx"),
  flowLabel: whole("label", 0xfffff),
  dontFragment: nth("df", ["unset", "set", "inherit"]),
  external: present("collectMetadata"),
};

const netkit: Fields<NetkitOptions> = {
  mode: named("mode"),
  policy: named("policy"),
  peerPolicy: named("peerPolicy"),
  scrub: named("scrub"),
  peerScrub: named("peerScrub"),
};

const xfrm: Fields<XfrmOptions> = {
  link: linkField("link"),
  id: whole("ifId"),
  external: present("collectMetadata"),
};

const hsr: Fields<HsrOptions> = {
  port1: linkField("slave1"),
  port2: linkField("slave2"),
  interlink: linkField("interlink"),
  multicastByte: whole("multicastSpec", 255),
  version: whole("version", 1),
  protocol: nth("protocol", ["hsr", "prp"]),
};

const bridgePort: Fields<BridgePortOptions> = {
  state: nth("state", PORT_STATES),
  priority: whole("priority", 63),
  cost: whole("cost", 0xffffffff, 1),
  hairpin: yesNo("mode"),
  guard: yesNo("guard"),
  rootBlock: yesNo("protect"),
  fastLeave: yesNo("fastLeave"),
  learning: yesNo("learning"),
  unicastFlood: yesNo("unicastFlood"),
  multicastFlood: yesNo("mcastFlood"),
  broadcastFlood: yesNo("bcastFlood"),
  multicastToUnicast: yesNo("mcastToUcast"),
  multicastRouter: whole("multicastRouter", 3),
  proxyArp: yesNo("proxyarp"),
  vlanTunnel: yesNo("vlanTunnel"),
  neighbourSuppress: yesNo("neighSuppress"),
  isolated: yesNo("isolated"),
  locked: yesNo("locked"),
  groupForwardMask: whole("groupFwdMask", 0xffff),
  backupPort: linkField("backupPort"),
};

const bondPort: Fields<BondPortOptions> = {
  queueId: whole("queueId", 65535),
  priority: whole("prio"),
};

/** One kind: its options, what it cannot do without, and what it has by default. */
interface Kind<O> {
  readonly fields: object;
  readonly required?: readonly (keyof O)[];
  readonly defaults?: Partial<O>;
}

const macvlanKind: Kind<MacvlanOptions> = {
  fields: macvlan,
  required: ["link"],
  defaults: { mode: "bridge" },
};
const ipvlanKind: Kind<IpvlanOptions> = {
  fields: ipvlan,
  required: ["link"],
  defaults: { mode: "l3" },
};

const kinds: { readonly [K in keyof KindOptions]: Kind<KindOptions[K]> } = {
  bridge: { fields: bridge },
  vlan: { fields: vlan, required: ["link", "id"] },
  vxlan: { fields: vxlan, required: ["id"], defaults: { port: 4789 } },
  macvlan: macvlanKind,
  macvtap: macvlanKind,
  ipvlan: ipvlanKind,
  ipvtap: ipvlanKind,
  vrf: { fields: vrf, required: ["table"] },
  bond: { fields: bond },
  gre: { fields: gre },
  gretap: { fields: gre },
  ip6gre: { fields: gre6 },
  ip6gretap: { fields: gre6 },
  ipip: { fields: ipTunnel },
  sit: { fields: ipTunnel },
  ip6tnl: { fields: ip6Tunnel },
  vti: { fields: vti },
  vti6: { fields: vti },
  geneve: { fields: geneve },
  netkit: { fields: netkit },
  xfrm: { fields: xfrm },
  hsr: { fields: hsr, required: ["port1", "port2"] },
};

const portKinds: { readonly [kind: string]: object } = { bridge: bridgePort, bond: bondPort };

type AnyFields = Fields<Record<string, unknown>>;

function known(kind: string): Kind<Record<string, unknown>> | undefined {
  return Object.hasOwn(kinds, kind)
    ? kinds[kind as keyof KindOptions] as Kind<Record<string, unknown>>
    : undefined;
}

/** Names of a kind's options, `link` among them where the kind stands on one. */
export function kindOptionNames(kind: string): string[] {
  const found = known(kind);
  return found === undefined
    ? []
    : [...new Set([...Object.keys(found.fields), ...found.required ?? []])];
}

/**
 * The attributes of a kind's options.
 *
 * @param fresh whether the link is new, so that its kind's needs and defaults apply
 */
export function kindData(kind: string, options: object, fresh: boolean): KindData {
  const found = known(kind);
  if (found === undefined) return {};
  const { required = [], defaults } = found, fields = found.fields as AnyFields;
  const values: Record<string, unknown> = { ...(fresh ? defaults : {}), ...options };
  for (const name of fresh ? required : []) {
    if (values[name] === undefined) throw bad(name, `given for kind ${kind}`, undefined);
  }
  const { link } = values;
  return {
    data: encodeFields(fields, values),
    link: link === undefined || Object.hasOwn(fields, "link")
      ? undefined
      : linkRef("link", link as LinkRef),
  };
}

/** The options that IFLA_INFO_DATA carries; links by index. */
export function kindOptions(kind: string, data: Values | undefined): Draft {
  const fields = known(kind)?.fields as AnyFields | undefined;
  return fields === undefined || data === undefined ? {} : decodeFields(fields, data);
}

/** The attributes of a port's options. */
export function portData(kind: "bridge" | "bond", options: object): Draft {
  const fields = portKinds[kind] as AnyFields;
  refuseUnknown(fields, options, `a port of a ${kind}`);
  return encodeFields(fields, options as Record<string, unknown>, `${kind}Port.`);
}

/** The options that IFLA_INFO_SLAVE_DATA carries; links by index. */
export function portOptions(kind: string, data: Values | undefined): Draft | undefined {
  const fields = portKinds[kind] as AnyFields | undefined;
  return fields === undefined || data === undefined ? undefined : decodeFields(fields, data);
}
