import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import type { NewFilter, NewLink, NewQdisc } from "../../src/netlink/mod.ts";
import { linkCodec } from "../../src/netlink/route/link.ts";
import { tcCodec } from "../../src/netlink/route/tc/tc_object.ts";
import { need, testNamespace } from "../support.ts";
import { ours, theirs } from "./wire.ts";

// deno-lint-ignore no-explicit-any -- whatever a message holds
type Json = any;

/** A message's attributes by name. */
function decoded(bytes: Uint8Array, kind: "link" | "tc"): Json {
  const codec = kind === "link" ? linkCodec : tcCodec;
  const View = codec.message(kind === "link" ? "getlink" : "getqdisc");
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return new View(new Int32Array(padded.buffer), 0).toJSON();
}

/** Whether all that we say is said by the tool, too, which may say more. */
function says(mine: Json, tool: Json, path: string): void {
  if (typeof mine !== "object" || mine === null) return assert.equal(mine, tool, path);
  assert.ok(
    typeof tool === "object" && tool !== null,
    `${path}: the tool says ${JSON.stringify(tool)}`,
  );
  for (const name of Object.keys(mine)) says(mine[name], tool[name], `${path}.${name}`);
}

const links: [words: string, link: Record<string, unknown>][] = [
  ["type dummy", { kind: "dummy" }],
  ["type wireguard", { kind: "wireguard" }],
  ["mtu 1400 txqueuelen 7 address 02:00:00:00:00:01 type dummy", {
    kind: "dummy",
    mtu: 1400,
    txQueueLength: 7,
    address: "02:00:00:00:00:01",
  }],
  ["link lo type vlan id 5 protocol 802.1ad reorder_hdr off gvrp on mvrp on loose_binding on", {
    kind: "vlan",
    link: 1,
    id: 5,
    protocol: "8021ad",
    reorderHeader: false,
    gvrp: true,
    mvrp: true,
    looseBinding: true,
  }],
  ["type vrf table 77", { kind: "vrf", table: 77 }],
  ["link lo type ipvlan mode l2 private", {
    kind: "ipvlan",
    link: 1,
    mode: "l2",
    isolation: "private",
  }],
  ["link lo type ipvtap mode l3s", { kind: "ipvtap", link: 1, mode: "l3s" }],
  [
    "type bond mode 802.3ad miimon 100 updelay 200 downdelay 300 lacp_rate fast ad_select count xmit_hash_policy layer3+4 min_links 2",
    {
      kind: "bond",
      mode: "802.3ad",
      monitorInterval: 100,
      upDelay: 200,
      downDelay: 300,
      lacpRate: "fast",
      aggregatorSelect: "count",
      hashPolicy: "layer3+4",
      minLinks: 2,
    },
  ],
  [
    "type bond mode active-backup arp_interval 100 arp_ip_target 10.0.0.1,10.0.0.2 primary_reselect better fail_over_mac follow",
    {
      kind: "bond",
      mode: "active-backup",
      arpInterval: 100,
      arpTargets: ["10.0.0.1", "10.0.0.2"],
      primaryReselect: "better",
      macPolicy: "follow",
    },
  ],
  ["type gre local 10.0.0.1 remote 10.0.0.2 ttl 9 tos 16 ikey 5 okey 6 csum seq dev lo", {
    kind: "gre",
    local: "10.0.0.1",
    remote: "10.0.0.2",
    ttl: 9,
    tos: 22,
    inputKey: 5,
    outputKey: 6,
    checksum: true,
    sequence: true,
    link: 1,
  }],
  ["type gretap external", { kind: "gretap", external: true }],
  ["type ip6gre local fd00::1 remote fd00::2 ttl 9 okey 6", {
    kind: "ip6gre",
    local: "fd00::1",
    remote: "fd00::2",
    ttl: 9,
    outputKey: 6,
  }],
  ["type ip6gretap remote fd00::2 encaplimit 3", {
    kind: "ip6gretap",
    remote: "fd00::2",
    encapsulationLimit: 3,
  }],
  ["type ipip local 10.0.0.1 remote 10.0.0.2 ttl 9 encap fou encap-dport 7777", {
    kind: "ipip",
    local: "10.0.0.1",
    remote: "10.0.0.2",
    ttl: 9,
    encapsulation: "fou",
    encapsulationPort: 7777,
  }],
  ["type sit local 10.0.0.1 remote 10.0.0.2 mode ip6ip", {
    kind: "sit",
    local: "10.0.0.1",
    remote: "10.0.0.2",
    protocol: 41,
  }],
  ["type ip6tnl local fd00::1 remote fd00::2 mode ip6ip6 hoplimit 9", {
    kind: "ip6tnl",
    local: "fd00::1",
    remote: "fd00::2",
    protocol: 41,
    ttl: 9,
  }],
  ["type vti local 10.0.0.1 remote 10.0.0.2 ikey 5 okey 6", {
    kind: "vti",
    local: "10.0.0.1",
    remote: "10.0.0.2",
    inputKey: 5,
    outputKey: 6,
  }],
  ["type vti6 local fd00::1 remote fd00::2 ikey 5 okey 6", {
    kind: "vti6",
    local: "fd00::1",
    remote: "fd00::2",
    inputKey: 5,
    outputKey: 6,
  }],
  ["type geneve id 5 remote 10.0.0.2 ttl 9 dstport 7777 udpcsum df set", {
    kind: "geneve",
    id: 5,
    remote: "10.0.0.2",
    ttl: 9,
    port: 7777,
    udpChecksum: true,
    dontFragment: "set",
  }],
  ["type geneve id 5 remote fd00::2 udp6zerocsumtx", {
    kind: "geneve",
    id: 5,
    remote: "fd00::2",
    noChecksum6Out: true,
  }],
  ["type xfrm dev lo if_id 9", { kind: "xfrm", link: 1, id: 9 }],
  ["type hsr slave1 lo slave2 lo supervision 45 version 1", {
    kind: "hsr",
    port1: 1,
    port2: 1,
    multicastByte: 45,
    version: 1,
  }],
  [
    "type vxlan id 5 local fd00::1 remote fd00::2 dev lo dstport 4789 flowlabel 7 udp6zerocsumtx udp6zerocsumrx",
    {
      kind: "vxlan",
      id: 5,
      local: "fd00::1",
      remote: "fd00::2",
      link: 1,
      noChecksum6Out: true,
      noChecksum6In: true,
    },
  ],
];

const qdiscs: [words: string, qdisc: Record<string, unknown>][] = [
  [
    "fq_codel limit 1000 flows 512 target 5ms interval 100ms quantum 1514 ce_threshold 2ms memory_limit 4096 drop_batch 64 ecn",
    {
      kind: "fq_codel",
      options: {
        limitPackets: 1000,
        flows: 512,
        targetMs: 5,
        intervalMs: 100,
        quantumBytes: 1514,
        ceThresholdMs: 2,
        memoryLimitBytes: 4096,
        dropBatchPackets: 64,
        ecn: true,
      },
    },
  ],
  ["codel limit 1000 target 4ms interval 50ms noecn", {
    kind: "codel",
    options: { limitPackets: 1000, targetMs: 4, intervalMs: 50, ecn: false },
  }],
  [
    "fq limit 1000 flow_limit 50 quantum 3000 initial_quantum 9000 maxrate 125000bps buckets 1024 orphan_mask 1023 pacing refill_delay 10ms low_rate_threshold 6875bps ce_threshold 3ms horizon 5s horizon_drop",
    {
      kind: "fq",
      options: {
        limitPackets: 1000,
        flowLimitPackets: 50,
        quantumBytes: 3000,
        initialQuantumBytes: 9000,
        maxRateBytesPerSecond: 125_000,
        buckets: 1024,
        orphanMask: 1023,
        pacing: true,
        refillDelayMs: 10,
        lowRateThresholdBytesPerSecond: 6875,
        ceThresholdMs: 3,
        horizonMs: 5000,
        horizonDrop: true,
      },
    },
  ],
  [
    "netem limit 500 delay 100ms 10ms 25% loss random 1% 5% duplicate 2% corrupt 3% reorder 50% 10% gap 5 rate 125000bps",
    {
      kind: "netem",
      options: {
        limitPackets: 500,
        delayMs: 100,
        jitterMs: 10,
        delayCorrelationPercent: 25,
        lossPercent: 1,
        lossCorrelationPercent: 5,
        duplicatePercent: 2,
        corruptPercent: 3,
        reorderPercent: 50,
        reorderCorrelationPercent: 10,
        gapPackets: 5,
        rateBytesPerSecond: 125_000,
      },
    },
  ],
  ["prio bands 4 priomap 1 2 3 3 1 2 0 0 1 1 1 1 1 1 1 1", {
    kind: "prio",
    options: { bands: 4, priorityMap: [1, 2, 3, 3, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] },
  }],
  ["tbf rate 125000bps burst 5000b limit 9000b peakrate 250000bps minburst 2000b", {
    kind: "tbf",
    options: {
      rateBytesPerSecond: 125_000,
      burstBytes: 5000,
      limitBytes: 9000,
      peakRateBytesPerSecond: 250_000,
      peakBurstBytes: 2000,
    },
  }],
  ["drr", { kind: "drr" }],
];

// How a rate's table is laid out, which nothing reads, and times that this tc tells in ticks alone.
const SKIPPED = /^(cellLog|latency64|jitter64)$/;

const drop = [{ kind: "gact", verdict: "drop" }];
const filters: [words: string, filter: Record<string, unknown>][] = [
  ["protocol ip prio 3 matchall action drop", {
    protocol: "ip",
    priority: 3,
    kind: "matchall",
    options: { actions: drop },
  }],
  [
    "protocol ip prio 4 flower dst_ip 10.0.0.0/8 src_ip 192.0.2.1/32 ip_proto tcp dst_port 80 src_port 1000 action drop",
    {
      protocol: "ip",
      priority: 4,
      kind: "flower",
      options: {
        destination: "10.0.0.0/8",
        source: "192.0.2.1/32",
        ipProtocol: 6,
        destinationPort: 80,
        sourcePort: 1000,
        actions: drop,
      },
    },
  ],
  ["protocol ipv6 prio 5 flower dst_ip fd00::/16 ip_proto udp dst_port 53 classid 1:5", {
    protocol: "ipv6",
    priority: 5,
    kind: "flower",
    options: { destination: "fd00::/16", ipProtocol: 17, destinationPort: 53, class: "1:5" },
  }],
  ["protocol 802.1q prio 6 flower vlan_id 7 vlan_prio 3 dst_mac 02:00:00:00:00:01 action ok", {
    protocol: "802.1q",
    priority: 6,
    kind: "flower",
    options: {
      vlan: 7,
      vlanPriority: 3,
      destinationMac: "02:00:00:00:00:01",
      actions: [{ kind: "gact", verdict: "ok" }],
    },
  }],
  ["protocol all prio 7 matchall action mirred egress redirect dev lo", {
    protocol: "all",
    priority: 7,
    kind: "matchall",
    options: { actions: [{ kind: "mirred", direction: "egress", mode: "redirect", link: 1 }] },
  }],
  ["protocol all prio 8 matchall action skbedit mark 9 priority 1:2", {
    protocol: "all",
    priority: 8,
    kind: "matchall",
    options: { actions: [{ kind: "skbedit", mark: 9, priority: 0x10002 }] },
  }],
  ["protocol all prio 9 matchall action vlan push id 5 protocol 802.1ad", {
    protocol: "all",
    priority: 9,
    kind: "matchall",
    options: { actions: [{ kind: "vlan", mode: "push", id: 5, protocol: "8021ad" }] },
  }],
  ["protocol ip prio 10 handle 7 fw classid 1:5", {
    protocol: "ip",
    priority: 10,
    handle: 7,
    kind: "fw",
    options: { class: "1:5" },
  }],
];

describe("what the kernel may lack is sent as iproute2 sends it", {
  skip: need("net-admin", "ip", "tc", "strace"),
}, () => {
  for (const [words, link] of links) {
    it(`ip link add ${words}`, async () => {
      await using ns = await testNamespace();
      const tool = decoded(theirs(ns.name, "ip", `link add name x ${words}`), "link");
      const mine = decoded(
        await ours((nl) => nl.links.add({ name: "x", ...link } as NewLink)),
        "link",
      );
      delete mine.header;
      says(mine, tool, "request");
    });
  }
  for (const [words, qdisc] of qdiscs) {
    it(`tc qdisc add ${words}`, async () => {
      await using ns = await testNamespace();
      const tool = decoded(theirs(ns.name, "tc", `qdisc add dev lo root handle 1: ${words}`), "tc");
      const entry = { link: 1, handle: "1:", ...qdisc } as NewQdisc;
      const mine = decoded(await ours((nl) => nl.qdiscs.add(entry)), "tc");
      const bare = (m: Json) =>
        JSON.parse(JSON.stringify(m, (name, v) => SKIPPED.test(name) ? undefined : v));
      says(bare(mine), bare(tool), "request");
    });
  }
  for (const [words, filter] of filters) {
    it(`tc filter add ${words}`, async () => {
      await using ns = await testNamespace();
      execFileSync("tc", ["-n", ns.name, "qdisc", "add", "dev", "lo", "clsact"]);
      const tool = decoded(theirs(ns.name, "tc", `filter add dev lo ingress ${words}`), "tc");
      const entry = { link: 1, parent: "ingress", ...filter } as NewFilter;
      says(decoded(await ours((nl) => nl.filters.add(entry)), "tc"), tool, "request");
    });
  }
});

const python = "/usr/bin/python3";
const hasPyroute2 = spawnSync(python, ["-c", "import pyroute2"]).status === 0;
if (!hasPyroute2 && process.env.CI) {
  throw new Error("Cannot skip tests in CI: python3-pyroute2 is missing");
}

const SCRIPT = `
import json, sys
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
def tree(x):
    if isinstance(x, dict): return {"attrs": [(k, tree(v)) for k, v in x.items()]}
    return x
for kind, link, data in json.load(sys.stdin):
    m = ifinfmsg()
    m["header"]["type"] = 16
    m["header"]["flags"] = 0x605
    info = {"IFLA_INFO_KIND": kind}
    if data: info["IFLA_INFO_DATA"] = data
    m["attrs"] = [("IFLA_IFNAME", "x"), ("IFLA_LINKINFO", tree(info))] + ([("IFLA_LINK", link)] if link else [])
    m.encode()
    print(m.data.hex())
`;

const encodings: [link: Record<string, unknown>, below: number, data: Record<string, unknown>][] = [
  [{ kind: "dummy" }, 0, {}],
  [{ kind: "vlan", link: 1, id: 5, protocol: "8021ad" }, 1, {
    IFLA_VLAN_ID: 5,
    IFLA_VLAN_PROTOCOL: 0x88a8,
  }],
  [{ kind: "vrf", table: 77 }, 0, { IFLA_VRF_TABLE: 77 }],
  [
    { kind: "bond", mode: "802.3ad", monitorInterval: 100, upDelay: 200, hashPolicy: "layer3+4" },
    0,
    {
      IFLA_BOND_MODE: 4,
      IFLA_BOND_MIIMON: 100,
      IFLA_BOND_UPDELAY: 200,
      IFLA_BOND_XMIT_HASH_POLICY: 1,
    },
  ],
  [{ kind: "ipvlan", link: 1, mode: "l3" }, 1, { IFLA_IPVLAN_MODE: 1 }],
  [{ kind: "gre", local: "10.0.0.1", remote: "10.0.0.2", ttl: 9, tos: 4 }, 0, {
    IFLA_GRE_LOCAL: "10.0.0.1",
    IFLA_GRE_REMOTE: "10.0.0.2",
    IFLA_GRE_TTL: 9,
    IFLA_GRE_TOS: 4,
  }],
  [{ kind: "geneve", id: 5, remote: "10.0.0.2", ttl: 9, port: 7777 }, 0, {
    IFLA_GENEVE_ID: 5,
    IFLA_GENEVE_REMOTE: "10.0.0.2",
    IFLA_GENEVE_TTL: 9,
    IFLA_GENEVE_PORT: 7777,
  }],
  [{ kind: "ipip", local: "10.0.0.1", remote: "10.0.0.2", ttl: 9 }, 0, {
    IFLA_IPIP_LOCAL: "10.0.0.1",
    IFLA_IPIP_REMOTE: "10.0.0.2",
    IFLA_IPIP_TTL: 9,
  }],
  [{ kind: "vxlan", id: 5, remote: "10.0.0.2", ttl: 9, learning: false, port: 4789 }, 0, {
    IFLA_VXLAN_ID: 5,
    IFLA_VXLAN_GROUP: "10.0.0.2",
    IFLA_VXLAN_PORT: 4789,
    IFLA_VXLAN_TTL: 9,
    IFLA_VXLAN_LEARNING: 0,
  }],
  [{ kind: "macvlan", link: 1, mode: "vepa" }, 1, { IFLA_MACVLAN_MODE: 2 }],
];

/** The attributes alone, nests without the flag that says so, which pyroute2 leaves out. */
function plainAttributes(bytes: Uint8Array): string {
  const copy = bytes.slice(), view = new DataView(copy.buffer);
  const walk = (from: number, end: number) => {
    for (let at = from; at + 4 <= end;) {
      const length = view.getUint16(at, true), type = view.getUint16(at + 2, true);
      view.setUint16(at + 2, type & 0x7fff, true);
      if (type & 0x8000) walk(at + 4, at + length);
      at += (length + 3) & ~3;
    }
  };
  walk(32, copy.length);
  return [...copy.slice(32)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

it("link kinds are encoded byte for byte as pyroute2 encodes them", {
  skip: hasPyroute2 ? undefined : "this machine lacks python3-pyroute2",
}, async () => {
  const input = JSON.stringify(encodings.map(([{ kind }, below, data]) => [kind, below, data]));
  const lines = execFileSync(python, ["-c", SCRIPT], { input, encoding: "utf8" }).trim().split(
    "\n",
  );
  for (const [i, [link]] of encodings.entries()) {
    const bytes = await ours((nl) => nl.links.add({ name: "x", ...link } as NewLink));
    assert.equal(plainAttributes(bytes), lines[i].slice(64), JSON.stringify(link));
  }
});
