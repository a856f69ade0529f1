import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan, RouteConnection } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need, testNamespace } from "../support.ts";
import { lab, striking } from "./plan_lab.ts";
import { linkStates } from "./plan_links.ts";

const skip = need("net-admin", "ip");
const prune = { links: ["x*"], addresses: ["x*"], qdiscs: ["x*"] };

describe("plan and apply of links upon links", { skip }, () => {
  it("lead from any arrangement to any other", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(linkStates, async (state) => {
        const wanted = { ...state, prune };
        const first = await plan(t.nl, wanted);
        await apply(t.nl, first);
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${first}`);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it("finish what was interrupted anywhere", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(linkStates, fc.nat(120), async (state, steps) => {
        const wanted = { ...state, prune };
        await apply(t.nl, await plan(t.nl, wanted), { signal: striking(steps) }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "");
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });

  it("make what is declared on a link that is made anew once", async () => {
    await using t = await lab();
    const addresses = [{ link: "x0", address: "10.9.0.1/24" }];
    for (const id of [20, 21]) {
      const wanted = { links: [{ name: "x0", kind: "vxlan", id, up: true }], addresses };
      const changes = await plan(t.nl, wanted);
      const done = await apply(t.nl, changes);
      assert.deepEqual(done.map(({ object }) => object), ["link", "address"]);
    }
  });

  it("keep what is not declared of a link that is made anew, also when interrupted", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    const wanted = (id: number): Desired => ({
      links: [
        { name: "x0", kind: "vxlan", id, up: true },
        { name: "x1", kind: "macvlan", link: "x0", up: true },
      ],
    });
    await apply(t.nl, await plan(t.nl, wanted(20)));
    for (const name of ["x0", "x1"]) {
      await t.nl.addresses.add({ link: name, address: `10.9.${name[1]}.1/24` });
      await t.nl.routes.add({ destination: `10.8.${name[1]}.0/24`, link: name });
      await t.nl.qdiscs.add({ link: name, kind: "pfifo", options: { limitPackets: 7 } });
    }
    const seen = () =>
      [t.ip("-4 -o address"), t.ip("route"), t.tc("qdisc show dev x0"), t.tc("qdisc show dev x1")]
        // Indexes, automatic handles, and how soon a carrier is noticed.
        .map((text) => text.replace(/^\d+: |pfifo \w+:| linkdown|refcnt \d+/gm, "").trim())
        .join("\n").split("\n").map((line) => line.trim()).sort();
    const before = seen();
    for (let steps = 0, whole = false; !whole; steps++) {
      try {
        await apply(t.nl, await plan(t.nl, wanted(21 + steps)), { signal: striking(steps) });
        whole = true;
      } catch (error) {
        assert.equal((error as Error).message, "interrupted");
      }
      assert.deepEqual(seen(), before, `interrupted at ${steps}`);
    }
  });

  it("keep neighbours and addresses of a link that is changed", { timeout: 300_000 }, async () => {
    await using t = await lab();
    await t.nl.neighbours.add({ link: "b1", address: "10.3.0.9", mac: "02:00:00:00:00:09" });
    await t.nl.neighbours.add({ link: "b1", address: "fd03::9", mac: "02:00:00:00:00:09" });
    await t.nl.addresses.add({ link: "b1", address: "fd05::1/64", flags: ["nodad"] });
    await t.nl.routes.add({ destination: "fd06::/48", link: "b1" });
    await t.nl.routes.add({ destination: "10.6.0.0/16", link: "b1" });
    const seen = () =>
      ["neighbour show nud permanent", "-6 -o address show scope global", "route", "-6 route"]
        .flatMap((words) => t.ip(words).replace(/ linkdown| pref medium/g, "").split("\n"))
        // The kernel's own.
        .filter((line) => /^(10.3|fd03|fd06|10.6)|fd05::1/.test(line)).map((line) => line.trim());
    const before = seen();
    assert.equal(before.length, 5, before.join("\n"));
    const b1 = { name: "b1", address: "02:00:00:00:00:b1", arp: true, mtu: 1500, master: null };
    for (
      const change of [
        { address: "02:00:00:00:00:b2" },
        { arp: false },
        { mtu: 1400 },
        { promiscuous: true },
        { alias: "x", group: 3 },
        {},
      ]
    ) {
      await apply(t.nl, await plan(t.nl, { links: [{ ...b1, ...change }] }));
      assert.deepEqual(seen(), before, JSON.stringify(change));
    }
  });

  it(
    "know both ends of a pair, and only in their own namespace",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      await using other = await testNamespace();
      await using far = await RouteConnection.open({ netns: other.name });
      const wanted: Desired = {
        links: [{ name: "x0", kind: "veth", peer: { name: "x1" } }],
        prune: { links: ["x*"] },
      };
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "");
      t.ip("link set x1 name y1");
      assert.equal(
        String(await plan(t.nl, wanted)),
        '~ link x0: peer {"name":"y1"} → {"name":"x1"}',
      );
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "");
      // An index there is that of some other link here.
      const { index } = await t.nl.links.get("a0");
      const address = "02:00:00:00:00:77";
      await t.nl.links.add({ name: "y9", kind: "veth", peer: { name: "x9", netns: other.name } });
      await far.links.set("x9", { address });
      t.ip("link add x2 type bridge");
      const ours = await t.nl.links.get("x2");
      assert.ok(index > 0 && ours.index > 0);
      execFileSync("ip", [
        "-n",
        other.name,
        "link",
        "add",
        "x8",
        "index",
        String(ours.index),
        "type",
        "veth",
        "peer",
        "name",
        "tmp",
      ]);
      execFileSync("ip", ["-n", other.name, "link", "set", "tmp", "netns", t.name]);
      const gone = await plan(t.nl, { prune: { links: ["x2"] } });
      assert.deepEqual(gone.changes.map((c) => `${c.action} ${c.key}`), ["delete x2"]);
      await apply(t.nl, gone);
      assert.equal((await t.nl.links.get("tmp")).name, "tmp");
    },
  );

  it("make a tunnel again that goes with its link, and refuse if it is not declared", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    const links = [
      { name: "x0", kind: "bridge" },
      { name: "x1", kind: "vxlan", id: 31, link: "x0" },
    ] as const;
    await apply(t.nl, await plan(t.nl, { links }));
    const moved: Desired = { links: [{ ...links[1], link: "a0" }], prune: { links: ["x*"] } };
    await apply(t.nl, await plan(t.nl, moved));
    assert.equal(String(await plan(t.nl, moved)), "");
    await apply(t.nl, await plan(t.nl, { links }));
    await assert.rejects(
      plan(t.nl, { prune: { links: ["x0"] } }),
      /x0 would take link x1 along, which is not declared/,
    );
  });

  it("change what some kinds take only by itself, or never", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const wanted = (n: number): Desired => ({
      links: [
        { name: "x0", kind: "vxlan", id: 31, mtu: 1300 + n, ttl: 3 + n, alias: `${n}` },
        { name: "x1", kind: "ifb", address: `02:00:00:00:00:0${n}`, mtu: 1300 + n },
      ],
    });
    for (const [n, actions] of [[1, ["create", "create"]], [2, ["set", "replace"]]] as const) {
      const changes = await plan(t.nl, wanted(n));
      assert.deepEqual(changes.changes.map((c) => c.action), actions);
      await apply(t.nl, changes);
      assert.equal(String(await plan(t.nl, wanted(n))), "");
    }
  });
});
