/** What goes with something that a plan changes, and comes back. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan, RouteConnection } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need, testNamespace } from "../support.ts";
import { lab, pick, striking } from "./plan_lab.ts";
import { settle } from "./plan_settle.ts";

const skip = need("net-admin", "ip", "bridge");
type Lab = Awaited<ReturnType<typeof lab>>;

const routes = (t: Lab, words = "") =>
  t.ip(`-4 route show ${words}`.trim()).replace(/ (linkdown|proto static)/g, "").trim().split("\n")
    .map((line) => line.trim()).sort();

describe("apply", { skip }, () => {
  it("keeps everything that nobody declares of a link that is made anew", {
    timeout: 120_000,
  }, async () => {
    await using t = await lab();
    const seen = () => {
      const [link] = JSON.parse(t.ip("-j -d link show dev x0"));
      link.altnames?.sort();
      const { ifindex: _, linkinfo: { info_data: data, info_slave_data: slave }, ...rest } = link;
      const { id: _id, ...options } = data;
      // What counts time and packets, or says what the kernel is about to do.
      const port = Object.entries(slave ?? {}).filter(([name]) => !/time|id|state|no$/.test(name));
      const { operstate: _o, flags, ...own } = rest;
      return [own, options, Object.fromEntries(port), flags.includes("UP"), routes(t, "table all")];
    };
    let id = 100;
    const declared = { name: "x0", kind: "vxlan" as const };
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          up: fc.boolean(),
          mtu: pick(1300, 1400),
          alias: pick("one", "two"),
          address: pick("02:00:00:00:00:77", "02:00:00:00:00:78"),
          txQueueLength: pick(5, 6),
          group: pick(3, 4),
          promiscuous: fc.boolean(),
          arp: fc.boolean(),
        }, { requiredKeys: [] }),
        fc.record({
          remote: pick("192.0.2.1", "192.0.2.2"),
          link: pick("a0", "b0"),
          ttl: pick(4, 5),
          learning: fc.boolean(),
          sourcePorts: pick<[number, number]>([1000, 2000]),
          port: pick(4790, 4791),
        }, { requiredKeys: [] }),
        fc.option(fc.record({ cost: pick(5, 6), isolated: fc.boolean() }, { requiredKeys: [] })),
        pick<readonly string[]>([], ["x0-too"], ["x0-too", "x0-three"]),
        fc.option(fc.nat(12)),
        async (settings, options, bridgePort, altNames, steps) => {
          const port = bridgePort ? { master: "sw", bridgePort } : {};
          await t.nl.links.add({ ...declared, id, ...options, ...settings, ...port });
          if (altNames.length > 0) await t.nl.links.addAltNames("x0", altNames);
          await t.nl.addresses.add({ link: "x0", address: "10.9.0.1/24" });
          if (settings.up) {
            await t.nl.routes.add({ destination: "10.99.0.0/16", gateway: "10.9.0.2" });
          }
          const before = seen();
          const changes = await plan(t.nl, { links: [{ ...declared, id: ++id }] });
          assert.equal(String(changes), `± link x0: id ${id - 1} → ${id}`);
          const signal = steps === null ? undefined : striking(steps);
          await apply(t.nl, changes, { signal }).catch((error) => {
            assert.equal(error.message, "interrupted");
          });
          assert.deepEqual(seen(), before);
          await t.nl.links.delete("x0");
          id++;
        },
      ),
      { numRuns: 30, endOnFailure: true },
    );
  });

  it("lets links swap names, and refer to each other", { timeout: 60_000 }, async () => {
    await using t = await lab();
    const [x, y] = ["x", "y"].map((name) => ({ name, kind: "ifb" }));
    await settle(t, { links: [{ ...x, altNames: ["one"] }, { ...y, altNames: ["two", "z"] }] });
    await settle(t, { links: [{ ...x, altNames: ["two"] }, { ...y, altNames: ["one", "z"] }] });
    await settle(t, { links: [{ name: "z", kind: "bridge" }, { ...y, altNames: [] }] });
    const pair = (name: string, peer: string) => ({ name, kind: "veth", peer: { name: peer } });
    await settle(t, { links: [pair("v0", "v1"), pair("w0", "w1")] });
    await settle(t, { links: [pair("v0", "w1"), pair("w0", "v1")] });
    await settle(t, { links: [pair("v0", "q1")] });
    const port = (name: string, backupPort: string) => ({
      ...{ name, kind: "veth", master: "z", bridgePort: { backupPort, cost: 5 } },
    });
    await settle(t, { links: [port("p0", "p1"), port("p1", "p0")] });
    assert.match(t.bridge("-d link show dev p0"), /backup_port p1/);
    await settle(t, {
      links: [port("p0", "p1"), port("p1", "p0")],
      prune: { links: ["v0", "w0", "q1", "v1"] },
    });
  });

  it("replaces a macvlan that starts or ends to pass everything through", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    const link = { name: "mv", kind: "macvlan" as const, link: "a0" };
    const modes = {
      bridge: "create link",
      private: "set link mode",
      passthru: "replace link mode",
    };
    for (const [mode, done] of [...Object.entries(modes), ["vepa", "replace link mode"]]) {
      const links = [{ ...link, mode }] as Desired["links"];
      assert.equal(await settle(t, { links }), done);
    }
  });
});

describe("plan", { skip }, () => {
  it("compares the other end of a pair", { timeout: 60_000 }, async () => {
    await using t = await lab();
    const end = {
      mtu: 9000,
      address: "02:00:00:00:00:0B",
      txQueueLength: 77,
      group: 5,
      arp: false,
    };
    const wanted: Desired = {
      links: [
        { name: "va", kind: "veth", peer: { name: "vb", ...end } },
        { name: "vb", kind: "veth", peer: { name: "va", mtu: 8000 }, up: true },
      ],
    };
    await settle(t, wanted);
    for (
      const [words, noticed] of [
        ["vb mtu 1500", "mtu"],
        ["vb address 02:00:00:00:00:0c", "address"],
        ["vb txqueuelen 5", "txQueueLength"],
        ["vb group 9", "group"],
        ["vb arp on", "arp"],
        ["vb down", "up"],
        ["va mtu 1500", "mtu"],
      ]
    ) {
      t.ip(`link set ${words}`);
      assert.equal(await settle(t, wanted), `set link ${noticed}`);
    }
    assert.equal(await settle(t, { ...wanted, prune: { links: ["va", "vb"] } }), "");
    await using other = await testNamespace();
    await using far = await RouteConnection.open({ netns: other.name });
    const peer = { name: "vc", netns: other.name };
    const links: Desired["links"] = [{ name: "va", kind: "veth", peer }];
    assert.equal(await settle(t, { links }), "set link peer");
    assert.equal((await far.links.get("vc")).mtu, 9000);
  });

  it("refuses links that the kernel could not make of a declaration", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    const ifb = (name: string, more: object = {}) => ({ name, kind: "ifb", ...more });
    const veth = (name: string, peer: object) => ({ name, kind: "veth", peer });
    for (
      const [links, path] of [
        [[veth("c", { name: "d" }), ifb("d")], "links[0].peer.name"],
        [[veth("c", { name: "c" })], "links[0].peer.name"],
        [[veth("c", { name: "d" }), veth("e", { name: "d" })], "links[1].peer.name"],
        [[veth("c", { name: "d", mtu: 1400 }), { name: "d", mtu: 1300 }], "links[0].peer.mtu"],
        [[veth("c", { mtu: 1400 })], "links[0].peer.mtu"],
        [[veth("c", { name: "d", netns: "x", mtu: 1400 })], "links[0].peer.mtu"],
        [[veth("c", { name: "d", netns: true })], "links[0].peer.netns"],
        [[ifb("c", { peer: { name: "d" } })], "links[0].peer"],
        [[ifb("c", { altNames: ["e", "d"] }), ifb("d")], "links[0].altNames[1]"],
        [[ifb("c", { altNames: ["e"] }), ifb("d", { altNames: ["e"] })], "links[1].altNames[0]"],
        [[ifb("c", { master: "c" })], "links[0].master"],
        [[ifb("c", { master: "d" }), ifb("d", { master: "c" })], "links[0].master"],
        [[{ name: "c", kind: "vxlan", id: 1, link: "sw", master: "sw" }], "links[0].master"],
      ] as [object[], string][]
    ) {
      await assert.rejects(
        plan(t.nl, { links } as Desired),
        (error: Error) => error.message.startsWith(`Cannot use ${path}: `),
        path,
      );
    }
  });
});
