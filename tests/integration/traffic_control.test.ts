import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { type Filter, type NetlinkError, RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "tc");

/** A namespace with a pair d0 and e0, of which d0 has classes and the hooks of clsact. */
async function lab() {
  const ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  const tc = (words: string) =>
    execFileSync("tc", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8", stdio: "pipe" });
  await nl.links.add({ name: "d0", kind: "veth", peer: { name: "e0" } });
  await nl.qdiscs.add({ link: "d0", kind: "htb", handle: "1:" });
  await nl.qdiscs.add({ link: "d0", kind: "clsact" });
  const options = { rateBytesPerSecond: 125_000 };
  await nl.classes.add({ link: "d0", kind: "htb", handle: "1:3", options });
  return {
    ...{ nl, tc },
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const code = (wanted: string) => (error: NetlinkError) => error.code === wanted;

describe("filters of kind u32", { skip }, () => {
  it("are read with what counts from the next header, hash tables and where they work", async () => {
    await using t = await lab();
    const add = (words: string) => t.tc(`filter add dev d0 parent 1: protocol ip ${words}`);
    add("prio 1 u32 match tcp dst 80 0xffff flowid 1:3");
    add("prio 1 u32 match u32 0 0 at 20 indev e0 skip_hw");
    add("prio 2 handle 2: u32 divisor 256");
    add("prio 2 u32 ht 2:5: match u8 6 0xff at 9 flowid 1:3");
    add("prio 2 u32 match u32 0 0 link 2: hashkey mask 0xff at 12 offset at 0 mask 0x0f00 shift 6");
    const read = (await t.nl.filters.list({ link: "d0", parent: "1:" }).toArray()).map((f) => {
      return f.data === undefined ? f.options : f.data;
    });
    const any = [{ offset: 0, value: 0, mask: 0 }];
    assert.deepEqual(read, [
      { keys: [{ offset: 0, value: 80, mask: 0xffff, nextHeader: true }], class: "1:3" },
      { keys: [{ ...any[0], offset: 20 }], incoming: "e0", skipHardware: true },
      { divisor: 256 },
      { keys: [{ offset: 8, value: 0x60000, mask: 0xff0000 }], table: "2:5:", class: "1:3" },
      {
        keys: any,
        nextTable: "2:",
        hashKey: { offset: 12, mask: 0xff },
        advance: { offset: 0, mask: 0x0f00, shift: 6 },
      },
    ]);
  });

  it("are made with hash tables as tc makes them, listed, copied and deleted", async () => {
    await using t = await lab();
    const keys = [{ offset: 20, value: 80, mask: 0xffff, nextHeader: true }];
    const hashKey = { offset: 12, mask: 0xff };
    const options = [
      ["2:", { divisor: 256 }],
      ["3:", { divisor: 1 }],
      [undefined, { table: "2:5:", keys, class: "1:3" }],
      [undefined, { table: "3:", keys, class: "1:3", incoming: "e0" }],
      [undefined, { nextTable: "2:", hashKey, advance: { bytes: 20, eat: true } }],
    ] as const;
    const at = { link: "d0", parent: "1:", priority: 5, protocol: "ip", kind: "u32" } as const;
    for (const [handle, each] of options) await t.nl.filters.add({ ...at, handle, options: each });
    const words = [
      "handle 2: u32 divisor 256",
      "handle 3: u32 divisor 1",
      "u32 ht 2:5: match u32 80 0xffff at nexthdr+20 flowid 1:3",
      "u32 ht 3: match u32 80 0xffff at nexthdr+20 flowid 1:3 indev e0",
      "u32 link 2: hashkey mask 0xff at 12 offset plus 20 eat match u32 0 0",
    ];
    t.tc("qdisc add dev e0 root handle 1: htb");
    t.tc("class add dev e0 classid 1:3 htb rate 1mbit");
    for (const each of words) t.tc(`filter add dev e0 parent 1: prio 5 protocol ip ${each}`);
    const shown = (dev: string) => t.tc(`filter show dev ${dev} parent 1:`);
    const tool = shown("e0");
    assert.equal(shown("d0"), tool);
    const all = await t.nl.filters.list({ link: "d0", parent: "1:" }).toArray();
    assert.deepEqual(all.map((f) => f.data), Array(5).fill(undefined));
    assert.equal(all.length, 5);
    // What they are told as makes the same ones, tables before what is in them.
    await t.nl.filters.delete({ link: "d0", parent: "1:" });
    const tables = (f: Filter) => Number("divisor" in f.options!);
    for (const f of all.toSorted((a, b) => tables(b) - tables(a))) {
      await t.nl.filters.add(f.toJSON() as never);
    }
    assert.deepEqual(shown("d0").split("\n").sort(), tool.split("\n").sort());
    // From what points to a table, by what is in it, to the table.
    await assert.rejects(t.nl.filters.delete({ ...at, handle: "2:" }), code("EBUSY"));
    await t.nl.filters.delete({ ...at, handle: "800::800" });
    await t.nl.filters.delete({ ...at, handle: "2:5:800" });
    // The kernel forgets a moment later what pointed to the table.
    await until(() =>
      t.nl.filters.delete({ ...at, handle: "2:" }).then(() => true, (error) => {
        assert.equal(error.code, "EBUSY");
        return false;
      })
    );
    const left = await t.nl.filters.list({ link: "d0", parent: "1:" }).toArray();
    assert.deepEqual(left.map((f) => f.handle).sort(), [0x300000, 0x300800]);
  });
});

describe("filters are deleted", { skip }, () => {
  const bytecode = [[6, 0, 0, 0]] as const;
  const at = { link: "d0", parent: "ingress" } as const;

  async function filled() {
    const t = await lab();
    for (const chain of [0, 1, 7]) {
      await t.nl.filters.add({ ...at, chain, priority: 1, kind: "bpf", options: { bytecode } });
      await t.nl.filters.add({ ...at, chain, priority: 2, protocol: "ip", kind: "u32" });
      await t.nl.filters.add({ ...at, chain, priority: 2, protocol: "ip", kind: "u32" });
    }
    const list = async (chain?: number) =>
      (await t.nl.filters.list({ ...at, chain }).toArray())
        .map((f) => `${f.chain} ${f.priority} ${f.kind}`);
    return { ...t, list, [Symbol.asyncDispose]: t[Symbol.asyncDispose] };
  }

  it("of all chains of a parent", async () => {
    await using t = await filled();
    await t.nl.filters.delete(at);
    assert.deepEqual(await t.list(), []);
    await t.nl.filters.delete(at);
  });

  it("of one chain", async () => {
    await using t = await filled();
    assert.deepEqual(new Set(await t.list(7)), new Set(["7 1 bpf", "7 2 u32"]));
    await t.nl.filters.delete({ ...at, chain: 7 });
    assert.deepEqual(await t.list(7), []);
    assert.deepEqual(
      new Set(await t.list()),
      new Set(["0 1 bpf", "0 2 u32", "1 1 bpf", "1 2 u32"]),
    );
  });

  it("by kind, by protocol and by priority, wherever they are", async () => {
    for (const named of [{ kind: "u32" }, { protocol: "ip" }, { priority: 2 }]) {
      await using t = await filled();
      await t.nl.filters.delete({ ...at, ...named });
      assert.deepEqual(await t.list(), ["0 1 bpf", "1 1 bpf", "7 1 bpf"], JSON.stringify(named));
      await assert.rejects(t.nl.filters.delete({ ...at, ...named }), code("ENOENT"));
      await assert.rejects(t.nl.filters.delete({ ...at, ...named, chain: 0 }), code("ENOENT"));
    }
  });

  it("in a batch, as one operation", async () => {
    await using t = await filled();
    const batch = t.nl.batch();
    batch.filters.add({ ...at, chain: 9, priority: 2, protocol: "ip", kind: "u32" });
    batch.filters.delete({ ...at, kind: "u32" });
    batch.filters.add({ ...at, chain: 9, priority: 1, kind: "bpf", options: { bytecode } });
    batch.filters.delete({ ...at, kind: "fw" });
    const results = await batch.commit();
    assert.deepEqual(results.map(({ status }) => status), ["done", "done", "done", "failed"]);
    assert.deepEqual(await t.list(), ["0 1 bpf", "1 1 bpf", "7 1 bpf", "9 1 bpf"]);
  });
});

describe("classes", { skip }, () => {
  it("are listed by what they are right below", async () => {
    await using t = await lab();
    const add = (parent: string, handle: string) =>
      t.tc(`class add dev d0 parent ${parent} classid ${handle} htb rate 1mbit`);
    add("1:3", "1:4");
    add("1:4", "1:5");
    t.tc("qdisc add dev d0 parent 1:5 handle 2: htb");
    add("2:", "2:1");
    const below = async (parent?: string) =>
      (await t.nl.classes.list({ link: "d0", parent }).toArray()).map((c) => c.handle).sort();
    assert.deepEqual(await below(), ["1:3", "1:4", "1:5", "2:1"]);
    assert.deepEqual(await below("root"), ["1:3", "2:1"]);
    assert.deepEqual(await below("1:"), ["1:3"]);
    assert.deepEqual(await below("2:"), ["2:1"]);
    assert.deepEqual(await below("1:3"), ["1:4"]);
    assert.deepEqual(await below("01:04"), ["1:5"]);
    assert.deepEqual(await below("1:5"), []);
  });

  it("have rates from one byte per second without a burst", async () => {
    await using t = await lab();
    for (const [rateBytesPerSecond, burst] of [[1, 274], [5, 1374], [6, 1600]]) {
      const entry = { link: "d0", kind: "htb", handle: "1:9" } as const;
      await t.nl.classes.replace({ ...entry, options: { rateBytesPerSecond } });
      const { options } = await t.nl.classes.get(entry);
      assert.equal((options as { burstBytes: number }).burstBytes, burst);
    }
  });

  it("and queues count what a link adds to packets as tc has it", async () => {
    await using t = await lab();
    const framing = { overheadBytes: 8, minPacketBytes: 64, linkLayer: "atm" } as const;
    const options = { rateBytesPerSecond: 125_000, ...framing };
    await t.nl.classes.add({ link: "d0", kind: "htb", handle: "1:9", options });
    assert.match(
      t.tc("-d class show dev d0 classid 1:9"),
      /rate 1Mbit overhead 8 ceil 1Mbit linklayer atm .* mpu 64b/,
    );
    const { options: read } = await t.nl.classes.get({ link: "d0", handle: "1:9" });
    assert.deepEqual({ ...read, ...framing }, read);
    // The kernel keeps the time of a burst of whole cells, which 5032 bytes fill.
    for (const [linkLayer, burst] of [["ethernet", 5000], ["atm", 5032]] as const) {
      const queue = { ...options, linkLayer, burstBytes: 5000, limitBytes: 9000 };
      await t.nl.qdiscs.replace({ link: "e0", kind: "tbf", handle: "5:", options: queue });
      const [qdisc] = await t.nl.qdiscs.list({ link: "e0" }).toArray();
      const { linkLayer: _, ...plain } = { ...queue, burstBytes: burst };
      assert.deepEqual(qdisc.options, linkLayer === "atm" ? { ...plain, linkLayer } : plain);
    }
  });
});
