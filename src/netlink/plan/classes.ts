/** Classes of a plan. */

import { classOptions, classValues, type NewClass } from "../route/tc/classes.ts";
import type { NetlinkError } from "../error.ts";
import { swapWhole } from "./beneath.ts";
import { filters } from "./filters.ts";
import { qdiscs } from "./qdiscs.ts";
import { gone, type Item, linkText, matches, type Section, tidy, unlike } from "./section.ts";
import { handle, parentOf, sameOptions } from "./traffic.ts";

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
    const above = new Set(out.map(({ link, parent }) => `${link} ${parent}`));
    return out.map((c) => above.has(classes.key(c)) ? { ...c, inner: true } : c);
  },
  differs(declared, current) {
    const out = unlike(declared, current, ["kind", "parent"]);
    const wanted = declared.options as Item, is = current.options as Item;
    // The kernel computes a quantum where none was given.
    const asked = {
      ...declared,
      options: wanted.quantumBytes === 0 ? { ...wanted, quantumBytes: is.quantumBytes } : wanted,
    };
    // It tells them of leaves alone, and takes them of nothing else.
    const told = current.inner
      ? { ...asked.options, quantumBytes: is.quantumBytes, priority: is.priority }
      : asked.options;
    if (!sameOptions({ ...declared, options: told }, current)) out.push("options");
    return out;
  },
  inPlace: (_, differences) => differences.every((name) => name === "options"),
  create: ({ nl, options }, item) => nl.classes.add(toClass(item), options),
  set: ({ nl, options }, item) => nl.classes.replace(toClass(item), options),
  async remove(context, item) {
    const { link, handle } = item as { link: string; handle: string };
    try {
      await context.nl.classes.delete({ link, handle }, context.options);
    } catch (error) {
      if ((error as NetlinkError).isBusy) {
        // A filter that shall point elsewhere is made again, by a change of its own.
        const bound = (await filters.read(context)).filter((f) =>
          f.link === link && (f.options as Item | undefined)?.class === handle
        );
        for (const filter of bound) await gone(filters.remove(context, filter));
        if (bound.length > 0) {
          return await context.nl.classes.delete({ link, handle }, context.options);
        }
      }
      // A queueing discipline that took the place of the class's has none.
      const all = await classes.read(context);
      if (all.some((c) => classes.key(c) === classes.key(item))) throw error;
    }
  },
  swap: (context, item, current) => swapWhole(classes, context, item, current),
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

function toClass(item: Item): NewClass {
  const { parent, options, inner: _, ...rest } = item;
  const { quantumBytes, ...own } = options as Item;
  return {
    ...rest,
    parent: parent === "root" ? undefined : parent,
    options: quantumBytes === 0 ? own : options,
  } as unknown as NewClass;
}
