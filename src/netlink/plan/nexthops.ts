/** Nexthop objects of a plan. */

import { bad, integer } from "../check.ts";
import type { DesiredNexthop } from "./desired.ts";
import { HOP, KERNEL, normalHop, protocol, sameHop, within } from "./route_parts.ts";
import { alike, gone, type Item, type Section, tidy, unlike, without } from "./section.ts";

/** Times as the kernel counts them, in hundredths of a second. */
function normalTimes(resilient: Item): Item {
  return Object.fromEntries(
    Object.entries(resilient).map(([name, value]) => [
      name,
      name === "buckets" ? value : Math.round(value as number / 10) * 10,
    ]),
  );
}

/** Refuses what a nexthop object cannot be made of; the rest is for the method to check. */
function checkNexthop({ group, ...item }: Item): void {
  if (group !== undefined) {
    without(item, ["onlink", "encapsulation"], "with group");
    const ids = (group as readonly { id: number }[]).map(({ id }) => id);
    const twice = ids.findIndex((id, i) => ids.indexOf(id) < i);
    if (twice >= 0) throw bad(`group[${twice}].id`, "another one than before", ids[twice]);
  } else if (item.blackhole) without(item, [...HOP, "fdb"], "with blackhole");
  else if (item.fdb) {
    without(item, ["link", "onlink", "encapsulation"], "with fdb");
    if (item.gateway === undefined) throw bad("gateway", "given, with fdb", undefined);
  } else if (item.link === undefined) {
    throw bad("link", "given, or group, blackhole or fdb", undefined);
  }
}

/** Nexthop objects. */
export const nexthops: Section = {
  name: "nexthops",
  object: "nexthop",
  normal(item) {
    integer("id", item.id as number, 1, 0xffffffff);
    const group = item.group as readonly { id: number; weight?: number }[] | undefined;
    checkNexthop(item);
    const six = item.family === 6 || String(item.gateway ?? "").includes(":");
    return tidy({
      ...normalHop(item, six),
      family: item.family ?? (group ? undefined : six ? 6 : 4),
      blackhole: item.blackhole || undefined,
      fdb: item.fdb || undefined,
      protocol: protocol(item),
      resilient: item.resilient && normalTimes(item.resilient as Item),
      group: group?.map(({ id, weight = 1 }) => ({ id, weight })).sort((a, b) => a.id - b.id),
    });
  },
  key: (item) => String(item.id),
  async read({ nl, nameOf, options }) {
    const all = await nl.nexthops.list(options).toArray();
    return all.map((n) =>
      tidy({
        id: n.id,
        family: n.family,
        link: nameOf(n.link),
        gateway: n.gateway,
        blackhole: n.blackhole || undefined,
        fdb: n.fdb || undefined,
        onlink: n.flags.includes("onlink") || undefined,
        encapsulation: n.encapsulation,
        group: n.group?.sort((a, b) => a.id - b.id),
        resilient: n.resilient,
        protocol: n.protocol,
      })
    );
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["protocol", "family"]);
    if (resilience(declared, current).length > 0) out.push("resilient");
    if (!alike(declared.group, current.group)) out.push("group");
    if (Boolean(declared.blackhole) !== Boolean(current.blackhole)) out.push("blackhole");
    if (Boolean(declared.fdb) !== Boolean(current.fdb)) out.push("fdb");
    if (!declared.group && !declared.blackhole && !sameHop(declared, current)) out.push("gateway");
    return out;
  },
  inPlace: (declared, differences, current) =>
    (declared.group === undefined) === (current.group === undefined) &&
    !resilience(declared, current).includes("buckets") &&
    // A blackhole is in no group beside others, and leaves those that it was in when it goes.
    !(declared.blackhole && !current.blackhole) &&
    // The kernel keeps who made a group.
    !(declared.group !== undefined && differences.includes("protocol")) &&
    !differences.includes("fdb") && !differences.includes("family"),
  create: ({ nl, options }, item) => nl.nexthops.add(item as unknown as DesiredNexthop, options),
  set({ nl, options }, item, current) {
    // The kernel resets who made it, and a group went if its last member was made anew.
    const { protocol } = current, resilient = settings(item, current);
    const nexthop = tidy({ protocol, ...item, resilient });
    return nl.nexthops.replace(nexthop as unknown as DesiredNexthop, options);
  },
  async swap(context, item, current) {
    const { protocol } = current, resilient = settings(item, current);
    await gone(nexthops.remove(context, current));
    await nexthops.create(context, tidy({ protocol, ...item, resilient }));
  },
  remove: ({ nl, options }, item) => nl.nexthops.delete(item.id as number, options),
  pruned: (item, { nexthops: range }) =>
    range !== undefined && within(item.id as number, range) && nexthops.own(item),
  own: (item) => !KERNEL.includes(item.protocol as string),
  rank: (item) => item.group === undefined ? 3 : 4,
};

/** What a group is resilient by: as declared, and else as it was. */
function settings(item: Item, current: Item): Item | undefined {
  return item.group && current.resilient || item.resilient
    ? { ...current.resilient as Item, ...item.resilient as Item }
    : undefined;
}

/** Which settings of a resilient group differ; what is none has another number of buckets. */
function resilience(declared: Item, current: Item): string[] {
  const wanted = declared.resilient as Item | undefined, is = current.resilient as Item | undefined;
  if (wanted === undefined) return [];
  return is === undefined ? ["buckets"] : unlike(wanted, is, Object.keys(wanted));
}
