/** Types of packets. */

import { bad, integer } from "../../check.ts";
import { swap16 } from "../../codec/words.ts";

/** ETH_P_* of linux/if_ether.h. */
export const IP = 0x0800, IP6 = 0x86dd;

const ETHERTYPES: Record<string, number> = {
  all: 3,
  ip: IP,
  ipv6: IP6,
  arp: 0x0806,
  "802.1q": 0x8100,
  "802.1ad": 0x88a8,
  mpls: 0x8847,
};
/** Any (ETH_P_ALL). */
export const ALL_PROTOCOLS = 3;
const TYPE_NAMES = new Map(Object.entries(ETHERTYPES).map(([name, v]) => [v, name]));

/** Name of a packet type that has one. */
export function typeName(type: number): string | number {
  return TYPE_NAMES.get(type) ?? type;
}

/** Number of a packet type. */
export function ethertype(parameter: string, value: string | number): number {
  if (typeof value === "number") return integer(parameter, value, 0, 0xffff);
  if (!Object.hasOwn(ETHERTYPES, value)) {
    throw bad(parameter, `a number or one of ${Object.keys(ETHERTYPES).join(", ")}`, value);
  }
  return ETHERTYPES[value];
}

/** `tcm_info`: the priority, and the packet type big-endian. */
export function filterInfo(priority: number, type: number): number {
  return (priority << 16 | swap16(type)) >>> 0;
}

/** Both parts of `tcm_info`. */
export function readInfo(info: number): { priority: number; protocol: string | number } {
  return { priority: info >>> 16, protocol: typeName(swap16(info & 0xffff)) };
}
