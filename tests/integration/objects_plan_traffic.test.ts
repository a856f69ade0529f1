import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, type NetlinkError, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import fc from "fast-check";
import { lab, striking } from "./plan_lab.ts";
import { trees } from "./plan_traffic.ts";

const skip = need("net-admin", "tc");

const shape = { kind: "htb" as const, options: { rateBytesPerSecond: 125_000 } };
const pointing = { link: "a0", priority: 1, protocol: "ip", kind: "u32" as const };
const to = (target: string) => ({ keys: [{ offset: 16, value: 7, mask: 255 }], class: target });

describe("plan and apply of traffic control", { skip }, () => {
  it("move classes with the filters that point to them, and delete them from the leaves up", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    const base: Desired = {
      qdiscs: [{ link: "a0", kind: "htb", handle: "1:" }],
      filters: [{
        link: "a0",
        parent: "1:",
        priority: 1,
        protocol: "ip",
        kind: "u32",
        options: { keys: [{ offset: 16, value: 7, mask: 255 }], class: "1:2" },
      }],
      prune: { qdiscs: ["a0"] },
    };
    // A class may have a smaller handle than those above it.
    const tree = [["1:2", "1:9"], ["1:9", "1:5"], ["1:5", "1:"]];
    const moved = [["1:2", "1:7"], ["1:7", "1:"]];
    for (const shown of [tree, moved, tree, []]) {
      const classes = shown.map(([handle, parent]) => ({ link: "a0", handle, parent, ...shape }));
      const wanted = { ...base, classes, ...shown.length === 0 ? { filters: [] } : {} };
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "", String(shown));
      const is = await t.nl.classes.list({ link: "a0" }).toArray();
      assert.deepEqual(
        is.map((c) => `${c.handle} ${c.parent === "root" ? "1:" : c.parent}`).sort(),
        shown.map((pair) => pair.join(" ")).sort(),
      );
    }
  });

  it(
    "lead from any tree of classes to any other, interrupted or not",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      await fc.assert(
        fc.asyncProperty(trees, fc.option(fc.nat(60)), async (tree, steps) => {
          const wanted = { ...tree, prune: { qdiscs: ["a0"] } };
          if (steps !== null) {
            const signal = striking(steps);
            await apply(t.nl, await plan(t.nl, wanted), { signal }).catch((error) => {
              assert.equal(error.message, "interrupted");
            });
          }
          const changes = await plan(t.nl, wanted);
          await apply(t.nl, changes);
          assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
        }),
        { numRuns: 40, endOnFailure: true },
      );
    },
  );

  it("keep what hangs below what is replaced, declared or not", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const state = (above: string, defaultClass: number): Desired => ({
      qdiscs: [{ link: "a0", kind: "htb", handle: "1:", options: { defaultClass } }],
      classes: [
        { link: "a0", handle: "1:9", parent: above, ...shape },
        { link: "a0", handle: "1:5", ...shape },
      ],
    });
    await apply(t.nl, await plan(t.nl, state("1:", 2)));
    // Nobody declares these: a class below, its queue, one more class in that, and filters.
    t.tc("class add dev a0 parent 1:9 classid 1:2 htb rate 1mbit");
    t.tc("qdisc add dev a0 parent 1:2 handle 2: htb");
    t.tc("class add dev a0 parent 2: classid 2:3 htb rate 1mbit");
    for (const [parent, target] of [["1:", "1:2"], ["1:9", "1:2"], ["1:2", "1:2"], ["2:", "2:3"]]) {
      t.tc(
        `filter add dev a0 parent ${parent} prio 7 protocol ip u32 match u32 0 0 flowid ${target}`,
      );
    }
    const others = async () => {
      const classes = await t.nl.classes.list({ link: "a0" }).toArray(), lists: string[] = [];
      for (const parent of ["1:", "1:9", "1:2", "2:"]) {
        const all = await t.nl.filters.list({ link: "a0", parent }).toArray();
        lists.push(`${parent} ${all.map((f) => f.options?.class)}`);
      }
      return [
        ...classes.filter((c) => /:[23]$/.test(c.handle)).map((
          c,
        ) => [c.handle, c.parent, c.options]),
        ...(await t.nl.qdiscs.list({ link: "a0" }).toArray()).map((q) => [q.handle, q.parent]),
        ...lists,
      ];
    };
    const before = JSON.stringify(await others());
    for (const [above, first] of [["1:5", 2], ["1:", 2], ["1:", 3], ["1:5", 4]] as const) {
      const wanted = state(above, first);
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "");
      assert.equal(JSON.stringify(await others()), before, `${above} ${first}`);
    }
    // Wherever an interruption strikes.
    const states = [state("1:", 2), state("1:5", 3)];
    for (let steps = 0, whole = 0; whole < 2; steps++) {
      const wanted = states[steps % 2], signal = striking(steps);
      try {
        await apply(t.nl, await plan(t.nl, wanted), { signal });
        assert.equal(String(await plan(t.nl, wanted)), "");
        whole++;
      } catch (error) {
        assert.equal((error as Error).message, "interrupted");
      }
      assert.equal(JSON.stringify(await others()), before, `interrupted at ${steps}`);
    }
  });

  it(
    "delete a class once the filters that pointed to it point elsewhere",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      const tree = (shown: readonly string[], target: string): Desired => ({
        qdiscs: [{ link: "a0", kind: "htb", handle: "1:" }],
        classes: shown.map((handle) => ({ link: "a0", handle, ...shape })),
        filters: ["1:", "1:1"].map((parent) => ({ ...pointing, parent, options: to(target) })),
        prune: { qdiscs: ["a0"] },
      });
      for (const last of ["1:11", "1:12", "1:11"]) {
        const wanted = tree(["1:1", last], last);
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", last);
        // The kernel lists both with each.
        for (const parent of ["1:", "1:1"]) {
          const targets = t.tc(`filter show dev a0 parent ${parent}`).match(/flowid \S+/g);
          assert.deepEqual(targets, Array(2).fill(`flowid ${last}`));
        }
        assert.equal((await t.nl.classes.list({ link: "a0" }).toArray()).length, 2);
      }
      // A filter that nobody declared goes before the class that it points to.
      t.tc("class add dev a0 parent 1: classid 1:66 htb rate 1mbit");
      for (const parent of ["1:", "1:1", "1:11"]) {
        t.tc(`filter add dev a0 parent ${parent} prio 7 protocol ip u32 match u32 0 0 flowid 1:66`);
      }
      const wanted = tree(["1:1", "1:11"], "1:11"), changes = await plan(t.nl, wanted);
      assert.equal(changes.changes.length, 4, String(changes));
      await apply(t.nl, changes);
      assert.equal(String(await plan(t.nl, wanted)), "");
      assert.ok(!t.tc("class show dev a0").includes("1:66"));
    },
  );

  it("refuse what points to nothing, and name both", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const base: Desired = {
      qdiscs: [{ link: "a0", kind: "htb", handle: "1:" }],
      classes: [{ link: "a0", handle: "1:1", ...shape }],
      prune: { qdiscs: ["a0"] },
    };
    const filter = { ...pointing, parent: "1:", options: to("1:11") };
    const refused = (desired: Desired, message: string) =>
      assert.rejects(plan(t.nl, { ...base, ...desired }), {
        name: "TypeError",
        message: `Cannot plan ${message}`,
      });
    await apply(t.nl, await plan(t.nl, base));
    const known = "filter a0 1: chain 0 priority 1";
    await refused({ filters: [filter] }, `${known}: class 1:11 is neither declared nor there`);
    t.tc("class add dev a0 parent 1: classid 1:11 htb rate 1mbit");
    await refused(
      { filters: [filter] },
      `${known}: class 1:11 is not declared, and is to be pruned`,
    );
    const kept = { ...base, filters: [filter], prune: {} };
    await apply(t.nl, await plan(t.nl, kept));
    assert.equal(String(await plan(t.nl, kept)), "");
    await refused(
      { filters: [{ ...filter, parent: "1:5" }] },
      "filter a0 1:5 chain 0 priority 1: class 1:5 is neither declared nor there",
    );
    await refused(
      { filters: [{ ...filter, parent: "2:" }] },
      "filter a0 2: chain 0 priority 1: queueing discipline 2: is neither declared nor there",
    );
    const low = { link: "a0", handle: "1:2", parent: "1:3", ...shape };
    await refused({ classes: [low] }, "class a0 1:2: class 1:3 is neither declared nor there");
    await refused(
      { classes: [low, { ...low, handle: "1:3", parent: "1:2" }] },
      "class a0 1:2: it is below itself",
    );
    await refused(
      { qdiscs: [...base.qdiscs!, { link: "a0", kind: "pfifo", parent: "1:7" }] },
      "qdisc a0 1:7: class 1:7 is neither declared nor there",
    );
    await refused(
      {
        qdiscs: [...base.qdiscs!, { link: "a0", kind: "pfifo", parent: "1:1" }],
        classes: [...base.classes!, { link: "a0", handle: "1:2", parent: "1:1", ...shape }],
      },
      "qdisc a0 1:1: class 1:1 has classes below, and no queue",
    );
    await refused(
      { qdiscs: [{ link: "a0", kind: "pfifo", handle: "1:" }] },
      "class a0 1:1: 1: is of kind pfifo, not htb",
    );
  });

  it(
    "tell the filters of a priority apart by side, parent and chain",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      const key = (value: number) => ({ keys: [{ offset: 16, value, mask: 255 }] });
      const u32 = { priority: 5, protocol: "ip", kind: "u32" as const };
      const at = (link: string, parent: string, chain: number, value: number) => ({
        ...u32,
        ...{ link, parent, chain, options: key(value) },
      });
      const ours = [at("b2", "ingress", 0, 1), at("b1", "1:", 3, 2)];
      const theirs = [
        ...[at("b2", "ingress", 2, 11), at("b2", "egress", 0, 12), at("b2", "egress", 2, 13)],
        ...[at("b1", "1:", 0, 14), at("b1", "1:1", 0, 15), at("b1", "1:1", 3, 16)],
      ];
      await t.nl.qdiscs.add({ link: "b2", kind: "clsact" });
      await t.nl.qdiscs.add({ link: "b1", kind: "htb", handle: "1:" });
      await t.nl.classes.add({ link: "b1", handle: "1:1", ...shape });
      const values = async () => {
        const found: number[] = [];
        // By their own root tables: the kernel lists all with each.
        for (const ref of [...ours, ...theirs]) {
          const { handle } = await t.nl.filters.get({ ...ref, handle: 0xfff00000 });
          const { link, parent, chain } = ref;
          const all = await t.nl.filters.list({ link, parent, chain }).toArray();
          const own = all.filter((f) => f.chain === chain && f.handle >>> 20 === handle >>> 20);
          for (const { options } of own) {
            found.push((options as ReturnType<typeof key>).keys[0].value);
          }
        }
        return found.sort((a, b) => a - b);
      };
      for (const strangersFirst of [true, false]) {
        if (strangersFirst) { for (const filter of theirs) await t.nl.filters.add(filter); }
        for (const filters of [ours, ours.map((f, i) => ({ ...f, options: key(21 + i) })), ours]) {
          const changes = await plan(t.nl, { filters });
          assert.equal(changes.changes.length, 2, String(changes));
          await apply(t.nl, changes);
          assert.equal(String(await plan(t.nl, { filters })), "");
          if (!strangersFirst) continue;
          const declared = filters.map((f) => f.options.keys[0].value);
          assert.deepEqual(
            await values(),
            [...theirs.keys()].map((i) => 11 + i).concat(declared).sort((a, b) => a - b),
          );
        }
        if (strangersFirst) { for (const filter of ours) await t.nl.filters.delete(filter); }
      }
      // All of them declared, and then none.
      const filters = [...ours, ...theirs];
      await apply(t.nl, await plan(t.nl, { filters }));
      assert.equal(String(await plan(t.nl, { filters })), "");
      const none: Desired = {
        qdiscs: [{ link: "b2", kind: "clsact" }, { link: "b1", kind: "htb", handle: "1:" }],
        classes: [{ link: "b1", handle: "1:1", ...shape }],
        filters: [],
        prune: { qdiscs: ["b1", "b2"] },
      };
      const last = await plan(t.nl, none);
      assert.deepEqual(
        last.changes.map((c) => `${c.action} ${c.object}`),
        Array(8).fill("delete filter"),
      );
      await apply(t.nl, last);
      assert.equal(String(await plan(t.nl, none)), "");
    },
  );

  it("leave filters of every kind alone that share a priority with a declared one", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    await t.nl.qdiscs.add({ link: "b2", kind: "clsact" });
    const kinds: readonly [kind: string, one: object, other: object][] = [
      ["u32", to("1:1"), to("1:2")],
      ["bpf", { bytecode: [[6, 0, 0, 0]] }, { bytecode: [[6, 0, 0, 1]] }],
      ["matchall", { class: "1:1" }, { class: "1:2" }],
      ["flower", { ipProtocol: 6 }, { ipProtocol: 17 }],
    ];
    const done: string[] = [];
    for (const [kind, one, other] of kinds) {
      const at = (parent: string, options: object) =>
        [
          { link: "b2", parent, priority: 9, protocol: "ip", kind, options },
        ] as unknown as NonNullable<Desired["filters"]>;
      const stranger = at("egress", one), shown = () => t.tc("filter show dev b2 egress");
      try {
        await t.nl.filters.add(stranger[0]);
      } catch (error) {
        // Not every kernel has all kinds.
        if (!(error as NetlinkError).isNotFound) throw error;
        continue;
      }
      const before = shown();
      for (const options of [one, other, one]) {
        const filters = at("ingress", options);
        assert.equal((await plan(t.nl, { filters })).changes.length, 1);
        await apply(t.nl, await plan(t.nl, { filters }));
        assert.equal(String(await plan(t.nl, { filters })), "", kind);
        assert.equal(String(await plan(t.nl, { filters: stranger })), "", kind);
      }
      await t.nl.filters.delete(at("ingress", one)[0]);
      assert.equal(shown(), before, kind);
      await t.nl.filters.delete(stranger[0]);
      done.push(kind);
    }
    assert.ok(done.includes("u32") && done.includes("bpf"), String(done));
  });

  it("own the priorities that are declared", { timeout: 300_000 }, async () => {
    await using t = await lab();
    await t.nl.qdiscs.add({ link: "b2", kind: "clsact" });
    const filters = [{
      ...{ link: "b2", parent: "ingress", priority: 5, protocol: 0x0800, kind: "u32" as const },
      options: { keys: [{ offset: 16, value: 0x107, mask: 255 }] },
    }];
    await apply(t.nl, await plan(t.nl, { filters }));
    const add = "filter add dev b2 ingress prio 5 protocol ip u32";
    t.tc(`${add} match ip dst 10.0.0.9`);
    t.tc(`${add} match ip dst 10.0.0.8`);
    const changes = await plan(t.nl, { filters });
    assert.equal(
      String(changes),
      "± filter b2 ingress chain 0 priority 5: others 2 → unset",
    );
    await apply(t.nl, changes);
    assert.equal(String(await plan(t.nl, { filters })), "");
    assert.equal((await t.nl.filters.list({ link: "b2", parent: "ingress" }).toArray()).length, 1);
  });
});
