/** The nexthop objects that a plan's items use. */

import { fdb } from "./addressing.ts";
import { nexthops, routes } from "./routing.ts";
import type { Context, Item, Section } from "./section.ts";

/**
 * Refuses what is to use a nexthop object that will not be there, before anything is changed.
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
  const declared = wanted.get(nexthops)!, uses: { name: string; id: number }[] = [];
  for (const section of [fdb, nexthops, routes]) {
    for (const [key, item] of wanted.get(section)!) {
      for (const id of used(item)) {
        if (!declared.has(String(id))) uses.push({ name: `${section.object} ${key}`, id });
      }
    }
  }
  if (uses.length === 0) return;
  const all = new Map((await nexthops.read(context)).map((item) => [item.id, item]));
  for (const { name, id } of uses) {
    const item = all.get(id);
    if (
      item && !lost.has(String(item.link)) && !nexthops.pruned(item, context.desired.prune ?? {})
    ) {
      continue;
    }
    const why = item ? "is not declared, and is to go" : "is neither declared nor there";
    throw new TypeError(`Cannot plan ${name}: nexthop ${id} ${why}`);
  }
}

function used({ nexthop, group }: Item): number[] {
  const members = (group ?? []) as readonly { id: number }[];
  return [...nexthop === undefined ? [] : [nexthop as number], ...members.map(({ id }) => id)];
}
