/** The shapes of what can be declared. */

import type {
  Desired,
  DesiredAddress,
  DesiredClass,
  DesiredFdbEntry,
  DesiredFilter,
  DesiredNeighbour,
  DesiredNexthop,
  DesiredQdisc,
  DesiredRoute,
  DesiredRule,
  Prune,
  RouteScope,
} from "./desired.ts";
import type { VethPeer } from "../route/links.ts";
import type { Shape } from "./shape.ts";

/** A shape for each property, none forgotten. */
type All<T> = { readonly [K in keyof Required<T>]: Shape };

const RANGE: Shape = ["number"];

const tunnel = {
  type: "text",
  source: "text",
  destination: "text",
  id: "number",
  ttl: "number",
  tos: "number",
  labels: ["number"],
  mode: "text",
  segments: ["text"],
} satisfies { [name: string]: Shape };

const peer: All<VethPeer> = {
  name: "text",
  mtu: "number",
  address: "text",
  netns: "anything",
  txQueueLength: "number",
  promiscuous: "boolean",
  allMulticast: "boolean",
  arp: "boolean",
  group: "number",
};

/** Of a link; the options of its kind are checked by the kind's own table. */
const link = {
  name: "text",
  kind: "text",
  peer,
  mtu: "number",
  address: "text",
  up: "boolean",
  master: "text or null",
  alias: "text",
  txQueueLength: "number",
  promiscuous: "boolean",
  allMulticast: "boolean",
  arp: "boolean",
  group: "number",
  altNames: ["text"],
  bridgePort: { backupPort: "text", "...": "anything" },
  bondPort: { "...": "anything" },
  // The links that kinds name: an index would mean another one tomorrow.
  link: "text",
  primary: "text",
  activePort: "text",
  port1: "text",
  port2: "text",
  interlink: "text",
  "...": "anything",
} satisfies { [name: string]: Shape };

const address: All<DesiredAddress> = {
  link: "text",
  address: "text",
  peer: "text",
  broadcast: "text",
  label: "text",
  scope: "text or number",
  validLifetime: "number",
  preferredLifetime: "number",
  metric: "number",
  flags: ["text"],
};

const neighbour: All<DesiredNeighbour> = {
  link: "text",
  address: "text",
  proxy: "boolean",
  mac: "text",
  state: "text",
  router: "boolean",
  externallyLearned: "boolean",
  protocol: "text or number",
};

const fdbEntry: All<DesiredFdbEntry> = {
  link: "text",
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
};

const nexthop: All<DesiredNexthop> = {
  id: "number",
  link: "text",
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

const route: All<DesiredRoute> = {
  destination: "text",
  family: "number",
  gateway: "text",
  link: "text",
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
  },
  nexthops: [{
    gateway: "text",
    link: "text",
    weight: "number",
    onlink: "boolean",
    encapsulation: tunnel,
  }],
  nexthop: "number",
  encapsulation: tunnel,
  preference: "text",
  expires: "number",
  realms: "number",
};

const rule: All<DesiredRule> = {
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

const qdisc: All<DesiredQdisc> = {
  link: "text",
  parent: "text",
  handle: "text",
  kind: "text",
  options: OPEN,
};

const action = {
  kind: "text",
  verdict: "text",
  link: "text",
  mode: "text",
  direction: "text",
  rateBytesPerSecond: "number",
  burstBytes: "number",
  mtuBytes: "number",
  exceed: "text",
  mark: "number",
  priority: "number",
  queue: "number",
  id: "number",
  protocol: "text",
} satisfies { [name: string]: Shape };

const filter: All<DesiredFilter> = {
  link: "text",
  parent: "text",
  priority: "number",
  protocol: "text or number",
  chain: "number",
  kind: "text",
  options: {
    class: "text",
    actions: [action],
    keys: [{ offset: "number", value: "number", mask: "number" }],
    bytecode: [["number"]],
    fd: "number",
    name: "text",
    directAction: "boolean",
    "...": "anything",
  },
};

const scope: All<RouteScope> = {
  table: "number",
  family: "number",
  link: "text",
  protocol: "text or number",
};

const prune: All<Prune> = {
  links: ["text"],
  addresses: ["text"],
  neighbours: ["text"],
  fdb: ["text"],
  nexthops: RANGE,
  routes: [scope],
  rules: RANGE,
  qdiscs: ["text"],
};

/** Of a whole declaration. */
export const DESIRED: All<Desired> = {
  links: [link],
  addresses: [address],
  neighbours: [neighbour],
  fdb: [fdbEntry],
  nexthops: [nexthop],
  routes: [route],
  rules: [rule],
  qdiscs: [qdisc],
  classes: [qdisc satisfies All<DesiredClass>],
  filters: [filter],
  prune,
};
