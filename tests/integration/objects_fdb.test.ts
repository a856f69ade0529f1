import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
  type FdbEntry,
  type FdbFlush,
  type FdbLookup,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

async function lab() {
  const ns = await testNamespace();
  const run = (program: string, words: string) =>
    execFileSync(program, ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" });
  const nl = await RouteConnection.open({ netns: ns.name });
  await nl.batch()
    .links.add({ name: "b0", kind: "bridge", up: true })
    .links.add({ name: "v0", kind: "veth", up: true, master: "b0", peer: { name: "v1" } })
    .links.add({ name: "v2", kind: "veth", up: true, master: "b0", peer: { name: "v3" } })
    .links.set("v1", { up: true })
    .links.set("v3", { up: true })
    .links.add({ name: "x0", kind: "vxlan", id: 7, routeShortCircuit: true })
    .links.add({ name: "x1", kind: "vxlan", external: true, id: 0, port: 4790 })
    .commit();
  // A bridge takes dynamic entries of ports that forward.
  for (const port of ["v0", "v2"]) {
    while ((await nl.links.get(port)).bridgePort!.state !== "forwarding") await setTimeout(5);
  }
  return {
    nl,
    bridge: (words: string) => run("bridge", words),
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

const mac = (n: number) => `02:00:00:00:00:0${n}`;

describe("entries of forwarding tables", { skip: need("net-admin", "bridge") }, () => {
  it("say that the other end is a router, where a VXLAN answers for it", async () => {
    await using t = await lab();
    await t.nl.fdb.add({ link: "x0", mac: mac(1), remote: "10.0.0.1", router: true });
    await t.nl.fdb.add({ link: "x0", mac: mac(2), remote: "10.0.0.1" });
    const shown = JSON.parse(t.bridge("-j fdb show dev x0")) as { mac: string; flags: string[] }[];
    const routers = shown.filter(({ flags }) => flags.includes("router")).map(({ mac }) => mac);
    assert.deepEqual(routers, [mac(1)]);
    const read = await t.nl.fdb.list({ link: "x0" }).toArray();
    assert.deepEqual(read.filter((e) => e.router).map((e) => e.mac), routers);
    const [told] = read.filter((e) => e.router).map((e) => e.toJSON());
    assert.equal(told.router, true);
    await t.nl.fdb.replace(told as never);
    assert.equal((await t.nl.fdb.get({ link: "x0", mac: mac(1), table: "self" })).router, true);
  });

  it("are looked up, each in its table", async () => {
    await using t = await lab();
    await t.nl.fdb.add({ link: "v0", mac: mac(5) });
    await t.nl.fdb.add({ link: "v0", mac: mac(1), lifetime: "dynamic" });
    await t.nl.fdb.add({ link: "v2", mac: mac(2), table: "self" });
    await t.nl.fdb.add({ link: "x0", mac: mac(3), remote: "10.0.0.1", port: 99, vni: 8 });
    await t.nl.fdb.append({ link: "x0", mac: mac(3), remote: "10.0.0.2" });
    assert.equal((await t.nl.fdb.list({ link: "x0" }).toArray()).length, 1, "none of one host");
    await t.nl.fdb.add({ link: "x1", mac: mac(4), remote: "10.0.0.1", sourceVni: 5, vni: 6 });
    await t.nl.fdb.add({ link: "x1", mac: mac(4), remote: "10.0.0.2", sourceVni: 7 });
    const list = await t.nl.fdb.list().toArray();
    const same = (a: FdbEntry, b: FdbEntry) =>
      JSON.stringify(a.toJSON()) === JSON.stringify(b.toJSON());
    const cases: [ref: FdbLookup, like: (e: FdbEntry) => boolean][] = [
      [{ link: "v0", mac: mac(5) }, (e) => e.mac === mac(5)],
      [{ link: "v0", mac: mac(1) }, (e) => e.mac === mac(1) && e.lifetime === "dynamic"],
      [{ link: "x0", mac: mac(3), table: "self" }, (e) => e.mac === mac(3) && e.port === 99],
      [{ link: "x1", mac: mac(4), table: "self", sourceVni: 5 }, (e) => e.vni === 6],
      [{ link: "x1", mac: mac(4), table: "self", sourceVni: 7 }, (e) =>
        e.remote === "10.0.0.2" &&
        e.sourceVni === 7],
    ];
    for (const [ref, like] of cases) {
      const [listed] = list.filter(like), got = await t.nl.fdb.get(ref);
      assert.ok(same(got, listed), `${JSON.stringify([got, listed])}`);
    }
    await assert.rejects(t.nl.fdb.get({ link: "v0", mac: mac(9) }), { code: "ENOENT" });
    await assert.rejects(t.nl.fdb.get({ link: "v2", mac: mac(2), table: "self" }), {
      code: "EOPNOTSUPP",
    });
    await assert.rejects(t.nl.fdb.get({ link: "v9", mac: mac(1) }), { code: "ENODEV" });
    await assert.rejects(t.nl.fdb.get({ link: "x0", mac: mac(3) }), { code: "EINVAL" });
    await assert.rejects(
      t.nl.fdb.get({ link: "x0", mac: mac(3), remote: "10.0.0.1" } as never),
      /^TypeError: Cannot use remote: must be one of the options of a look-up/,
    );
  });

  it("are deleted from tables of links that forward nothing too", async () => {
    await using t = await lab();
    const before = t.bridge("fdb show dev v1");
    await t.nl.fdb.add({ link: "v1", mac: mac(8), table: "self" });
    assert.notEqual(t.bridge("fdb show dev v1"), before);
    assert.equal(await t.nl.fdb.flush({ link: "v1", permanent: true }), 0);
    await t.nl.fdb.delete({ link: "v1", mac: mac(8), table: "self" });
    assert.equal(t.bridge("fdb show dev v1"), before);
  });

  it("are flushed where they are selected, permanent ones when told to", async () => {
    await using t = await lab();
    const fill = async () => {
      await t.nl.fdb.replace({ link: "v0", mac: mac(1), lifetime: "dynamic" });
      await t.nl.fdb.replace({ link: "v0", mac: mac(2) });
      await t.nl.fdb.replace({ link: "v0", mac: mac(3), lifetime: "permanent" });
      await t.nl.fdb.replace({ link: "v2", mac: mac(4), lifetime: "dynamic" });
      await t.nl.fdb.replace({ link: "b0", mac: mac(5), table: "self" });
      for (const remote of ["10.0.0.1", "10.0.0.2"]) {
        await t.nl.fdb.append({ link: "x0", mac: "03:00:00:00:00:06", remote });
      }
      await t.nl.fdb.replace({ link: "x1", mac: mac(7), remote: "10.0.0.1", sourceVni: 5 });
    };
    const words = async () =>
      (await t.nl.fdb.list().toArray()).filter((e) => /^0[23]:00:00:00:00:0/.test(e.mac))
        .map((e) => `${e.mac.slice(-1)} ${e.remote ?? ""}`).sort();
    const cases: [filter: FdbFlush, gone: (entry: string) => boolean][] = [
      [{ link: "v0" }, (e) => /^[12]/.test(e)],
      [{ link: "v0", lifetime: "dynamic" }, (e) => /^1/.test(e)],
      [{ link: "v0", lifetime: "static" }, (e) => /^2/.test(e)],
      [{ link: "v0", permanent: true }, (e) => /^[123]/.test(e)],
      [{ link: "v0", vlan: 5, permanent: true }, () => false],
      [{ bridge: "b0" }, (e) => /^[124]/.test(e)],
      [{ bridge: "b0", link: "v2" }, (e) => /^4/.test(e)],
      [{ bridge: "b0", lifetime: "permanent" }, (e) => /^[35]/.test(e)],
      [{ link: "x0", permanent: true }, (e) => /^6/.test(e)],
      [{ link: "x1" }, () => false],
      [{ link: "x1", permanent: true }, (e) => /^7/.test(e)],
    ];
    for (const [filter, gone] of cases) {
      await fill();
      const before = await words();
      assert.equal(before.length, 8, `${before}`);
      const count = await t.nl.fdb.flush(filter);
      assert.deepEqual(await words(), before.filter((e) => !gone(e)), JSON.stringify(filter));
      assert.ok(count >= before.filter(gone).length, JSON.stringify(filter));
    }
    for (const filter of [{}, { vlan: 5 }, undefined, { permanent: true }]) {
      await assert.rejects(
        t.nl.fdb.flush(filter as never),
        /^TypeError: Cannot use a flush of forwarding entries: must be /,
      );
    }
    await assert.rejects(
      t.nl.fdb.flush({ link: "v0", lifetime: "short" as never }),
      /^TypeError: Cannot use lifetime: must be one of permanent, static, dynamic/,
    );
  });
});
