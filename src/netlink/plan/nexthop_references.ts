/** The nexthop objects that a plan's items use. */

import { fdb } from "./fdb.ts";
import { links, outerVersion } from "./links.ts";
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
  const { prune = {} } = context.desired, declared = [...wanted.get(nexthops)!.values()];
  const resilient = declared.filter((item) =>
    item.resilient && (item.resilient as Item).buckets === undefined
  );
  if (uses.length === 0 && declared.length === 0 && prune.nexthops === undefined) return;
  const there = new Map((await nexthops.read(context)).map((item) => [item.id, item]));
  for (const { id } of resilient) {
    if (there.get(id)?.resilient !== undefined) continue;
    throw new TypeError(`Cannot plan nexthop ${id}: a new resilient group needs buckets`);
  }
  const gone = (item: Item) => lost.has(String(item.link)) || nexthops.pruned(item, prune);
  const after = new Map([
    ...[...there].filter(([, item]) => !gone(item)),
    ...declared.map((item) => [item.id, item] as const),
  ]);
  const outer = (name: unknown) => {
    const { kind, options } = context.links.find((link) => link.name === name) ?? {};
    const link: Item = { kind, ...options, ...wanted.get(links)!.get(String(name)) };
    return link.kind === "vxlan" ? outerVersion(link) ?? 4 : undefined;
  };
  for (const { section, key, item, id } of uses) {
    const nexthop = after.get(id);
    const why = nexthop !== undefined
      ? unfit(section, item, nexthop, after, outer(item.link))
      : there.has(id)
      ? "is not declared, and is to go"
      : "is neither declared nor there";
    if (why !== undefined) {
      throw new TypeError(`Cannot plan ${section.object} ${key}: nexthop ${id} ${why}`);
    }
  }
  const doomed = [...there].filter(([id, item]) => nexthops.pruned(item, prune) && !after.has(id));
  const changed = declared.some((item) => {
    const is = there.get(item.id);
    return is !== undefined && nexthops.differs(item, is).length > 0;
  });
  const why = (section: Section, item: Item, id: number) => {
    const nexthop = changed ? after.get(id) : undefined;
    return nexthop && unfit(section, item, nexthop, after, outer(item.link));
  };
  if (doomed.length === 0 && !changed) return;
  await checkUndeclared(context, wanted, lost, new Set(doomed.map(([id]) => id)), why);
}

/**
 * Refuses to prune what something uses that nobody declares, which the kernel would let go as well,
 * and to make of it what is of no use to that.
 */
async function checkUndeclared(
  context: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
  doomed: ReadonlySet<unknown>,
  unfit: (section: Section, item: Item, id: number) => string | undefined,
): Promise<void> {
  const { prune = {} } = context.desired;
  for (const section of [nexthops, fdb, routes]) {
    for (const item of await section.read(context)) {
      const all = used(item), [id] = all, key = section.key(item);
      if (id === undefined || lost.has(String(item.link))) continue;
      if (wanted.get(section)!.has(key) || section.pruned(item, prune)) continue;
      const what = `${section.object} ${key}`;
      for (const id of all) {
        const why = unfit(section, item, id);
        if (why === undefined) continue;
        throw new TypeError(
          `Cannot plan nexthop ${id}: ${what}, which is not declared, uses it, and it ${why}`,
        );
      }
      // A group outlives members.
      if (!all.every((id) => doomed.has(id))) continue;
      throw new TypeError(
        `Cannot plan: nexthop ${id}, to be pruned, would take ${what} along, which is not declared`,
      );
    }
  }
}

/** Why the kernel would not let an item use a nexthop object; undefined if it would. */
function unfit(
  section: Section,
  item: Item,
  nexthop: Item,
  all: ReadonlyMap<unknown, Item>,
  version?: 4 | 6,
): string | undefined {
  const forFdb = section === fdb || section === nexthops && item.fdb === true;
  if (forFdb !== Boolean(nexthop.fdb)) return `is ${forFdb ? "not " : ""}of forwarding tables`;
  if (section === fdb && nexthop.group === undefined) return "is no group";
  if (section === fdb && version !== undefined) {
    const [{ family } = nexthop] = used(nexthop).map((id) => all.get(id) ?? nexthop);
    if (family !== undefined && family !== version) {
      return `is not of IPv${version}, as ${item.link} is`;
    }
  }
  if (section === nexthops && nexthop.group !== undefined) return "is a group itself";
  if (section === nexthops && nexthop.blackhole && used(item).length > 1) {
    return "is a blackhole, which no group has beside others";
  }
  const members = nexthop.group === undefined ? [nexthop] : used(nexthop).map((id) => all.get(id));
  const far = nexthop.group !== undefined || nexthop.gateway !== undefined;
  if (section === routes && item.scope === "host" && far) {
    return "leads to gateways, or to several, which scope host does not";
  }
  const four = members.some((member) => member?.family === 4);
  return section === routes && item.family === 6 && four ? "is of IPv4" : undefined;
}

function used({ nexthop, group }: Item): number[] {
  const members = (group ?? []) as readonly { id: number }[];
  return [...nexthop === undefined ? [] : [nexthop as number], ...members.map(({ id }) => id)];
}
