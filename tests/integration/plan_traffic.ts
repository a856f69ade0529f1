/** Generated classes and filters. */

import fc from "fast-check";
import type { Desired } from "../../src/netlink/mod.ts";
import { pick, some } from "./plan_lab.ts";

/** Classes of a0 and a1. */
export const classes = some(
  fc.record({
    link: pick("a0", "a1"),
    handle: pick("1:10", "1:11"),
    parent: pick("1:", "1:1"),
    kind: fc.constant("htb" as const),
    options: fc.record({
      rateBytesPerSecond: pick(125_000, 250_000),
      ceilBytesPerSecond: pick(1_250_000),
      burstBytes: pick(5_000),
      quantumBytes: pick(1500, 3000),
      priority: pick(1, 2),
    }, { requiredKeys: ["rateBytesPerSecond"] }),
  }, { requiredKeys: ["link", "handle", "kind", "options"] }),
  (c) => `${c.link} ${c.handle}`,
);

const keys = pick(
  [{ offset: 16, value: 0x0a000007, mask: 0xffffffff }],
  [{ offset: 12, value: 0x0a000001, mask: 0xff000000 }, { offset: 16, value: 7, mask: 0xff }],
);
const redirect = [
  { kind: "mirred" as const, link: "a2", mode: "redirect" as const, direction: "egress" as const },
];
/** Filters of a0, a1 and b2. */
export const filters = some(
  fc.oneof(
    // Of one priority, parents and chains share what u32 keeps.
    fc.record({
      link: pick("a0", "a1"),
      parent: pick("1:", "1:1"),
      priority: pick(1, 2),
      chain: pick(0, 3),
      protocol: pick("ip", "ipv6"),
      kind: fc.constant("u32" as const),
      options: fc.record({ keys, class: pick("1:10", "1:11") }),
    }, { requiredKeys: ["link", "parent", "priority", "kind", "options"] }),
    fc.record({
      link: fc.constant("b2"),
      parent: pick("ingress" as const, "egress" as const),
      priority: pick(1, 2),
      chain: pick(0, 3),
      protocol: pick<string | number>("ip", 0x0800),
      kind: fc.constant("u32" as const),
      options: fc.record({ keys, actions: fc.constant(redirect) }, { requiredKeys: [] }),
    }, { requiredKeys: ["link", "parent", "priority", "kind"] }),
    fc.record({
      link: fc.constant("b2"),
      parent: pick("ingress" as const, "egress" as const),
      priority: pick(1, 2, 3),
      kind: fc.constant("bpf" as const),
      options: fc.record({
        bytecode: pick([[6, 0, 0, 0xffffffff]] as const, [[6, 0, 0, 0]] as const),
        directAction: fc.boolean(),
        class: pick("1:1", "1:2"),
      }, { requiredKeys: ["bytecode"] }),
    }),
  ),
  (f) => `${f.link} ${f.parent} ${f.priority} ${(f as { chain?: number }).chain ?? 0}`,
  8,
);

/** Trees of classes below one queueing discipline, with queues and filters at any of them. */
export const trees: fc.Arbitrary<Desired> = fc.record({
  defaultClass: pick(1, 2),
  // What is above each class: one of a smaller number once they are shuffled, or the root.
  order: fc.shuffledSubarray([1, 2, 3, 4, 5, 6]),
  above: fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }),
  rates: fc.array(pick(125_000, 250_000), { minLength: 6, maxLength: 6 }),
  shares: fc.array(pick(undefined, 1, 2), { minLength: 6, maxLength: 6 }),
  queues: fc.array(pick("none", "pfifo", "bfifo", "htb"), { minLength: 6, maxLength: 6 }),
  filters: fc.array(fc.record({ at: fc.nat(6), to: fc.nat(5), chain: pick(0, 1) }), {
    maxLength: 4,
  }),
}).map(({ defaultClass, order, above, rates, shares, queues, filters }) => {
  const link = "a0", name = (i: number) => `1:${order[i]}`;
  const parent = (i: number) => above[i] >= i ? "1:" : name(above[i]);
  const inner = new Set(order.map((_, i) => parent(i)));
  const classes = order.map((_, i) => ({
    ...{ link, handle: name(i), parent: parent(i), kind: "htb" as const },
    options: {
      rateBytesPerSecond: rates[i],
      ...shares[i] ? { priority: shares[i], quantumBytes: shares[i]! * 1000 } : {},
    },
  }));
  const leaves = order.map((_, i) => i).filter((i) => !inner.has(name(i)) && queues[i] !== "none");
  const below = leaves.map((i) => ({
    ...{ link, parent: name(i), kind: queues[i] as "pfifo" },
    ...queues[i] === "htb" ? { handle: `${10 + order[i]}:` } : {},
  }));
  const places = order.length === 0 ? [] : filters.map(({ at, to, chain }, i) => ({
    ...{ link, parent: at >= order.length ? "1:" : name(at), priority: 1 + i % 2, chain },
    ...{ protocol: "ip", kind: "u32" as const },
    options: { keys: [{ offset: 16, value: i, mask: 255 }], class: name(to % order.length) },
  }));
  const keyed = new Map(places.map((f) => [`${f.parent} ${f.priority} ${f.chain}`, f]));
  return {
    qdiscs: [{ link, kind: "htb" as const, handle: "1:", options: { defaultClass } }, ...below],
    classes,
    filters: [...keyed.values()],
  };
});
