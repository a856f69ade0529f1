/** Routes of one network beside each other, of which a plan may be about one only. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";

const skip = need("net-admin", "ip");

/** Applies a declaration, after which there is nothing left to do; what was done. */
async function settle(t: Awaited<ReturnType<typeof lab>>, wanted: Desired): Promise<string> {
  const changes = await plan(t.nl, wanted);
  await apply(t.nl, changes);
  assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
  return changes.changes.map(({ action, object, differences }) =>
    `${action} ${object}${differences.length > 0 ? ` ${differences}` : ""}`
  ).join(", ");
}

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean).sort();

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
    // By which way it goes is kept where a link was not declared.
    t.ip("route add 10.10.0.0/16 via 10.20.0.2 dev b2 onlink");
    const onlink = { destination: "10.10.0.0/16", gateway: "10.20.0.2", onlink: true };
    assert.equal(await settle(t, { routes: [{ ...onlink, mtu: 1300 }] }), "set route mtu");
  });
});
