/** Routes of one network beside each other, of which a plan may be about one only. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";
import { lines, settle } from "./plan_settle.ts";

const skip = need("net-admin", "ip");

describe("plan and apply of routes", { skip }, () => {
  it("leave IPv6 routes into other links alone, of whomever", async () => {
    await using t = await lab();
    t.ip("-6 route add fd77::/64 dev a0 proto dhcp");
    t.ip("-6 route append fd77::/64 dev a1 proto dhcp");
    const show = (to: string) => lines(t.ip(`-6 route show ${to}`));
    assert.equal(
      await settle(t, {
        routes: [
          { destination: "fd77::/64", link: "b0" },
          { destination: "fd77::/64", link: "b1", mtu: 1400 },
          { destination: "fd20::/64", link: "a0", priority: 256 },
          { destination: "fe80::/64", link: "a0", priority: 256, table: 77 },
          { destination: "fe80::/64", link: "a1", priority: 256, table: 77 },
        ],
      }),
      Array(5).fill("create route").join(", "),
    );
    assert.deepEqual(show("fd77::/64"), [
      "fd77::/64 dev a0 proto dhcp metric 1024 pref medium",
      "fd77::/64 dev a1 proto dhcp metric 1024 pref medium",
      "fd77::/64 dev b0 proto static metric 1024 pref medium",
      "fd77::/64 dev b1 proto static metric 1024 mtu 1400 pref medium",
    ]);
    assert.deepEqual(show("fd20::/64"), [
      "fd20::/64 dev a0 proto static metric 256 pref medium",
      "fd20::/64 dev b2 proto kernel metric 256 pref medium",
    ]);
    // One of several is not changed by what the kernel would take for another.
    assert.equal(
      await settle(t, { routes: [{ destination: "fd77::/64", link: "b1", mtu: 1300 }] }),
      "replace route mtu",
    );
    assert.equal(
      await settle(t, {
        routes: [{ destination: "fd77::/64", link: "b0" }],
        prune: { routes: [{ link: "b1" }] },
      }),
      "delete route",
    );
    assert.deepEqual(show("fd77::/64"), [
      "fd77::/64 dev a0 proto dhcp metric 1024 pref medium",
      "fd77::/64 dev a1 proto dhcp metric 1024 pref medium",
      "fd77::/64 dev b0 proto static metric 1024 pref medium",
    ]);
  });

  it("tell IPv6 routes by gateways, into links and nowhere from each other", async () => {
    await using t = await lab();
    const wanted: Desired = {
      nexthops: [{ id: 1, link: "b2", gateway: "fd20::5" }],
      routes: [
        { destination: "fd77::/64", link: "b2" },
        { destination: "fd77::/64", nexthops: [{ gateway: "fd20::2" }, { gateway: "fd20::3" }] },
        { destination: "fd78::/64", type: "blackhole" },
        { destination: "fd78::/64", link: "b2" },
        { destination: "fd79::/64", nexthop: 1 },
        { destination: "fd79::/64", link: "b2" },
        { destination: "fd80::/64", gateway: "fd20::2" },
        { destination: "fd80::/64", link: "b2" },
      ],
    };
    await settle(t, wanted);
    const direct = wanted.routes!.filter(({ link }) => link !== undefined);
    const rest = wanted.routes!.filter(({ link }) => link === undefined);
    const prune: Desired["prune"] = { routes: [{ family: 6 }] };
    assert.equal(
      await settle(t, { ...wanted, routes: rest, prune }),
      Array(4).fill("delete route").join(", "),
    );
    await settle(t, wanted);
    assert.equal(
      await settle(t, { ...wanted, routes: direct, prune }),
      Array(4).fill("delete route").join(", "),
    );
    assert.deepEqual(
      lines(t.ip("-6 route show proto static")),
      [77, 78, 79, 80].map((n) => `fd${n}::/64 dev b2 metric 1024 pref medium`),
    );
  });

  it("take what IPv6 keeps on the loopback link for the same route", async () => {
    await using t = await lab();
    const destination = "fd12::/32";
    const ways = [
      { type: "prohibit" },
      { type: "local", link: "lo" },
      { type: "blackhole" },
      { link: "lo" },
      { type: "unreachable" },
    ] as const;
    for (const way of ways) {
      await settle(t, { routes: [{ destination, ...way }] });
      assert.equal(
        lines(t.ip("-6 route show table all")).filter((l) => l.includes("fd12:")).length,
        1,
        JSON.stringify(way),
      );
      for (const other of ways) {
        await assert.rejects(
          plan(t.nl, { routes: [{ destination, ...way }, { destination, ...other }] }),
          /^\w+: Cannot use routes\[1\]: /,
        );
      }
      const local = { destination, type: "local", link: "b1" } as const;
      await settle(t, { routes: [{ destination, ...way }, local] });
      t.ip("-6 route del local fd12::/32 dev b1 table main");
    }
  });

  it("change between next hops in links and by gateways, whose scopes differ", async () => {
    await using t = await lab();
    const destination = "10.13.0.0/24", gateway = { gateway: "10.20.0.2", link: "b2" };
    const direct = {
      destination,
      scope: "link",
      nexthops: [{ link: "a1" }, { link: "b1" }],
    } as const;
    await settle(t, { routes: [direct] });
    await settle(t, { routes: [{ destination, ...gateway }] });
    assert.equal(
      t.ip("route show 10.13.0.0/24").trim(),
      "10.13.0.0/24 via 10.20.0.2 dev b2 proto static",
    );
    await settle(t, { routes: [direct] });
    await settle(t, { routes: [{ destination, nexthops: [gateway, { link: "b1" }] }] });
    assert.doesNotMatch(t.ip("route show 10.13.0.0/24"), /scope/);
  });

  it("take over nothing that the kernel made", async () => {
    await using t = await lab();
    // IPv4 has several in order: the declared one counts, the kernel's stays.
    const own = "10.20.0.0/24 dev b2 proto kernel scope link src 10.20.0.1";
    assert.equal(
      await settle(t, { routes: [{ destination: "10.20.0.0/24", link: "b2", mtu: 1300 }] }),
      "create route",
    );
    assert.deepEqual(t.ip("route show 10.20.0.0/24").trim().split(/\s*\n/), [
      "10.20.0.0/24 dev b2 proto static scope link mtu 1300",
      own,
    ]);
    assert.equal(
      await settle(t, { routes: [{ destination: "10.20.0.0/24", link: "b2", mtu: 1200 }] }),
      "set route mtu",
    );
    assert.equal(await settle(t, { prune: { routes: [{ family: 4 }] } }), "delete route");
    assert.deepEqual(lines(t.ip("route show 10.20.0.0/24")), [own]);
    // What is as it was declared is there, whoever made it.
    assert.equal(await settle(t, { routes: [{ destination: "10.20.0.0/24", link: "b2" }] }), "");
    const fd20 = { destination: "fd20::/64", link: "b2", priority: 256 };
    assert.equal(await settle(t, { routes: [fd20] }), "");
    // IPv6 has no two of the same way.
    await assert.rejects(plan(t.nl, { routes: [{ ...fd20, mtu: 1300 }] }), {
      name: "TypeError",
      message: "Cannot plan route fd20::/64 table 254 priority 256 dev b2: " +
        "the kernel made it (kernel), with another mtu",
    });
    t.ip("-6 route add default via fd20::9 dev b2 proto ra metric 1024");
    await assert.rejects(
      plan(t.nl, { routes: [{ destination: "::/0", gateway: "fd20::2" }] }),
      /the kernel made it \(ra\), with another gateway$/,
    );
    await settle(t, { routes: [{ destination: "::/0", gateway: "fd20::2", priority: 100 }] });
    assert.deepEqual(lines(t.ip("-6 route show default")), [
      "default via fd20::2 dev b2 proto static metric 100 pref medium",
      "default via fd20::9 dev b2 proto ra metric 1024 pref medium",
    ]);
  });

  it("make an IPv4 default route by an IPv6 gateway", async () => {
    await using t = await lab();
    await settle(t, { routes: [{ destination: "0.0.0.0/0", gateway: "fd20::2", link: "b2" }] });
    assert.deepEqual(lines(t.ip("-4 route show default")), [
      "default via inet6 fd20::2 dev b2 proto static",
    ]);
    assert.deepEqual(lines(t.ip("-6 route show default")), []);
  });

  it("keep what a route has besides what is declared", async () => {
    await using t = await lab();
    const kept = "proto bgp src 10.20.0.1 realms 3 mtu 1234 advmss 500";
    t.ip(`route add 10.9.0.0/16 via 10.20.0.2 dev b2 ${kept}`);
    assert.equal(
      await settle(t, {
        routes: [{
          destination: "10.9.0.0/16",
          gateway: "10.20.0.3",
          metrics: { hopLimit: 9 },
        }],
      }),
      "set route metrics,gateway",
    );
    assert.deepEqual(lines(t.ip("route show 10.9.0.0/16")), [
      "10.9.0.0/16 via 10.20.0.3 dev b2 proto bgp src 10.20.0.1 realm 3 mtu 1234 advmss 500 hoplimit 9",
    ]);
    t.ip(
      "-6 route add fd09::/32 proto bgp pref high mtu 1300 nexthop via fd20::2 nexthop via fd20::3",
    );
    assert.equal(
      await settle(t, { routes: [{ destination: "fd09::/32", gateway: "fd20::4" }] }),
      "replace route gateway",
    );
    assert.deepEqual(lines(t.ip("-6 route show fd09::/32")), [
      "fd09::/32 via fd20::4 dev b2 proto bgp metric 1024 mtu 1300 pref high",
    ]);
  });

  it("settle whatever can be said of them", async () => {
    await using t = await lab();
    const gateway = "10.20.0.2";
    await settle(t, {
      routes: [
        { destination: "10.77.0.0/16", gateway, metrics: { quickAck: false, hopLimit: 0 } },
        { destination: "10.78.0.0/16", gateway, mtu: 0, tos: 0, realms: 0 },
        { destination: "10.79.0.0/16", gateway, from: "0.0.0.0/0" },
        { destination: "fd77::/48", gateway: "fd20::2", from: "::/0", tos: 0, realms: 0 },
        { destination: "fd78::/48", gateway: "fd20::2", expires: 90 },
        { destination: "fd79::/48", gateway: "fd20::2" },
        { destination: "10.80.0.0/16", type: "local", link: "a0", table: 77 },
        {
          destination: "10.81.0.0/16",
          link: "b2",
          encapsulation: { type: "ip", id: 5, source: "0.0.0.0", destination: "10.0.0.9" },
        },
      ],
    });
    assert.match(t.ip("-6 route show fd78::/48"), / expires (89|90)sec /);
    // Which differs from what is not said.
    assert.equal(
      await settle(t, {
        routes: [
          { destination: "10.77.0.0/16", gateway, metrics: { quickAck: true } },
          { destination: "10.78.0.0/16", gateway, mtu: 1300 },
          { destination: "fd78::/48", gateway: "fd20::2", mtu: 1300 },
          { destination: "fd79::/48", gateway: "fd20::2", expires: 90 },
          { destination: "10.80.0.0/16", type: "local", link: "a1", table: 77 },
        ],
      }),
      "set route gateway, set route metrics, set route mtu, set route mtu, set route expires",
    );
    assert.match(t.ip("-6 route show fd78::/48"), / expires \d+sec mtu 1300 /);
    assert.equal(
      await settle(t, {
        routes: [
          { destination: "10.77.0.0/16", gateway, metrics: { quickAck: false } },
          { destination: "10.78.0.0/16", gateway, mtu: 0 },
        ],
      }),
      "set route metrics, set route mtu",
    );
    assert.deepEqual(lines(t.ip("route show root 10.76.0.0/14 proto static")), [
      "10.77.0.0/16 via 10.20.0.2 dev b2",
      "10.78.0.0/16 via 10.20.0.2 dev b2",
      "10.79.0.0/16 via 10.20.0.2 dev b2",
    ]);
  });
});

describe("plan and apply of nexthops", { skip }, () => {
  it("settle resilient groups, whose buckets are another group's if there are more", async () => {
    await using t = await lab();
    const wanted = (resilient: object, weight = 1): Desired => ({
      nexthops: [{ id: 1, link: "a0" }, { id: 5, group: [{ id: 1, weight }], resilient }],
      routes: [{ destination: "10.9.0.0/16", nexthop: 5 }],
    });
    await settle(t, wanted({ buckets: 8, unbalancedTimeout: 5000 }));
    assert.equal(await settle(t, wanted({ buckets: 8, idleTimeout: 80 })), "set nexthop resilient");
    assert.equal(await settle(t, wanted({ idleTimeout: 80 }, 2)), "set nexthop group");
    const shown = (buckets: number) =>
      new RegExp(`buckets ${buckets} idle_timer 0.08 unbalanced_timer 5 `);
    assert.match(t.ip("-d nexthop show id 5"), shown(8));
    assert.equal(
      await settle(t, wanted({ buckets: 16 })),
      "replace nexthop resilient,group",
    );
    // What is not declared is kept.
    assert.match(t.ip("-d nexthop show id 5"), shown(16));
    const { resilient: _, ...plain } = wanted({}).nexthops![1];
    assert.equal(await settle(t, { nexthops: [plain] }), "");
  });

  it("settle resilient groups whose members are all made anew", async () => {
    await using t = await lab();
    const wanted = (members: object, weight: number): Desired => ({
      nexthops: [{ id: 1, ...members }, { id: 2, group: [{ id: 1, weight }] }],
    });
    const group = wanted({ link: "b2", gateway: "10.20.0.2" }, 1);
    await settle(t, {
      nexthops: [group.nexthops![0], {
        ...group.nexthops![1],
        resilient: { buckets: 8, idleTimeout: 5000 },
      }],
    });
    await settle(t, wanted({ link: "b2", gateway: "fd20::2" }, 3));
    assert.match(t.ip("nexthop show id 2"), /group 1,3 type resilient buckets 8 idle_timer 5 /);
  });

  it("keep who made one, and notice another IP version", async () => {
    await using t = await lab();
    t.ip("nexthop add id 1 via 10.20.0.2 dev b2 proto boot");
    t.ip("-6 nexthop add id 2 dev b2");
    const wanted: Desired = {
      nexthops: [{ id: 1, link: "b2", gateway: "10.20.0.3" }, { id: 2, link: "b2" }],
    };
    assert.equal(await settle(t, wanted), "set nexthop gateway, replace nexthop family");
    const { protocol, gateway } = await t.nl.nexthops.get(1);
    assert.deepEqual([protocol, gateway], ["boot", "10.20.0.3"]);
  });

  it("may be black holes, which are not what their routes are", async () => {
    await using t = await lab();
    await settle(t, {
      nexthops: [{ id: 1, blackhole: true }, { id: 2, blackhole: true, family: 6 }],
      routes: [
        { destination: "10.9.0.0/16", nexthop: 1 },
        { destination: "fd09::/32", nexthop: 2 },
      ],
    });
  });

  it("are made once routes into links lead to their gateways", async () => {
    await using t = await lab();
    const wanted: Desired = {
      nexthops: [{ id: 7, link: "b2", gateway: "10.2.0.8" }],
      routes: [
        { destination: "10.2.0.0/24", link: "b2" },
        { destination: "10.3.0.0/24", nexthop: 7 },
        { destination: "10.4.0.0/24", gateway: "10.2.0.9" },
      ],
    };
    await settle(t, wanted);
    await settle(t, { prune: { nexthops: [7, 7], routes: [{}] } });
  });
});

describe("plan and apply of rules", { skip }, () => {
  it("settle whatever can be said of them", async () => {
    await using t = await lab();
    t.ip("rule add priority 60 fwmark 0/0xff lookup 10");
    const rules: Desired["rules"] = [
      { priority: 50, mark: 0, markMask: 255, table: 10 },
      { priority: 51, markMask: 15, table: 10 },
      { priority: 52, mark: 0, table: 10 },
      { priority: 53, mark: 0, markMask: 0, table: 10 },
      { priority: 54, mark: 5, markMask: 1, table: 10 },
      { priority: 55, realms: 0, tos: 0, table: 10 },
      { priority: 56, from: "::/0", realms: 0, action: "unreachable" },
      { priority: 57, dscp: 0, table: 10 },
      { priority: 60, table: 12 },
    ];
    assert.equal(await settle(t, { rules }), Array(9).fill("create rule").join(", "));
    assert.deepEqual(lines(t.ip("rule show priority 60")), [
      "60:\tfrom all fwmark 0/0xff lookup 10",
      "60:\tfrom all lookup 12",
    ]);
    await settle(t, { prune: { rules: [50, 60] } });
    assert.equal(t.ip("rule show priority 60"), "");
  });

  it("refuse what is none to the kernel, or has no use", async () => {
    await using t = await lab();
    const refused = (rule: object, message: string) =>
      assert.rejects(plan(t.nl, { rules: [{ priority: 50, ...rule }] }), {
        message: `Cannot use rules[0].${message}`,
      });
    const none = "must be from 1, or absent for any, current value is 0";
    await refused({ ipProtocol: 0 }, `ipProtocol: ${none}`);
    await refused({ tunnelId: 0 }, `tunnelId: ${none}`);
    await refused(
      { family: 6, realms: 5 },
      "realms: must be absent, with IPv6, current value is 5",
    );
    await refused(
      { action: "unreachable", table: 5 },
      "table: must be absent, with action unreachable, current value is 5",
    );
    await refused(
      { goto: 60, table: 5 },
      "table: must be absent, with action goto, current value is 5",
    );
    await refused(
      { l3mdev: true, table: 5 },
      "table: must be absent, with l3mdev, current value is 5",
    );
  });
});
