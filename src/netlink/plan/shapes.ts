/** The shapes of what can be declared. */

import type { Shape, Shapes } from "../route/shape.ts";
import * as shapes from "../route/shapes.ts";
import type { Desired, DesiredBridgeVlan, Prune, RouteScope } from "./desired.ts";

type All<T> = shapes.All<T>;
const RANGE: Shape = ["number"];

// What is not for a plan.
const { netns: _netns, data: _data, ...settings } = shapes.LINK;

/** Of a link; the options of its kind are checked by the kind's own table. */
const link = {
  ...settings,
  peer: shapes.PEER,
  master: "text or null",
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

const vlan: All<DesiredBridgeVlan> = {
  link: "text",
  vlan: "number",
  end: "number",
  pvid: "boolean",
  untagged: "boolean",
};

const scope: All<RouteScope> = {
  table: "number",
  family: "number",
  link: "text",
  protocol: "text or number",
};

const prune: All<Prune> = {
  links: ["text"],
  bridgeVlans: ["text"],
  addresses: ["text"],
  neighbours: ["text"],
  fdb: ["text"],
  nexthops: RANGE,
  routes: [scope],
  rules: RANGE,
  qdiscs: ["text"],
};

/** Links are named by name, and some of what a method can be told makes no sense here. */
function declared(shape: Shape, ...without: string[]): Shape {
  if (typeof shape === "string") return shape;
  if (shape instanceof Array) return [declared(shape[0])];
  return Object.fromEntries(
    Object.entries(shape as Shapes)
      .filter(([name]) => !without.includes(name))
      .map(([name, inner]) => [name, name === "link" ? "text" : declared(inner)]),
  );
}

const { ADDRESS, FDB_ENTRY, FILTER, NEIGHBOUR, NEXTHOP, QDISC, ROUTE, RULE } = shapes;

/** Of a whole declaration. */
export const DESIRED: All<Desired> = {
  links: [link],
  bridgeVlans: [vlan],
  addresses: [declared(ADDRESS, "replace", "protocol")],
  neighbours: [declared(NEIGHBOUR, "managed")],
  fdb: [declared(FDB_ENTRY, "router")],
  nexthops: [declared(NEXTHOP)],
  routes: [declared(ROUTE, "replace")],
  rules: [RULE],
  qdiscs: [declared(QDISC, "data")],
  classes: [declared(QDISC, "data")],
  filters: [declared(FILTER, "data")],
  prune,
};
