/** The links that a plan's items name. */

import type { Action } from "../route/tc/actions.ts";
import { linkNeeds, links, peerName } from "./links.ts";
import type { Context, Item, Section } from "./section.ts";

/**
 * Refuses what is on a link that will not be there, before anything is changed.
 *
 * @param wanted what is declared, by section and key
 * @param lost links that go
 * @throws {TypeError} that names the item and the link
 */
export function checkLinks(
  context: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
): void {
  const names = new Set<unknown>(), further = new Map<unknown, string>();
  for (const { name, altNames } of context.links) {
    if (!lost.has(name)) names.add(name);
    for (const other of altNames) further.set(other, name);
  }
  for (const item of wanted.get(links)!.values()) names.add(item.name).add(peerName(item));
  for (const [section, items] of wanted) {
    for (const [key, item] of items) {
      const missing = (section === links ? linkNeeds(item) : named(item))
        .find((name) => !names.has(name));
      if (missing === undefined) continue;
      const why = lost.has(missing)
        ? "is not declared, and is to go"
        : further.has(missing)
        ? `is a further name of ${further.get(missing)}, which a plan needs`
        : "is neither declared nor there";
      throw new TypeError(`Cannot plan ${section.object} ${key}: link ${missing} ${why}`);
    }
  }
}

/** The links that an item names; those of a rule need not exist. */
function named({ link, via, nexthops, options }: Item): string[] {
  const hops = (nexthops ?? []) as readonly Item[];
  const { actions = [] } = (options ?? {}) as { actions?: readonly Action[] };
  const all = [link, via, ...hops.map((hop) => hop.link), ...actions.map((a) => (a as Item).link)];
  return all.filter((name): name is string => typeof name === "string");
}
