/** Queueing disciplines of a plan. */

import { swapWhole } from "./beneath.ts";
import type { Parent } from "../route/tc/handle.ts";
import { qdiscOptions, qdiscValues } from "../route/tc/qdisc_kinds.ts";
import type { NewQdisc } from "../route/tc/qdiscs.ts";
import { linkText, matches, type Section, tidy, unlike } from "./section.ts";
import { ENTRY, handle, parentOf, sameOptions } from "./traffic.ts";

// Kinds that cannot be changed while they are in use.
const FIXED = ["htb", "ingress", "clsact", "mq", "noqueue", "drr", "pfifo_head_drop"];

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
  // One hook serves both kinds of entry.
  key: ({ link, parent }) => `${link} ${ENTRY.includes(parent as string) ? "ingress" : parent}`,
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
  swap: (context, item, current) => swapWhole(qdiscs, context, item, current),
  async remove({ nl, options }, item) {
    const { link, parent } = item as { link: string; parent: Parent };
    await nl.qdiscs.delete({ link, parent }, options);
  },
  pruned: (item, prune) => qdiscs.own(item) && matches(prune.qdiscs, item.link),
  own: (item) => item.handle !== "0:",
  rank: (item) => ["root", ...ENTRY].includes(item.parent as string) ? 8 : 10,
};
