import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";

const skip = need("net-admin");

// deno-lint-ignore no-explicit-any -- no declaration, as JSON could hold it
type Wrong = any;

/** What a plan says to declarations that it refuses, each with one entry in one section. */
async function refused(t: Awaited<ReturnType<typeof lab>>, cases: [Wrong, string][]) {
  const found: string[] = [];
  for (const [wrong] of cases) {
    const error = await plan(t.nl, wrong).then((p) => p, (error: Error) => error);
    found.push(error instanceof Error ? `${error.name} ${error.message}` : `plan ${error}`);
  }
  assert.deepEqual(found, cases.map(([, message]) => message));
}

const cannot = (path: string, form: string, value?: unknown) =>
  `TypeError Cannot use ${path}: must be ${form}, current value is ${JSON.stringify(value)}`;

describe("a plan refuses, with the path and the value,", { skip }, () => {
  it("routes that the kernel would refuse, or take for others", async () => {
    await using t = await lab();
    const route = (entry: Wrong, path: string, form: string, value?: unknown): [Wrong, string] => [
      { routes: [{ destination: "10.9.0.0/16", ...entry }] },
      cannot(`routes[0].${path}`, form, value),
    ];
    const six = { destination: "fd09::/32", gateway: "fd20::2" }, link = "a0";
    const seg6 = { type: "seg6" }, mode = "encap";
    const [ip, none] = ["an IPv6 address", "with nexthop"];
    await refused(t, [
      route(
        { link, encapsulation: seg6 },
        "encapsulation.mode",
        "one of inline, encap, l2encap, encap.red, l2encap.red",
      ),
      route(
        { link, encapsulation: { ...seg6, mode } },
        "encapsulation.segments",
        "1 to 64 addresses",
      ),
      route(
        { nexthops: [{ link }, { link, encapsulation: { ...seg6, mode, segments: ["x"] } }] },
        "nexthops[1].encapsulation.segments[0]",
        ip,
        "x",
      ),
      route({ link, family: 5 }, "family", "4 or 6", 5),
      route({ link, family: 6 }, "family", "the destination's IP version", 6),
      route({ ...six, family: 4 }, "family", "the destination's IP version", 4),
      route({}, "link", "given, or gateway, nexthops or nexthop"),
      route({ nexthop: 1, gateway: "10.20.0.2" }, "gateway", `absent, ${none}`, "10.20.0.2"),
      route({ nexthops: [{ link }], link }, "link", "absent, with nexthops", "a0"),
      route({ type: "blackhole", link }, "link", "absent, with type blackhole", "a0"),
      route({ link, from: "10.0.0.0/8" }, "from", "absent, with IPv4", "10.0.0.0/8"),
      route({ link, preference: "high" }, "preference", "absent, with IPv4", "high"),
      route({ link, expires: 9 }, "expires", "absent, with IPv4", 9),
      route({ link, tos: 5 }, "tos", "a multiple of four", 5),
      route({ link, realms: 5, nexthop: 1 }, "link", `absent, ${none}`, "a0"),
      route({ realms: 5, nexthop: 1 }, "realms", `absent, ${none}`, 5),
      route({ link, type: "unspec" }, "type", "another one, or absent", "unspec"),
      route({ link, onlink: true }, "onlink", "absent, without gateway and link", true),
      route(
        { link, type: "local", scope: "link" },
        "scope",
        "no wider than host, with type local",
        "link",
      ),
      route(
        { gateway: "10.20.0.2", scope: "host" },
        "scope",
        "wider than link, with a gateway",
        "host",
      ),
      route(
        { nexthops: [{ link }, { link: "b0" }], scope: 254 },
        "scope",
        "another one than host, with several nexthops",
        254,
      ),
      route(
        { link, encapsulation: { ...seg6, mode: "inline", segments: ["fd20::7"] } },
        "encapsulation.mode",
        "another one, with IPv4",
        "inline",
      ),
      route(
        { destination: "fd09::/32", nexthop: 1, from: "fd08::/64" },
        "from",
        `absent, ${none}`,
        "fd08::/64",
      ),
      route(
        { destination: "fd09::/32", type: "throw", expires: 5 },
        "expires",
        "absent, of what leads nowhere",
        5,
      ),
      route({ ...six, protocol: 0 }, "protocol", "of someone, with IPv6", 0),
      route({ ...six, tos: 4 }, "tos", "absent, with IPv6", 4),
      route({ ...six, realms: 4 }, "realms", "absent, with IPv6", 4),
      route(
        { destination: "fd09::/32", nexthops: [{ link }] },
        "nexthops[0].gateway",
        ip,
      ),
    ]);
  });

  it("what the kernel would refuse half-way", async () => {
    await using t = await lab();
    const mac = "02:00:00:00:00:07", address = "10.9.0.5", gateway = "fd20::2";
    const neighbour = (entry: Wrong): [Wrong, string] => [
      { neighbours: [{ link: "b0", address, mac }, { link: "a0", address, ...entry }] },
      cannot("neighbours[1].mac", "given: the kernel knows none"),
    ];
    const hop = { gateway, weight: 2 };
    await refused(t, [
      neighbour({}),
      neighbour({ state: "noarp" }),
      neighbour({ state: "reachable", router: true }),
      [
        { routes: [{ destination: "fd09::/32", nexthops: [{ gateway }, hop] }] },
        cannot("routes[0].nexthops[1]", "another one than before", hop),
      ],
      [
        { fdb: [{ link: "a0", mac }] },
        cannot("fdb[0].link", "a port of a bridge, with table master", "a0"),
      ],
      [
        { links: [{ name: "a2", master: null }], fdb: [{ link: "a2", mac }] },
        cannot("fdb[0].link", "a port of a bridge, with table master", "a2"),
      ],
      [
        { fdb: [{ link: "a2", mac, lifetime: "permanent", sticky: true }] },
        cannot("fdb[0].sticky", "absent, with lifetime permanent", true),
      ],
      [
        { fdb: [{ link: "vx9", mac, remote: "192.0.2.1", sourceVni: 5 }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:07 self source VNI 5: " +
        "vx9 is not external, and has no other sourceVni than 99",
      ],
      [
        { fdb: [{ link: "vx9", mac, remote: "fd00::1" }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:07 self: vx9 is of IPv4",
      ],
      [
        { fdb: [{ link: "vx9", mac, table: "self", vni: 7 }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:07 self: " +
        "the table of vx9 leads to remotes, or to a nexthop",
      ],
      [
        { rules: [{ priority: 5, goto: 5 }] },
        cannot("rules[0].goto", "the priority of a later rule than 5", 5),
      ],
      [
        { addresses: [{ link: "b0", address: "10.9.0.1/24", flags: ["mcautojoin"] }] },
        cannot(
          "addresses[0].flags",
          "without mcautojoin, of an address of no multicast group",
          ["mcautojoin"],
        ),
      ],
      [
        {
          nexthops: [
            { id: 1, link: "a0" },
            { id: 2, blackhole: true },
            { id: 5, group: [{ id: 1 }, { id: 2 }] },
          ],
        },
        "TypeError Cannot plan nexthop 5: nexthop 2 is a blackhole, which no group has beside others",
      ],
      [
        { rules: [{ priority: 1, table: 7, dscp: 5, dscpMask: 4 }] },
        cannot("rules[0].dscpMask", "one of which dscp 5 is a part", 4),
      ],
      [
        { rules: [{ priority: 1, table: 7, tos: 64 }] },
        "RangeError Cannot use rules[0].tos: must be 0 to 28, current value is 64",
      ],
      [
        { nexthops: [{ id: 1, link: "a0" }, { id: 5, group: [{ id: 1 }], resilient: {} }] },
        "TypeError Cannot plan nexthop 5: a new resilient group needs buckets",
      ],
      [
        { routes: [{ destination: "10.9.0.0/16", link: "a0", scope: "nowhere" }] },
        cannot("routes[0].scope", "another one, or absent", "nowhere"),
      ],
      [
        { links: [{ name: "m0", kind: "macvlan", link: "a2" }] },
        "TypeError Cannot plan link m0: a2 is a port of sw, and no more than a port",
      ],
      [
        {
          links: [
            { name: "m0", kind: "macvlan", link: "a0" },
            { name: "m1", kind: "macvtap", link: "m0" },
          ],
        },
        "TypeError Cannot plan link m1: m0 is of kind macvlan, and the kernel would take the link " +
        "below that",
      ],
      [
        { links: [{ name: "m0", kind: "macvlan", link: "a0", mtu: 1501 }] },
        "TypeError Cannot plan link m0: mtu must be 0 to 1500, which fits into a0, current value " +
        "is 1501",
      ],
      [
        { links: [{ name: "v0", kind: "vxlan", id: 5, link: "a0", mtu: 1451 }] },
        "TypeError Cannot plan link v0: mtu must be 0 to 1450, which fits into a0, current value " +
        "is 1451",
      ],
      [
        { links: [{ name: "a2", bridgePort: { backupPort: "a0" } }] },
        "TypeError Cannot plan link a2: backupPort a0 is no other port of its bridge",
      ],
    ]);
    // Where the kernel knows it, or needs none, it may be left out.
    await t.nl.neighbours.add({ link: "a0", address, mac, state: "stale" });
    assert.equal((await plan(t.nl, { neighbours: [{ link: "a0", address }] })).changes.length, 1);
    const dynamic: Desired = { neighbours: [{ link: "a1", address, state: "none" }] };
    assert.equal((await plan(t.nl, dynamic)).changes.length, 1);
  });

  it("to prune a nexthop that something uses which nobody declares", async () => {
    await using t = await lab();
    for (const id of [1, 2, 3]) await t.nl.nexthops.add({ id, link: "b2" });
    await t.nl.nexthops.add({ id: 20, group: [{ id: 2 }] });
    await t.nl.nexthops.add({ id: 30, group: [{ id: 1 }, { id: 3 }] });
    await t.nl.routes.add({ destination: "10.9.0.0/16", nexthop: 3 });
    const pruned = (first: number, last = first, more: Wrong = {}): Wrong => ({
      prune: { nexthops: [first, last], ...more },
    });
    const along = (id: number, what: string) =>
      `TypeError Cannot plan: nexthop ${id}, to be pruned, would take ${what} along, which is not ` +
      "declared";
    await refused(t, [
      [pruned(3), along(3, "route 10.9.0.0/16 table 254 priority 0")],
      [pruned(2), along(2, "nexthop 20")],
    ]);
    // A group outlives a member, and what uses a nexthop may go with it or stand on another.
    const group = [{ id: 3, weight: 1 }];
    assert.deepEqual((await plan(t.nl, pruned(1))).changes.map((c) => c.key), ["1"]);
    assert.equal((await plan(t.nl, pruned(3, 3, { routes: [{}] }))).changes.length, 2);
    const moved: Desired = {
      nexthops: [{ id: 3, link: "b2" }, { id: 30, group }],
      routes: [{ destination: "10.9.0.0/16", nexthop: 30 }],
      prune: { nexthops: [1, 20] },
    };
    await apply(t.nl, await plan(t.nl, moved));
    assert.equal(String(await plan(t.nl, moved)), "");
    assert.match(t.ip("route show 10.9.0.0/16"), /nhid 30/);
  });

  it("to make of a nexthop what is of no use to something that nobody declares", async () => {
    await using t = await lab();
    for (const id of [1, 2]) t.ip(`nexthop add id ${id} dev b${id}`);
    t.ip("nexthop add id 3 group 1/2");
    t.ip("-6 nexthop add id 4 dev b2");
    t.ip("-6 route add fd13::/48 nhid 4");
    const refused = (nexthop: { id: number; [option: string]: unknown }, message: string) =>
      assert.rejects(plan(t.nl, { nexthops: [nexthop] } as Desired), {
        message: `Cannot plan nexthop ${nexthop.id}: ${message}`,
      });
    await refused(
      { id: 2, blackhole: true },
      "nexthop 3, which is not declared, uses it, and it is a blackhole, which no group has beside others",
    );
    await refused(
      { id: 4, link: "b2", gateway: "10.20.0.2" },
      "route fd13::/48 table 254 priority 1024, which is not declared, uses it, and it is of IPv4",
    );
    await plan(t.nl, { nexthops: [{ id: 2, link: "b2", gateway: "10.20.0.2" }] });
  });

  it("nexthops that the kernel would refuse, and what uses none", async () => {
    await using t = await lab();
    const nexthop = (
      entry: Wrong,
      path: string,
      form: string,
      value?: unknown,
    ): [Wrong, string] => [
      { nexthops: [{ id: 5, ...entry }] },
      cannot(`nexthops[0].${path}`, form, value),
    ];
    const link = "a0", gateway = "10.20.0.2", group = [{ id: 6 }];
    await t.nl.nexthops.add({ id: 9, link });
    const absent = "neither declared nor there";
    await refused(t, [
      nexthop({}, "link", "given, or group, blackhole or fdb"),
      nexthop({ gateway }, "link", "given, or group, blackhole or fdb"),
      nexthop({ link, family: 5 }, "family", "4 or 6", 5),
      nexthop({ link, gateway, family: 6 }, "family", "the gateway's IP version", 6),
      nexthop({ group, family: 4 }, "family", "of no group", 4),
      nexthop({ group: [...group, ...group] }, "group[1].id", "another one than before", 6),
      nexthop({ link, resilient: { buckets: 8 } }, "resilient", "given with group", {
        buckets: 8,
      }),
      nexthop({ blackhole: true, link }, "link", "absent, with blackhole", link),
      nexthop({ fdb: true, link, gateway }, "link", "absent, with fdb", link),
      nexthop({ link, onlink: true }, "onlink", "absent, without gateway and link", true),
      nexthop({ fdb: true }, "gateway", "given, with fdb"),
      [{ nexthops: [{ id: 5, group }] }, `TypeError Cannot plan nexthop 5: nexthop 6 is ${absent}`],
      [
        { routes: [{ destination: "10.9.0.0/16", nexthop: 77 }] },
        "TypeError Cannot plan route 10.9.0.0/16 table 254 priority 0: " +
        `nexthop 77 is ${absent}`,
      ],
      [
        { fdb: [{ link: "vx9", mac: "02:00:00:00:00:01", nexthop: 77 }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:01 self: " +
        `nexthop 77 is ${absent}`,
      ],
      [
        { nexthops: [{ id: 5, group: [{ id: 9 }] }], prune: { nexthops: [9, 9] } },
        "TypeError Cannot plan nexthop 5: nexthop 9 is not declared, and is to go",
      ],
    ]);
    const table: Desired = {
      nexthops: [{ id: 6, gateway, fdb: true }, { id: 7, group, fdb: true }],
    };
    const entry = { link: "vx9", mac: "02:00:00:00:00:01" };
    await refused(t, [
      [
        { ...table, fdb: [{ ...entry, nexthop: 6 }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:01 self: nexthop 6 is no group",
      ],
      [
        { fdb: [{ ...entry, nexthop: 9 }] },
        "TypeError Cannot plan forwarding entry vx9 02:00:00:00:00:01 self: " +
        "nexthop 9 is not of forwarding tables",
      ],
      [
        { ...table, routes: [{ destination: "10.9.0.0/16", nexthop: 7 }] },
        "TypeError Cannot plan route 10.9.0.0/16 table 254 priority 0: " +
        "nexthop 7 is of forwarding tables",
      ],
      [
        { routes: [{ destination: "fd09::/32", nexthop: 9 }] },
        "TypeError Cannot plan route fd09::/32 table 254 priority 1024: nexthop 9 is of IPv4",
      ],
      [
        { nexthops: [{ id: 5, group: [{ id: 9 }] }, { id: 6, group: [{ id: 5 }] }] },
        "TypeError Cannot plan nexthop 6: nexthop 5 is a group itself",
      ],
    ]);
    assert.equal(
      String(await plan(t.nl, { nexthops: [{ id: 5, group: [{ id: 9 }] }] })),
      "+ nexthop 5",
    );
  });

  it("forwarding entries and rules that the kernel would refuse, or take for others", async () => {
    await using t = await lab();
    const entry = (entry: Wrong, path: string, form: string, value?: unknown): [Wrong, string] => [
      { fdb: [{ link: "vx9", mac: "02:00:00:00:00:01", ...entry }] },
      cannot(`fdb[0].${path}`, form, value),
    ];
    const rule = (rule: Wrong, path: string, form: string, value?: unknown): [Wrong, string] => [
      { rules: [{ priority: 50, ...rule }] },
      cannot(`rules[0].${path}`, form, value),
    ];
    const remote = "192.0.2.1", ports = [5, 6];
    await refused(t, [
      entry({ vni: 5 }, "vni", "absent, with table master", 5),
      entry({ table: "master", remote }, "remote", "absent, with table master", remote),
      entry({ remote, vlan: 5 }, "vlan", "absent, of a tunnel", 5),
      entry({ nexthop: 1, port: 5 }, "port", "absent, with nexthop", 5),
      [
        { fdb: [{ link: "a2", mac: "02:00:00:00:00:01", remote }] },
        "TypeError Cannot plan forwarding entry a2 02:00:00:00:00:01 self: " +
        "the table of a2 has no remote",
      ],
      [
        { fdb: [{ link: "sw", mac: "02:00:00:00:00:01", table: "self", sticky: true }] },
        "TypeError Cannot plan forwarding entry sw 02:00:00:00:00:01 self: " +
        "the table of sw has no sticky",
      ],
      rule({ flowLabel: 5 }, "flowLabel", "absent, with IPv4", 5),
      rule({ dscp: 5, tos: 4 }, "tos", "absent, with dscp", 4),
      rule({ tos: 5 }, "tos", "a multiple of four", 5),
      rule({ dscpMask: 5 }, "dscpMask", "absent, without dscp", 5),
      rule({ sourcePortMask: 5 }, "sourcePortMask", "absent, without sourcePorts", 5),
      rule(
        { destinationPorts: ports, destinationPortMask: 5 },
        "destinationPortMask",
        "absent, with several ports",
        5,
      ),
    ]);
  });

  it("namespaces that nothing can be, and a class without its rate", async () => {
    await using t = await lab();
    const peer = (netns: unknown): [Wrong, string] => [
      { links: [{ name: "p5", kind: "veth", peer: { name: "p6", netns } }] },
      cannot("links[0].peer.netns", "a name, or an object with name, path, pid or fd", netns),
    ];
    await refused(t, [
      ...[true, 5, "", [], {}, { foo: 1 }, { pid: "1" }, { name: "x", path: "y" }].map(peer),
      [
        { classes: [{ link: "a0", kind: "htb", handle: "1:1" }] },
        cannot(
          "classes[0].options.rateBytesPerSecond",
          "a whole number of bytes per second from 1",
        ),
      ],
      [
        { addresses: [{ address: "10.0.0.1/24" }] },
        cannot("addresses[0].link", "a link's name"),
      ],
    ]);
  });

  it("what is declared twice", async () => {
    await using t = await lab();
    const entry = { link: "a0", address: "10.0.0.1/24" }, other = { ...entry, label: "a0:1" };
    const wanted: Desired = { addresses: [entry, other] };
    await refused(t, [[
      wanted,
      cannot(
        "addresses[1]",
        "another one: address a0 10.0.0.1/24 is declared twice",
        other,
      ),
    ]]);
  });
});
