import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { NewClass, NewFilter, NewQdisc } from "../../src/netlink/mod.ts";
import { TrafficClass } from "../../src/netlink/route/tc/classes.ts";
import { Filter } from "../../src/netlink/route/tc/filters.ts";
import { Qdisc } from "../../src/netlink/route/tc/qdiscs.ts";
import { tcCodec } from "../../src/netlink/route/tc/tc_object.ts";
import { need, testNamespace } from "../support.ts";
import { ours, theirs } from "./wire.ts";

// deno-lint-ignore no-explicit-any -- whatever a message holds
type Json = any;

const words = (bytes: Uint8Array) => {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return new Int32Array(padded.buffer);
};

// How a rate's table is laid out, which nothing reads; the tables; times that this tc tells in ticks.
const SKIPPED = /^(cellLog|rtab|ctab|latency64|jitter64)$/;

const TABLE = 2048; // hexadecimal digits of a rate's

/** A message's attributes by name. */
const decoded = (bytes: Uint8Array): Json => {
  const View = tcCodec.message("getqdisc");
  const all = new View(words(bytes), 0).toJSON();
  const skipped = (name: string, v: Json) => SKIPPED.test(name) || v?.length === TABLE;
  return JSON.parse(JSON.stringify(all, (name, v) => skipped(name, v) ? undefined : v));
};

const matching = (actions: Json[]) => ({ kind: "matchall", options: { actions } });

const filters: [words: string, filter: Json][] = [
  ["all matchall action goto chain 5", matching([{ kind: "gact", verdict: "goto chain 5" }])],
  ["all matchall action jump 2", matching([{ kind: "gact", verdict: "jump 2" }])],
  ["all matchall action trap", matching([{ kind: "gact", verdict: "trap" }])],
  ["all matchall action reclassify", matching([{ kind: "gact", verdict: "reclassify" }])],
  ["all matchall action csum ip", {
    ...matching([{
      kind: "csum",
      data: { parms: "000000000000000000000000000000000000000001000000" },
    }]),
  }],
  ["all matchall action gact drop random netrand ok 5", {
    ...matching([{
      kind: "gact",
      verdict: "drop",
      data: { prob: { ptype: 1, pval: 5, paction: 0 } },
    }]),
  }],
  ["all matchall action mirred egress mirror dev lo continue", {
    ...matching([{
      ...{ kind: "mirred", link: 1, mode: "mirror", direction: "egress" },
      verdict: "continue",
    }]),
  }],
  ["all matchall action mirred ingress redirect dev lo", {
    ...matching([{ kind: "mirred", link: 1, mode: "redirect", direction: "ingress" }]),
  }],
  ["all matchall action police rate 125000bps burst 10000b conform-exceed drop/pipe", {
    ...matching([{
      ...{ kind: "police", rateBytesPerSecond: 125_000, burstBytes: 10_000, exceed: "drop" },
      conform: "pipe",
    }]),
  }],
  ["all matchall action police rate 125000bps burst 10000b conform-exceed goto chain 7", {
    ...matching([{
      ...{ kind: "police", rateBytesPerSecond: 125_000, burstBytes: 10_000 },
      exceed: "goto chain 7",
    }]),
  }],
  ["all matchall action skbedit mark 5/0xff continue", {
    ...matching([{ kind: "skbedit", mark: 5, markMask: 255, verdict: "continue" }]),
  }],
  ["all matchall action vlan push id 5 protocol 802.1ad priority 3", {
    ...matching([{ kind: "vlan", mode: "push", id: 5, protocol: "8021ad", priority: 3 }]),
  }],
  ["all matchall action vlan modify id 5 protocol 802.1q priority 0", {
    ...matching([{ kind: "vlan", mode: "modify", id: 5, protocol: "8021q", priority: 0 }]),
  }],
  ["all matchall action vlan pop drop", {
    ...matching([{ kind: "vlan", mode: "pop", verdict: "drop" }]),
  }],
  ["all matchall action vlan pop_eth", matching([{ kind: "vlan", mode: "pop_eth" }])],
  [
    "all matchall action vlan push_eth dst_mac 02:00:00:00:00:01 src_mac 02:00:00:00:00:02",
    matching([{
      ...{ kind: "vlan", mode: "push_eth" },
      ...{ destinationMac: "02:00:00:00:00:01", sourceMac: "02:00:00:00:00:02" },
    }]),
  ],
  ["all matchall skip_sw classid 1:5", {
    kind: "matchall",
    options: { class: "1:5", skipSoftware: true },
  }],
  ["ip u32 match mark 5 0xff match u32 0x50 0xff at nexthdr+4 skip_hw flowid 1:5", {
    kind: "u32",
    options: {
      keys: [{ offset: 4, value: 0x50, mask: 255, nextHeader: true }],
      mark: { value: 5, mask: 255 },
      class: "1:5",
      skipHardware: true,
    },
  }],
  ["ip handle 2: u32 divisor 256", { kind: "u32", handle: "2:", options: { divisor: 256 } }],
  [
    "ip u32 ht 2:5: match u32 0 0 offset plus 4 at 0 mask 0x0f00 shift 6 eat link 3: hashkey mask 0xff at 12",
    {
      kind: "u32",
      options: {
        table: "2:5:",
        keys: [{ offset: 0, value: 0, mask: 0 }],
        advance: { bytes: 4, offset: 0, mask: 0x0f00, shift: 6, eat: true },
        nextTable: "3:",
        hashKey: { offset: 12, mask: 255 },
      },
    },
  ],
  ["ip flower ip_proto tcp dst_port 80 src_port 5-9 skip_hw", {
    kind: "flower",
    options: { ipProtocol: 6, destinationPort: 80, sourcePorts: [5, 9], skipHardware: true },
  }],
  ["ip flower ip_proto tcp tcp_flags 0x2/0x12", {
    kind: "flower",
    options: { ipProtocol: 6, tcpFlags: 2, tcpFlagsMask: 0x12 },
  }],
  ["ip flower ip_proto tcp tcp_flags 0x2", {
    kind: "flower",
    options: { ipProtocol: 6, tcpFlags: 2 },
  }],
  ["ip flower ip_proto icmp type 8 code 0", {
    kind: "flower",
    options: { ipProtocol: 1, icmpType: 8, icmpCode: 0 },
  }],
  ["ipv6 flower ip_proto icmpv6 type 128", {
    kind: "flower",
    options: { ipProtocol: 58, icmpType: 128 },
  }],
  [
    "ip flower enc_key_id 7 enc_dst_ip 10.0.0.1 enc_src_ip 10.0.0.0/8 enc_dst_port 4789",
    {
      kind: "flower",
      options: {
        ...{ tunnelKey: 7, tunnelDestination: "10.0.0.1/32", tunnelSource: "10.0.0.0/8" },
        tunnelDestinationPort: 4789,
      },
    },
  ],
  ["ip flower enc_dst_ip fd00::1 enc_src_ip fd00::/16", {
    kind: "flower",
    options: { tunnelDestination: "fd00::1/128", tunnelSource: "fd00::/16" },
  }],
  ["802.1q flower vlan_id 5 vlan_ethtype ip ip_proto tcp dst_port 80", {
    kind: "flower",
    options: { vlan: 5, vlanProtocol: "ip", ipProtocol: 6, destinationPort: 80 },
  }],
  ["802.1q flower vlan_id 5 vlan_ethtype ipv6 dst_ip fd00::/16", {
    kind: "flower",
    options: { vlan: 5, destination: "fd00::/16" },
  }],
  // What has no property here is told by the attributes.
  ["ip flower dst_mac 02:00:00:00:00:01/ff:ff:ff:00:00:00 src_mac 02:00:00:00:00:02", {
    kind: "flower",
    options: { sourceMac: "02:00:00:00:00:02" },
    data: { keyEthDst: "02:00:00:00:00:01", keyEthDstMask: "ff:ff:ff:00:00:00" },
  }],
  ["ip flower ip_flags frag ip_tos 0x4/0xfc", {
    kind: "flower",
    options: {},
    data: { keyFlags: ["frag"], keyFlagsMask: ["frag"], keyIpTos: 4, keyIpTosMask: 0xfc },
  }],
  ["802.1ad flower vlan_id 5 vlan_ethtype 802.1q cvlan_id 6", {
    kind: "flower",
    options: { vlan: 5, vlanProtocol: "802.1q" },
    data: { keyCvlanId: 6 },
  }],
  ["mpls_uc flower mpls_label 70000", {
    protocol: "mpls",
    kind: "flower",
    options: {},
    data: { keyMplsLabel: 70_000 },
  }],
  ["ip flower geneve_opts 0102:80:11223344", {
    kind: "flower",
    options: {},
    data: {
      keyEncOpts: { geneve: { class: 0x102, type: 128, data: "11223344" } },
      keyEncOptsMask: { geneve: { class: 65535, type: 255, data: "ffffffff" } },
    },
  }],
  ["ip flower erspan_opts 1:70000:0:0/255:4294967295:255:255", {
    kind: "flower",
    options: {},
    data: {
      keyEncOpts: { erspan: { ver: 1, index: 70_000, dir: 0, hwid: 0 } },
      keyEncOptsMask: { erspan: { ver: 255, index: 2 ** 32 - 1, dir: 255, hwid: 255 } },
    },
  }],
  ["arp flower arp_op request", {
    kind: "flower",
    options: {},
    data: { keyArpOp: 1, keyArpOpMask: 255 },
  }],
  ["ip handle 7 fw classid 1:5 indev lo", {
    kind: "fw",
    handle: 7,
    options: { class: "1:5", incoming: "lo" },
  }],
];

const table = ["/usr/lib/tc", "/lib/x86_64-linux-gnu/tc", "/usr/lib/aarch64-linux-gnu/tc"]
  .map((folder) => `${folder}/normal.dist`).find((path) => existsSync(path));
const normal = table === undefined ? [] : readFileSync(table, "utf8")
  .split("\n").filter((line) => !line.startsWith("#")).join(" ").trim().split(/\s+/).map(Number);

const framing = { overheadBytes: 8, minPacketBytes: 64, linkLayer: "atm" };
const qdiscs: [words: string, qdisc: Json][] = [
  ["tbf rate 125000bps burst 10000b limit 20000b overhead 8 mpu 64 linklayer atm", {
    kind: "tbf",
    options: {
      rateBytesPerSecond: 125_000,
      burstBytes: 10_000,
      limitBytes: 20_000,
      ...framing,
    },
  }],
  ["netem slot 800us 1ms packets 5 bytes 3000", {
    kind: "netem",
    options: {
      limitPackets: 1000,
      slot: { minDelayMs: 0.8, maxDelayMs: 1, packets: 5, bytes: 3000 },
    },
  }],
  ["cake", { kind: "cake" }],
  ["cake bandwidth 1250000bps besteffort", {
    kind: "cake",
    options: { rateBytesPerSecond: 1_250_000, priorities: "besteffort", autorateIngress: false },
  }],
  [
    "cake autorate-ingress diffserv8 triple-isolate nat wash ack-filter split-gso rtt 50ms overhead -18 mpu 64 atm memlimit 10mb fwmark 0xff ingress",
    {
      kind: "cake",
      options: {
        ...{ autorateIngress: true, priorities: "diffserv8", isolation: "triple-isolate" },
        ...{ nat: true, wash: true, ackFilter: "filter", splitGso: true, ingress: true },
        ...{ rttMs: 50, targetMs: 2.5, overheadBytes: -18, minPacketBytes: 64, linkLayer: "atm" },
        ...{ memoryLimitBytes: 10_485_760, markMask: 255 },
      },
    },
  ],
  [
    "cake diffserv3 dual-srchost nonat nowash no-ack-filter no-split-gso egress",
    {
      kind: "cake",
      options: {
        ...{ priorities: "diffserv3", isolation: "dual-srchost", nat: false, wash: false },
        ...{ ackFilter: "none", splitGso: false, ingress: false },
      },
    },
  ],
  ["cake diffserv4 flowblind ack-filter-aggressive ptm datacentre", {
    kind: "cake",
    options: {
      ...{ priorities: "diffserv4", isolation: "flowblind", ackFilter: "aggressive" },
      ...{ linkLayer: "ptm", rttMs: 0.1, targetMs: 0.005 },
    },
  }],
  ...["srchost", "dsthost", "hosts", "flows", "dual-dsthost"].map((isolation): [string, Json] => [
    `cake precedence ${isolation}`,
    { kind: "cake", options: { priorities: "precedence", isolation } },
  ]),
];
if (normal.length > 0) {
  qdiscs.push(
    ["netem delay 10ms 2ms distribution normal", {
      kind: "netem",
      options: { delayMs: 10, jitterMs: 2, limitPackets: 1000, distribution: normal },
    }],
    ["netem slot distribution normal 8ms 1ms", {
      kind: "netem",
      options: {
        limitPackets: 1000,
        slot: { delayMs: 8, jitterMs: 1 },
        slotDistribution: normal,
      },
    }],
  );
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

describe("traffic control is written as tc writes it, and read as it was written", {
  skip: need("net-admin", "ip", "tc", "strace"),
}, () => {
  for (const [text, filter] of filters) {
    it(`tc filter add protocol ${text}`, async () => {
      await using ns = await testNamespace();
      execFileSync("tc", ["-n", ns.name, "qdisc", "add", "dev", "lo", "clsact"]);
      const bytes = theirs(ns.name, "tc", `filter add dev lo ingress prio 3 protocol ${text}`);
      const [protocol] = text.split(" "), at = { link: 1, parent: "ingress", priority: 3 };
      const entry = { ...at, protocol, ...filter } as NewFilter;
      const mine = decoded(await ours((nl) => nl.filters.add(entry)));
      says(mine, decoded(bytes), "request");
      const { options, data } = new Filter(words(bytes), 0).toJSON() as Json;
      assert.deepEqual(options, filter.options);
      assert.deepEqual(data, filter.data);
    });
  }
  for (const [text, qdisc] of qdiscs) {
    it(`tc qdisc add ${text}`, async () => {
      await using ns = await testNamespace();
      const bytes = theirs(ns.name, "tc", `qdisc add dev lo root handle 1: ${text}`);
      const entry = { link: 1, handle: "1:", ...qdisc } as NewQdisc;
      const mine = decoded(await ours((nl) => nl.qdiscs.add(entry)));
      says(mine, decoded(bytes), "request");
      assert.deepEqual(new Qdisc(words(bytes), 0).options, qdisc.options ?? {});
    });
  }
  it("tc class add htb with framing", async () => {
    await using ns = await testNamespace();
    execFileSync("tc", ["-n", ns.name, "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb"]);
    const bytes = theirs(
      ns.name,
      "tc",
      "class add dev lo parent 1: classid 1:9 htb rate 125000bps burst 5000b cburst 5000b overhead 8 mpu 64 linklayer atm",
    );
    const options = { rateBytesPerSecond: 125_000, burstBytes: 5000, ceilBurstBytes: 5000 };
    const entry = { link: 1, handle: "1:9", kind: "htb", options: { ...options, ...framing } };
    const mine = decoded(await ours((nl) => nl.classes.add(entry as NewClass)));
    says(mine, decoded(bytes), "request");
    const read = new TrafficClass(words(bytes), 0).options as Json;
    assert.deepEqual(read, {
      ...{ ...options, ceilBytesPerSecond: 125_000, quantumBytes: 0, priority: 0 },
      ...framing,
    });
  });
});
