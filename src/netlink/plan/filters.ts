/** Filters of a plan. */

import { bad } from "../check.ts";
import { type Action, actionAsTold } from "../route/tc/actions.ts";
import { ethertype, filterInfo, readInfo } from "../route/tc/ethertype.ts";
import { filterOptionsAsTold } from "../route/tc/filter_kinds.ts";
import type { CommonFilterOptions } from "../route/tc/filter_options.ts";
import type { NewFilter } from "../route/tc/filters.ts";
import type { Parent } from "../route/tc/handle.ts";
import { classes } from "./classes.ts";
import { qdiscs } from "./qdiscs.ts";
import {
  alike,
  type Context,
  gone,
  type Item,
  linkText,
  matches,
  type Section,
  tidy,
  unlike,
  without,
} from "./section.ts";
import { ENTRY, parentOf } from "./traffic.ts";
import {
  fits,
  inTables,
  isTable,
  type Listed,
  ownOf,
  removeU32,
  u32Text,
  usersOf,
} from "./u32_tables.ts";

/** Filters. */
export const filters: Section = {
  name: "filters",
  object: "filter",
  normal(item) {
    const parent = parentOf(item);
    if (parent === "root") {
      throw bad("parent", "ingress, egress or a handle, for a filter of a plan", item.parent);
    }
    if (!item.priority) throw bad("priority", "given, for a filter of a plan", item.priority);
    const kind = item.kind as string,
      type = ethertype("protocol", (item.protocol ?? "all") as string);
    if (kind === "fw" && item.handle === undefined) {
      throw bad("handle", "given, the mark, for a filter of kind fw", undefined);
    }
    if (!["fw", "u32"].includes(kind)) without(item, ["handle"], "but for fw and u32");
    const { handle, options } = kind === "u32" ? inTables(item) : item;
    return tidy({
      ...item,
      handle,
      link: linkText(item),
      parent: parent === "clsact" ? "ingress" : parent,
      protocol: readInfo(filterInfo(0, type)).protocol,
      chain: item.chain ?? 0,
      options: normalOptions(kind, (options ?? {}) as Item, type),
    });
  },
  key({ link, parent, chain, priority, kind, handle }) {
    const table = kind === "u32" && handle !== undefined ? ` ${u32Text(handle as number)}` : "";
    return `${link} ${parent} chain ${chain} priority ${priority}${table}`;
  },
  async read(context) {
    const { nl, links, nameOf, options } = context;
    const places = await hooks(context), found: Listed[] = [];
    for (const link of links) {
      for (const [parent, qdisc] of places.get(link.name) ?? []) {
        for await (const filter of nl.filters.list({ ...options, link: link.index, parent })) {
          found.push({ filter, link: link.name, parent, qdisc });
        }
      }
    }
    const out: Item[] = [], first = new Map<string, { others?: number }>();
    for (const { filter, link, parent, inTable } of await ownOf(context, found)) {
      const { kind, priority, protocol, chain, handle, data } = filter;
      const actions = filter.options?.actions?.map((action: Action) =>
        action.kind === "mirred" ? { ...action, link: nameOf(action.link) } : action
      );
      const read = { ...filter.options, ...actions ? { actions } : {} };
      const at = { link, parent, kind, priority, protocol, chain };
      const own = kind === "fw" || inTable ? { ...at, handle } : at;
      const item: Item & { others?: number } = tidy({ ...own, options: read, data });
      const key = filters.key(item), before = first.get(key);
      if (before) before.others = (before.others ?? 0) + 1;
      else first.set(key, item);
      out.push(item);
    }
    // Hash tables are made before what is in them, and that before what points to them.
    return out.sort((a, b) => filters.rank(a) - filters.rank(b));
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "protocol", "handle"]);
    // A descriptor of a program means nothing to the kernel's list.
    const { fd: _, ...options } = declared.options as Item;
    if (!alike(options, current.options ?? {})) out.push("options");
    // What no option tells was not declared.
    if (current.data !== undefined) out.push("data");
    // A declared priority is the declared filter's alone.
    if (current.others !== undefined) out.push("others");
    return out;
  },
  inPlace: () => false,
  create({ nl, options }: Context, { others: _, ...item }) {
    return nl.filters.add(item as unknown as NewFilter, options);
  },
  set: () => Promise.resolve(),
  async remove(context, item) {
    if (item.kind === "u32") {
      // What shall point elsewhere is made again, by a change of its own.
      const users = isTable(item) ? usersOf(item, await filters.read(context)) : [];
      for (const user of users) await gone(removeU32(context, user));
      return await removeU32(context, item);
    }
    const { link, parent, priority, protocol, chain } = item as unknown as NewFilter;
    await context.nl.filters.delete({ link, parent, priority, protocol, chain }, context.options);
  },
  async swap(context, item, current) {
    const users = isTable(current) ? usersOf(current, await filters.read(context)) : [];
    await gone(filters.remove(context, current));
    await filters.create(context, item);
    // What fits no more into a smaller table is for a change of its own.
    for (const user of users.reverse()) {
      if (fits(user, item)) await filters.create(context, user);
    }
  },
  pruned: (item, prune) => matches(prune.qdiscs, item.link),
  own: () => true,
  rank({ kind, handle, options }) {
    if (kind !== "u32" || handle === undefined) return 11;
    return "divisor" in ((options ?? {}) as Item) ? 10.8 : 10.9;
  },
};

/** Options as the kernel tells them: without what is off, and with what it takes for granted. */
function normalOptions(kind: string, options: CommonFilterOptions & Item, type: number): Item {
  const told = filterOptionsAsTold(kind, options, type), { actions, fd } = options;
  return tidy({
    ...told,
    fd,
    actions: actions?.length
      ? actions.map((action, i) => actionAsTold(action, `options.actions[${i}].`))
      : undefined,
  });
}

/** Where filters can hang, by link: the parents, and what tells their queueing discipline. */
async function hooks(context: Context): Promise<Map<string, Map<Parent, string>>> {
  const out = new Map<string, Map<Parent, string>>();
  const add = (link: unknown, parent: unknown, qdisc: unknown) => {
    const found = out.get(link as string) ?? new Map<Parent, string>();
    out.set(link as string, found.set(parent as Parent, qdisc as string));
  };
  for (const { link, kind, handle } of await qdiscs.read(context)) {
    if (ENTRY.includes(kind as string)) add(link, "ingress", "ingress");
    else if (handle !== "0:") add(link, handle, handle);
    if (kind === "clsact") add(link, "egress", "ingress");
  }
  for (const { link, kind, handle } of await classes.read(context)) {
    if (kind === "htb") add(link, handle, `${String(handle).split(":")[0]}:`);
  }
  return out;
}
