/** Queueing disciplines, classes and filters of a plan. */

import { bad } from "../route/input.ts";
import type { Action } from "../route/tc/actions.ts";
import { classOptions, classValues } from "../route/tc/classes.ts";
import { ethertype, filterValues } from "../route/tc/filter_kinds.ts";
import { handleText, handleValue, type Parent } from "../route/tc/handle.ts";
import { qdiscOptions, qdiscValues } from "../route/tc/qdisc_kinds.ts";
import { sameBurst } from "../route/tc/rate.ts";
import type { NewClass } from "../route/tc/classes.ts";
import type { NewFilter } from "../route/tc/filters.ts";
import type { NewQdisc } from "../route/tc/qdiscs.ts";
import {
  alike,
  canonicalPrefix,
  type Context,
  gone,
  type Item,
  linkText,
  matches,
  type Section,
  tidy,
  unlike,
} from "./section.ts";

/** Whether the options that are declared are what the kernel has. */
function sameOptions(declared: Item, current: Item): boolean {
  const wanted = (declared.options ?? {}) as Item, is = (current.options ?? {}) as Item;
  // Network emulation is told as a whole.
  const names = new Set([
    ...Object.keys(wanted),
    ...declared.kind === "netem" ? Object.keys(is) : [],
  ]);
  return [...names].every((name) => {
    const rate = wanted[RATES[name]], a = wanted[name], b = is[name];
    return typeof rate === "number" && typeof a === "number" && typeof b === "number"
      ? sameBurst(a, b, rate)
      : alike(a, b, name);
  });
}

/** The rate that a burst is kept as a time at. */
const RATES: { readonly [burst: string]: string } = {
  burstBytes: "rateBytesPerSecond",
  peakBurstBytes: "peakRateBytesPerSecond",
  ceilBurstBytes: "ceilBytesPerSecond",
};

const ENTRY = ["ingress", "clsact"];
// Kinds that cannot be changed while they are in use.
const FIXED = ["htb", "ingress", "clsact", "mq", "noqueue", "drr", "pfifo_head_drop"];

const handle = (parameter: string, text: unknown) =>
  text === undefined ? undefined : handleText(handleValue(parameter, text as string));

function parentOf(item: Item): Parent {
  const { parent } = item;
  if (parent === undefined) return "root";
  return ["root", "egress", ...ENTRY].includes(parent as string)
    ? parent as Parent
    : handle("parent", parent)!;
}

/** Queueing disciplines. */
export const qdiscs: Section = {
  name: "qdiscs",
  object: "qdisc",
  normal(item) {
    const kind = item.kind as string, link = linkText(item);
    const values = qdiscValues(kind, (item.options ?? {}) as object);
    return tidy({
      ...item,
      link,
      parent: ENTRY.includes(kind) ? kind : parentOf(item),
      handle: ENTRY.includes(kind) ? undefined : handle("handle", item.handle),
      // As the kernel would tell them: in what it counts in, with what follows from others.
      options: values === undefined ? {} : qdiscOptions(kind, values),
    });
  },
  key: (item) => `${item.link} ${item.parent}`,
  async read({ nl, nameOf, options }) {
    const all = await nl.qdiscs.list(options).toArray();
    return all.map((q) =>
      tidy({
        link: nameOf(q.link),
        kind: q.kind,
        parent: q.parent,
        handle: q.handle,
        options: q.options ?? {},
      })
    );
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "handle"]);
    if (out.length === 0 && !sameOptions(declared, current)) out.push("options");
    return out;
  },
  inPlace: (declared, differences) =>
    differences.every((name) => name === "options") && !FIXED.includes(declared.kind as string),
  create: ({ nl, options }, item) => nl.qdiscs.replace(item as unknown as NewQdisc, options),
  set: ({ nl, options }, item) => nl.qdiscs.change(item as unknown as NewQdisc, options),
  async swap(context, item, current) {
    if (current.handle !== "0:" || ENTRY.includes(current.kind as string)) {
      await qdiscs.remove(context, current);
    }
    await qdiscs.create(context, item);
  },
  async remove({ nl, options }, item) {
    const { link, parent } = item as { link: string; parent: Parent };
    await nl.qdiscs.delete({ link, parent }, options);
  },
  pruned: (item, prune) => qdiscs.own(item) && matches(prune.qdiscs, item.link),
  own: (item) => item.handle !== "0:",
  rank: (item) => ["root", ...ENTRY].includes(item.parent as string) ? 8 : 10,
};

/** Classes. */
export const classes: Section = {
  name: "classes",
  object: "class",
  normal(item) {
    const kind = item.kind as string, own = handle("handle", item.handle)!;
    const values = classValues(kind, (item.options ?? {}) as object);
    const above = item.parent === undefined ? `${own.split(":")[0]}:` : parentOf(item);
    return tidy({
      ...item,
      link: linkText(item),
      handle: own,
      parent: above.endsWith(":") ? "root" : above,
      options: values === undefined ? {} : classOptions(kind, values),
    });
  },
  key: (item) => `${item.link} ${item.handle}`,
  async read(context) {
    const { nl, links, options } = context, out: Item[] = [];
    const shaped = new Set(
      (await qdiscs.read(context)).filter((q) => q.handle !== "0:").map((q) => q.link),
    );
    for (const link of links) {
      if (!shaped.has(link.name)) continue;
      for await (const c of nl.classes.list({ ...options, link: link.index })) {
        // Other kinds make their classes themselves.
        if (!["htb", "drr"].includes(c.kind)) continue;
        const { kind, handle, parent } = c;
        out.push(tidy({ link: link.name, kind, handle, parent, options: c.options }));
      }
    }
    return out;
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "parent"]);
    const wanted = declared.options as Item, is = current.options as Item;
    // The kernel computes a quantum where none was given.
    const asked = {
      ...declared,
      options: wanted.quantumBytes === 0 ? { ...wanted, quantumBytes: is.quantumBytes } : wanted,
    };
    if (!sameOptions(asked, current)) out.push("options");
    return out;
  },
  inPlace: (_, differences) => differences.every((name) => name === "options"),
  create: ({ nl, options }, item) => nl.classes.add(toClass(item), options),
  set: ({ nl, options }, item) => nl.classes.replace(toClass(item), options),
  async remove({ nl, options }, item) {
    const { link, handle } = item as { link: string; handle: string };
    await nl.classes.delete({ link, handle }, options);
  },
  async swap(context, item, current) {
    // The kernel keeps a class while filters point to it: they go and come back.
    const all = await filters.read(context);
    const bound = new Set(
      all.filter(({ link, options }) =>
        link === item.link && (options as Item).class === item.handle
      ).map((f) => filters.key(f)),
    );
    const moved = all.filter((f) => bound.has(filters.key(f)));
    for (const key of bound) {
      await gone(filters.remove(context, moved.find((f) => filters.key(f) === key)!));
    }
    await gone(classes.remove(context, current));
    await classes.create(context, item);
    for (const filter of moved) await filters.create(context, filter);
  },
  pruned: (item, prune) => matches(prune.qdiscs, item.link),
  own: () => true,
  rank: () => 9,
};

/** How many of these classes are above one of them. */
export function classDepths(items: readonly Item[]): (item: Item) => number {
  const name = ({ link, handle }: Item) => `${link} ${handle}`;
  const above = new Map(
    items.filter((item) => item.handle !== undefined && item.parent !== undefined)
      .map((item) => [name(item), `${item.link} ${item.parent}`]),
  );
  return (item) => {
    let depth = 0, at = above.get(name(item));
    // A declaration can put a class above itself.
    for (; at !== undefined && depth < above.size; at = above.get(at)) depth++;
    return depth;
  };
}

/** Whether there still is what a class or a filter would hang on; of other sections, true. */
export async function hangs(context: Context, section: Section, item: Item): Promise<boolean> {
  if (section !== classes && section !== filters) return true;
  const all = (await qdiscs.read(context)).filter(({ link }) => link === item.link);
  const { parent } = item;
  if (section === filters && (parent === "ingress" || parent === "egress")) {
    return all.some(({ kind }) =>
      kind === "clsact" || (kind === "ingress" && parent === "ingress")
    );
  }
  const handle = String(section === classes ? item.handle : parent).split(":")[0];
  return all.some((q) =>
    q.handle === `${handle}:` && (section === filters || q.kind === item.kind)
  );
}

function toClass(item: Item): NewClass {
  const { parent, options, ...rest } = item;
  const { quantumBytes, ...own } = options as Item;
  return {
    ...rest,
    parent: parent === "root" ? undefined : parent,
    options: quantumBytes === 0 ? own : options,
  } as unknown as NewClass;
}

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
    filterValues(kind, options, ethertype("protocol", (item.protocol ?? "all") as string));
    const network = (name: string) =>
      options[name] === undefined ? {} : { [name]: canonicalPrefix(name, options[name]) };
    return tidy({
      ...item,
      link: linkText(item),
      parent: parent === "clsact" ? "ingress" : parent,
      protocol: item.protocol ?? "all",
      chain: item.chain ?? 0,
      options: {
        // What is off is not told by the kernel.
        ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== false)),
        ...kind === "flower" ? { ...network("source"), ...network("destination") } : {},
        ...options.class === undefined ? {} : { class: handle("class", options.class) },
      },
    });
  },
  check(items) {
    // The kernel keeps those of both sides together, and lists each on either side.
    const sides = new Map<string, unknown>();
    for (const { kind, link, parent, priority, chain } of items) {
      if (kind !== "u32" || (parent !== "ingress" && parent !== "egress")) continue;
      const place = `${link} ${chain} ${priority}`, other = sides.get(place);
      if (other === undefined) sides.set(place, parent);
      else throw bad("priority", "different for u32 filters of ingress and egress", priority);
    }
  },
  key: (item) => `${item.link} ${item.parent} chain ${item.chain} priority ${item.priority}`,
  async read(context) {
    const { nl, links, nameOf, options } = context, out: Item[] = [];
    const parents = new Map<string, Set<Parent>>();
    for (const q of await qdiscs.read(context)) {
      const found = parents.get(q.link as string) ?? new Set<Parent>();
      parents.set(q.link as string, found);
      if (ENTRY.includes(q.kind as string)) found.add("ingress");
      if (q.kind === "clsact") found.add("egress");
      else if (q.handle !== "0:" && !ENTRY.includes(q.kind as string)) {
        found.add(q.handle as string);
      }
    }
    for (const link of links) {
      for (const parent of parents.get(link.name) ?? []) {
        for await (const f of nl.filters.list({ ...options, link: link.index, parent })) {
          const { kind, priority, protocol, chain } = f;
          const actions = f.options?.actions?.map((action: Action) =>
            action.kind === "mirred" ? { ...action, link: nameOf(action.link) } : action
          );
          out.push({
            link: link.name,
            parent,
            kind,
            priority,
            protocol,
            chain,
            options: { ...f.options, ...actions ? { actions } : {} },
          });
        }
      }
    }
    return out;
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "protocol"]);
    // A descriptor of a program means nothing to the kernel's list.
    const { fd: _, ...options } = declared.options as Item;
    if (!sameOptions({ ...declared, options }, current)) out.push("options");
    return out;
  },
  inPlace: () => false,
  create: ({ nl, options }: Context, item) => nl.filters.add(item as unknown as NewFilter, options),
  set: () => Promise.resolve(),
  async remove({ nl, options }, item) {
    const { link, parent, priority, protocol, chain } = item as unknown as NewFilter;
    await nl.filters.delete({ link, parent, priority, protocol, chain }, options);
  },
  pruned: (item, prune) => matches(prune.qdiscs, item.link),
  own: () => true,
  rank: () => 11,
};
