import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { FakeKernel, int32, message } from "./fake_kernel.ts";

// deno-lint-ignore no-explicit-any -- of any type, which is the point
type Any = any;

const MAC = "02:00:00:00:00:01";
const network = { destination: "10.0.0.0/8" }, class1 = { link: 1, handle: "1:1" };
const at = { link: 1, parent: "1:" }, link = { name: "x", index: 9 };
const outer = { source: "10.0.0.1", destination: "10.0.0.2", id: 5, ttl: 5, tos: 4 };
const action = (value: object) => ({ ...at, kind: "matchall", options: { actions: [value] } });

/** What is right, of which one value after the other is made wrong. */
const right: [method: string, settings: Any][] = [
  ["links.add", {
    ...{ ...link, kind: "bridge", mtu: 1500, address: MAC, up: true, alias: "a", txQueueLength: 5 },
    ...{ promiscuous: true, allMulticast: true, arp: true, group: 1, txQueues: 1, rxQueues: 1 },
    ...{ stp: true, forwardDelay: 15, vlanProtocol: "8021q", groupAddress: MAC, data: { 1: "00" } },
    ...{ multicastLastMemberInterval: 50, linkLocalLearning: true },
  }],
  ["links.add", {
    ...{ ...link, kind: "veth", broadcast: MAC, multicast: true, gsoMaxSize: 5, gsoMaxSegs: 5 },
    ...{ gsoIpv4MaxSize: 5, groMaxSize: 5, groIpv4MaxSize: 5, addressGeneration: "none" },
    peer: { name: "y", mtu: 1500, address: MAC, arp: true, gsoMaxSize: 5, broadcast: MAC },
  }],
  ["links.add", {
    ...link,
    kind: "ifb",
    bridgePort: { cost: 5, hairpin: true, state: "blocking" },
  }],
  ["links.add", { ...link, kind: "ifb", bondPort: { queueId: 5, priority: 5 } }],
  ["links.add", {
    ...{
      ...link,
      kind: "vxlan",
      id: 5,
      link: 1,
      local: "10.0.0.1",
      remote: "10.0.0.2",
      port: 4789,
    },
    ...{ tos: 1, learning: true, ageing: 3, sourcePorts: [1, 2], groupPolicy: true, flowLabel: 4 },
    ...{ dontFragment: "set", external: true },
  }],
  ["links.add", {
    ...{ ...link, kind: "gre", local: "10.0.0.1", remote: "10.0.0.2", link: 1, ttl: 4, mark: 3 },
    ...{ inputKey: 3, checksum: true, encapsulation: "fou", encapsulationPort: 3 },
  }],
  ["links.add", { ...link, kind: "vlan", link: 1, id: 5, protocol: "8021ad", gvrp: true }],
  ["links.add", { ...link, kind: "macvlan", link: 1, mode: "source", sources: [MAC] }],
  ["links.add", { ...link, kind: "ipvlan", link: 1, mode: "l3" }],
  ["links.add", { ...link, kind: "netkit", mode: "l2", policy: "blackhole", scrub: "none" }],
  ["links.add", { ...link, kind: "bond", mode: "802.3ad", arpTargets: ["10.0.0.1"], minLinks: 4 }],
  ["links.add", { ...link, kind: "geneve", id: 5, remote: "10.0.0.1", dontFragment: "set" }],
  ["links.add", { ...link, kind: "vrf", table: 5 }],
  ["links.list", { kind: "x", master: 1, signal: new AbortController().signal, whole: true }],
  ["addresses.add", {
    ...{ link: 1, address: "10.0.0.1/24", peer: "10.0.0.2", broadcast: "10.0.0.255", label: "l" },
    ...{ scope: "link", validLifetime: 50, preferredLifetime: 40, metric: 5, flags: ["nodad"] },
    ...{ replace: true, protocol: 5 },
  }],
  ["addresses.delete", { link: 1, address: "10.0.0.1/24", peer: "10.0.0.2" }],
  ["addresses.list", { link: 1, family: 4 }],
  ["addresses.flush", { link: 1, family: 4, scope: "link" }],
  ["routes.add", {
    ...{ ...network, family: 4, gateway: "10.0.0.1", link: 1, table: 5, priority: 4, mtu: 1500 },
    ...{ source: "10.0.0.2", type: "unicast", scope: "link", protocol: "boot", tos: 4 },
    ...{ onlink: true, realms: 5, replace: true },
    metrics: {
      ...{ window: 5, rtt: 5, quickAck: true, congestionControl: "reno", features: ["ecn"] },
      ...{ lock: ["mtu"] },
    },
    encapsulation: { type: "ip", ...outer, key: true, checksum: true, sequence: true },
  }],
  ["routes.replace", { destination: "fd00::/8", from: "fd01::/16", preference: "low", expires: 5 }],
  ["routes.append", {
    ...network,
    nexthops: [{
      ...{ gateway: "10.0.0.1", link: 1, weight: 3, onlink: true },
      encapsulation: { type: "mpls", labels: [5], ttl: 4 },
    }],
  }],
  ["routes.prepend", { ...network, nexthop: 5 }],
  ["routes.add", { ...network, encapsulation: { type: "seg6", mode: "encap", segments: ["::1"] } }],
  ["routes.delete", { ...network, family: 4, gateway: "10.0.0.1", link: 1, table: 5, tos: 4 }],
  ["routes.list", { family: 4, table: 4, link: 1, type: "unicast", protocol: "boot" }],
  ["routes.flush", { family: 4, table: 4, link: 1, type: "unicast", protocol: "boot" }],
  ["routes.flush", { within: "10.0.0.0/8", gateway: "10.0.0.1", scope: "link", whole: true }],
  ["nexthops.flush", { link: 1, master: 1, groups: true, fdb: true, protocol: "bgp" }],
  ["nexthops.buckets", { group: 5, nexthop: 4, link: 1, master: 1, whole: true }],
  ["nexthops.add", { id: 5, link: 1, gateway: "10.0.0.1", family: 4, onlink: true, fdb: true }],
  ["nexthops.add", { id: 5, blackhole: true, protocol: "boot" }],
  ["nexthops.replace", { id: 5, group: [{ id: 5, weight: 4 }], resilient: { buckets: 5 } }],
  ["nexthops.list", { link: 1, master: 1, groups: true, fdb: true }],
  ["rules.add", {
    ...{ family: 4, priority: 4, action: "lookup", table: 4, from: "10.0.0.0/8", to: "10.0.0.0/8" },
    ...{ not: true, incoming: "lo", outgoing: "lo", mark: 4, markMask: 5, tos: 4, users: [1, 2] },
    ...{ ipProtocol: 6, sourcePorts: [4, 5], tunnelId: 4, suppressPrefixLength: 4, realms: 4 },
    ...{ l3mdev: true, protocol: "boot", suppressGroup: 4, dscpMask: 4, sourcePortMask: 5 },
  }],
  ["rules.append", { family: 6, flowLabel: 4, dscp: 4 }],
  ["rules.add", { goto: 4 }],
  ["rules.list", { family: 4 }],
  ["rules.flush", { family: 4, priority: 4, table: 4, not: true, users: [1, 2], mark: 4 }],
  ["neighbours.add", {
    ...{ link: 1, address: "10.0.0.1", proxy: true, mac: MAC, state: "reachable", router: true },
    ...{ externallyLearned: true, protocol: "boot" },
  }],
  ["neighbours.add", { link: 1, address: "10.0.0.1", managed: true }],
  ["neighbours.delete", { link: 1, address: "10.0.0.1", proxy: true }],
  ["neighbours.list", { link: 1, master: 1, family: 4, proxy: true }],
  ["neighbours.flush", { link: 1, family: 4, permanent: true }],
  ["fdb.add", {
    ...{ link: 1, mac: MAC, table: "self", vlan: 4, remote: "10.0.0.1", port: 5, vni: 4 },
    ...{ sourceVni: 4, via: 1, lifetime: "static", sticky: true, externallyLearned: true },
    router: true,
  }],
  ["fdb.get", { link: 1, mac: MAC, table: "self", vlan: 4, sourceVni: 4 }],
  ["fdb.flush", { link: 1, bridge: 1, vlan: 4, lifetime: "static", permanent: true, whole: true }],
  ["fdb.replace", { link: 1, mac: MAC, nexthop: 4 }],
  ["fdb.list", { link: 1, bridge: 1 }],
  ["bridgeVlans.add", { link: 1, vlan: 4, end: 6, self: true, untagged: true }],
  ["bridgeVlans.delete", { link: 1, vlan: 4, pvid: true }],
  ["qdiscs.add", { link: 1, parent: "root", handle: "1:", kind: "htb", data: { 9: "00000000" } }],
  ["qdiscs.replace", { link: 1, kind: "htb", options: { defaultClass: 4, rateToQuantum: 4 } }],
  ["qdiscs.change", {
    ...{ link: 1, kind: "netem" },
    options: {
      ...{ delayMs: 1, jitterMs: 1, limitPackets: 5, lossPercent: 3, reorderPercent: 3 },
      ...{ gapPackets: 4, distribution: [1, 2], slot: { minDelayMs: 1, maxDelayMs: 2 }, ecn: true },
    },
  }],
  ["qdiscs.delete", { link: 1, parent: "root", handle: "1:" }],
  ["qdiscs.list", { link: 1 }],
  ["classes.add", {
    ...{ ...class1, parent: "1:", kind: "htb" },
    options: {
      ...{ rateBytesPerSecond: 1e5, ceilBytesPerSecond: 1e5, burstBytes: 2000 },
      ...{ ceilBurstBytes: 2000, quantumBytes: 2000, priority: 4 },
    },
  }],
  ["classes.delete", class1],
  ["classes.list", { link: 1, parent: "1:" }],
  ["filters.add", {
    ...{ ...at, priority: 4, protocol: "ip", chain: 4, kind: "u32", handle: "800::800" },
    options: {
      class: "1:1",
      keys: [{ offset: 4, value: 4, mask: 4, nextHeader: true }],
      mark: { value: 4, mask: 4 },
    },
  }],
  ["filters.add", {
    ...{ ...at, kind: "flower", protocol: "ip" },
    options: {
      ...{ source: "10.0.0.0/8", ipProtocol: 6, sourcePort: 4, skipHardware: true, tos: 4 },
      ...{ sourceMac: MAC, incoming: "lo" },
    },
  }],
  ["filters.add", { ...at, kind: "fw", options: { class: "1:1", mask: 5, incoming: "lo" } }],
  ["filters.add", { ...at, kind: "bpf", options: { fd: 4, name: "x", directAction: true } }],
  ["filters.replace", action({ kind: "gact", verdict: "drop" })],
  ["filters.add", action({ kind: "mirred", link: 1, mode: "mirror", direction: "egress" })],
  [
    "filters.add",
    action({
      ...{ kind: "police", rateBytesPerSecond: 5000, burstBytes: 5000, mtuBytes: 1500 },
      ...{ exceed: "drop", conform: "ok" },
    }),
  ],
  ["filters.add", action({ kind: "skbedit", mark: 4, markMask: 4, queue: 4, verdict: "pipe" })],
  ["filters.add", action({ kind: "vlan", mode: "push", id: 4, protocol: "8021q", priority: 4 })],
  ["filters.delete", { ...at, priority: 4, protocol: "ip", chain: 4, kind: "u32", handle: 1 }],
  ["filters.list", { ...at, chain: 4 }],
];

const wrong: Record<string, unknown[]> = {
  number: [null, true, NaN, -Infinity, "a b", {}, []],
  string: [null, true, NaN, -1, {}, [], "a\0b", "\ud800"],
  boolean: [null, 0, 1, "false", {}],
  object: [null, true, 5, "x"],
};

function* places(value: Any, path: string[] = []): Generator<string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value instanceof AbortSignal) return;
  for (const name of Object.keys(value)) yield* places(value[name], [...path, name]);
}

const copy = (value: Any): Any =>
  Array.isArray(value)
    ? value.map(copy)
    : Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copy(each)]))
    : value;

/** A copy with another value at one place, and what was there. */
function changed(value: Any, path: string[], to: unknown) {
  const all = copy(value), inner = path.slice(0, -1).reduce((from, name) => from[name], all);
  const name = path.at(-1)!, before = inner[name];
  inner[name] = to;
  return { all, before };
}

describe("a value of another type is refused before anything is sent, and named", () => {
  for (const [method, settings] of right) {
    it(`by ${method} of ${Object.keys(settings)}`, async () => {
      const kernel = new FakeKernel();
      const done = (to: { bytes: Uint8Array }) => [...int32(0), ...to.bytes.slice(0, 16)];
      const DUMP = 0x300;
      kernel.answer = (to) =>
        kernel.queue(
          (to.flags & DUMP) === DUMP ? message(3, to, int32(0), 2) : message(2, to, done(to)),
        );
      await using nl: Any = await RouteConnection.open({ adapter: kernel });
      const [object, verb] = method.split(".");
      const call = async (value: Any) => {
        const answer = nl[object][verb](value);
        await ("toArray" in answer ? answer.toArray() : answer);
      };
      await call(settings);
      for (const path of places(settings)) {
        const { before } = changed(settings, path, undefined);
        // To have none, of which there is one at most.
        const none = ["master"];
        // Attributes by number, which are what the caller makes them.
        if (path.includes("data") && path.length > 1) continue;
        for (const value of wrong[typeof before]) {
          if (value === null && none.includes(path[0])) continue;
          const what = `${path.join(".")} of ${String(JSON.stringify(value))}`;
          kernel.sent.length = 0;
          await assert.rejects(call(changed(settings, path, value).all), (error: Error) => {
            assert.ok(
              error instanceof TypeError || error instanceof RangeError,
              `${what}: ${error}`,
            );
            assert.match(error.message, /^Cannot use .* current value is /s, what);
            const name = path.findLast((each) => Number.isNaN(Number(each)))!;
            assert.ok(error.message.split(":")[0].includes(name), `${what}: ${error.message}`);
            return true;
          }, what);
          assert.equal(kernel.sent.length, 0, what);
        }
      }
    });
  }
});
