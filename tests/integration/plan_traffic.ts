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
  [{ offset: 12, value: 0x0a000000, mask: 0xff000000 }, { offset: 16, value: 7, mask: 0xff }],
);
const redirect = [
  { kind: "mirred" as const, link: "a2", mode: "redirect" as const, direction: "egress" as const },
];
/** Filters of a0, a1 and b2. */
export const filters = some(
  fc.oneof(
    fc.record({
      link: pick("a0", "a1"),
      parent: fc.constant("1:"),
      priority: pick(1, 2),
      protocol: pick("ip", "ipv6"),
      kind: fc.constant("u32" as const),
      options: fc.record({ keys, class: pick("1:10", "1:11") }),
    }, { requiredKeys: ["link", "parent", "priority", "kind", "options"] }),
    // Not of one priority: the kernel shows those of both sides on either.
    ...(["ingress", "egress"] as const).map((parent, i) =>
      fc.record({
        link: fc.constant("b2"),
        parent: fc.constant(parent),
        priority: pick(1 + 2 * i, 2 + 2 * i),
        protocol: fc.constant("ip"),
        kind: fc.constant("u32" as const),
        options: fc.record({ keys, actions: fc.constant(redirect) }),
      })
    ),
    fc.record({
      link: fc.constant("b2"),
      parent: pick("ingress" as const, "egress" as const),
      priority: pick(1, 2, 3, 4),
      kind: fc.constant("bpf" as const),
      options: fc.record({
        bytecode: pick([[6, 0, 0, 0xffffffff]] as const, [[6, 0, 0, 0]] as const),
        directAction: fc.boolean(),
        class: pick("1:1", "1:2"),
      }, { requiredKeys: ["bytecode"] }),
    }),
  ),
  (f) => `${f.link} ${f.parent} ${f.priority}`,
);
