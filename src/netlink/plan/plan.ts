/** The difference between what a machine is and what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { LinkRef } from "../route/input.ts";
import type { Link } from "../route/link.ts";
import type { RouteConnection } from "../route_connection.ts";
import { addresses, fdb, neighbours } from "./addressing.ts";
import { type Change, Plan } from "./change.ts";
import { declared } from "./check.ts";
import { classes } from "./classes.ts";
import type { Desired } from "./desired.ts";
import { filters } from "./filters.ts";
import { checkLinks } from "./link_references.ts";
import { below, links, peerName } from "./links.ts";
import { qdiscs } from "./qdiscs.ts";
import { checkReferences } from "./references.ts";
import { inOrder, type Step } from "./order.ts";
import { checkNexthops } from "./nexthop_references.ts";
import { nexthops, routes } from "./routing.ts";
import { rules } from "./rules.ts";
import type { Context, Item, Section } from "./section.ts";

/** All sections. */
export const SECTIONS: readonly Section[] = [
  links,
  addresses,
  neighbours,
  fdb,
  nexthops,
  routes,
  rules,
  qdiscs,
  classes,
  filters,
];

/** @internal Reads the links, which all sections need. */
export async function contextOf(
  nl: RouteConnection,
  desired: Desired,
  options?: RequestOptions,
): Promise<Context> {
  const all = await nl.links.list(options).toArray();
  const names = new Map(all.map((link) => [link.index, link.name]));
  const nameOf = (ref: LinkRef | undefined) =>
    typeof ref === "number" ? names.get(ref) ?? (ref === 0 ? undefined : `#${ref}`) : ref;
  return { nl, desired, links: all, options, nameOf };
}

/** The changes between the kernel and a declaration. */
export async function plan(
  nl: RouteConnection,
  desired: Desired,
  options?: RequestOptions,
): Promise<Plan> {
  const wanted = await declared(SECTIONS, desired);
  const { prune = {} } = desired;
  const context = await contextOf(nl, desired, options);
  const changes: Step[] = [];
  const lost = new Set<string>();
  for (const section of SECTIONS) {
    const items = wanted.get(section)!;
    const scope = ["classes", "filters"].includes(section.name) ? "qdiscs" : section.name;
    if (items.size === 0 && !(scope in prune)) continue;
    const current = new Map<string, Item>();
    for (const item of await section.read(context)) {
      const gone = section !== links && lost.has(String(item.link));
      // Of several alike, the first is the one that counts.
      if (!gone && !current.has(section.key(item))) current.set(section.key(item), item);
    }
    const add = (change: Change) =>
      changes.push({ section, change, order: section.rank(change.after ?? change.before!) });
    for (const [key, item] of current) {
      if (items.has(key) || !section.pruned(item, prune)) continue;
      // The other end of a declared pair is declared with it.
      if (section === links && isPeer(key, item, items)) continue;
      if (section === links) lost.add(key);
      add({ action: "delete", object: section.object, key, before: item, differences: [] });
    }
    for (const [key, item] of items) {
      const is = current.get(key);
      if (is === undefined) {
        add({ action: "create", object: section.object, key, after: item, differences: [] });
        continue;
      }
      const differences = section.differs(item, is);
      if (differences.length === 0) continue;
      const inPlace = section.inPlace(item, differences, is);
      if (section === links && !inPlace) lost.add(key);
      const action = inPlace ? "set" : "replace";
      add({ action, object: section.object, key, before: is, after: item, differences });
    }
    if (section === links) {
      const mended = mendLinks(context, items, lost, changes.map(({ change }) => change));
      changes.splice(0, changes.length, ...mended.map((change) => ({ section, change, order: 0 })));
    }
  }
  checkLinks(context, wanted, lost);
  await checkNexthops(context, wanted, lost);
  await checkReferences(context, wanted, lost);
  return new Plan(desired, inOrder(changes));
}

/** Whether a link is the other end of the declared pair whose one end it has. */
function isPeer(name: string, item: Item, items: ReadonlyMap<string, Item>): boolean {
  const other = items.get(peerName(item) ?? "");
  return other !== undefined && other.kind === item.kind && peerName(other) === name;
}

/**
 * Links that a deleted link takes along are made again if they are declared; if they are not, they
 * are none of the plan's business, and the plan is refused.
 */
function mendLinks(
  { links: all, desired, nameOf }: Context,
  items: Map<string, Item>,
  lost: Set<string>,
  changes: readonly Change[],
): Change[] {
  const causes = new Set(lost);
  for (let before = -1; before !== lost.size;) {
    before = lost.size;
    for (const link of all) {
      const under = fallsWith(link, nameOf);
      if (under !== undefined && lost.has(under)) lost.add(link.name);
    }
  }
  const peers = new Map<string, string>();
  for (const item of items.values()) {
    const peer = peerName(item);
    if (peer !== undefined) peers.set(peer, String(item.name));
  }
  const out = changes.filter(({ key }) => !lost.has(key) || causes.has(key)).map((change) => {
    // The other end of a pair comes with it, or is there: it is only set.
    const { key, action, after } = change;
    if (action !== "create" || after!.kind !== undefined) return change;
    if (!peers.has(key)) throw none(key);
    return fresh(key, after!);
  });
  for (const name of lost) {
    if (causes.has(name)) continue;
    const item = items.get(name);
    const pruned = desired.prune && links.pruned({ name, kind: "veth" }, desired.prune);
    if (item === undefined && !peers.has(name) && !pruned) {
      throw new TypeError(
        `Cannot plan: ${
          [...causes].join(", ")
        } would take link ${name} along, which is not declared`,
      );
    }
    if (item === undefined) continue;
    out.push(
      item.kind === undefined
        ? fresh(name, item)
        : { action: "create", object: "link", key: name, after: item, differences: [] },
    );
  }
  return out;
}

/** The link that takes another along when it is deleted. */
function fallsWith(link: Link, nameOf: Context["nameOf"]): string | undefined {
  // Other tunnels outlive the link that they use.
  if (link.kind === "vxlan") return nameOf(link.options.link as number | undefined);
  return STACKED.has(link.kind ?? "") ? below(link, nameOf) : undefined;
}

const STACKED = new Set([
  "veth",
  "netkit",
  "vlan",
  "macvlan",
  "macvtap",
  "ipvlan",
  "ipvtap",
]);

function fresh(key: string, after: Item): Change {
  const differences = Object.keys(after).filter((name) => name !== "name");
  return { action: "set", object: "link", key, before: {}, after, differences };
}

function none(name: string): TypeError {
  return new TypeError(`Cannot plan link ${name}: there is none, and no kind says how to make it`);
}
