/** Generated classes and filters. */

import fc from "fast-check";
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
