import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";

const skip = need("net-admin", "ip", "bridge");

describe("plan and apply", { skip }, () => {
  it("notice drift of every attribute that they manage", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const wanted: Desired = {
      links: [
        { name: "br0", kind: "bridge", up: true, mtu: 1400, ageingTime: 10_000, txQueueLength: 50 },
        { name: "b1", master: "br0", bridgePort: { cost: 7, isolated: true }, alias: "port" },
      ],
      addresses: [{ link: "br0", address: "10.0.0.1/24", metric: 5 }],
      neighbours: [{ link: "br0", address: "10.0.0.7", mac: "02:00:00:00:00:07" }],
      fdb: [{ link: "b1", mac: "02:00:00:00:00:17" }],
      routes: [{ destination: "10.9.0.0/16", gateway: "10.0.0.2", mtu: 1300 }],
      rules: [{ priority: 100, from: "10.1.0.0/16", table: 77 }],
      nexthops: [{ id: 1, gateway: "10.0.0.2", link: "br0" }],
    };
    await apply(t.nl, await plan(t.nl, wanted));
    const drifts: [tool: "ip" | "bridge", words: string, noticed: string][] = [
      ["ip", "link set br0 mtu 1300", "~ link br0: mtu 1300 → 1400"],
      ["ip", "link set br0 type bridge ageing_time 2000", "~ link br0: ageingTime 20000 → 10000"],
      ["ip", "link set br0 txqueuelen 51", "~ link br0: txQueueLength 51 → 50"],
      ["ip", "link set b1 alias x", '~ link b1: alias "x" → "port"'],
      ["bridge", "link set dev b1 cost 8", "~ link b1: bridgePort"],
      [
        "ip",
        "address change 10.0.0.1/24 dev br0 metric 6",
        "~ address br0 10.0.0.1/24: metric 6 → 5",
      ],
      ["ip", "neighbour del 10.0.0.7 dev br0", "+ neighbour br0 10.0.0.7"],
      ["bridge", "fdb del 02:00:00:00:00:17 dev b1 master", "+ forwarding entry b1"],
      ["ip", "route change 10.9.0.0/16 via 10.0.0.3 mtu 1300", "~ route 10.9.0.0/16"],
      [
        "ip",
        "route change 10.9.0.0/16 via 10.0.0.2 mtu 1299",
        "~ route 10.9.0.0/16 table 254 priority 0: mtu 1299 → 1300",
      ],
      ["ip", "rule del priority 100", "+ rule 100 IPv4"],
      ["ip", "nexthop replace id 1 via 10.0.0.4 dev br0", "~ nexthop 1"],
    ];
    for (const [tool, words, noticed] of drifts) {
      t[tool](words);
      const changes = await plan(t.nl, wanted);
      assert.ok(String(changes).includes(noticed), `${words} gave\n${changes}`);
      await apply(t.nl, changes);
      assert.equal(String(await plan(t.nl, wanted)), "", words);
    }
  });

  it(
    "know that a tunnel floods to several remotes and sends to one",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      const flood = "00:00:00:00:00:00", one = "02:00:00:00:00:07";
      const states = [
        [[flood, "192.0.2.1"], [flood, "192.0.2.2"], [one, "192.0.2.1"]],
        [[flood, "192.0.2.2"], [flood, "192.0.2.3"], [one, "192.0.2.2"]],
        [],
      ];
      await t.nl.links.set("vx9", { kind: "vxlan", remote: "192.0.2.9" });
      for (const state of states) {
        const wanted: Desired = {
          fdb: state.map(([mac, remote]) => ({ link: "vx9", mac, remote })),
          prune: { fdb: ["vx9"] },
        };
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", JSON.stringify(state));
        // The remote of the link itself is not the plan's.
        assert.deepEqual(
          (await t.nl.fdb.list({ link: "vx9" }).toArray()).map((e) => [e.mac, e.remote]).sort(),
          [...state, [flood, "192.0.2.9"]].sort(),
        );
      }
    },
  );

  it("refuse what makes no sense before anything is changed", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const refused = (desired: Desired, message: RegExp) =>
      assert.rejects(plan(t.nl, desired), { name: /TypeError|RangeError/, message });
    await refused({ links: [{ name: "nope", up: true }] }, /no kind says how to make it/);
    await refused({ addresses: [{ link: "a0", address: "10.0.0.1/33" }] }, /prefix length/);
    await refused(
      { rules: [{ priority: 1, table: 1 }, { priority: 1, table: 2 }] },
      /rule 1 IPv4 is declared twice/,
    );
    const address = "10.0.0.1/24", absent = /link nope is neither declared nor there/;
    await refused({ addresses: [{ link: "nope", address }] }, /^Cannot plan address nope 10.0.0.1/);
    await refused({ addresses: [{ link: "nope", address }] }, absent);
    await refused({ links: [{ name: "a0", master: "nope" }] }, absent);
    await refused({ routes: [{ destination: "default", nexthops: [{ link: "nope" }] }] }, absent);
    const mirror = { kind: "mirred", link: "nope", mode: "mirror", direction: "egress" } as const;
    await refused({
      filters: [{
        ...{ link: "a0", parent: "ingress", priority: 1, kind: "matchall" as const },
        options: { actions: [mirror] },
      }],
    }, absent);
    await t.nl.links.addAltNames("a0", ["elsewhere"]);
    await refused(
      { addresses: [{ link: "elsewhere", address }] },
      /link elsewhere is a further name of a0, which a plan needs/,
    );
    await refused(
      { addresses: [{ link: "vx9", address }], prune: { links: ["vx9"] } },
      /link vx9 is not declared, and is to go/,
    );
    await t.nl.links.add({ name: "mv0", kind: "macvlan", link: "a0" });
    await refused({ prune: { links: ["a0"] } }, /take link (b0|mv0) along, which is not declared/);
  });
});
