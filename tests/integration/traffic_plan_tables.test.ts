import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need } from "../support.ts";
import { lab, pick, striking } from "./plan_lab.ts";
import { settle } from "./plan_settle.ts";

const skip = need("net-admin", "tc");

const at = { link: "b0", parent: "1:", priority: 2, protocol: "ip", kind: "u32" } as const;
const htb = { link: "b0", kind: "htb", handle: "1:" } as const;
const cls = {
  ...{ link: "b0", handle: "1:3", kind: "htb" } as const,
  options: { rateBytesPerSecond: 125_000 },
};
const table = (divisor: number, handle = "2:") => ({ ...at, handle, options: { divisor } });
const inside = (handle: string, value: number) => ({
  ...at,
  handle,
  options: { keys: [{ offset: 16, value, mask: 255 }], class: "1:3" },
});
const leading = (nextTable = "2:") => ({
  ...at,
  options: { keys: [], nextTable, hashKey: { offset: 16, mask: 255 } },
});
const desired = (...filters: object[]) => ({ qdiscs: [htb], classes: [cls], filters }) as Desired;

/** States of two priorities with tables, what stands in them and what points to them. */
const states = fc.record({
  divisors: fc.tuple(pick(0, 1, 4, 256), pick(0, 1, 4, 256)),
  entries: fc.uniqueArray(
    fc.record({ table: fc.nat(1), bucket: pick(0, 3, 255), node: pick(1, 2), value: pick(7, 8) }),
    { maxLength: 5, selector: (e) => `${e.table} ${e.bucket} ${e.node}` },
  ),
  pointers: fc.tuple(pick(0, 1, 2), pick(0, 1, 2)),
}).map(({ divisors, entries, pointers }) => {
  const name = (i: number) => `${i + 2}:`, priority = (i: number) => ({ priority: i + 2 });
  return desired(
    ...divisors.flatMap((n, i) => n === 0 ? [] : [{ ...table(n, name(i)), ...priority(i) }]),
    ...entries.filter((e) => e.bucket < divisors[e.table]).map((e) => ({
      ...inside(`${name(e.table)}${e.bucket.toString(16)}:${e.node}`, e.value),
      ...priority(e.table),
    })),
    ...pointers.flatMap((to, i) =>
      to === 0 || divisors[to - 1] === 0 ? [] : [{ ...leading(name(to - 1)), ...priority(i) }]
    ),
  );
});

describe("a plan of u32's hash tables", { skip }, () => {
  it("makes them, what stands in them and what points to them, and mends all three", async () => {
    await using t = await lab();
    const wanted = desired(leading(), inside("2:5:1", 7), inside("2:5:2", 8), table(256));
    await settle(t, wanted);
    const shown = t.tc("filter show dev b0 parent 1:");
    for (const words of ["fh 2: ht divisor 256", "fh 2:5:1", "fh 2:5:2", "link 2:"]) {
      assert.ok(shown.includes(words), shown);
    }
    const del = "filter del dev b0 parent 1: protocol ip prio 2 handle";
    const add = "filter add dev b0 parent 1: protocol ip prio 2 handle";
    t.tc(`${del} 2:5:1 u32`);
    assert.equal(await settle(t, wanted), "create filter");
    t.tc(`${del} 2:5:1 u32`);
    t.tc(`${add} ::1 u32 ht 2:5: match u32 9 255 at 16 flowid 1:3`);
    assert.equal(await settle(t, wanted), "replace filter options");
    // Another table, with what stands in it and what points to it.
    assert.equal(
      await settle(t, desired(leading(), inside("2:5:1", 7), table(16))),
      "replace filter options",
    );
    // What nobody declares stays.
    assert.ok(t.tc("filter show dev b0 parent 1:").includes("fh 2:5:2"));
    await settle(t, desired(leading(), inside("2:5:3", 7)));
    // The filter of the priority goes alone.
    await settle(t, desired({ ...at, options: { keys: [], class: "1:3" } }));
    const left = await t.nl.filters.list({ link: "b0", parent: "1:" }).toArray();
    assert.equal(left.filter((f) => f.handle >>> 20 === 2).length, 4);
    await settle(t, { ...desired(), prune: { qdiscs: ["b0"] } });
    // Nothing of the priority is left that would keep its protocol.
    await settle(t, desired({ ...leading(), protocol: "ipv6" }, { ...table(4), protocol: "ipv6" }));
  });

  it("leads from any state to any other, interrupted or not", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(states, fc.option(fc.nat(40)), async (state, steps) => {
        const wanted = { ...state, prune: { qdiscs: ["b0"] } };
        if (steps !== null) {
          await apply(t.nl, await plan(t.nl, wanted), { signal: striking(steps) })
            .catch((error) => assert.equal(error.message, "interrupted"));
        }
        const first = await plan(t.nl, wanted);
        await apply(t.nl, first);
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${first}`);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it("is refused where it does not fit together", async () => {
    await using t = await lab();
    const cannot = async (form: string, ...filters: object[]) =>
      await assert.rejects(plan(t.nl, desired(...filters)), {
        name: "TypeError",
        message: `Cannot ${form}`,
      });
    const one = "plan filter b0 1: chain 0 priority 2";
    await cannot(`${one} 2:5:1: hash table 2: is neither declared nor there`, inside("2:5:1", 7));
    await cannot(`${one}: hash table 2: is neither declared nor there`, leading());
    await cannot(`${one} 2:5:1: its hash table has 4 buckets`, inside("2:5:1", 7), table(4));
    await cannot(
      "plan filter b0 1: chain 0 priority 3 2:1:1: its hash table is of b0 1: chain 0 priority 2",
      table(4),
      { ...inside("2:1:1", 7), priority: 3 },
    );
    await cannot(
      "plan filter b0 1: chain 0 priority 3 2:: that hash table is of priority 2 already",
      table(4),
      { ...table(4), priority: 3 },
    );
    await cannot(
      `${one}: others of its priority are of protocol ip, and not ipv6`,
      table(4),
      { ...leading(), protocol: "ipv6" },
    );
    await cannot(
      'use filters[0].options.table: must be 2:5:, that of the handle, current value is "2:"',
      { ...at, handle: "2:5:1", options: { table: "2:" } },
    );
    await cannot(
      "use filters[0].handle: must be given, such as 2:5:1, in a hash table, " +
        "current value is undefined",
      { ...at, options: { table: "2:5:" } },
    );
    await cannot(
      'use filters[0].handle: must be such as 2:, of a hash table, current value is "2:5:"',
      { ...at, handle: "2:5:", options: { divisor: 4 } },
    );
  });
});
