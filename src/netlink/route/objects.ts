/** All objects of rtnetlink, loaded together when a connection is opened. */

export { Addresses } from "./addresses.ts";
export { BridgeVlans } from "./bridge_vlans.ts";
export { Fdb } from "./fdb.ts";
export { Links } from "./links.ts";
export { Neighbours } from "./neighbours.ts";
export { Nexthops } from "./nexthops.ts";
export { Routes } from "./routes.ts";
export { Rules } from "./rules.ts";
export { Classes } from "./tc/classes.ts";
export { Filters } from "./tc/filters.ts";
export { Qdiscs } from "./tc/qdiscs.ts";
