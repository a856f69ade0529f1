/** What the options of each kind of link mean on the wire. */

import type { Values } from "../codec/encode.ts";
import {
  decodeFields,
  type Draft,
  encodeFields,
  type Fields,
  hundredths,
  macText,
  named,
  nth,
  oneOf,
  refuseUnknown,
  whole,
  yesNo,
} from "./fields.ts";
import { bad, type LinkRef, linkRef } from "./input.ts";
import { bitIn, isolation, linkField, list, tagType, vlanFlag } from "./link_fields.ts";
import type {
  BondOptions,
  BondPortOptions,
  BridgeOptions,
  BridgePortOptions,
  HsrOptions,
  IpvlanOptions,
  KindOptions,
  MacvlanOptions,
  NetkitOptions,
  TunOptions,
  VlanOptions,
  VrfOptions,
} from "./link_options.ts";
import type { LinkSettings } from "./link_settings.ts";
import { geneve, gre, gre6, ip6Tunnel, ipTunnel, vti, vxlan, xfrm } from "./tunnel_kinds.ts";

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

const netkit: Fields<NetkitOptions> = {
  mode: named("mode"),
  policy: named("policy"),
  peerPolicy: named("peerPolicy"),
  scrub: named("scrub"),
  peerScrub: named("peerScrub"),
};

const hsr: Fields<HsrOptions> = {
  port1: linkField("slave1"),
  port2: linkField("slave2"),
  interlink: linkField("interlink"),
  multicastByte: whole("multicastSpec", 255),
  version: whole("version", 1),
  protocol: nth("protocol", ["hsr", "prp"]),
};

// IFF_TUN and IFF_TAP of linux/if_tun.h.
const tun: Fields<TunOptions> = {
  type: oneOf("type", { tun: 1, tap: 2 }),
  owner: whole("owner"),
  group: whole("group"),
  packetInfo: yesNo("pi"),
  vnetHeader: yesNo("vnetHdr"),
  persistent: yesNo("persist"),
  multiQueue: yesNo("multiQueue"),
  queues: whole("numQueues"),
  disabledQueues: whole("numDisabledQueues"),
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

/** What links of all kinds have, by name. */
const SETTINGS: { readonly [K in keyof LinkSettings | "name" | "kind"]-?: true } = {
  name: true,
  kind: true,
  mtu: true,
  address: true,
  up: true,
  master: true,
  netns: true,
  alias: true,
  txQueueLength: true,
  promiscuous: true,
  allMulticast: true,
  arp: true,
  group: true,
  bridgePort: true,
  bondPort: true,
  data: true,
};

/** @throws {TypeError} for an option that links of this kind do not have, or none without a kind */
export function refuseUnknownLinkOptions(kind: string | undefined, link: object): void {
  const own = kind === undefined ? [] : kindOptionNames(kind);
  if (kind === "veth" || kind === "netkit") own.push("peer");
  const names = Object.fromEntries(own.map((name) => [name, true]));
  const what = kind === undefined ? "a link whose kind is not given" : `kind ${kind}`;
  refuseUnknown({ ...names, ...SETTINGS }, link, what);
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
  const fields = (kind === "tun" ? tun : known(kind)?.fields) as AnyFields | undefined;
  return fields === undefined || data === undefined ? {} : decodeFields(fields, data);
}

/** The attributes of a port's options. */
export function portData(kind: "bridge" | "bond", options: object): Draft {
  const fields = portKinds[kind] as AnyFields;
  refuseUnknown(fields, options, `a port of a ${kind}`, `${kind}Port.`);
  return encodeFields(fields, options as Record<string, unknown>, `${kind}Port.`);
}

/** The options that IFLA_INFO_SLAVE_DATA carries; links by index. */
export function portOptions(kind: string, data: Values | undefined): Draft | undefined {
  const fields = portKinds[kind] as AnyFields | undefined;
  return fields === undefined || data === undefined ? undefined : decodeFields(fields, data);
}
