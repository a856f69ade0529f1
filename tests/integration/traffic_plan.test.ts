import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";
import { mends } from "./plan_mends.ts";

const skip = need("net-admin", "ip", "bridge", "tc");

describe("a plan of traffic control", { skip }, () => {
  const at = { link: "b0", parent: "1:", priority: 1, protocol: "ip" } as const;
  const htb = { link: "b0", kind: "htb", handle: "1:" } as const;
  const shape = { rateBytesPerSecond: 125_000 };
  const cls = { link: "b0", handle: "1:3", kind: "htb" } as const;

  it("notices and mends what filters and rates have beside what is declared", {
    timeout: 300_000,
  }, () => {
    const filter =
      "tc filter del dev b0 parent 1: prio 1; tc filter add dev b0 parent 1: prio 1 protocol ip u32";
    const change = "tc class change dev b0 parent 1: classid 1:3 htb rate 1mbit burst 2000b cburst";
    const tbf = "tc qdisc change dev a1 root tbf rate 1mbit burst 5000b limit 9000b";
    return mends({
      qdiscs: [htb, {
        ...{ link: "a1", kind: "tbf", handle: "5:" },
        options: {
          ...{ rateBytesPerSecond: 125_000, burstBytes: 5000, limitBytes: 9000 },
          ...{ overheadBytes: 8, linkLayer: "atm" },
        },
      }, { link: "a2", kind: "clsact" }],
      classes: [{ ...cls, options: { ...shape, burstBytes: 2000, ceilBurstBytes: 2000 } }],
      filters: [
        {
          ...{ ...at, kind: "u32" },
          options: { class: "1:3", keys: [{ offset: 0, value: 80, mask: 0xffff }] },
        },
        {
          ...{ link: "a2", parent: "ingress", priority: 4, kind: "u32" },
          options: {
            keys: [{ offset: 4, value: 0x1ff, mask: 255, nextHeader: true }],
            skipHardware: true,
            incoming: "b1",
          },
        },
      ],
    }, [
      [`${filter} match u32 80 0xffff at nexthdr+0 flowid 1:3`, "filter: options"],
      [`${filter} match u32 80 0xffff at 0 flowid 1:3 skip_hw`, "filter: options"],
      [`${filter} match u32 80 0xffff at 0 flowid 1:3 indev a0`, "filter: options"],
      [`${filter} match u32 80 0xffff at 0 flowid 1:3 offset plus 4`, "filter: options"],
      [`${filter} match u32 80 0xffff at 0 flowid 1:3 hashkey mask 0xff at 4`, "filter: options"],
      [
        "tc filter del dev a2 ingress prio 4; tc filter add dev a2 ingress prio 4 protocol all u32 match u32 0xff 0xff at 4 indev b1 skip_hw",
        "filter: options",
      ],
      [`${change} 2000b overhead 8`, "class: options"],
      [`${change} 2000b mpu 64`, "class: options"],
      [`${change} 2000b linklayer atm`, "class: options"],
      [`${tbf} overhead 8`, "qdisc: options"],
      [`${tbf} overhead 9 linklayer atm`, "qdisc: options"],
    ]);
  });

  it("notices and mends what no option tells, and makes it again where it is not declared", async () => {
    await using t = await lab();
    await t.nl.qdiscs.add({ link: "b0", kind: "clsact" });
    const filter = { ...at, parent: "ingress", kind: "u32" as const };
    const wanted: Desired = { filters: [filter] };
    // One key whose offset is masked by 15, which no option can say.
    const data = {
      5: `00000100${"0".repeat(48)}0f000000`,
    };
    await t.nl.filters.add({ ...filter, data });
    const [made] = await t.nl.filters.list({ link: "b0", parent: "ingress" }).toArray();
    assert.deepEqual(made.data, data);
    await t.nl.filters.add({ ...filter, priority: 2, data });
    const changes = await plan(t.nl, wanted);
    assert.deepEqual(changes.changes.map((c) => c.differences), [["data"]]);
    await apply(t.nl, changes);
    assert.equal(String(await plan(t.nl, wanted)), "");
    const other: Desired = { qdiscs: [{ link: "b0", kind: "ingress" }] };
    await apply(t.nl, await plan(t.nl, other));
    const after = await t.nl.filters.list({ link: "b0", parent: "ingress" }).toArray();
    assert.deepEqual(after.map((f) => [f.priority, f.data]), [[1, undefined], [2, data]]);
  });

  it("names where a value is", async () => {
    await using t = await lab();
    const refused = (wanted: unknown, message: string) =>
      assert.rejects(plan(t.nl, wanted as Desired), (error: Error) => {
        assert.ok(error.message.startsWith(`Cannot use ${message}`), error.message);
        return true;
      });
    await refused(
      { classes: [{ ...cls }] },
      "classes[0].options.rateBytesPerSecond: must be a whole number",
    );
    await refused(
      { filters: [{ ...at, kind: "pfifo" }] },
      "filters[0].kind: must be one of matchall",
    );
    await refused(
      { qdiscs: [{ ...htb, handle: "1:1" }] },
      "qdiscs[0].handle: must be a handle such",
    );
    await refused(
      { filters: [{ ...at, kind: "fw" }] },
      "filters[0].handle: must be given, the mark",
    );
    await refused(
      { filters: [{ ...at, kind: "u32", handle: 5 }] },
      "filters[0].handle: must be one in a hash table, such as 2:5:1, of a table from 1: to 7ff:",
    );
    await refused(
      { filters: [{ ...at, kind: "u32", options: { divisor: 4 } }] },
      "filters[0].handle: must be given, such as 2:, for a hash table",
    );
    const actions = [{ kind: "gact", verdict: "drop", mode: "mirror" }];
    await refused(
      { filters: [{ ...at, kind: "u32", options: { actions } }] },
      "filters[0].options.actions[0].mode: must be one of",
    );
  });

  it("declares filters by firewall marks", async () => {
    await using t = await lab();
    const filters = [{
      ...{ link: "b0", parent: "1:", priority: 1, protocol: 0x0800, kind: "fw" as const },
      ...{ handle: 7, options: { class: "01:03", incoming: "b1" } },
    }];
    const { changes } = await plan(t.nl, {
      qdiscs: [htb],
      classes: [{ ...cls, options: shape }],
      filters,
    });
    assert.deepEqual(changes.at(-1)!.after, {
      ...filters[0],
      ...{ protocol: "ip", chain: 0, options: { class: "1:3", incoming: "b1" } },
    });
  });

  it("refuses filters at hooks that are not there", async () => {
    await using t = await lab();
    const filter = (parent: "ingress" | "egress") => ({
      ...{ link: "b0", parent, priority: 1, protocol: "ip", kind: "u32" as const },
    });
    const refused = (wanted: Desired, message: string) =>
      assert.rejects(plan(t.nl, wanted), { name: "TypeError", message });
    const none = "neither ingress nor clsact is declared or there";
    const where = (parent: string) => `Cannot plan filter b0 ${parent} chain 0 priority 1`;
    const [arriving, leaving] = [[filter("ingress")], [filter("egress")]];
    await refused({ filters: arriving }, `${where("ingress")}: ${none}`);
    await refused({
      qdiscs: [{ link: "b0", kind: "ingress" }],
      filters: leaving,
    }, `${where("egress")}: egress is a hook of clsact, and there is ingress`);
    await t.nl.qdiscs.add({ link: "b0", kind: "clsact" });
    assert.equal((await plan(t.nl, { filters: leaving })).changes.length, 1);
    await refused({ filters: arriving, prune: { qdiscs: ["b0"] } }, `${where("ingress")}: ${none}`);
    const wanted: Desired = { qdiscs: [{ link: "b1", kind: "clsact" }], filters: arriving };
    await apply(t.nl, await plan(t.nl, wanted));
    assert.equal(String(await plan(t.nl, wanted)), "");
  });

  it("leaves hash tables of u32 alone, and makes them again with their queueing discipline", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    const wanted = (defaultClass: number): Desired => ({
      qdiscs: [{ ...htb, options: { defaultClass } }],
      classes: [{ ...cls, options: shape }],
      filters: [{
        ...{ ...at, priority: 2, kind: "u32" },
        options: { class: "1:3", keys: [{ offset: 0, value: 80, mask: 0xffff }] },
      }],
    });
    await apply(t.nl, await plan(t.nl, wanted(1)));
    const add = "filter add dev b0 parent 1: protocol ip";
    for (const priority of [2, 3]) {
      const table = `${priority}1:`;
      t.tc(`${add} prio ${priority} handle ${table} u32 divisor 256`);
      t.tc(`${add} prio ${priority} u32 ht ${priority}1:5: match u32 7 255 at 16 flowid 1:3`);
    }
    t.tc(`${add} prio 3 u32 match u32 0 0 link 31: hashkey mask 255 at 12`);
    assert.equal(String(await plan(t.nl, wanted(1))), "");
    const shown = () =>
      t.tc("filter show dev b0 parent 1:").replace(/(fh|ht) 80[0-9a-f]/g, "$1 800").split("\n")
        .sort();
    const before = shown();
    await apply(t.nl, await plan(t.nl, wanted(2)));
    assert.deepEqual(shown(), before);
    assert.equal(String(await plan(t.nl, wanted(2))), "");
    await apply(t.nl, await plan(t.nl, { ...wanted(2), prune: { qdiscs: ["b0"] } }));
    const left = await t.nl.filters.list({ link: "b0", parent: "1:" }).toArray();
    assert.deepEqual(left.map(({ priority, options }) => [priority, options]), [
      [2, { keys: [{ offset: 0, value: 80, mask: 0xffff }], class: "1:3" }],
    ]);
  });
});
