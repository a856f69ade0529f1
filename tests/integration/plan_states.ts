/** Generated declarations of everything that a plan knows, in the namespace of `lab`. */

import fc from "fast-check";
import type { Desired, DesiredRoute, NewRoute, RouteConnection } from "../../src/netlink/mod.ts";
import { pick, some } from "./plan_lab.ts";
import { classes, filters } from "./plan_traffic.ts";

const links = fc.tuple(
  some(
    fc.record({
      name: pick("br0", "br1"),
      kind: fc.constant("bridge" as const),
      up: fc.constant(true),
      mtu: pick(1400, 1500),
      ageingTime: pick(10_000, 300_000),
      stp: fc.boolean(),
      alias: pick("one", "two"),
      altNames: pick([], ["another"], ["another", "yet-another"]),
    }, { requiredKeys: ["name", "kind", "up"] }),
    (l) => l.name,
  ),
  some(
    fc.record({
      name: fc.constant("vx0"),
      kind: fc.constant("vxlan" as const),
      id: pick(7, 8),
      remote: pick("192.0.2.1", "192.0.2.2"),
      ttl: pick(4, 5),
    }, { requiredKeys: ["name", "kind", "id"] }),
    (l) => l.name,
  ),
  some(
    fc.record({
      name: fc.constant("mv0"),
      kind: fc.constant("macvlan" as const),
      link: pick("a0", "a1"),
      mode: pick("private" as const, "bridge" as const),
      up: fc.constant(true),
    }, { requiredKeys: ["name", "kind", "link"] }),
    (l) => l.name,
  ),
).map(([a, b, c]) => {
  // Two links cannot have one further name.
  const bridges = a.map((l) => ({ ...l, altNames: l.altNames?.map((n) => `${n}-${l.name}`) }));
  return [...bridges, ...b, ...c];
});

const fdb = some(
  fc.oneof(
    fc.record({
      link: fc.constant("a2"),
      mac: pick("02:00:00:00:00:11", "02:00:00:00:00:1A"),
      lifetime: pick("static" as const),
      sticky: fc.boolean(),
    }, { requiredKeys: ["link", "mac"] }),
    fc.record({
      link: fc.constant("vx9"),
      mac: pick("02:00:00:00:00:11", "02:00:00:00:00:1a", "00:00:00:00:00:00"),
      remote: pick("192.0.2.1", "192.0.2.2"),
      port: pick(5000, 5001),
      vni: pick(7, 8),
      via: pick("a0", "b2"),
    }, { requiredKeys: ["link", "mac", "remote"] }),
  ),
  // Only what is for everybody goes to several remotes.
  (e) => `${e.link} ${e.mac.toLowerCase()} ${/^00/.test(e.mac) && "remote" in e ? e.remote : ""}`,
  6,
);

const gateways = some(
  fc.oneof(
    fc.record({
      destination: pick("10.12.0.0/16", "10.13.0.0/16", "default"),
      priority: pick(0, 10),
      gateway: pick("10.20.0.2", "10.20.0.3"),
      link: fc.constant("b2"),
      source: fc.constant("10.20.0.1"),
      onlink: fc.boolean(),
      mtu: pick(1300, 1400),
      protocol: pick<string | number>("boot", 99),
      tos: pick(0, 16),
    }, { requiredKeys: ["destination", "gateway", "link"] }),
    fc.record({
      destination: pick("fd12::/32", "fd13::/32", "::/0"),
      priority: pick(1024, 10),
      gateway: pick("fd20::2", "FD20:0::3"),
      link: fc.constant("b2"),
      preference: pick("high" as const, "medium" as const),
      metrics: pick({ hopLimit: 9 }),
    }, { requiredKeys: ["destination", "gateway"] }),
    fc.record({
      destination: pick("10.14.0.0/16", "fd14::/32"),
      table: pick(254, 77),
    }).chain((route) => {
      const [one, two] = route.destination.includes(":")
        ? ["fd20::2", "fd20::3"]
        : ["10.20.0.2", "10.20.0.3"];
      return fc.record({
        destination: fc.constant(route.destination),
        table: fc.constant(route.table),
        nexthops: pick(
          [{ gateway: one }, { gateway: two, weight: 4 }],
          [{ gateway: two, link: "b2" }, { gateway: one, link: "b2", weight: 2 }],
        ),
      });
    }),
    // By a nexthop object, if it is declared.
    fc.record({
      destination: pick("10.15.0.0/16", "10.16.0.0/16"),
      nexthop: pick(1, 2, 3),
    }),
  ),
  (r) => {
    const { destination, priority = 0, table = 254, tos = 0 } = r as DesiredRoute;
    return `${destination} ${table} ${priority || (destination.includes(":") ? 1024 : 0)} ${tos}`;
  },
  5,
);

/** Without what hangs on something that is not declared. */
function whole(state: Desired): Desired {
  const htb = new Set((state.qdiscs ?? []).filter((q) => q.kind === "htb").map((q) => q.link));
  const ids = new Set((state.nexthops ?? []).map((n) => n.id));
  const inner = (state.classes ?? []).filter((c) => htb.has(c.link));
  const hooks = new Set((state.filters ?? []).filter((f) => f.link === "b2").map((f) => f.link));
  // A class that a filter points to cannot be pruned.
  const filters = (state.filters ?? []).filter((f) =>
    f.link === "b2" ||
    inner.some((c) => c.link === f.link && f.kind === "u32" && c.handle === f.options?.class)
  );
  const upper = [...inner, ...filters];
  return {
    ...state,
    // Above the leaves, where any wants it.
    classes: [
      ...[...htb].filter((link) => upper.some((c) => c.link === link && c.parent === "1:1"))
        .map((link) => ({
          link,
          handle: "1:1",
          kind: "htb" as const,
          options: { rateBytesPerSecond: 500_000 },
        })),
      ...inner,
    ],
    qdiscs: [
      ...state.qdiscs ?? [],
      ...[...hooks].map((link) => ({ link, kind: "clsact" as const })),
    ],
    filters,
    routes: (state.routes ?? []).filter((r) => r.nexthop === undefined || ids.has(r.nexthop)),
  };
}

/** Any declaration. */
export const desired: fc.Arbitrary<Desired> = fc.record({
  links,
  addresses: some(
    fc.record({
      link: pick("a0", "b0"),
      address: pick("10.0.0.1/24", "10.0.0.2/24", "10.0.1.1/24", "fd00::1/64", "FD00:0::2/64"),
      metric: pick(0, 5, 6),
      flags: pick(["noprefixroute"], [] as string[]),
    }, { requiredKeys: ["link", "address"] }),
    (a) => a.address.toLowerCase().replace("fd00:0::", "fd00::"),
  ),
  neighbours: some(
    fc.record({
      link: pick("a1", "b1"),
      address: pick("10.3.0.7", "10.3.0.8", "fd03::7"),
      mac: pick("02:00:00:00:00:07", "02:00:00:00:00:0A"),
      router: fc.boolean(),
    }, { requiredKeys: ["link", "address", "mac"] }),
    (n) => `${n.link} ${n.address}`,
  ),
  nexthops: some(
    fc.record({ id: pick(1, 2, 3), link: pick("a1", "b1") }),
    (n) => String(n.id),
  ),
  routes: some(
    fc.oneof(
      fc.record({
        destination: pick("10.8.0.0/16", "10.9.0.0/16", "fd08::/32"),
        table: pick(254, 77, 1000),
        priority: pick(0, 10),
        link: pick("a1", "b1"),
        mtu: pick(1300, 1400),
        metrics: pick({ hopLimit: 9 }, { advertisedSegmentSize: 500 }),
      }, { requiredKeys: ["destination", "link"] }),
      fc.record({
        destination: pick("10.8.0.0/16", "fd08::/32"),
        table: pick(254, 77),
        type: pick("blackhole" as const, "unreachable" as const, "prohibit" as const),
      }),
      fc.record({
        destination: fc.constant("10.11.0.0/16"),
        nexthops: pick(
          [{ link: "a1" }, { link: "b1", weight: 3 }],
          [{ link: "a1", weight: 2 }, { link: "b1" }],
        ),
      }),
    ),
    (r) => {
      const { destination, table = 254, priority = 0 } = r as
        & { table?: number; priority?: number }
        & typeof r;
      return `${destination} ${table} ${priority}`;
    },
    6,
  ),
  rules: some(
    fc.record({
      priority: pick(100, 101),
      from: pick("10.1.0.0/16", "fd01::/32"),
      mark: pick(1, 2),
      table: pick(77, 78),
    }, { requiredKeys: ["priority", "table"] }),
    (r) => `${r.priority} ${r.from} ${r.mark}`,
  ),
  qdiscs: some(
    fc.oneof(
      fc.record({
        link: pick("a0", "a1"),
        kind: fc.constant("tbf" as const),
        options: pick(
          { rateBytesPerSecond: 125_000, burstBytes: 5_000, latencyMs: 50 },
          { rateBytesPerSecond: 1_250_000_000, burstBytes: 1_000_000, limitBytes: 2_000_000 },
        ),
      }),
      fc.record({
        link: pick("a0", "a1"),
        kind: fc.constant("pfifo" as const),
        options: fc.record({ limitPackets: pick(10, 20) }),
      }),
      fc.record({
        link: pick("a0", "a1"),
        kind: fc.constant("htb" as const),
        handle: fc.constant("1:"),
        options: fc.record({ defaultClass: pick(16, 17) }),
      }),
    ),
    (q) => q.link,
  ),
  fdb,
  gateways,
  classes,
  filters,
}).map(({ gateways, routes, ...state }) => whole({ ...state, routes: [...routes, ...gateways] }));

/** Routes and rules that someone adds beside those of the same key. */
export const doubles: fc.Arbitrary<(nl: RouteConnection) => Promise<void>> = fc.array(
  fc.oneof(
    fc.record({
      destination: pick("10.8.0.0/16", "10.9.0.0/16", "10.11.0.0/16"),
      table: pick(254, 77),
      priority: pick(0, 10),
      link: pick("a1", "b1", "b2"),
    }),
    fc.record({
      destination: pick("10.12.0.0/16", "10.13.0.0/16"),
      gateway: pick("10.20.0.2", "10.20.0.3", "10.20.0.4"),
    }),
    fc.record({ destination: pick("10.8.0.0/16"), type: pick("unreachable", "prohibit") }),
    fc.record({ priority: pick(100, 101), table: pick(77, 78, 79) }),
  ),
  { maxLength: 6 },
).map((items) => async (nl) => {
  for (const item of items) {
    const added = "destination" in item ? nl.routes.append(item as NewRoute) : nl.rules.add(item);
    await added.catch((error) => {
      if (!error.isExists) throw error;
    });
  }
});

/** Everything that the generated configurations may hold and nothing of the lab's own. */
export const prune: Desired["prune"] = {
  links: ["br*", "vx0", "mv0"],
  addresses: ["a0", "b0"],
  neighbours: ["a1", "b1"],
  nexthops: [1, 9],
  routes: [{}, { table: 77 }, { table: 1000 }],
  rules: [100, 101],
  qdiscs: ["a0", "a1", "b2"],
  fdb: ["a2", "vx9"],
};
