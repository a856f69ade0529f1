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
  it("keeps the routes and the other addresses of a link that gets another address", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    const wanted = (n: number): Desired => ({
      addresses: [{ link: "a0", address: `10.1.0.${n}/24` }],
      prune: { addresses: ["a0"] },
    });
    for (const n of [1, 9]) t.ip(`address add 10.1.0.${n}/24 dev b0`);
    t.ip("address add 10.1.0.8/24 dev a0");
    for (const link of ["a0", "b0"]) {
      t.ip(`route add 10.7${link === "a0" ? 0 : 1}.0.0/16 via 10.1.0.254 dev ${link}`);
    }
    // Whose source goes goes by another.
    t.ip("route add 10.72.0.0/16 via 10.1.0.254 dev a0 src 10.1.0.8");
    await settle(t, wanted(2));
    const before = routes(t, "via 10.1.0.254");
    assert.deepEqual(before, [
      "10.70.0.0/16 dev a0",
      "10.71.0.0/16 dev b0",
      "10.72.0.0/16 dev a0",
    ]);
    for (let steps = 0, whole = false; !whole; steps++) {
      try {
        await apply(t.nl, await plan(t.nl, wanted(3 + steps % 2)), { signal: striking(steps) });
        whole = true;
      } catch (error) {
        assert.equal((error as Error).message, "interrupted");
      }
      assert.deepEqual(routes(t, "via 10.1.0.254"), before, `interrupted at ${steps}`);
    }
    // One that is not to go comes back with its network.
    const b0: Desired = {
      addresses: [{ link: "b0", address: "10.1.0.2/24" }, { link: "b0", address: "10.1.0.9/24" }],
      prune: { addresses: ["b0"] },
    };
    await settle(t, b0);
    assert.deepEqual(routes(t, "via 10.1.0.254"), before);
  });

  it("moves addresses between links, with the routes that need them", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    for (const [link, n] of [["a0", 1], ["b0", 2]]) t.ip(`address add 10.1.0.${n}/24 dev ${link}`);
    t.ip("address add 10.4.0.1/24 dev b1");
    t.ip("route add 10.70.0.0/16 via 10.1.0.254 dev a0");
    await settle(t, {
      addresses: [{ link: "a0", address: "10.1.0.2/24" }, { link: "b0", address: "10.1.0.1/24" }],
      prune: { addresses: ["a0", "b0"] },
    });
    assert.deepEqual(routes(t, "via 10.1.0.254"), ["10.70.0.0/16 dev a0"]);
    // The kernel keeps a route on a link that its gateway left, while the link has any address.
    const wanted: Desired = {
      addresses: [{ link: "a0", address: "10.4.0.1/24" }, { link: "b1", address: "10.1.0.2/24" }],
      routes: [{ destination: "10.70.0.0/16", gateway: "10.1.0.254" }],
      prune: { addresses: ["a0", "b0", "b1"] },
    };
    await settle(t, wanted);
    assert.deepEqual(routes(t, "via 10.1.0.254"), ["10.70.0.0/16 dev b1"]);
    // What is declared of a route is not made in its old form.
    const bridge: Desired = {
      ...wanted,
      links: [{ name: "b1", master: "sw" }],
      addresses: [{ link: "sw", address: "10.1.0.2/24" }],
    };
    await settle(t, bridge);
    assert.deepEqual(routes(t, "via 10.1.0.254"), ["10.70.0.0/16 dev sw"]);
  });

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

  it("gives nexthops that are replaced back to the groups that they were in", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    for (const id of [1, 2]) t.ip(`nexthop add id ${id} dev b${id - 1}`);
    t.ip("nexthop add id 20 group 1,3/2");
    t.ip("nexthop add id 21 group 1");
    t.ip("route add 10.70.0.0/16 nhid 21");
    await settle(t, { nexthops: [{ id: 1, link: "b1", family: 6 }] });
    assert.match(t.ip("nexthop show id 20"), /group 1,3\/2/);
    assert.match(t.ip("nexthop show id 21"), /group 1/);
    // One that is to go does not come back.
    await settle(t, { nexthops: [{ id: 1, link: "b1" }], prune: { nexthops: [2, 9] } });
    assert.match(t.ip("nexthop show id 20"), /group 1,3 /);
  });

  it("does what is left of a plan that was applied before, or by someone else", {
    timeout: 60_000,
  }, async () => {
    await using t = await lab();
    const wanted: Desired = {
      links: [{ name: "x0", kind: "bridge", up: true }, { name: "x1", kind: "ifb", mtu: 1400 }],
      addresses: [{ link: "x0", address: "10.5.0.1/24" }],
      routes: [{ destination: "10.70.0.0/16", gateway: "10.5.0.2" }],
      rules: [{ priority: 100, table: 77 }],
    };
    const first = await plan(t.nl, wanted);
    t.ip("link add x0 type bridge stp_state 1");
    await apply(t.nl, first);
    assert.equal(String(await plan(t.nl, wanted)), "");
    assert.deepEqual(await apply(t.nl, first), []);
    // What the kernel refuses is told though.
    const other = { ...wanted, routes: [{ destination: "10.71.0.0/16", gateway: "10.66.0.2" }] };
    await assert.rejects(async () => apply(t.nl, await plan(t.nl, other)), /10.71.0.0/);
  });

  it("tells several routes and rules of one key apart", { timeout: 60_000 }, async () => {
    await using t = await lab();
    t.ip("address add 10.1.0.1/24 dev b0");
    const append = (...ends: number[]) => {
      for (const n of ends) t.ip(`route append 10.9.0.0/16 via 10.1.0.${n}`);
    };
    const gateways = () =>
      [...t.ip("route show 10.9.0.0/16").matchAll(/10\.1\.0\.(\d+)/g)].map(([, n]) => Number(n));
    const wanted: Desired = { routes: [{ destination: "10.9.0.0/16", gateway: "10.1.0.2" }] };
    const prune = { routes: [{}], rules: [100, 101] as const };
    append(3, 4, 2, 5);
    // Those in front would be used in its place.
    await settle(t, wanted);
    assert.deepEqual(gateways(), [2, 5]);
    await settle(t, { ...wanted, prune });
    assert.deepEqual(gateways(), [2]);
    append(5, 6, 7, 8, 9);
    await settle(t, { routes: [{ destination: "10.9.0.0/16", gateway: "10.1.0.3" }], prune });
    assert.deepEqual(gateways(), [3]);
    append(5, 6, 7, 8, 9);
    t.ip("route append unreachable 10.9.0.0/16");
    await settle(t, { prune });
    assert.equal(t.ip("route show 10.9.0.0/16"), "");
    // They outlive what takes them along, in their order.
    append(3, 4, 2, 5);
    await settle(t, {
      addresses: [{ link: "b0", address: "10.1.0.7/24" }],
      prune: { addresses: ["b0"] },
    });
    assert.deepEqual(gateways(), [3, 4, 2, 5]);
    for (const table of [77, 78, 79]) t.ip(`rule add priority 100 table ${table}`);
    await settle(t, { rules: [{ priority: 100, table: 78 }], prune });
    assert.match(t.ip("rule show priority 100"), /^100:\s+from all lookup 78\s+$/);
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
