import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";

const skip = need("net-admin");

const tunnel = { type: "ip", source: "10.0.0.1", destination: "10.0.0.2", id: 7, ttl: 3, tos: 1 };

/** Something at each position that a declaration has, as JSON would say it. */
const everything = {
  links: [
    {
      ...{ name: "br0", kind: "bridge", mtu: 1400, address: "02:00:00:00:00:01", up: true },
      ...{ master: null, alias: "x", txQueueLength: 5, promiscuous: true, allMulticast: true },
      ...{ arp: false, group: 3, altNames: ["other"], stp: true, ageingTime: 1000, priority: 5 },
      ...{ vlanProtocol: "8021ad", groupAddress: "01:80:c2:00:00:00" },
    },
    {
      ...{ name: "p0", kind: "veth", master: "br0", bridgePort: { cost: 5, guard: true } },
      peer: {
        ...{ name: "p1", mtu: 1400, address: "02:00:00:00:00:02", txQueueLength: 5, group: 3 },
        ...{ promiscuous: true, allMulticast: true, arp: true },
      },
    },
    {
      ...{ name: "vx0", kind: "vxlan", id: 7, link: "a0", remote: "fd00::1", dontFragment: "set" },
      ...{ sourcePorts: [1000, 2000], external: false },
    },
    { name: "bo0", kind: "bond", mode: "active-backup", arpTargets: ["10.0.0.1"], primary: "a0" },
    { name: "iv0", kind: "ipvlan", link: "a0", mode: "l2", isolation: "private" },
    { name: "gr0", kind: "gre", inputKey: 7, checksum: true, encapsulation: "fou" },
    { name: "a1", up: true, master: "bo0", bondPort: { queueId: 1 } },
  ],
  bridgeVlans: [
    { link: "p0", vlan: 5, end: 9, untagged: true },
    { link: "br0", vlan: 1, pvid: true },
  ],
  addresses: [{
    ...{ link: "a0", address: "10.0.0.1/24", peer: "10.0.0.2", broadcast: "10.0.0.255" },
    ...{ label: "a0:1", scope: "link", validLifetime: 60, preferredLifetime: 50, metric: 5 },
    flags: ["noprefixroute"],
  }],
  neighbours: [{
    ...{ link: "a0", address: "10.0.0.7", proxy: false, mac: "02:00:00:00:00:07" },
    ...{ state: "permanent", router: true, externallyLearned: true, protocol: "static" },
  }],
  fdb: [
    {
      ...{ link: "vx0", mac: "02:00:00:00:00:07", table: "self", remote: "fd00::7" },
      ...{ port: 5, vni: 6, sourceVni: 7, via: "a0", lifetime: "static", sticky: true },
      ...{ externallyLearned: true },
    },
    { link: "vx0", mac: "02:00:00:00:00:08", nexthop: 6 },
    { link: "p0", mac: "02:00:00:00:00:08", vlan: 5 },
  ],
  nexthops: [
    {
      ...{ id: 1, link: "a0", gateway: "10.0.0.7", family: 4, blackhole: false, onlink: true },
      ...{ encapsulation: tunnel, fdb: false, protocol: "static" },
    },
    {
      ...{ id: 2, group: [{ id: 1, weight: 3 }] },
      resilient: { buckets: 8, idleTimeout: 100, unbalancedTimeout: 100 },
    },
    { id: 5, gateway: "10.0.0.7", fdb: true },
    { id: 6, group: [{ id: 5 }], fdb: true },
  ],
  routes: [
    {
      ...{ destination: "10.9.0.0/16", family: 4, gateway: "10.0.0.7", link: "a0", table: 77 },
      ...{ priority: 5, source: "10.0.0.1", type: "unicast", scope: "global", protocol: "boot" },
      ...{ tos: 4, mtu: 1300, onlink: true, encapsulation: tunnel, realms: 5 },
      metrics: { window: 5, rtt: 5, hopLimit: 9, quickAck: true, congestionControl: "reno" },
    },
    { destination: "fd09::/32", from: "fd01::/64", preference: "high", expires: 9, link: "a0" },
    { destination: "10.11.0.0/16", nexthop: 1 },
    {
      destination: "10.10.0.0/16",
      nexthops: [
        { gateway: "10.0.0.7", link: "a0", weight: 3, onlink: true, encapsulation: tunnel },
        { link: "a0", encapsulation: { type: "mpls", labels: [5, 6], ttl: 3 } },
        { link: "a0", encapsulation: { type: "seg6", mode: "encap", segments: ["fd00::1"] } },
      ],
    },
  ],
  rules: [
    {
      ...{ family: 4, priority: 100, action: "lookup", table: 77, from: "10.1.0.0/16", mark: 5 },
      ...{ to: "10.2.0.0/16", not: true, incoming: "a0", outgoing: "a1", markMask: 7, tos: 4 },
      ...{ users: [5, 6], ipProtocol: 6, tunnelId: 5, sourcePorts: [5, 6], l3mdev: false },
      ...{ destinationPorts: [5, 6], suppressPrefixLength: 5, suppressGroup: 5, realms: 5 },
      protocol: "static",
    },
    {
      ...{ family: 6, priority: 100, dscp: 5, dscpMask: 7, flowLabel: 5, sourcePorts: [5, 5] },
      ...{ sourcePortMask: 7, destinationPorts: [5, 5], destinationPortMask: 7 },
    },
    { priority: 101, action: "goto", goto: 200 },
  ],
  qdiscs: [
    { link: "a0", parent: "root", handle: "1:", kind: "htb", options: { defaultClass: 5 } },
    {
      ...{ link: "b0", kind: "tbf" },
      options: {
        ...{ rateBytesPerSecond: 125_000, burstBytes: 5000, latencyMs: 50 },
        ...{ peakRateBytesPerSecond: 250_000, peakBurstBytes: 2000 },
      },
    },
    {
      ...{ link: "b1", kind: "netem" },
      options: { delayMs: 5, jitterMs: 1, lossPercent: 5, limitPackets: 9, ecn: true },
    },
    { link: "a1", kind: "fq_codel", options: { ecn: true, targetMs: 5, flows: 16 } },
    { link: "b2", kind: "prio", options: { bands: 3, priorityMap: Array(16).fill(1) } },
    { link: "a2", kind: "fq", options: { buckets: 16, pacing: true, timerSlackNs: 5 } },
    { link: "vx9", kind: "sfq", options: { perturbSeconds: 5 } },
    { link: "a0", kind: "clsact" },
  ],
  classes: [{
    ...{ link: "a0", handle: "1:10", parent: "1:", kind: "htb" },
    options: {
      ...{ rateBytesPerSecond: 125_000, ceilBytesPerSecond: 125_000, burstBytes: 5000 },
      ...{ ceilBurstBytes: 5000, quantumBytes: 1500, priority: 1 },
    },
  }],
  filters: [
    {
      ...{ link: "a0", parent: "1:", priority: 1, protocol: "ip", chain: 3, kind: "u32" },
      options: { class: "1:10", keys: [{ offset: 16, value: 7, mask: 255 }] },
    },
    {
      ...{ link: "a0", parent: "ingress", priority: 1, kind: "bpf" },
      options: { bytecode: [[6, 0, 0, 0]], directAction: true },
    },
    {
      ...{ link: "a0", parent: "1:", priority: 2, protocol: "ip", kind: "u32", handle: "2:" },
      options: { divisor: 4 },
    },
    {
      ...{ link: "a0", parent: "1:", priority: 2, protocol: "ip", kind: "u32", handle: "2:1:1" },
      options: {
        ...{ table: "2:1:", nextTable: "2:", hashKey: { offset: 4, mask: 7 } },
        advance: { bytes: 4, eat: true },
      },
    },
    { link: "a0", parent: "egress", priority: 1, kind: "bpf", options: { fd: 5, name: "x" } },
    {
      ...{ link: "a0", parent: "ingress", priority: 2, protocol: "ip", kind: "flower" },
      options: {
        ...{ incoming: "a0", sourceMac: "02:00:00:00:00:07", ipProtocol: 6, vlan: 5 },
        ...{ source: "10.0.0.0/8", sourcePort: 5, tos: 4, ttl: 5, tunnelKey: 5 },
      },
    },
    {
      ...{ link: "a0", parent: "ingress", priority: 3, kind: "matchall" },
      options: {
        actions: [
          { kind: "gact", verdict: "drop" },
          { kind: "mirred", link: "a1", mode: "redirect", direction: "egress" },
          {
            ...{ kind: "police", rateBytesPerSecond: 125_000, burstBytes: 5000 },
            ...{ mtuBytes: 2000, exceed: "drop" },
          },
          { kind: "skbedit", mark: 5, priority: 5, queue: 5 },
          { kind: "vlan", mode: "push", id: 5, protocol: "8021q" },
        ],
      },
    },
  ],
  prune: {
    ...{
      links: ["br*"],
      bridgeVlans: ["p0"],
      addresses: ["a0"],
      neighbours: ["a0"],
      fdb: ["a2"],
      qdiscs: ["a0"],
    },
    ...{ nexthops: [1, 9], rules: [100, 101] },
    routes: [{ table: 77, family: 4, link: "a0", protocol: "static" }],
  },
};

// deno-lint-ignore no-explicit-any -- of any type, which is the point
type Json = any;

/** All paths to values inside a value. */
function* positions(value: Json, path: readonly (string | number)[] = []): Generator<
  readonly (string | number)[]
> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    yield* positions(value[key], [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

const written = (path: readonly (string | number)[]) =>
  path.map((key, i) => typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${key}`).join("");

/** A copy with another value at a path. */
function changed(value: Json, [key, ...rest]: readonly (string | number)[], other: Json): Json {
  if (key === undefined) return other;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[key] = changed(value[key], rest, other);
  return copy;
}

const at = (path: readonly (string | number)[]) =>
  path.reduce((value: Json, key) => value[key], everything);

const type = (value: Json) =>
  value === null ? "null" : Array.isArray(value) ? "list" : typeof value;

describe("a declaration", { skip }, () => {
  it("with a value of another type anywhere is refused, with the path to it and the value", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    const why = await plan(t.nl, everything as unknown as Desired).then(() => "", String);
    assert.ok(why === "" || why.includes("needs VLAN filtering, which this kernel lacks"), why);
    const others = [null, true, 5, 1.5, "nonsense of a value", [], ["x"], [[]], {}, { x: 1 }];
    const bad: string[] = [];
    let count = 0;
    for (const path of positions(everything)) {
      const was = at(path), name = written(path);
      for (const other of others) {
        if (type(other) === type(was)) continue;
        // These take a number as well, or nothing.
        if (/\.(scope|protocol)$/.test(name) && other === 5 && !/actions/.test(name)) continue;
        if (/^links.*master$/.test(name) && other === null) continue;
        const wrong = changed(everything, path, other);
        const shown = JSON.stringify(other);
        const error = await plan(t.nl, wrong).then(() => undefined, (error: Error) => error);
        const good = error && ["TypeError", "RangeError"].includes(error.name) &&
          error.message.startsWith(`Cannot use ${name || "the declaration"}: `) &&
          error.message.endsWith(`current value is ${shown}`);
        if (!good) bad.push(`${name} = ${shown}: ${error}`);
        count++;
      }
    }
    assert.deepEqual(bad, []);
    assert.ok(count > 2000, String(count));
  });

  it("with an unknown property is refused, with the path to it", { timeout: 300_000 }, async () => {
    await using t = await lab();
    const bad: string[] = [];
    for (const path of positions(everything)) {
      if (type(at(path)) !== "object") continue;
      const name = written([...path, "nonesuch"]);
      const wrong = changed(everything, [...path, "nonesuch"], 5);
      const error = await plan(t.nl, wrong).then(() => undefined, (error: Error) => error);
      const good = error?.name === "TypeError" &&
        error.message.startsWith(`Cannot use ${name}: `) &&
        error.message.endsWith("current value is 5");
      if (!good) bad.push(`${name}: ${error}`);
    }
    assert.deepEqual(bad, []);
  });

  it("with names of what every object has means those, and nothing of the object", async () => {
    await using t = await lab();
    const refused = (json: string, message: RegExp) =>
      assert.rejects(plan(t.nl, JSON.parse(json)), message);
    await refused('{"__proto__":{"links":[]}}', /^TypeError: Cannot use __proto__: must be one of/);
    await refused(
      '{"links":[{"name":"x","kind":"bridge","__proto__":{"mtu":5}}]}',
      /^TypeError: Cannot use links\[0\]\.__proto__: must be an option of bridge/,
    );
    await refused(
      '{"links":[{"name":"x","kind":"vxlan","id":5,"dontFragment":"constructor"}]}',
      /^TypeError: Cannot use links\[0\]\.dontFragment: must be one of unset, set, inherit/,
    );
    const kind = { name: "x", kind: "constructor", link: "a0", mtu: 1400 };
    assert.equal(
      (await plan(t.nl, { links: [{ name: "x", kind: "constructor" }] })).changes.length,
      1,
    );
    await assert.rejects(
      plan(t.nl, { links: [kind as never] }),
      /links\[0\]\.link: must be an option/,
    );
    for (const name of ["__proto__", "constructor"]) {
      const wanted: Desired = {
        links: [{ name, kind: "bridge", mtu: 1400 }],
        addresses: [{ link: name, address: "10.7.0.1/24" }],
        qdiscs: [{ link: name, kind: "pfifo" }],
      };
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "");
      t.ip(`link del ${name}`);
    }
  });

  it("refuses what is there and can be nothing else, or hangs on nothing", async () => {
    await using t = await lab();
    const refused: [unknown, string][] = [
      [
        { links: [{ name: "lo", kind: "bridge" }] },
        "plan link lo: it is of no kind, and cannot be made one of kind bridge",
      ],
      [
        { qdiscs: [{ link: "a0", kind: "pfifo", parent: "1:1" }] },
        "plan qdisc a0 1:1: queueing discipline 1: is neither declared nor there",
      ],
      [
        {
          fdb: [{
            ...{ link: "a2", mac: "02:00:00:00:00:11" },
            ...{ sticky: true, externallyLearned: true },
          }],
        },
        "use fdb[0].sticky: must be absent, of what a bridge learned externally, current value is true",
      ],
      [
        {
          nexthops: [{ id: 1, link: "b2", gateway: "10.20.0.2" }],
          routes: [{ destination: "10.9.0.0/16", nexthop: 1, scope: "host" }],
        },
        "plan route 10.9.0.0/16 table 254 priority 0: nexthop 1 leads to gateways, or to several, " +
        "which scope host does not",
      ],
      [
        { prune: { rules: [1.5, 5] } },
        "use prune.rules[0]: must be an integer, current value is 1.5",
      ],
    ];
    for (const [wanted, message] of refused) {
      await assert.rejects(plan(t.nl, wanted as Desired), {
        name: "TypeError",
        message: `Cannot ${message}`,
      });
    }
  });
});
