/** Filters of a plan. */

import { bad } from "../route/input.ts";
import type { Action } from "../route/tc/actions.ts";
import {
  ethertype,
  filterInfo,
  filterValues,
  readInfo,
  type U32Key,
} from "../route/tc/filter_kinds.ts";
import type { Filter, NewFilter } from "../route/tc/filters.ts";
import type { Parent } from "../route/tc/handle.ts";
import { classes } from "./classes.ts";
import { qdiscs } from "./qdiscs.ts";
import {
  alike,
  canonicalPrefix,
  type Context,
  type Item,
  linkText,
  matches,
  type Section,
  tidy,
  unlike,
} from "./section.ts";
import { ENTRY, handle, parentOf } from "./traffic.ts";

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
    const kind = item.kind as string, options = (item.options ?? {}) as Record<string, unknown>;
    const type = ethertype("protocol", (item.protocol ?? "all") as string);
    filterValues(kind, options, type);
    return tidy({
      ...item,
      link: linkText(item),
      parent: parent === "clsact" ? "ingress" : parent,
      protocol: readInfo(filterInfo(0, type)).protocol,
      chain: item.chain ?? 0,
      options: normalOptions(kind, options),
    });
  },
  key: (item) => `${item.link} ${item.parent} chain ${item.chain} priority ${item.priority}`,
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
    for (const { filter, link, parent } of await ownOf(context, found)) {
      const { kind, priority, protocol, chain } = filter;
      const actions = filter.options?.actions?.map((action: Action) =>
        action.kind === "mirred" ? { ...action, link: nameOf(action.link) } : action
      );
      const read = { ...filter.options, ...actions ? { actions } : {} };
      const at = { link, parent, kind, priority, protocol, chain };
      const item: Item & { others?: number } = { ...at, options: read };
      const key = filters.key(item), before = first.get(key);
      if (before) before.others = (before.others ?? 0) + 1;
      else first.set(key, item);
      out.push(item);
    }
    return out;
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "protocol"]);
    // A descriptor of a program means nothing to the kernel's list.
    const { fd: _, ...options } = declared.options as Item;
    if (!alike(options, current.options ?? {})) out.push("options");
    // A declared priority is the declared filter's alone.
    if (current.others !== undefined) out.push("others");
    return out;
  },
  inPlace: () => false,
  create({ nl, options }: Context, { others: _, ...item }) {
    return nl.filters.add(item as unknown as NewFilter, options);
  },
  set: () => Promise.resolve(),
  async remove({ nl, options }, item) {
    const { link, parent, priority, protocol, chain } = item as unknown as NewFilter;
    await nl.filters.delete({ link, parent, priority, protocol, chain }, options);
  },
  pruned: (item, prune) => matches(prune.qdiscs, item.link),
  own: () => true,
  rank: () => 11,
};

/** Options as the kernel tells them: without what is off, and with what it takes for granted. */
function normalOptions(kind: string, options: Item): Item {
  const { class: target, actions, keys, source, destination } = options;
  const { sourceMac, destinationMac } = options as { [name: string]: string | undefined };
  const network = (name: string, value: unknown) =>
    value === undefined ? undefined : canonicalPrefix(name, value);
  return tidy({
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== false)),
    class: handle("class", target),
    actions: (actions as readonly Action[] | undefined)?.length
      ? (actions as readonly Action[]).map(normalAction)
      : undefined,
    ...kind === "flower" && {
      source: network("source", source),
      destination: network("destination", destination),
      sourceMac: sourceMac?.toLowerCase(),
      destinationMac: destinationMac?.toLowerCase(),
    },
    ...kind === "u32" && { keys: normalKeys(keys as readonly U32Key[] | undefined) },
  });
}

function normalKeys(keys: readonly U32Key[] = []): readonly U32Key[] {
  if (keys.length === 0) return [{ offset: 0, value: 0, mask: 0 }];
  return keys.map(({ offset, value, mask }) => ({ offset, value: (value & mask) >>> 0, mask }));
}

function normalAction(action: Action): Item {
  if (action.kind === "police") return tidy({ exceed: "drop", ...tidy({ ...action }) });
  const tagged = action.kind === "vlan" && action.mode !== "pop";
  return tidy({ ...tagged && { protocol: "8021q" }, ...tidy({ ...action }) });
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

/** A filter where it was listed. */
interface Listed {
  filter: Filter;
  link: string;
  parent: Parent;
  /** The queueing discipline that the parent belongs to. */
  qdisc: string;
}

const ROOT_TABLE = 0xfff00000; // TC_U32_ROOT
const tableOf = ({ handle }: Filter) => handle >>> 20;

/**
 * Without those of elsewhere: u32 keeps the hash tables of a queueing discipline together, and lists
 * all of one priority with each parent and chain that has it.
 */
async function ownOf({ nl, options }: Context, found: readonly Listed[]): Promise<Listed[]> {
  const groups = new Map<string, Map<string, Listed[]>>();
  for (const entry of found) {
    const { filter, link, parent, qdisc } = entry;
    if (filter.kind !== "u32") continue;
    const group = `${link} ${qdisc} ${filter.priority}`, place = `${parent} ${filter.chain}`;
    const places = groups.get(group) ?? new Map<string, Listed[]>();
    const entries = places.get(place) ?? [];
    groups.set(group, places.set(place, entries));
    entries.push(entry);
  }
  const strangers = new Set<Listed>();
  for (const places of groups.values()) {
    for (const entries of places.values()) {
      const tables = new Set(entries.map(({ filter }) => tableOf(filter)));
      if (places.size === 1 && tables.size === 1) continue;
      const { filter: { link, priority, protocol, chain, kind }, parent } = entries[0];
      const ref = { link, parent, priority, protocol, chain, kind, handle: ROOT_TABLE };
      const root = tableOf(await nl.filters.get(ref, options));
      for (const entry of entries) if (tableOf(entry.filter) !== root) strangers.add(entry);
    }
  }
  return found.filter((entry) => !strangers.has(entry));
}
