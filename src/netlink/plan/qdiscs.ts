/** Queueing disciplines of a plan. */

import { swapWhole } from "./beneath.ts";
import type { Parent } from "../route/tc/handle.ts";
import { qdiscOptions, qdiscValues } from "../route/tc/qdisc_kinds.ts";
import type { NewQdisc } from "../route/tc/qdiscs.ts";
import { integer } from "../check.ts";
import { inside, type Item, linkText, matches, type Section, tidy, unlike } from "./section.ts";
import { ENTRY, handle, parentOf, sameOptions } from "./traffic.ts";

// Kinds that cannot be changed while they are in use.
const FIXED = ["htb", "ingress", "clsact", "mq", "noqueue", "drr", "pfifo_head_drop"];

/** The number of flows that is declared, if there is another one. */
function flowsOf(declared: Item, current: Item): unknown {
  const [wanted, is] = [declared, current].map(({ options }) => (options as Item).flows);
  return wanted === is ? undefined : wanted;
}

/** Numbers that the kernel would refuse, or make others, as far as they are known of each kind. */
const RANGES: { readonly [kind: string]: { readonly [option: string]: readonly number[] } } = {
  htb: { rateToQuantum: [1, 0x7fffffff] },
  fq_codel: { quantumBytes: [256, 1 << 20], memoryLimitBytes: [0, 2 ** 31] },
  fq: { quantumBytes: [1, 1 << 20], buckets: [2, 1 << 18] },
  // 0 leaves all of these as they are.
  sfq: {
    quantumBytes: [1, 0x7fffffff],
    limitPackets: [1, 0x7fffffff],
    buckets: [1, 65536],
    flows: [1, 65408], // SFQ_MAX_FLOWS of net/sched/sch_sfq.c
    depthPackets: [1, 127], // SFQ_MAX_DEPTH
  },
};

function checkOptions(kind: string, options: Item): void {
  for (const [name, [low, high]] of Object.entries(RANGES[kind] ?? {})) {
    const value = options[name] as number | undefined;
    if (value !== undefined) inside("options.", () => integer(name, value, low, high));
  }
}

/** Queueing disciplines. */
export const qdiscs: Section = {
  name: "qdiscs",
  object: "qdisc",
  normal(item) {
    const kind = item.kind as string, link = linkText(item);
    const values = qdiscValues(kind, (item.options ?? {}) as object);
    checkOptions(kind, (item.options ?? {}) as Item);
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
  inPlace: (declared, differences, current) =>
    differences.every((name) => name === "options") && !FIXED.includes(declared.kind as string) &&
    !(declared.kind === "fq_codel" && flowsOf(declared, current) !== undefined),
  create: ({ nl, options }, item) => nl.qdiscs.replace(item as unknown as NewQdisc, options),
  set({ nl, options }, item) {
    // This number is for life: the kernel refuses even the one it has.
    const { flows: _, ...rest } = item.options as Item;
    const changed = item.kind === "fq_codel" ? { ...item, options: rest } : item;
    return nl.qdiscs.change(changed as unknown as NewQdisc, options);
  },
  swap: (context, item, current) => swapWhole(qdiscs, context, item, current),
  async remove({ nl, options }, item) {
    const { link, parent } = item as { link: string; parent: Parent };
    await nl.qdiscs.delete({ link, parent }, options);
  },
  pruned: (item, prune) => qdiscs.own(item) && matches(prune.qdiscs, item.link),
  own: (item) => item.handle !== "0:",
  rank: (item) => ["root", ...ENTRY].includes(item.parent as string) ? 8 : 10,
};
