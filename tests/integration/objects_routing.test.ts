import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import {
  apply,
  type Desired,
  type NewRoute,
  plan,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { difference } from "../../src/netlink/watch_difference.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

/** A namespace with two pairs of links that are up, and addresses of both versions on each. */
async function lab() {
  const ns = await testNamespace();
  const ip = (words: string) =>
    execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8", stdio: "pipe" })
      .trim();
  for (const i of [0, 1]) {
    ip(`link add d${i} up type veth peer name e${i}`);
    ip(`link set e${i} up`);
    ip(`address add 10.${i}.0.1/24 dev d${i}`);
    ip(`address add fd0${i}::1/64 dev d${i} nodad`);
  }
  const nl = await RouteConnection.open({ netns: ns.name });
  return {
    nl,
    ip,
    /** The route to a network, and what `ip` says of it. */
    async route(destination: string, family: 4 | 6 = destination.includes(":") ? 6 : 4) {
      const found = (await nl.routes.list({ family }).toArray()).filter((r) =>
        r.destination === destination
      );
      assert.equal(found.length, 1, `routes to ${destination}`);
      return found[0];
    },
    shown: (destination: string, version = destination.includes(":") ? 6 : 4) =>
      ip(`-${version} route show ${destination}`).replaceAll(/\s+/g, " "),
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

const refused = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, { name: "TypeError", message });

describe("the IP version of a route", { skip }, () => {
  it("is the one that is said, whatever the gateway's", async () => {
    await using t = await lab();
    await t.nl.routes.add({ destination: "default", family: 4, gateway: "fe80::2", link: "d0" });
    assert.equal(t.shown("default", 4), "default via inet6 fe80::2 dev d0 proto static");
    assert.equal(t.shown("default", 6), "");
    assert.equal((await t.route("default", 4)).gateway, "fe80::2");
  });

  it("is that of the first gateway of several next hops", async () => {
    await using t = await lab();
    const nexthops = [{ gateway: "fd00::2" }, { gateway: "fd01::2" }];
    await t.nl.routes.add({ destination: "default", nexthops });
    assert.equal(t.shown("default", 4), "");
    assert.match(t.shown("default", 6), /nexthop via fd00::2 dev d0 .*nexthop via fd01::2 dev d1/);
    await t.nl.routes.add({ destination: "default", nexthops: [{ link: "d0" }, { link: "d1" }] });
    assert.match(t.shown("default", 4), /nexthop dev d0 .*nexthop dev d1/);
  });

  it("is the same to a plan", async () => {
    await using t = await lab();
    const nexthops = [{ gateway: "fd00::2", link: "d0" }, { gateway: "fd01::2", link: "d1" }];
    const wanted: Desired = {
      routes: [
        { destination: "default", family: 4, gateway: "fe80::2", link: "d0" },
        { destination: "default", nexthops, metrics: { lock: ["mtu"], features: ["ecn"] } },
        {
          destination: "10.9.0.0/16",
          link: "d0",
          encapsulation: {
            type: "ip",
            destination: "10.0.0.9",
            key: false,
            checksum: true,
            ttl: 0,
          },
        },
      ],
    };
    await apply(t.nl, await plan(t.nl, wanted));
    assert.match(t.shown("default", 4), /^default via inet6 fe80::2/);
    assert.match(t.shown("default", 6), /nexthop via fd00::2 dev d0 .*nexthop via fd01::2 dev d1/);
    assert.equal(String(await plan(t.nl, wanted)), "");
  });

  it("does not contradict the destination", async () => {
    await using t = await lab();
    const route: NewRoute = { destination: "10.77.0.0/16", family: 6, link: "d0" };
    await refused(
      t.nl.routes.add(route),
      /^Cannot use family: must be the destination's IP version, current value is 6$/,
    );
    await refused(t.nl.routes.delete(route), /^Cannot use family/);
    for (const destination of ["10.77.0.0/16", "default"]) {
      await refused(
        t.nl.routes.add({ destination, family: 5 as never, link: "d0" }),
        /^Cannot use family: must be 4 or 6, current value is 5$/,
      );
    }
    await refused(
      t.nl.routes.add({ destination: "default", family: 6, gateway: "10.0.0.2" }),
      /^Cannot use gateway: must be of the destination's IP version/,
    );
  });
});

describe("what a route is told", { skip }, () => {
  const to = { destination: "10.50.0.0/16", link: 1 }, six = { destination: "fd50::/32", link: 1 };
  const cases: [what: string, route: object, message: RegExp][] = [
    ["a text for a boolean", { ...to, onlink: "false" }, /^Cannot use onlink: must be true or/],
    ["a text for another", { ...to, replace: "no" }, /^Cannot use replace: must be true or false/],
    ["an unknown name", { ...to, via: "10.0.0.2" }, /^Cannot use via: must be one of the options/],
    [
      "a next hop's unknown name",
      { ...to, nexthops: [{ link: 1, via: "10.0.0.2" }] },
      /^Cannot use nexthops\[0\]\.via: must be one of the options of a route: gateway, /,
    ],
    [
      "a next hop's text for a boolean",
      { ...to, nexthops: [{ link: 1 }, { link: 1, onlink: "false" }] },
      /^Cannot use nexthops\[1\]\.onlink: must be true or false/,
    ],
    ["an unknown metric", { ...to, metrics: { mss: 5 } }, /^Cannot use metrics\.mss: must be one/],
    [
      "an unknown lock",
      { ...to, metrics: { lock: ["mss"] } },
      /^Cannot use metrics\.lock: must be a list of some of mtu, window, /,
    ],
    [
      "a next hop's gateway of the wrong version",
      { ...six, nexthops: [{ gateway: "fd00::2" }, { gateway: "10.0.0.2" }] },
      /^Cannot use nexthops\[1\]\.gateway: must be of the destination's IP version/,
    ],
    [
      "a next hop's link",
      { ...to, nexthops: [{ link: 1 }, { link: "a b" }] },
      /^Cannot use nexthops\[1\]\.link: must be a link's name or index/,
    ],
    [
      "a next hop's encapsulation",
      { ...to, nexthops: [{ link: 1, encapsulation: { type: "mpls", labels: [] } }] },
      /^Cannot use nexthops\[0\]\.encapsulation\.labels: must be one label or more/,
    ],
    ["no next hops", { ...to, nexthops: [] }, /^Cannot use nexthops: must be one next hop/],
    [
      "a next hop that is null",
      { ...to, nexthops: [null] },
      /^Cannot use nexthops\[0\]: must be an obj/,
    ],
    [
      "an encapsulation that is null",
      { ...to, encapsulation: null },
      /^Cannot use encapsulation: must be an/,
    ],
    [
      "an encapsulation's unknown name",
      { ...to, encapsulation: { type: "ip", dst: "10.0.0.2" } },
      /^Cannot use encapsulation\.dst: must be one of the options/,
    ],
    [
      "an encapsulation's name of another type",
      { ...to, encapsulation: { type: "ip", labels: [5] } },
      /^Cannot use encapsulation\.labels: must be one of the options of encapsulation ip: type, /,
    ],
    ["IPv4 from a network", { ...to, from: "10.0.0.0/8" }, /^Cannot use from: must be of an IPv6/],
    ["IPv4 with a preference", { ...to, preference: "low" }, /^Cannot use preference: must be of/],
    ["IPv4 that expires", { ...to, expires: 5 }, /^Cannot use expires: must be of an IPv6 route/],
    ["IPv6 with realms", { ...six, realms: 5 }, /^Cannot use realms: must be of an IPv4 route/],
  ];
  for (const [what, route, message] of cases) {
    it(`${what} is refused`, async () => {
      await using ns = await testNamespace();
      await using nl = await RouteConnection.open({ netns: ns.name });
      for (const verb of ["add", "replace", "append", "delete"] as const) {
        await refused(nl.routes[verb](route as NewRoute), message);
      }
    });
  }

  it("realms of 0 are none to the kernel, and refused", async () => {
    await using t = await lab();
    await assert.rejects(
      t.nl.routes.add({ destination: "10.50.0.0/16", link: "d0", realms: 0 }),
      /^RangeError: Cannot use realms: must be 1 to 4294967295, current value is 0$/,
    );
  });
});

describe("a route's plain copy makes the same route", { skip }, () => {
  const routes: [words: string, destination: string, copy: object][] = [
    [
      "10.68.0.0/16 dev d0 mtu lock 1300 window 5 hoplimit lock 9",
      "10.68.0.0/16",
      { mtu: 1300, metrics: { window: 5, hopLimit: 9, lock: ["mtu", "hopLimit"] } },
    ],
    [
      "10.69.0.0/16 dev d0 features ecn congctl reno fastopen_no_cookie 1",
      "10.69.0.0/16",
      { metrics: { features: ["ecn"], congestionControl: "reno", fastOpenNoCookie: true } },
    ],
    ["10.70.0.0/16 via inet6 fe80::2 dev d0 onlink", "10.70.0.0/16", { gateway: "fe80::2" }],
    ["10.71.0.0/16 nhid 7", "10.71.0.0/16", { nexthop: 7, gateway: "10.0.0.7" }],
    ["10.74.0.0/16 nhid 9", "10.74.0.0/16", { nexthop: 9 }],
    ["fd74::/64 nhid 10", "fd74::/64", { nexthop: 10 }],
    ["10.72.0.0/16 dev d0 tos 0x10 realms 5/6", "10.72.0.0/16", { tos: 16, realms: 0x50006 }],
    [
      "10.73.0.0/16 encap ip id 5 dst 10.0.0.9 key csum seq ttl 6 dev d0",
      "10.73.0.0/16",
      {
        encapsulation: {
          ...{ type: "ip", destination: "10.0.0.9", id: 5, ttl: 6 },
          ...{ checksum: true, key: true, sequence: true },
        },
      },
    ],
    ["fd53::/64 dev d0 expires 500", "fd53::/64", { expires: 500 }],
    ["fd54::/64 dev d0 pref high mtu lock 1400", "fd54::/64", { preference: "high", mtu: 1400 }],
    ...["inline", "encap", "l2encap", "encap.red", "l2encap.red"].map((mode, i): [
      string,
      string,
      object,
    ] => [
      `fd8${i}::/64 encap seg6 mode ${mode} segs fd00::5,fd00::6 dev d0`,
      `fd8${i}::/64`,
      { encapsulation: { type: "seg6", mode, segments: ["fd00::5", "fd00::6"] } },
    ]),
    ["fd90::/64 encap seg6local action End.DT6 table 5 dev d0", "fd90::/64", {}],
  ];
  // Seconds pass while a busy machine comes to look.
  const lasting = (text: string) => text.replace(/expires \d+sec/, "expires");
  const within = (seconds: number, given: number) => seconds <= given && seconds > given - 90;
  it("whatever ip made", async () => {
    await using t = await lab();
    t.ip("nexthop add id 7 via 10.0.0.7 dev d0 onlink");
    t.ip("nexthop add id 8 via 10.0.0.8 dev d0");
    t.ip("nexthop add id 9 group 7/8");
    t.ip("nexthop add id 10 via fd00::7 dev d0");
    for (const [words, destination, copy] of routes) {
      const version = destination.includes(":") ? 6 : 4;
      t.ip(`-${version} route add ${words}`);
      const shown = lasting(t.shown(destination)), read = (await t.route(destination)).toJSON();
      for (const [name, value] of Object.entries(copy)) {
        if (name === "expires") assert.ok(within(read[name] as number, value), words);
        else assert.deepEqual(read[name], value, `${name} of ${words}`);
      }
      await t.nl.routes.replace(read as unknown as NewRoute);
      assert.equal(lasting(t.shown(destination)), shown);
      await t.nl.routes.delete(read as unknown as NewRoute);
      assert.equal(t.shown(destination), "");
      await t.nl.routes.add(JSON.parse(JSON.stringify(read)));
      assert.equal(lasting(t.shown(destination)), shown);
      // As it came from the kernel.
      await t.nl.routes.delete(await t.route(destination));
      assert.equal(t.shown(destination), "");
    }
  });

  it("and is no other one when it has less time left", async () => {
    await using t = await lab();
    const table = async (expires: number) => {
      await t.nl.routes.replace({ destination: "fd53::/64", link: "d0", expires });
      const route = await t.route("fd53::/64");
      assert.ok(within(route.expires!, expires));
      return { keys: () => ["it"], at: () => [route] } as never;
    };
    const changes = await difference(await table(500), await table(400), { over: false } as never);
    assert.deepEqual(changes, []);
  });

  it("an encapsulation that has no name here is read as what it is", async () => {
    await using t = await lab();
    t.ip("-6 route add fd90::/64 encap seg6local action End dev d0");
    const { encapsulation } = await t.route("fd90::/64");
    // SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END
    assert.deepEqual(encapsulation, { type: "other", number: 7, data: [8, 0, 1, 0, 1, 0, 0, 0] });
  });
});

describe("routes are listed and looked up", { skip }, () => {
  it("by table, which need not be there", async () => {
    await using t = await lab();
    for (const family of [undefined, 4, 6] as const) {
      assert.deepEqual(await t.nl.routes.list({ table: 999, family }).toArray(), []);
      for await (const _ of t.nl.routes.list({ table: 999, family, whole: false })) assert.fail();
    }
    await assert.rejects(
      t.nl.routes.list({ table: 999, family: 4, link: "nonesuch" }).toArray(),
      /ENODEV/,
    );
    await t.nl.routes.add({ destination: "10.9.0.0/16", link: "d0", table: 999 });
    assert.equal((await t.nl.routes.list({ table: 999, family: 4 }).toArray()).length, 1);
  });

  it("by a protocol and a type of 0, which select", async () => {
    await using t = await lab();
    await t.nl.routes.add({ destination: "10.9.0.0/16", link: "d0", protocol: "unspec" });
    await t.nl.routes.add({ destination: "10.10.0.0/16", link: "d0", protocol: "boot" });
    const found = async (filter: object) =>
      (await t.nl.routes.list(filter).toArray()).map((r) => r.destination);
    assert.deepEqual(await found({ protocol: "unspec" }), ["10.9.0.0/16"]);
    assert.deepEqual(await found({ protocol: 0, type: "unicast" }), ["10.9.0.0/16"]);
    assert.deepEqual(await found({ protocol: "boot" }), ["10.10.0.0/16"]);
    assert.deepEqual(await found({ type: "unspec" }), []);
    assert.deepEqual(await found({ type: "unspec", protocol: "boot" }), []);
  });

  it("with a type of service", async () => {
    await using t = await lab();
    t.ip("route add 10.9.0.0/16 dev d0");
    t.ip("route add 10.9.0.0/16 dev d1 tos 0x10");
    const link = async (tos?: number) => (await t.nl.routes.lookup("10.9.0.1", { tos })).link;
    const { index } = await t.nl.links.get("d0"), other = (await t.nl.links.get("d1")).index;
    assert.deepEqual([await link(), await link(0), await link(0x10)], [index, index, other]);
    assert.equal((await t.nl.routes.lookup("fd00::9", { tos: 0x10 })).link, index);
    await assert.rejects(
      t.nl.routes.lookup("10.9.0.1", { tos: 256 }),
      /^RangeError: Cannot use tos/,
    );
    await refused(
      t.nl.routes.lookup("10.9.0.1", { match: "false" as never }),
      /^Cannot use match: must be true or false/,
    );
    // One that is left out is 0 when a route is deleted, to `ip` as well.
    await t.nl.routes.delete({ destination: "10.9.0.0/16" });
    assert.match(t.shown("10.9.0.0/16"), /^10\.9\.0\.0\/16 tos throughput dev d1|tos 0x10 dev d1/);
    await assert.rejects(t.nl.routes.delete({ destination: "10.9.0.0/16" }), /ESRCH/);
    assert.throws(() => t.ip("route delete 10.9.0.0/16 dev d1"), /No such process/);
    await t.nl.routes.delete({ destination: "10.9.0.0/16", tos: 0x10 });
  });
});
