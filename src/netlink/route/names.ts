/** Names of the numbers in route and address headers (linux/rtnetlink.h). */

import { bad, integer } from "../check.ts";

/** A route's type: RTN_* of linux/rtnetlink.h. */
export type RouteType =
  | "unspec"
  | "unicast"
  | "local"
  | "broadcast"
  | "anycast"
  | "multicast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw"
  | "nat"
  | "xresolve";

/** Route types by number. */
export const ROUTE_TYPES: readonly RouteType[] = [
  "unspec",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
  "nat",
  "xresolve",
];

/** RT_TABLE_MAIN of linux/rtnetlink.h, and what stands in a header for a table above 255. */
export const MAIN = 254, COMPAT = 252;
/** RTNH_F_ONLINK of linux/rtnetlink.h. */
export const RTNH_F_ONLINK = 4;

const SCOPES: Record<string, number> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };
const PROTOCOLS: Record<string, number> = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  ra: 9,
  dhcp: 16,
  bird: 12,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
};

// IFAPROT_* of linux/if_addr.h, in the words of ip.
const ADDRESS_PROTOCOLS: Record<string, number> = {
  unspec: 0,
  kernel_lo: 1,
  kernel_ra: 2,
  kernel_ll: 3,
};

const nameIn = (table: Record<string, number>) => {
  const names = new Map(Object.entries(table).map(([name, value]) => [value, name]));
  return (value: number): string | number => names.get(value) ?? value;
};
const valueIn = (table: Record<string, number>) => (parameter: string, value: string | number) => {
  if (typeof value === "number") return integer(parameter, value, 0, 255);
  if (!Object.hasOwn(table, value)) {
    throw bad(parameter, `a number or one of ${Object.keys(table).join(", ")}`, value);
  }
  return table[value];
};

/** "link" for 253. */
export const scopeName: (value: number) => string | number = nameIn(SCOPES);
/** 253 for "link". */
export const scopeValue: (parameter: string, value: string | number) => number = valueIn(SCOPES);
/** "static" for 4. */
export const protocolName: (value: number) => string | number = nameIn(PROTOCOLS);
/** 4 for "static". */
export const protocolValue: (parameter: string, value: string | number) => number = valueIn(
  PROTOCOLS,
);

/** "kernel_ll" for 3. */
export const addressProtocolName: (value: number) => string | number = nameIn(ADDRESS_PROTOCOLS);
/** 3 for "kernel_ll". */
export const addressProtocolValue: (parameter: string, value: string | number) => number = valueIn(
  ADDRESS_PROTOCOLS,
);

/** RTN_* of a name. */
export function typeValue(parameter: string, value: RouteType): number {
  const index = ROUTE_TYPES.indexOf(value);
  if (index < 0) throw bad(parameter, `one of ${ROUTE_TYPES.join(", ")}`, value);
  return index;
}
