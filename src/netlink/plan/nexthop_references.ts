/** The nexthop objects that a plan's items use. */

import { fdb } from "./addressing.ts";
import { nexthops } from "./nexthops.ts";
import { routes } from "./routes.ts";
import type { Context, Item, Section } from "./section.ts";

/**
 * Refuses what is to use a nexthop object that will not be there, or that is of no use to it, before
 * anything is changed.
 *
 * @param wanted what is declared, by section and key
 * @param lost links that go
 * @throws {TypeError} that names the item and the nexthop
 */
export async function checkNexthops(
  context: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
): Promise<void> {
  const uses: { section: Section; key: string; item: Item; id: number }[] = [];
  for (const section of [fdb, nexthops, routes]) {
    for (const [key, item] of wanted.get(section)!) {
      for (const id of used(item)) uses.push({ section, key, item, id });
    }
  }
  if (uses.length === 0) return;
  const { prune = {} } = context.desired, declared = [...wanted.get(nexthops)!.values()];
  const there = new Map((await nexthops.read(context)).map((item) => [item.id, item]));
  const gone = (item: Item) => lost.has(String(item.link)) || nexthops.pruned(item, prune);
  const after = new Map([
    ...[...there].filter(([, item]) => !gone(item)),
    ...declared.map((item) => [item.id, item] as const),
  ]);
  for (const { section, key, item, id } of uses) {
    const nexthop = after.get(id);
    const why = nexthop !== undefined
      ? unfit(section, item, nexthop, after)
      : there.has(id)
      ? "is not declared, and is to go"
      : "is neither declared nor there";
    if (why !== undefined) {
      throw new TypeError(`Cannot plan ${section.object} ${key}: nexthop ${id} ${why}`);
    }
  }
}

/** Why the kernel would not let an item use a nexthop object; undefined if it would. */
function unfit(
  section: Section,
  item: Item,
  nexthop: Item,
  all: ReadonlyMap<unknown, Item>,
): string | undefined {
  const forFdb = section === fdb || section === nexthops && item.fdb === true;
  if (forFdb !== Boolean(nexthop.fdb)) return `is ${forFdb ? "not " : ""}of forwarding tables`;
  if (section === fdb && nexthop.group === undefined) return "is no group";
  if (section === nexthops && nexthop.group !== undefined) return "is a group itself";
  const members = nexthop.group === undefined ? [nexthop] : used(nexthop).map((id) => all.get(id));
  const four = members.some((member) => member?.family === 4);
  return section === routes && item.family === 6 && four ? "is of IPv4" : undefined;
}

function used({ nexthop, group }: Item): number[] {
  const members = (group ?? []) as readonly { id: number }[];
  return [...nexthop === undefined ? [] : [nexthop as number], ...members.map(({ id }) => id)];
}
