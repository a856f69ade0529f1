/** The names and shapes of what objects are given. */

import type { DumpOptions } from "../dump.ts";
import type { RequestOptions } from "../exchange.ts";
import type { NewAddress } from "./addresses.ts";
import type { NewBridgeVlan } from "./bridge_vlans.ts";
import type { Encapsulation, IpEncapsulation } from "./encapsulation.ts";
import type { NewFdbEntry } from "./fdb.ts";
import type { LinkSettings, LinkTuning, VethPeer } from "./link_settings.ts";
import type { NewNeighbour } from "./neighbours.ts";
import type { NewNexthop } from "./nexthop_settings.ts";
import type { RouteHop, RouteMetrics } from "./route_details.ts";
import type { NewRoute, RouteFilter } from "./route_settings.ts";
import type { NewRule } from "./rule_settings.ts";
import type { Shape, Shapes } from "./shape.ts";
import type { NewFilter } from "./tc/filters.ts";
import type { NewQdisc } from "./tc/qdiscs.ts";

/** A shape for each property, none forgotten. */
export type All<T> = { readonly [K in keyof Required<T>]: Shape };

const RANGE: Shape = ["number"];

const OUTER: All<IpEncapsulation> = {
  type: "text",
  source: "text",
  destination: "text",
  id: "number",
  ttl: "number",
  tos: "number",
  key: "boolean",
  checksum: "boolean",
  sequence: "boolean",
};

/** What an encapsulation of each type is told. */
export const TUNNELS: { readonly [K in Encapsulation["type"]]: Shapes } = {
  mpls: { type: "text", labels: ["number"], ttl: "number" },
  ip: OUTER,
  ip6: OUTER,
  seg6: { type: "text", mode: "text", segments: ["text"] },
  other: { type: "text", number: "number", data: ["number"] },
};

const tunnel: Shapes = Object.assign({}, ...Object.values(TUNNELS));

/** What is told of few links. */
const TUNING: All<Omit<LinkTuning, "addressGeneration">> = {
  broadcast: "text",
  multicast: "boolean",
  gsoMaxSize: "number",
  gsoMaxSegs: "number",
  gsoIpv4MaxSize: "number",
  groMaxSize: "number",
  groIpv4MaxSize: "number",
};

/** The other end of a pair. */
export const PEER: All<VethPeer> = {
  name: "text",
  mtu: "number",
  address: "text",
  netns: "anything",
  txQueueLength: "number",
  promiscuous: "boolean",
  allMulticast: "boolean",
  arp: "boolean",
  group: "number",
  ...TUNING,
};

/** How a request is sent. */
export const REQUEST: All<RequestOptions> = {
  signal: "signal",
  timeout: "number",
  offload: "boolean",
};

/** How a list is read. */
export const LIST: All<DumpOptions> = { ...REQUEST, whole: "boolean" };

/** What links of all kinds have. */
export const LINK: All<LinkSettings & { name: string; kind: string }> = {
  name: "text",
  kind: "text",
  mtu: "number",
  address: "text",
  up: "boolean",
  master: "anything",
  netns: "anything",
  alias: "text",
  txQueueLength: "number",
  promiscuous: "boolean",
  allMulticast: "boolean",
  arp: "boolean",
  group: "number",
  ...TUNING,
  addressGeneration: "text",
  bridgePort: "object",
  bondPort: "object",
  data: "object",
};

/** What is chosen when a link is made. */
export const NEW_LINK: Shapes = {
  ...LINK,
  index: "number",
  txQueues: "number",
  rxQueues: "number",
};

/** What is told of a link that is there. */
export const CHANGED_LINK: Shapes = { ...LINK, carrier: "boolean", protoDown: "boolean" };

/** An address. */
export const ADDRESS: All<NewAddress> = {
  link: "text or number",
  address: "text",
  peer: "text",
  broadcast: "text",
  label: "text",
  scope: "text or number",
  validLifetime: "number",
  preferredLifetime: "number",
  metric: "number",
  protocol: "text or number",
  flags: ["text"],
  replace: "boolean",
};

/** A neighbour. */
export const NEIGHBOUR: All<NewNeighbour> = {
  link: "text or number",
  address: "text",
  proxy: "boolean",
  mac: "text",
  state: "text",
  router: "boolean",
  externallyLearned: "boolean",
  managed: "boolean",
  protocol: "text or number",
};

/** An entry of a forwarding table. */
export const FDB_ENTRY: All<NewFdbEntry> = {
  link: "text or number",
  mac: "text",
  table: "text",
  vlan: "number",
  remote: "text",
  port: "number",
  vni: "number",
  sourceVni: "number",
  via: "text",
  lifetime: "text",
  nexthop: "number",
  sticky: "boolean",
  externallyLearned: "boolean",
  router: "boolean",
};

/** VLANs of a bridge's port. */
export const BRIDGE_VLAN: All<NewBridgeVlan> = {
  link: "text or number",
  vlan: "number",
  end: "number",
  self: "boolean",
  pvid: "boolean",
  untagged: "boolean",
};

/** A nexthop object. */
export const NEXTHOP: All<NewNexthop> = {
  id: "number",
  link: "text or number",
  gateway: "text",
  family: "number",
  blackhole: "boolean",
  onlink: "boolean",
  encapsulation: tunnel,
  fdb: "boolean",
  group: [{ id: "number", weight: "number" }],
  resilient: { buckets: "number", idleTimeout: "number", unbalancedTimeout: "number" },
  protocol: "text or number",
};

/** A route. */
export const ROUTE: All<NewRoute> = {
  destination: "text",
  family: "number",
  gateway: "text",
  link: "text or number",
  table: "number",
  priority: "number",
  source: "text",
  type: "text",
  scope: "text or number",
  protocol: "text or number",
  from: "text",
  tos: "number",
  mtu: "number",
  onlink: "boolean",
  metrics: {
    window: "number",
    rtt: "number",
    rttVariation: "number",
    slowStartThreshold: "number",
    congestionWindow: "number",
    advertisedSegmentSize: "number",
    reordering: "number",
    hopLimit: "number",
    initialCongestionWindow: "number",
    initialReceiveWindow: "number",
    minRetransmission: "number",
    quickAck: "boolean",
    congestionControl: "text",
    fastOpenNoCookie: "boolean",
    features: ["text"],
    lock: ["text"],
  } satisfies All<RouteMetrics>,
  nexthops: [
    {
      gateway: "text",
      link: "text or number",
      weight: "number",
      onlink: "boolean",
      encapsulation: tunnel,
    } satisfies All<RouteHop>,
  ],
  nexthop: "number",
  encapsulation: tunnel,
  preference: "text",
  expires: "number",
  realms: "number",
  replace: "boolean",
};

/** Which routes are listed. */
export const ROUTE_FILTER: All<RouteFilter> = {
  ...LIST,
  family: "number",
  table: "number",
  link: "text or number",
  type: "text",
  protocol: "text or number",
};

/** A rule. */
export const RULE: All<NewRule> = {
  family: "number",
  priority: "number",
  action: "text",
  table: "number",
  goto: "number",
  from: "text",
  to: "text",
  not: "boolean",
  incoming: "text",
  outgoing: "text",
  mark: "number",
  markMask: "number",
  tos: "number",
  dscp: "number",
  dscpMask: "number",
  flowLabel: "number",
  users: RANGE,
  ipProtocol: "number",
  sourcePorts: RANGE,
  sourcePortMask: "number",
  destinationPorts: RANGE,
  destinationPortMask: "number",
  tunnelId: "number",
  l3mdev: "boolean",
  suppressPrefixLength: "number",
  suppressGroup: "number",
  realms: "number",
  protocol: "text or number",
};

const OPEN: Shape = { "...": "anything" };

/** A queueing discipline or a class. */
export const QDISC: All<NewQdisc> = {
  link: "text or number",
  parent: "text",
  handle: "text",
  kind: "text",
  options: OPEN,
  data: "object",
};

/** One as it is told, for which add and delete take it too. */
export const TOLD_QDISC = { ...QDISC, leaf: "text", statistics: "anything" } as const;

const action = {
  kind: "text",
  verdict: "text",
  link: "text or number",
  mode: "text",
  direction: "text",
  rateBytesPerSecond: "number",
  burstBytes: "number",
  mtuBytes: "number",
  exceed: "text",
  conform: "text",
  mark: "number",
  markMask: "number",
  priority: "number",
  queue: "number",
  id: "number",
  protocol: "text",
  sourceMac: "text",
  destinationMac: "text",
  data: "object",
} satisfies { [name: string]: Shape };

/** A filter. */
export const FILTER: All<NewFilter> = {
  link: "text or number",
  parent: "text",
  priority: "number",
  protocol: "text or number",
  chain: "number",
  kind: "text",
  handle: "text or number",
  options: {
    class: "text",
    actions: [action],
    keys: [{ offset: "number", value: "number", mask: "number", nextHeader: "boolean" }],
    mark: { value: "number", mask: "number" },
    hashKey: { offset: "number", mask: "number" },
    advance: {
      bytes: "number",
      offset: "number",
      mask: "number",
      shift: "number",
      eat: "boolean",
    },
    sourcePorts: RANGE,
    destinationPorts: RANGE,
    bytecode: [["number"]],
    fd: "number",
    name: "text",
    directAction: "boolean",
    skipHardware: "boolean",
    skipSoftware: "boolean",
    "...": "anything",
  },
  data: "object",
};
