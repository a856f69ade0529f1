/** Declarations of addresses, neighbours, entries, nexthops, routes and rules with any of their options. */

import { type Desired, plan, type RouteConnection } from "../../src/netlink/mod.ts";

type Entry = Record<string, unknown>;

/** A declaration, many of whose items no kernel would have; `random` is from 0 to below 1. */
export function routing(random: () => number): Desired {
  const r = random;
  // deno-lint-ignore no-explicit-any -- of any type, as what is declared of each option
  const one = (...all: unknown[]): any => all[Math.floor(r() * all.length)];
  const maybe = (p: number, o: object) => r() < p ? o : {};
  const rec = (o: Record<string, () => unknown>, p = 0.2) =>
    Object.fromEntries(Object.entries(o).filter(() => r() < p).map(([k, v]) => [k, v()]));
  const many = <T>(max: number, f: () => T) =>
    Array.from({ length: Math.floor(r() * (max + 1)) }, f);
  const tunnel = (type: string, source: string, destination: string) => ({
    type,
    ...rec({
      source: () => source,
      destination: () => destination,
      id: () => one(0, 5),
      ttl: () => one(0, 9),
      tos: () => one(0, 8),
      key: () => one(true, false),
      checksum: () => one(true, false),
      sequence: () => one(true, false),
    }, .5),
  });
  const encap = () =>
    one(
      tunnel("ip", "10.20.0.1", "192.0.2.7"),
      tunnel("ip6", "fd20::1", "fd20::7"),
      {
        type: "seg6",
        mode: one("inline", "encap", "l2encap", "encap.red"),
        segments: one(["fd20::7"], ["fd20::7", "fd20::8"]),
      },
    );
  const addresses = many(4, () => {
    const six = r() < .4;
    const a: Entry = {
      link: one("b0", "b1"),
      address: six
        ? one("fd0a::1/64", "fd0a::2/128", "fe80::5/64")
        : one("10.0.7.1/24", "10.0.7.2/24", "10.0.7.1/32"),
      ...rec({
        peer: () => six ? one("fd0a::9", "fd0b::9") : one("10.0.7.9", "10.0.8.9"),
        broadcast: () => one("10.0.7.255", "0.0.0.0"),
        metric: () => one(0, 5, 7),
        validLifetime: () => one(1000, 100000, Infinity),
        preferredLifetime: () => one(0, 500, 1000),
        flags: () =>
          six
            ? one(
              ["nodad"],
              ["nodad", "noprefixroute"],
              ["homeaddress", "nodad"],
              ["mcautojoin"],
              [],
            )
            : one(["noprefixroute"], ["mcautojoin"], []),
      }, .25),
    };
    if (!six && r() < .2) a.label = one(`${a.link}:1`, a.link, "foo");
    return a;
  });
  const neighbours = many(
    3,
    () => ({
      link: one("a1", "b1"),
      address: one("10.3.0.7", "10.3.0.8", "fd03::7", "ff02::9", "224.0.0.9"),
      // The kernel may forget one that it learned.
      ...one({ proxy: true }, { state: "none" }, ...Array(8).fill({ mac: "02:00:00:00:00:0A" })),
      ...rec({
        proxy: () => one(true, false),
        state: () =>
          one(
            "permanent",
            "reachable",
            "stale",
            "noarp",
            "delay",
            "probe",
            "none",
            "failed",
            "incomplete",
          ),
        router: () => one(true, false),
        externallyLearned: () => one(true, false),
        protocol: () => one("static", 99, "unspec"),
      }, .25),
    }),
  );
  const fdb = many(
    4,
    () => ({
      link: one("a2", "a2", "vx9", "vx9", "b0", "sw"),
      mac: one("02:00:00:00:00:11", "01:00:5e:00:00:05", "00:00:00:00:00:00"),
      ...rec({
        table: () => one("self", "master"),
        remote: () => one("192.0.2.1", "192.0.2.2", "fd00::1"),
        port: () => one(4789, 5000),
        vni: () => one(99, 7),
        sourceVni: () => one(99, 7),
        via: () => one("a0", "b2"),
        lifetime: () => one("static", "permanent", "dynamic"),
        nexthop: () => one(7, 8),
        sticky: () => one(true, false),
        externallyLearned: () => one(true, false),
      }, .3),
    }),
  );
  const nexthops = [1, 2, 3, 4, 5, 6, 7, 8].filter(() => r() < .5).map((id) => ({
    id,
    ...id < 4
      ? one(
        { link: one("a1", "b1") },
        { link: "b2", gateway: one("10.20.0.2", "fd20::2") },
        { blackhole: true },
        { link: "b2", gateway: "10.20.0.3", onlink: true },
        { link: "b2", family: one(4, 6) },
        { link: "b2", gateway: "10.20.0.3", encapsulation: encap() },
        { blackhole: true, family: 6 },
      )
      : id < 7
      ? {
        group: one([{ id: 1 }, { id: 2, weight: one(1, 3, 200) }], [{ id: 3 }], [{
          id: 3,
          weight: 2,
        }, { id: 1 }], [{ id: 1 }, { id: 2 }, { id: 3 }]),
        ...maybe(.3, {
          resilient: rec({
            buckets: () => one(8, 16),
            idleTimeout: () => one(1000, 25, 120000),
            unbalancedTimeout: () => one(0, 1500),
          }, .7),
        }),
      }
      : id === 7
      ? { fdb: true, gateway: one("192.0.2.1", "fd00::1") }
      : { fdb: true, group: [{ id: 7 }] },
    ...maybe(.2, { protocol: one("static", 99) }),
  }));
  const routes = many(6, () => {
    const six = r() < .45,
      to = six
        ? one("fd12::/32", "fd13::/48", "::/0", "fd14::1/128")
        : one("10.12.0.0/16", "10.13.0.0/24", "default", "10.14.0.1/32");
    const gw = () => six ? one("fd20::2", "fd20::3") : one("10.20.0.2", "10.20.0.3");
    const way = one(
      { link: one("a1", "b1", "b2", "lo") },
      { gateway: gw() },
      { gateway: gw(), link: "b2", onlink: one(true, false) },
      { type: one("blackhole", "unreachable", "prohibit", "throw") },
      { nexthop: one(1, 2, 3, 4, 5, 6) },
      {
        nexthops: one(
          [{ gateway: gw() }, { gateway: gw(), weight: 3 }],
          [{ gateway: gw(), link: "b2", weight: 2 }, { link: "b1" }],
          [{ link: "a1" }, { link: "b1", weight: 256 }],
          [{ gateway: gw(), link: "b2", onlink: true }, {
            gateway: gw(),
            link: "b2",
            encapsulation: encap(),
          }],
          [{ gateway: gw() }],
        ),
      },
      { link: "b2", encapsulation: encap() },
      { gateway: gw(), link: "b2", encapsulation: encap() },
      ...six ? [] : [{ gateway: "fd20::2", link: "b2" }],
      { type: "local", link: one("lo", "b1") },
      { type: one("broadcast", "multicast", "anycast"), link: "b2" },
    );
    return {
      destination: to,
      ...way,
      ...rec({
        // A gateway alone is looked for in the route's own table first, where a default may have it.
        table: () => "gateway" in way && !("link" in way) ? 254 : one(254, 77, 1000),
        priority: () => one(0, 10, 1024),
        source: () => six ? "fd20::1" : "10.20.0.1",
        scope: () => one("global", "link", "host", "site", 100),
        protocol: () => one("boot", "static", 99, "kernel", "ra"),
        tos: () => one(0, 16, 28),
        mtu: () => one(0, 1300, 1400),
        preference: () => one("high", "low", "medium"),
        realms: () => one(0, 5, 65536),
        expires: () => one(100, 5000),
        from: () => six ? one("fd99::/64", "::/0") : "0.0.0.0/0",
      }, .15),
      ...maybe(.25, {
        metrics: rec({
          window: () => one(0, 5),
          rtt: () => one(10, 13),
          rttVariation: () => one(5, 0),
          slowStartThreshold: () => 7,
          congestionWindow: () => 8,
          advertisedSegmentSize: () => one(500, 0),
          reordering: () => 4,
          hopLimit: () => one(9, 0, 255),
          initialCongestionWindow: () => 11,
          initialReceiveWindow: () => 12,
          minRetransmission: () => one(200, 0),
          quickAck: () => one(true, false),
          congestionControl: () => one("cubic", "reno"),
          fastOpenNoCookie: () => one(true, false),
          features: () => one(["ecn"], [], ["timestamp"], ["ecn", "tcp-usec-ts"]),
          lock: () => one(["mtu"], [], ["hopLimit"], ["rtt"]),
        }, .3),
      }),
    };
  });
  // Gateways are reached by the rules that there are, which only the kernel follows.
  const elsewhere = (rule: Entry) => {
    const { family, action, goto, table } = rule, six = family === 6;
    const net = six ? "fd01::/32" : "10.1.0.0/16", near = six ? "fd20::/16" : "10.20.0.0/16";
    return one(
      ...[{ from: net }, { to: net }, { incoming: "a0" }].map((none) => ({ ...rule, ...none })),
      { family, action, goto, table, not: true, to: near },
    );
  };
  const rules = many(4, () => ({
    priority: one(100, 101),
    ...elsewhere(rec({
      family: () => one(4, 6),
      action: () => one("lookup", "blackhole", "unreachable", "prohibit", "nop", "goto"),
      goto: () => one(101, 200),
      table: () => one(77, 254, 1000),
      from: () => one("10.1.0.0/16", "fd01::/32", "0.0.0.0/0"),
      to: () => one("10.1.0.0/16", "fd01::/32"),
      incoming: () => one("a0", "zz"),
      outgoing: () => "b0",
      mark: () => one(0, 1),
      markMask: () => one(255, 0, 0xffffffff),
      tos: () => one(0, 16),
      dscp: () => one(0, 5),
      dscpMask: () => one(63, 5),
      flowLabel: () => one(5),
      users: () => one([0, 5], [7, 7]),
      ipProtocol: () => one(6, 0),
      sourcePorts: () => one([5, 5], [5, 9]),
      sourcePortMask: () => one(0xffff, 0xff),
      destinationPorts: () => one([5, 5]),
      destinationPortMask: () => one(0xffff, 0xff),
      tunnelId: () => one(5, 0),
      l3mdev: () => one(true, false),
      suppressPrefixLength: () => one(0, 8),
      suppressGroup: () => one(0, 3),
      realms: () => one(5),
      protocol: () => one("static", 99),
    }, .13)),
  }));
  return {
    addresses,
    neighbours,
    fdb,
    nexthops,
    routes,
    rules,
    prune: {
      addresses: ["b0", "b1"],
      neighbours: ["a1", "b1"],
      nexthops: [1, 9],
      routes: [{}, { table: 77 }, { table: 1000 }, { protocol: "kernel", table: 77 }],
      rules: [100, 101],
      fdb: ["a2", "vx9", "b0", "sw"],
    },
  } as unknown as Desired;
}

const SECTIONS: { readonly [object: string]: keyof Desired } = {
  "forwarding entry": "fdb",
  nexthop: "nexthops",
  route: "routes",
};

/** A declaration without what a plan refuses, and as much besides as it takes to be rid of that. */
export async function acceptedOf(nl: RouteConnection, wanted: Desired): Promise<Desired> {
  for (;;) {
    try {
      await plan(nl, wanted);
      return wanted;
    } catch (error) {
      const { message } = error as Error,
        list = (name: string) => wanted[name as "routes"] as object[];
      const at = /^Cannot use (\w+)\[(\d+)\]/.exec(message);
      const of = /^Cannot plan (forwarding entry|nexthop|route) /.exec(message);
      if (at) list(at[1]).splice(Number(at[2]), 1);
      // What an earlier declaration left uses it, and is of no protocol that is pruned.
      else if (/^Cannot plan: nexthop \d+, to be pruned,/.test(message)) {
        wanted = { ...wanted, prune: { ...wanted.prune, nexthops: undefined } };
      } else if (of === null || list(SECTIONS[of[1]]).pop() === undefined) throw error;
    }
  }
}
