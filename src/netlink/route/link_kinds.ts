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
import { bad } from "../check.ts";
import { kindName, type LinkRef, linkRef } from "./input.ts";
import {
  bitIn,
  isolation,
  linkField,
  linkLocalLearning,
  linkOrNone,
  list,
  sourceList,
  tagType,
  vlanFlag,
} from "./link_fields.ts";
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
import { spec } from "../spec/rt-link.ts";
import { checkOptions, type Shapes } from "./shape.ts";
import { CHANGED_LINK, NEW_LINK, PEER } from "./shapes.ts";
import { geneve, gre, gre6, ip6Tunnel, ipTunnel, vti, vxlan, xfrm } from "./tunnel_kinds.ts";

const ENUMS = spec.enums;

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
  multicastStartupQueryInterval: hundredths("mcastStartupQueryIntvl"),
  multicastStartupQueryCount: whole("mcastStartupQueryCnt"),
  multicastQueryResponseInterval: hundredths("mcastQueryResponseIntvl"),
  multicastQuerierInterval: hundredths("mcastQuerierIntvl"),
  multicastQueryUseAddress: yesNo("mcastQueryUseIfaddr"),
  multicastLastMemberInterval: hundredths("mcastLastMemberIntvl"),
  multicastLastMemberCount: whole("mcastLastMemberCnt"),
  multicastMembershipInterval: hundredths("mcastMembershipIntvl"),
  multicastStatistics: yesNo("mcastStatsEnabled"),
  igmpVersion: whole("mcastIgmpVersion", 3, 2),
  mldVersion: whole("mcastMldVersion", 2, 1),
  iptables: yesNo("nfCallIptables"),
  ip6tables: yesNo("nfCallIp6tables"),
  arptables: yesNo("nfCallArptables"),
  linkLocalLearning,
  maxLearned: whole("fdbMaxLearned"),
};

const vlan: Fields<Omit<VlanOptions, "link">> = {
  id: whole("id", 4094),
  protocol: named("protocol", ENUMS["vlan-protocols"].entries),
  reorderHeader: vlanFlag("reorder-hdr", 1),
  gvrp: vlanFlag("gvrp", 2),
  looseBinding: vlanFlag("loose-binding", 4),
  mvrp: vlanFlag("mvrp", 8),
  bridgeBinding: vlanFlag("bridge-binding", 16),
};

const macvlan: Fields<Omit<MacvlanOptions, "link">> = {
  mode: named("mode", ENUMS["macvlan-mode"].entries),
  noPromiscuous: bitIn("flags", 1),
  noDestination: bitIn("flags", 2),
  sources: sourceList,
  broadcastQueueLength: whole("bcQueueLen"),
};

const ipvlan: Fields<Omit<IpvlanOptions, "link">> = {
  mode: named("mode", ENUMS["ipvlan-mode"].entries),
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
  primary: linkOrNone("primary"),
  activePort: linkOrNone("activeSlave"),
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
  mode: named("mode", ENUMS["netkit-mode"].entries),
  policy: named("policy", ENUMS["netkit-policy"].entries),
  peerPolicy: named("peerPolicy", ENUMS["netkit-policy"].entries),
  scrub: named("scrub", ENUMS["netkit-scrub"].entries),
  peerScrub: named("peerScrub", ENUMS["netkit-scrub"].entries),
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

const backupNhid = whole("backupNhid");

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
  multicastMaxGroups: whole("mcastMaxGroups"),
  proxyArp: yesNo("proxyarp"),
  proxyArpWifi: yesNo("proxyarpWifi"),
  vlanTunnel: yesNo("vlanTunnel"),
  neighbourSuppress: yesNo("neighSuppress"),
  neighbourVlanSuppress: yesNo("neighVlanSuppress"),
  isolated: yesNo("isolated"),
  locked: yesNo("locked"),
  macAuthBypass: yesNo("mab"),
  groupForwardMask: whole("groupFwdMask", 0xffff),
  backupPort: linkOrNone("backupPort"),
  // The kernel does not tell that there is none.
  backupNexthop: { ...backupNhid, read: (values) => backupNhid.read(values) ?? 0 },
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
  /** What the kernel only takes together: what is left out of these is reset. */
  readonly together?: readonly (keyof O)[];
}

/** The kernel takes a tunnel's options as a whole, as ip(8) sends them. */
function tunnel<O extends object>(fields: Fields<O>): Kind<O> {
  return { fields, together: Object.keys(fields) as (keyof O)[] };
}

const macvlanKind: Kind<MacvlanOptions> = {
  fields: macvlan,
  required: ["link"],
  defaults: { mode: "bridge" },
  together: ["noPromiscuous", "noDestination"],
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
  gre: tunnel(gre),
  gretap: tunnel(gre),
  ip6gre: tunnel(gre6),
  ip6gretap: tunnel(gre6),
  ipip: tunnel(ipTunnel),
  sit: tunnel(ipTunnel),
  ip6tnl: tunnel(ip6Tunnel),
  vti: tunnel(vti),
  vti6: tunnel(vti),
  geneve: { fields: geneve },
  netkit: { fields: netkit },
  xfrm: tunnel(xfrm),
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
 * Options that a change of this kind's `options` would reset: for those that are not among them, what
 * the link has is to be told again.
 */
export function alongWith(kind: string, options: object): readonly string[] {
  const together = (known(kind)?.together ?? []) as readonly string[];
  return together.some((name) => name in options)
    ? together.filter((name) => !(name in options))
    : [];
}

/** Kinds that come in pairs. */
const PAIRS = ["veth", "netkit"];

/** @throws {TypeError} for an option that links of this kind do not have, or none without a kind */
export function checkLinkOptions(kind: string | undefined, link: object, fresh: boolean): void {
  if (kind !== undefined) kindName(kind);
  const own = kind === undefined ? [] : kindOptionNames(kind);
  const shape: Shapes = {
    ...Object.fromEntries(own.map((name) => [name, "anything" as const])),
    ...kind !== undefined && PAIRS.includes(kind) ? { peer: PEER } : {},
    ...fresh ? NEW_LINK : CHANGED_LINK,
  };
  checkOptions(kind === undefined ? "a link whose kind is not given" : `kind ${kind}`, link, shape);
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
