import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import {
  type NewNexthop,
  type NexthopBucket,
  type NexthopBucketFilter,
  type NexthopFlush,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

async function lab() {
  const ns = await testNamespace();
  const ip = (words: string) =>
    execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" }).trim();
  ip("link set lo up");
  ip("link add d0 up type veth peer name e0");
  ip("link set e0 up");
  ip("address add 10.0.0.1/24 dev d0");
  const nl = await RouteConnection.open({ netns: ns.name });
  return {
    nl,
    ip,
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

describe("nexthops", { skip }, () => {
  it("of forwarding tables are selected", async () => {
    await using t = await lab();
    await t.nl.nexthops.add({ id: 1, link: "d0" });
    await t.nl.nexthops.add({ id: 2, gateway: "10.0.0.2", fdb: true });
    await t.nl.nexthops.add({ id: 3, group: [{ id: 2 }], fdb: true });
    await t.nl.nexthops.add({ id: 4, group: [{ id: 1 }] });
    const ids = async (filter: object) =>
      (await t.nl.nexthops.list(filter).toArray()).map(({ id }) => id);
    assert.deepEqual(await ids({ fdb: true }), [2, 3]);
    assert.deepEqual(await ids({ fdb: true, groups: true }), [3]);
    assert.deepEqual(await ids({ fdb: false }), [1, 2, 3, 4]);
    assert.throws(
      () => t.nl.nexthops.list({ fdb: "false" as never }),
      /^TypeError: Cannot use fdb/,
    );
  });

  it("have buckets in resilient groups, as ip lists them", async () => {
    await using t = await lab();
    t.ip("link add d1 up type bridge");
    t.ip("link set d0 master d1");
    await t.nl.nexthops.add({ id: 1, link: "d0" });
    await t.nl.nexthops.add({ id: 2, gateway: "10.0.0.2", link: "d0" });
    await t.nl.nexthops.add({ id: 3, link: "d1" });
    const resilient = { buckets: 8, idleTimeout: 1000, unbalancedTimeout: 600_000 };
    await t.nl.nexthops.add({ id: 5, group: [{ id: 1, weight: 3 }, { id: 2 }], resilient });
    await t.nl.nexthops.add({ id: 6, group: [{ id: 3 }], resilient });
    await t.nl.nexthops.add({ id: 7, group: [{ id: 3 }] });
    const shown = (words: string) =>
      JSON.parse(t.ip(`-j nexthop bucket ${words}`) || "[]").map((
        { id, bucket, flags }: {
          id: number;
          bucket: { index: number; nhid: number };
          flags: string[];
        },
      ) => ({ group: id, index: bucket.index, nexthop: bucket.nhid, flags }));
    const plain = (bucket: NexthopBucket) => {
      const { idleTime, ...rest } = JSON.parse(JSON.stringify(bucket));
      assert.ok(Number.isInteger(idleTime / 10) && idleTime >= 0, `${idleTime}`);
      return rest;
    };
    const filters: [filter: NexthopBucketFilter, words: string, count: number][] = [
      [{}, "list", 16],
      [{ group: 5 }, "list id 5", 8],
      [{ nexthop: 2 }, "list nhid 2", 2],
      [{ group: 6, nexthop: 3 }, "list id 6 nhid 3", 8],
      [{ link: "d0" }, "list dev d0", 8],
      [{ master: "d1" }, "list master d1", 8],
    ];
    for (const [filter, words, count] of filters) {
      const found = (await t.nl.nexthops.buckets(filter).toArray()).map(plain);
      assert.deepEqual(found, shown(words), words);
      assert.equal(found.length, count, words);
    }
    assert.deepEqual(plain(await t.nl.nexthops.bucket(5, 7)), shown("get id 5 index 7")[0]);
    assert.deepEqual((await t.nl.nexthops.get(5)).resilient, resilient);
    assert.equal((await t.nl.nexthops.get(5)).unbalancedTime, 0);
    assert.equal((await t.nl.nexthops.get(7)).unbalancedTime, undefined);
    const codes: [code: string, call: Promise<unknown>][] = [
      ["ENOENT", t.nl.nexthops.bucket(5, 8)],
      ["ENOENT", t.nl.nexthops.bucket(99, 0)],
      ["EINVAL", t.nl.nexthops.bucket(7, 0)],
      ["ENOENT", t.nl.nexthops.buckets({ group: 99 }).toArray()],
      ["EINVAL", t.nl.nexthops.buckets({ group: 7 }).toArray()],
      ["ENODEV", t.nl.nexthops.buckets({ link: "d9" }).toArray()],
    ];
    for (const [code, call] of codes) await assert.rejects(call, { code });
    const wrong: [call: () => unknown, message: RegExp][] = [
      [() => t.nl.nexthops.bucket(5, -1), /^RangeError: Cannot use index: must be 0 to 65535/],
      [() => t.nl.nexthops.bucket(0, 1), /^RangeError: Cannot use group: must be 1 to/],
      [() => t.nl.nexthops.bucket(5, "1" as never), /^TypeError: Cannot use index: must be an/],
    ];
    for (const [call, message] of wrong) await assert.rejects(async () => await call(), message);
    assert.throws(() => t.nl.nexthops.buckets({ nexthop: NaN }), /^TypeError: Cannot use nexthop/);
    assert.throws(() => t.nl.nexthops.buckets({ id: 5 } as never), /^TypeError: Cannot use id/);
  });

  it("are flushed where they are selected, and never all", async () => {
    await using t = await lab();
    t.ip("link add d1 up type bridge");
    const ids = async () => (await t.nl.nexthops.list().toArray()).map(({ id }) => id);
    const cases: [filter: NexthopFlush, left: number[]][] = [
      [{ link: "d0" }, [2, 4, 5]],
      [{ protocol: "bgp" }, [1, 3, 4, 5]],
      [{ link: "d0", protocol: 186 }, [1, 2, 3, 4, 5]],
      [{ groups: true }, [1, 2, 4]],
      [{ fdb: true }, [1, 2, 3, 5]],
      [{ fdb: true, groups: true }, [1, 2, 3, 4, 5]],
    ];
    for (const [filter, left] of cases) {
      await t.nl.nexthops.replace({ id: 1, link: "d0" });
      await t.nl.nexthops.replace({ id: 2, link: "d1", protocol: "bgp" });
      await t.nl.nexthops.replace({ id: 4, gateway: "10.0.0.2", fdb: true });
      await t.nl.nexthops.replace({ id: 3, group: [{ id: 1 }] });
      await t.nl.nexthops.replace({ id: 5, group: [{ id: 2 }, { id: 1 }] });
      // A group goes with its last member.
      const gone = filter.link === "d0" && left.length === 3 ? 1 : 5 - left.length;
      assert.equal(await t.nl.nexthops.flush(filter), gone, JSON.stringify(filter));
      assert.deepEqual(await ids(), left, JSON.stringify(filter));
    }
    for (const filter of [undefined, {}, { groups: false, fdb: false }, { timeout: 5000 }]) {
      await assert.rejects(
        t.nl.nexthops.flush(filter as never),
        /^TypeError: Cannot use a flush of nexthops: must be /,
      );
    }
    await assert.rejects(
      t.nl.nexthops.flush({ protocol: "none" }),
      /^TypeError: Cannot use protocol: must be a number or one of/,
    );
    assert.equal((await ids()).length, 5);
  });

  it("have weights of two bytes in groups", async () => {
    await using t = await lab();
    for (const id of [1, 2, 3]) await t.nl.nexthops.add({ id, link: "d0" });
    const group = [{ id: 1, weight: 256 }, { id: 2, weight: 257 }, { id: 3, weight: 65535 }];
    await assert.rejects(
      t.nl.nexthops.add({ id: 9, group: [{ id: 1, weight: 65536 }] }),
      /^RangeError: Cannot use group\[0\]\.weight: must be 1 to 65535/,
    );
    try {
      await t.nl.nexthops.add({ id: 9, group });
    } catch (error) {
      // Before Linux 6.12.
      assert.equal((error as { code?: string }).code, "EINVAL");
      return;
    }
    assert.deepEqual((await t.nl.nexthops.get(9)).group, group);
  });

  it("are made again by their plain copies", async () => {
    await using t = await lab();
    for (
      const words of [
        "id 1 via 10.0.0.7 dev d0 onlink",
        "id 2 blackhole",
        "id 3 via 10.0.0.8 fdb",
        "id 4 group 3 fdb",
        "id 5 group 1,7 type resilient buckets 8 idle_timer 5",
        "id 6 via fe80::7 dev d0",
        "id 7 encap ip id 5 dst 10.0.0.9 key via 10.0.0.9 dev d0",
      ]
    ) t.ip(`nexthop add ${words} proto bgp`);
    const shown = t.ip("nexthop show").replaceAll(/unbalanced_time \S+/g, "");
    const read = await t.nl.nexthops.list().toArray();
    assert.equal(read.length, 7);
    for (const nexthop of read) await t.nl.nexthops.replace(JSON.parse(JSON.stringify(nexthop)));
    for (const nexthop of read) await t.nl.nexthops.replace(nexthop as NewNexthop);
    assert.equal(t.ip("nexthop show").replaceAll(/unbalanced_time \S+/g, ""), shown);
    for (const { id } of read.toReversed()) await t.nl.nexthops.delete(id);
    for (const nexthop of read) await t.nl.nexthops.add(JSON.parse(JSON.stringify(nexthop)));
    assert.equal(t.ip("nexthop show").replaceAll(/unbalanced_time \S+/g, ""), shown);
  });

  it("that a kernel would take otherwise are refused", async () => {
    await using t = await lab();
    const cases: [nexthop: object, message: RegExp][] = [
      [{ link: "d0", onlink: "no" }, /^TypeError: Cannot use onlink: must be true or false/],
      [{ blackhole: "false" }, /^TypeError: Cannot use blackhole: must be true or false/],
      [{ link: "d0", fdb: 0 }, /^TypeError: Cannot use fdb: must be true or false/],
      [{ link: "d0", via: "10.0.0.7" }, /^TypeError: Cannot use via: must be one of the options/],
      [
        { link: "d0", family: 6, gateway: "10.0.0.7" },
        /^TypeError: Cannot use family: must be the gateway's IP version, current value is 6$/,
      ],
      [{ link: "d0", family: 5 }, /^TypeError: Cannot use family: must be 4 or 6/],
      [{ family: 4, group: [{ id: 1 }] }, /^TypeError: Cannot use family: must be of no group/],
      [
        { link: "d0", resilient: { buckets: 8 } },
        /^TypeError: Cannot use resilient: must be given with group/,
      ],
      [{ group: [null] }, /^TypeError: Cannot use group\[0\]/],
      [{ link: "d0", encapsulation: null }, /^TypeError: Cannot use encapsulation/],
      [
        { link: "d0", encapsulation: { type: "ip", dst: "10.0.0.9" } },
        /^TypeError: Cannot use encapsulation\.dst: must be one of the options/,
      ],
    ];
    for (const [nexthop, message] of cases) {
      await assert.rejects(t.nl.nexthops.add(nexthop), message);
      await assert.rejects(t.nl.nexthops.replace({ id: 5, ...nexthop }), message);
    }
    assert.deepEqual(await t.nl.nexthops.list().toArray(), []);
  });
});
