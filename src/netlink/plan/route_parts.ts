/** What routes, nexthop objects and rules of a plan have in common. */

import { bad } from "../check.ts";
import { protocolName, protocolValue } from "../route/names.ts";
import { type Encapsulation, encapsulationValues } from "../route/encapsulation.ts";
import { alike, type Item, someIp, tidy } from "./section.ts";

/** Who makes what a plan leaves alone. */
export const KERNEL: readonly string[] = ["kernel", "ra", "redirect"];

/** Who made an item, as the kernel's list says it. */
export function protocol(item: Item): string | number | undefined {
  return item.protocol === undefined
    ? undefined
    : protocolName(protocolValue("protocol", item.protocol as string));
}

/** What says where a hop leads. */
export const HOP: readonly string[] = ["gateway", "link", "onlink", "encapsulation"];

/** Whether hops agree; a link that is not declared may be any. */
export function sameHop(wanted: Item, is: Item): boolean {
  return alike(wanted.gateway, is.gateway) && alike(wanted.encapsulation, is.encapsulation) &&
    (wanted.link === undefined || wanted.link === is.link) &&
    Boolean(wanted.onlink) === Boolean(is.onlink) && (wanted.weight ?? 1) === (is.weight ?? 1);
}

/** A hop as the kernel's list says it, checked. */
export function normalHop(hop: Item, six: boolean): Item {
  const { gateway } = hop, encapsulation = hop.encapsulation as Encapsulation | undefined;
  encapsulationValues(encapsulation, 1, 2); // which checks it
  if (!six && encapsulation?.type === "seg6" && encapsulation.mode === "inline") {
    throw bad("encapsulation.mode", "another one, with IPv4", encapsulation.mode);
  }
  if (hop.onlink && (gateway === undefined || hop.link === undefined)) {
    throw bad("onlink", "absent, without gateway and link", hop.onlink);
  }
  return tidy({
    ...hop,
    gateway: someIp("gateway", gateway),
    onlink: hop.onlink || undefined,
    encapsulation: encapsulation && normalTunnel(encapsulation),
  });
}

/** An encapsulation as the kernel's list says it. */
export function normalTunnel(encap: Encapsulation): Item {
  const ip = (text: string | undefined) => someIp("encapsulation", text);
  if (encap.type === "mpls" || encap.type === "other") return tidy({ ...encap });
  if (encap.type === "seg6") return { ...encap, segments: encap.segments.map((s) => ip(s)) };
  return tidy({
    ...encap,
    source: ip(encap.source),
    destination: ip(encap.destination),
    // What the kernel does not tell.
    id: encap.id || undefined,
    ttl: encap.ttl || undefined,
    tos: encap.tos || undefined,
    key: encap.key || undefined,
    checksum: encap.checksum || undefined,
    sequence: encap.sequence || undefined,
  });
}

/** Whether a number is in a range, of which both ends are. */
export function within(value: number, [first, last]: readonly [number, number]): boolean {
  return value >= first && value <= last;
}

/** Checks a type of service, of which the two lowest bits are not for this. */
export function checkTos({ tos }: Item): void {
  if (typeof tos === "number" && tos % 4 !== 0) throw bad("tos", "a multiple of four", tos);
}
