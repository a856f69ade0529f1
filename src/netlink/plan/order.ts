/** The order in which changes are made. */

import { addresses } from "./addressing.ts";
import { classDepths, classes } from "./classes.ts";
import { filters } from "./filters.ts";
import { links, standsOn } from "./links.ts";
import type { Change } from "./change.ts";
import { qdiscs } from "./qdiscs.ts";
import type { Item, Section } from "./section.ts";

/** A change, and where its section wants it. */
export interface Step {
  readonly section: Section;
  readonly change: Change;
  readonly order: number;
}

/** Deletes first and from the top down, then what is made, from the bottom up. */
export function inOrder(changes: Step[]): Change[] {
  const linkOrder = sortedLinks(changes.map(({ change }) => change));
  const depth = classDepths(
    changes.flatMap(({ section, change }) =>
      section === classes ? [(change.after ?? change.before)!] : []
    ),
  );
  const early = inTheWay(changes.map(({ change }) => change));
  const weight = ({ section, change, order }: typeof changes[number]): number => {
    if (section === links) {
      return change.action === "delete" ? -1 : linkOrder.indexOf(change) / 1e6;
    }
    // An address goes after its successor came: the last one of a link takes routes along.
    if (section === addresses) return change.action === "delete" ? order + 0.5 : order;
    // A class goes when no filter points to it and no class hangs under it any more.
    if (section === classes) {
      const below = depth((change.after ?? change.before)!) / 1e3;
      if (change.action !== "delete") return order + below;
      return early(change.before!) ? order + 0.5 - below : filters.rank({}) + 1 - below;
    }
    return change.action === "delete" ? -1 - order : order;
  };
  return changes.map((entry) => ({ entry, w: weight(entry) }))
    .sort((a, b) => a.w - b.w).map(({ entry }) => entry.change);
}

/** Whether a class to be deleted makes an inner one of a class that is to have a queue. */
function inTheWay(changes: readonly Change[]): (item: Item) => boolean {
  const at = ({ link, parent }: Item) => `${link} ${parent}`;
  const queues = new Set(
    changes.flatMap(({ object, after }) =>
      object === qdiscs.object && after && after.parent !== "root" ? [at(after)] : []
    ),
  );
  const doomed = new Map(
    changes.filter((c) => c.object === classes.object && c.action === "delete")
      .map(({ key, before }) => [key, before!]),
  );
  return (item) => {
    for (let c: Item | undefined = item; c !== undefined; c = doomed.get(at(c))) {
      if (queues.has(at(c))) return true;
    }
    return false;
  };
}

/** Links after those that they need. */
function sortedLinks(changes: readonly Change[]): Change[] {
  const byName = new Map(
    changes.filter((c) => c.object === "link" && c.after).map((c) => [c.key, c]),
  );
  const makers = new Map<string, string>();
  for (const { after } of byName.values()) {
    const peer = (after?.peer as { name?: string } | undefined)?.name;
    if (peer !== undefined) makers.set(peer, String(after!.name));
  }
  const out: Change[] = [], seen = new Set<string>();
  const visit = (name: string) => {
    const change = byName.get(name);
    if (change === undefined || seen.has(name)) return;
    seen.add(name);
    const maker = makers.get(name);
    if (maker !== undefined) visit(maker);
    for (const need of Object.values(standsOn(change.after!))) visit(need);
    out.push(change);
  };
  for (const name of byName.keys()) visit(name);
  return out;
}
