import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  apply,
  type Desired,
  type DesiredRoute,
  plan,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

/**
 * A namespace with three pairs of links that are up. The last one has a bridge at one end, and
 * addresses with neighbours at the other; vx9 is a tunnel.
 */
async function lab() {
  const ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  await nl.links.set("lo", { up: true });
  for (const i of [0, 1, 2]) {
    await nl.links.add({ name: `a${i}`, kind: "veth", peer: { name: `b${i}` }, up: true });
    await nl.links.set(`b${i}`, { up: true });
  }
  await nl.links.add({ name: "sw", kind: "bridge", up: true });
  await nl.links.set("a2", { master: "sw" });
  await nl.links.add({ name: "vx9", kind: "vxlan", id: 99, up: true });
  await nl.addresses.add({ link: "b2", address: "10.20.0.1/24" });
  await nl.addresses.add({ link: "b2", address: "fd20::1/64", flags: ["nodad"] });
  return {
    nl,
    ip: (words: string) =>
      execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" }),
    bridge: (words: string) =>
      execFileSync("bridge", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" }),
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const some = <T>(item: fc.Arbitrary<T>, key: (item: T) => string, maxLength = 4) =>
  fc.uniqueArray(item, { maxLength, selector: key });

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

const classes = some(
  fc.record({
    link: pick("a0", "a1"),
    handle: pick("1:10", "1:11"),
    parent: pick("1:", "1:1"),
    kind: fc.constant("htb" as const),
    options: fc.record({
      rateBytesPerSecond: pick(125_000, 250_000),
      ceilBytesPerSecond: pick(1_250_000),
      burstBytes: pick(5_000),
      quantumBytes: pick(1500, 3000),
      priority: pick(1, 2),
    }, { requiredKeys: ["rateBytesPerSecond"] }),
  }, { requiredKeys: ["link", "handle", "kind", "options"] }),
  (c) => `${c.link} ${c.handle}`,
);

const keys = pick(
  [{ offset: 16, value: 0x0a000007, mask: 0xffffffff }],
  [{ offset: 12, value: 0x0a000000, mask: 0xff000000 }, { offset: 16, value: 7, mask: 0xff }],
);
const redirect = [
  { kind: "mirred" as const, link: "a2", mode: "redirect" as const, direction: "egress" as const },
];
const filters = some(
  fc.oneof(
    fc.record({
      link: pick("a0", "a1"),
      parent: fc.constant("1:"),
      priority: pick(1, 2),
      protocol: pick("ip", "ipv6"),
      kind: fc.constant("u32" as const),
      options: fc.record({ keys, class: pick("1:10", "1:11") }),
    }, { requiredKeys: ["link", "parent", "priority", "kind", "options"] }),
    // Not of one priority: the kernel shows those of both sides on either.
    ...(["ingress", "egress"] as const).map((parent, i) =>
      fc.record({
        link: fc.constant("b2"),
        parent: fc.constant(parent),
        priority: pick(1 + 2 * i, 2 + 2 * i),
        protocol: fc.constant("ip"),
        kind: fc.constant("u32" as const),
        options: fc.record({ keys, actions: fc.constant(redirect) }),
      })
    ),
    fc.record({
      link: fc.constant("b2"),
      parent: pick("ingress" as const, "egress" as const),
      priority: pick(1, 2, 3, 4),
      kind: fc.constant("bpf" as const),
      options: fc.record({
        bytecode: pick([[6, 0, 0, 0xffffffff]] as const, [[6, 0, 0, 0]] as const),
        directAction: fc.boolean(),
        class: pick("1:1", "1:2"),
      }, { requiredKeys: ["bytecode"] }),
    }),
  ),
  (f) => `${f.link} ${f.parent} ${f.priority}`,
);

/** Without what hangs on something that is not declared. */
function whole(state: Desired): Desired {
  const htb = new Set((state.qdiscs ?? []).filter((q) => q.kind === "htb").map((q) => q.link));
  const ids = new Set((state.nexthops ?? []).map((n) => n.id));
  const inner = (state.classes ?? []).filter((c) => htb.has(c.link));
  const hooks = new Set((state.filters ?? []).filter((f) => f.link === "b2").map((f) => f.link));
  return {
    ...state,
    // Above the leaves, where any wants it.
    classes: [
      ...[...htb].filter((link) => inner.some((c) => c.link === link && c.parent === "1:1"))
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
    // A class that a filter points to cannot be pruned.
    filters: (state.filters ?? []).filter((f) =>
      f.link === "b2" ||
      inner.some((c) => c.link === f.link && f.kind === "u32" && c.handle === f.options?.class)
    ),
    routes: (state.routes ?? []).filter((r) => r.nexthop === undefined || ids.has(r.nexthop)),
  };
}

const desired: fc.Arbitrary<Desired> = fc.record({
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

/** Everything that the generated configurations may hold and nothing of the lab's own. */
const prune: Desired["prune"] = {
  links: ["br*", "vx0", "mv0"],
  addresses: ["a0", "b0"],
  neighbours: ["a1", "b1"],
  nexthops: [1, 9],
  routes: [{}, { table: 77 }, { table: 1000 }],
  rules: [100, 101],
  qdiscs: ["a0", "a1", "b2"],
  fdb: ["a2", "vx9"],
};

/** What nobody declares, which no plan may touch. */
async function strangers(nl: RouteConnection) {
  await nl.links.add({ name: "other", kind: "bridge", up: true, alias: "mine" });
  await nl.addresses.add({ link: "other", address: "10.0.9.1/24" });
  await nl.addresses.add({ link: "a0", address: "10.0.0.99/24" });
  await nl.addresses.add({ link: "b1", address: "fd09::1/64", flags: ["nodad"] });
  await nl.neighbours.add({ link: "a1", address: "10.3.0.99", mac: "02:00:00:00:00:99" });
  await nl.nexthops.add({ id: 99, link: "b0" });
  await nl.routes.add({ destination: "10.99.0.0/16", link: "a0", table: 99 });
  await nl.routes.add({ destination: "10.98.0.0/16", gateway: "10.0.9.2", mtu: 1234, table: 98 });
  await nl.rules.add({ priority: 99, table: 99 });
  await nl.qdiscs.add({ link: "b0", kind: "pfifo", options: { limitPackets: 99 } });
  await nl.qdiscs.add({ link: "b1", kind: "htb", handle: "9:" });
  await nl.classes.add({
    link: "b1",
    handle: "9:9",
    kind: "htb",
    options: { rateBytesPerSecond: 99_000 },
  });
  await nl.qdiscs.add({ link: "b2", kind: "clsact" });
  const options = { keys: [{ offset: 16, value: 99, mask: 255 }], class: "9:9" };
  for (const [link, parent] of [["b1", "9:"], ["b2", "ingress"]]) {
    await nl.filters.add({ link, parent, priority: 99, protocol: "ip", kind: "u32", options });
  }
  await nl.fdb.add({ link: "a2", mac: "02:00:00:00:00:99" });
  await nl.fdb.add({ link: "vx9", mac: "00:00:00:00:00:00", remote: "192.0.2.99" });
  await nl.routes.add({ destination: "default", gateway: "10.20.0.9", priority: 99 });
}

/** What the strangers are. */
async function seen(nl: RouteConnection) {
  const other = await nl.links.get("other");
  const addresses = await nl.addresses.list().toArray();
  const routes = await nl.routes.list().toArray();
  const rules = await nl.rules.list({ family: 4 }).toArray();
  const qdiscs = await nl.qdiscs.list({ link: "b0" }).toArray();
  const filters: unknown[] = [];
  for (const [link, parent] of [["b1", "9:"], ["b2", "ingress"]]) {
    for await (const { priority, options } of nl.filters.list({ link, parent })) {
      if (priority === 99) filters.push([link, parent, options]);
    }
  }
  return JSON.parse(JSON.stringify({
    other: [other.mtu, other.alias, other.up],
    addresses: addresses.map((a) => `${a.link} ${a.address} ${a.label}`)
      .filter((a) => /10\.0\.9\.1|10\.0\.0\.99|fd09::1/.test(a)).sort(),
    neighbour: (await nl.neighbours.get({ link: "a1", address: "10.3.0.99" })).toJSON(),
    nexthop: await nl.nexthops.get(99),
    routes: routes.filter((r) => r.table === 99 || r.table === 98 || r.priority === 99),
    rules: rules.filter((r) => r.priority === 99),
    qdiscs: qdiscs.map((q) => [q.kind, q.options]),
    classes: (await nl.classes.list({ link: "b1" }).toArray()).map((c) => [c.handle, c.options]),
    filters,
    fdb: (await nl.fdb.list().toArray())
      .filter((e) => e.mac === "02:00:00:00:00:99" || e.remote === "192.0.2.99")
      .map((e) => `${e.mac} ${e.remote} ${e.lifetime}`).sort(),
  }));
}

describe("plan and apply", { skip }, () => {
  it(
    "lead from any state to any other, and then there is nothing to do",
    { timeout: 120_000 },
    async () => {
      await using t = await lab();
      await fc.assert(
        fc.asyncProperty(desired, async (state) => {
          const wanted = { ...state, prune };
          const first = await plan(t.nl, wanted);
          await apply(t.nl, first);
          const rest = await plan(t.nl, wanted);
          assert.equal(String(rest), "", `after\n${first}`);
        }),
        { numRuns: 40, endOnFailure: true },
      );
    },
  );

  it("never touch what is not declared", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await strangers(t.nl);
    const before = await seen(t.nl);
    let last: Desired = {};
    await fc.assert(
      fc.asyncProperty(desired, async (state) => {
        // Prunes nothing, and takes back what it declared the last time by name.
        const gone = Object.fromEntries(
          (last.links ?? []).filter((l) => l.name !== "other").map((l) => [l.name, true]),
        );
        const wanted = {
          ...state,
          prune: { links: Object.keys(gone), rules: [100, 101] as const },
        };
        const changes = await plan(t.nl, wanted);
        await apply(t.nl, changes);
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
        assert.deepEqual(await seen(t.nl), before, `after\n${changes}`);
        last = state;
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it("finish what an interrupted apply left", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(desired, fc.nat(30), async (state, steps) => {
        const wanted = { ...state, prune };
        const abort = new AbortController();
        let left = steps;
        const signal = abort.signal;
        // Every request looks at the signal first: that is where the interruption strikes.
        const counting = new Proxy(signal, {
          get(target, name) {
            if (name === "throwIfAborted" && left-- <= 0) abort.abort(new Error("interrupted"));
            const value = Reflect.get(target, name);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
        const changes = await plan(t.nl, wanted);
        await apply(t.nl, changes, { signal: counting }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });

  it("notice drift of every attribute that they manage", async () => {
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

  it("move classes with the filters that point to them, and delete them from the leaves up", async () => {
    await using t = await lab();
    const shape = { kind: "htb" as const, options: { rateBytesPerSecond: 125_000 } };
    const base: Desired = {
      qdiscs: [{ link: "a0", kind: "htb", handle: "1:" }],
      filters: [{
        link: "a0",
        parent: "1:",
        priority: 1,
        protocol: "ip",
        kind: "u32",
        options: { keys: [{ offset: 16, value: 7, mask: 255 }], class: "1:2" },
      }],
      prune: { qdiscs: ["a0"] },
    };
    // A class may have a smaller handle than those above it.
    const tree = [["1:2", "1:9"], ["1:9", "1:5"], ["1:5", "1:"]];
    const moved = [["1:2", "1:7"], ["1:7", "1:"]];
    for (const shown of [tree, moved, tree, []]) {
      const classes = shown.map(([handle, parent]) => ({ link: "a0", handle, parent, ...shape }));
      const wanted = { ...base, classes, ...shown.length === 0 ? { filters: [] } : {} };
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "", String(shown));
      const is = await t.nl.classes.list({ link: "a0" }).toArray();
      assert.deepEqual(
        is.map((c) => `${c.handle} ${c.parent === "root" ? "1:" : c.parent}`).sort(),
        shown.map((pair) => pair.join(" ")).sort(),
      );
    }
  });

  it("know that a tunnel floods to several remotes and sends to one", async () => {
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
  });

  it("refuse what makes no sense before anything is changed", async () => {
    await using t = await lab();
    const u32 = { link: "b2", priority: 1, protocol: "ip", kind: "u32" as const };
    await assert.rejects(
      plan(t.nl, { filters: [{ ...u32, parent: "ingress" }, { ...u32, parent: "egress" }] }),
      /Cannot use priority: must be different for u32 filters/,
    );
    const refused = (desired: Desired, message: RegExp) =>
      assert.rejects(plan(t.nl, desired), { name: /TypeError|RangeError/, message });
    await refused({ links: [{ name: "nope", up: true }] }, /no kind says how to make it/);
    await refused({ addresses: [{ link: "a0", address: "10.0.0.1/33" }] }, /prefix length/);
    await refused(
      { rules: [{ priority: 1, table: 1 }, { priority: 1, table: 2 }] },
      /rule 1 IPv4 is declared twice/,
    );
    await t.nl.links.add({ name: "mv0", kind: "macvlan", link: "a0" });
    await refused({ prune: { links: ["a0"] } }, /take link (b0|mv0) along, which is not declared/);
  });
});
