/** The difference between what a machine is and what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { LinkRef } from "../route/input.ts";
import type { RouteConnection } from "../route_connection.ts";
import { addresses, neighbours } from "./addressing.ts";
import { mendLinks } from "./anew.ts";
import { bridgeVlans } from "./bridge_vlans.ts";
import { type Change, Plan } from "./change.ts";
import { declared } from "./check.ts";
import { fdb } from "./fdb.ts";
import { classes } from "./classes.ts";
import type { Desired } from "./desired.ts";
import { filters } from "./filters.ts";
import { futureLinks } from "./future_links.ts";
import { checkConflicts } from "./link_conflicts.ts";
import { checkFreeNames } from "./link_names.ts";
import { checkNeeds } from "./link_needs.ts";
import { checkLinks } from "./link_references.ts";
import { links, peerName } from "./links.ts";
import { checkNames, paired } from "./pairs.ts";
import { qdiscs } from "./qdiscs.ts";
import { checkReferences } from "./references.ts";
import { inOrder, type Step } from "./order.ts";
import { checkNexthops } from "./nexthop_references.ts";
import { nexthops } from "./nexthops.ts";
import { routes } from "./routes.ts";
import { rules } from "./rules.ts";
import type { Context, Item, Section } from "./section.ts";
import { strays } from "./strays.ts";
import { checkTables } from "./table_references.ts";

/** All sections. */
export const SECTIONS: readonly Section[] = [
  links,
  bridgeVlans,
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

/** Sections of which the kernel may have several objects of one key, the first of which counts. */
export const SEVERAL: readonly Section[] = [routes, rules];

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
export async function wantedOf(desired: Desired): Promise<Map<Section, Map<string, Item>>> {
  const wanted = await declared(SECTIONS, desired), items = wanted.get(links)!;
  checkNames(desired.links ?? [], items);
  return wanted.set(links, paired(desired.links ?? [], items));
}

/** The items of each key in their order; the first alone, of sections that are not among `several`. */
export function byKey(
  section: Section,
  items: Iterable<Item>,
  several: readonly Section[] = SEVERAL,
): Map<string, Item[]> {
  const out = new Map<string, Item[]>();
  for (const item of items) {
    const key = section.key(item), all = out.get(key);
    if (all === undefined) out.set(key, [item]);
    else if (several.includes(section)) all.push(item);
  }
  return out;
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
    const listed = (await section.read(context)).filter((item) =>
      section === links || !lost.has(String(item.link))
    );
    const current = byKey(section, listed), stray = section === routes && strays(listed);
    const differs = (item: Item, is: Item) => [
      ...section.differs(item, is),
      ...stray && item.link === undefined && stray(is) ? ["link"] : [],
    ];
    const found: Change[] = [], { object } = section;
    for (const [key, all] of current) {
      const item = items.get(key);
      // What is in front of one that is as declared counts instead of it.
      const good = item === undefined ? -1 : all.findIndex((is) => differs(item, is).length === 0);
      const stays = item === undefined ? -1 : Math.max(good, 0);
      for (const [i, before] of all.entries()) {
        if (i === stays || i > stays && !section.pruned(before, prune)) continue;
        // The other end of a declared pair is declared with it.
        if (section === links && isPeer(key, before, items)) continue;
        if (section === links) lost.add(key);
        found.push({ action: "delete", object, key, before, differences: [] });
      }
      if (item === undefined || good >= 0) continue;
      const before = all[0], differences = differs(item, before);
      const inPlace = section.inPlace(item, differences, before);
      if (section === links && !inPlace) lost.add(key);
      const action = inPlace ? "set" : "replace";
      found.push({ action, object, key, before, after: item, differences });
    }
    for (const [key, after] of items) {
      if (current.has(key)) continue;
      found.push({ action: "create", object, key, after, differences: [] });
    }
    const mended = section === links ? mendLinks(context, items, current, lost, found) : found;
    for (const change of mended) {
      changes.push({ section, change, order: section.rank((change.after ?? change.before)!) });
    }
  }
  checkLinks(context, wanted, lost);
  const ofLinks = changes.filter(({ section }) => section === links).map(({ change }) => change);
  const future = futureLinks(context, ofLinks, wanted.get(links)!, lost);
  checkFreeNames(context, wanted.get(links)!, future, lost);
  await checkConflicts(context, wanted.get(links)!, future, ofLinks);
  await checkNeeds(context, future, lost);
  await checkNexthops(context, wanted, lost);
  await checkReferences(context, wanted, lost);
  await checkTables(context, wanted, lost);
  return new Plan(desired, inOrder(changes));
}

/** Whether a link is the other end of the declared pair whose one end it has. */
function isPeer(name: string, item: Item, items: ReadonlyMap<string, Item>): boolean {
  const other = items.get(peerName(item) ?? "");
  return other !== undefined && other.kind === item.kind && peerName(other) === name;
}
