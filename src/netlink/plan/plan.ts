/** The difference between what a machine is and what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { LinkRef } from "../route/input.ts";
import type { RouteConnection } from "../route_connection.ts";
import { addresses, fdb, neighbours } from "./addressing.ts";
import { mendLinks } from "./anew.ts";
import { type Change, Plan } from "./change.ts";
import { declared } from "./check.ts";
import { classes } from "./classes.ts";
import type { Desired } from "./desired.ts";
import { filters } from "./filters.ts";
import { checkLinks } from "./link_references.ts";
import { links, peerName } from "./links.ts";
import { checkNames, paired } from "./pairs.ts";
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

/** What is declared, by section and key. */
async function wantedOf(desired: Desired): Promise<Map<Section, Map<string, Item>>> {
  const wanted = await declared(SECTIONS, desired), items = wanted.get(links)!;
  checkNames(desired.links ?? [], items);
  return wanted.set(links, paired(desired.links ?? [], items));
}

/** The changes between the kernel and a declaration. */
export async function plan(
  nl: RouteConnection,
  desired: Desired,
  options?: RequestOptions,
): Promise<Plan> {
  const wanted = await wantedOf(desired);
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
      const mended = mendLinks(context, items, current, lost, changes.map(({ change }) => change));
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
