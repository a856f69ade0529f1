/** What can be a port of what. */

import { ZEROS } from "./link_limits.ts";
import type { Item } from "./section.ts";

/** Kinds that take what arrives at their ports. */
export const MASTERS: readonly string[] = ["bridge", "bond"];
/** Kinds that have no ports, as far as they are known. */
const PORTLESS =
  "vlan vxlan macvlan macvtap ipvlan ipvtap veth ifb dummy geneve netkit xfrm gretap ip6gretap tun"
    .split(" ");
/** Kinds whose links send without MAC addresses. */
export const PLAIN: readonly string[] = "gre ip6gre ipip sit ip6tnl vti vti6 xfrm".split(" ");
/** Kinds whose packets are for the program that opened them, and for nobody else. */
const TAPS = ["macvtap", "ipvtap"];

/** Whether a link has a MAC address, as far as anybody can know. */
export function isEthernet({ kind, address }: Item): boolean {
  // The loopback link has zeros, as a bridge without ports.
  return !PLAIN.includes(String(kind)) && (kind !== undefined || address !== ZEROS);
}

/** Why a declared link cannot have the options of a port; `master` is the link that it will be one of. */
export function noPortOptions(own: Item, master: Item | undefined): string | undefined {
  const kind = ["bridge", "bond"].find((kind) => own[`${kind}Port`] !== undefined);
  if (kind === undefined || master?.kind === kind) return undefined;
  // Of a master without a kind that is told, nobody knows.
  if (master !== undefined && master.kind === undefined) return undefined;
  return `it has ${kind}Port, and will be no port of a ${kind}`;
}

/** Why the kernel would not have a link as a port of another. */
export function noPort(item: Item, master: Item | undefined): string | undefined {
  if (master === undefined) return undefined;
  const { kind } = item;
  const its = String(master.kind);
  if (PORTLESS.includes(its) || PLAIN.includes(its)) {
    return `${master.name}, of kind ${its}, has no ports`;
  }
  if (!isEthernet(master)) return `${master.name} has no ports`;
  if (!MASTERS.includes(its)) return undefined;
  if (TAPS.includes(String(kind))) return `it is of kind ${kind}, and no port of ${master.name}`;
  if (its !== "bridge") return undefined;
  if (kind === "bridge") return `it is a bridge, and no port of another one, ${master.name}`;
  return isEthernet(item) ? undefined : `it has no MAC address, and is no port of ${master.name}`;
}
