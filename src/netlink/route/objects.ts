/** All objects of rtnetlink, loaded together when a connection is opened. */

import type { Connection } from "../connection.ts";
import { Addresses } from "./addresses.ts";
import { BridgeVlans } from "./bridge_vlans.ts";
import { Fdb } from "./fdb.ts";
import { Links } from "./links.ts";
import { Neighbours } from "./neighbours.ts";
import { Nexthops } from "./nexthops.ts";
import { Routes } from "./routes.ts";
import { Rules } from "./rules.ts";
import { Classes } from "./tc/classes.ts";
import { Filters } from "./tc/filters.ts";
import { Qdiscs } from "./tc/qdiscs.ts";

export { Links };

/** One of each kind over a connection. */
export function routeObjects(nl: Connection, links: Links = new Links(nl)) {
  return {
    links,
    addresses: new Addresses(nl, links),
    routes: new Routes(nl, links),
    nexthops: new Nexthops(nl, links),
    rules: new Rules(nl),
    neighbours: new Neighbours(nl, links),
    fdb: new Fdb(nl, links),
    bridgeVlans: new BridgeVlans(nl, links),
    qdiscs: new Qdiscs(nl, links),
    classes: new Classes(nl, links),
    filters: new Filters(nl, links),
  };
}
