import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const COUNT = 100;

describe("flushing", { skip: need("net-admin") }, () => {
  async function lab(netns: string): Promise<RouteConnection> {
    const nl = await RouteConnection.open({ netns });
    await nl.batch().links.add({ name: "b0", kind: "bridge" })
      .links.add({ name: "b1", kind: "bridge" })
      .links.set("b0", { up: true }).links.set("b1", { up: true }).commit();
    return nl;
  }

  it("removes the addresses that are selected, secondary ones too, and no other", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    for (
      const [link, address] of [
        ["b0", "10.0.0.1/24"],
        ["b0", "10.0.0.2/24"],
        ["b0", "fd00::1/64"],
        ["b1", "10.0.1.1/24"],
      ]
    ) await nl.addresses.add({ link, address });
    assert.equal(await nl.addresses.flush({ link: "b0", family: 4 }), 2);
    const left = (await nl.addresses.list().toArray()).filter((a) => a.scope === "global");
    assert.deepEqual(left.map((a) => a.address).sort(), ["10.0.1.1/24", "fd00::1/64"]);
  });

  it("removes neighbours, permanent ones when told to, whoever else does so meanwhile", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    await using other = await RouteConnection.open({ netns: ns.name });
    const fill = async () => {
      const neighbours = nl.batch();
      for (let i = 1; i <= COUNT; i++) {
        neighbours.neighbours.add({ link: "b0", address: `10.0.0.${i}`, mac: "02:00:00:00:00:01" });
      }
      for (const result of await neighbours.commit()) assert.equal(result.status, "done");
    };
    await fill();
    const filter = { link: "b0", family: 4, permanent: true } as const;
    assert.equal(await nl.neighbours.flush({ link: "b0", family: 4 }), 0, "they are permanent");
    // One may be through before the other lists, where the event loop had its turn in between.
    let both = false;
    for (let round = 0; round < 50 && !both; round++) {
      if (round > 0) await fill();
      const counts = await Promise.all([
        nl.neighbours.flush(filter),
        other.neighbours.flush(filter),
      ]);
      assert.equal(Math.max(...counts), COUNT, `${counts}`);
      both = counts.every((count) => count === COUNT);
    }
    assert.ok(both, "neither met what the other had deleted");
    const left = await nl.neighbours.list({ link: "b0", family: 4 }).toArray();
    assert.deepEqual(left.filter((n) => n.state !== "noarp").map((n) => n.address), []);
  });

  it("stops where a signal says so", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    const fill = nl.batch();
    for (let i = 1; i <= COUNT; i++) {
      fill.addresses.add({ link: "b0", address: `10.0.${i}.1/24` });
      fill.neighbours.add({ link: "b1", address: `10.1.0.${i}`, mac: "02:00:00:00:00:01" });
    }
    await fill.commit();
    const reason = new Error("enough");
    for (
      const flush of [
        (signal: AbortSignal) => nl.addresses.flush({ link: "b0", family: 4, signal }),
        (signal: AbortSignal) =>
          nl.neighbours.flush({ link: "b1", family: 4, permanent: true, signal }),
      ]
    ) {
      const abort = new AbortController();
      const flushed = flush(abort.signal);
      await Promise.resolve();
      abort.abort(reason);
      await assert.rejects(flushed, (e) => e === reason);
    }
    assert.ok(
      await nl.addresses.list({ link: "b0", family: 4 }).toArray().then((a) => a.length) > 0,
    );
    assert.ok(
      await nl.neighbours.list({ link: "b1", family: 4 }).toArray().then((n) => n.length) > 0,
    );
    assert.ok(nl.usable);
  });
});
