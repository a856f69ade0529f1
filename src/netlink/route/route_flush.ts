/** Which routes a flush deletes. */

import { bad } from "../check.ts";
import { address, familyNumber, isNetwork, isWithin, type Prefix, prefix } from "./input.ts";
import { version } from "./item.ts";
import { MAIN, scopeName, scopeValue } from "./names.ts";
import type { Route } from "./route.ts";
import type { RouteFilter, RouteFlush } from "./route_settings.ts";
import { checkOptions } from "./shape.ts";
import { type All, ROUTE_FILTER } from "./shapes.ts";

const DOOMED: All<RouteFlush> = {
  ...ROUTE_FILTER,
  table: "text or number",
  within: "text",
  gateway: "text",
  scope: "text or number",
};

/**
 * What the kernel selects for a flush, and what is kept of that.
 *
 * @throws {TypeError | RangeError} for a filter that no kernel would accept, or that names nothing
 */
export function flushed(filter: RouteFlush): { list: RouteFilter; keep(route: Route): boolean } {
  checkOptions("a flush of routes", filter, DOOMED);
  const { table = MAIN, within, gateway, scope, ...rest } = filter;
  const { link, type, protocol } = rest;
  const named = [filter.table, link, type, protocol, within, gateway, scope];
  if (named.every((value) => value === undefined)) {
    throw bad("a flush of routes", "told by more than an IP version", filter);
  }
  if (typeof table === "string" && table !== "all") throw bad("table", "a number or all", table);
  familyNumber("family", rest.family);
  const network = within === undefined ? undefined : prefix("within", within);
  if (network !== undefined && !isNetwork(network)) {
    throw bad("within", `a network, with no bits set behind /${network.length}`, within);
  }
  const family = network === undefined ? undefined : version(network.family);
  if (family !== undefined && rest.family !== undefined && rest.family !== family) {
    throw bad("family", "the IP version of within", rest.family);
  }
  const hop = gateway === undefined ? undefined : address("gateway", gateway);
  const far = scope === undefined ? undefined : scopeName(scopeValue("scope", scope));
  return {
    list: { ...rest, family: rest.family ?? family, table: table === "all" ? undefined : table },
    keep(route) {
      // Of several next hops, one may be of this link; and there is more than IP.
      if (route.family === undefined || link !== undefined && route.link === undefined) {
        return false;
      }
      if (far !== undefined && route.scope !== far) return false;
      if (hop !== undefined) {
        const { gateway: via } = route;
        if (via === undefined || !isWithin(address("gateway", via), hop)) return false;
      }
      return network === undefined || isWithin(destinationOf(route), network);
    },
  };
}

function destinationOf({ destination, family }: Route): Prefix {
  const all = family === 4 ? "0.0.0.0/0" : "::/0";
  return prefix("destination", destination === "default" ? all : destination);
}
