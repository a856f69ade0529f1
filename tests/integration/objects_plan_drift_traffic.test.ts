import { describe, it } from "node:test";
import { need } from "../support.ts";
import { mends } from "./plan_mends.ts";

const skip = need("net-admin", "ip", "bridge", "tc");

describe("plan notices, and apply mends, what someone else changed of", { skip }, () => {
  it("queueing disciplines, classes and filters", { timeout: 300_000 }, () => {
    const cls = "tc class change dev a0 parent 1: classid 1:12 htb";
    const filter =
      "tc filter del dev a0 parent 1: prio 1; tc filter add dev a0 parent 1: prio 1 protocol";
    return mends({
      qdiscs: [
        {
          link: "a0",
          kind: "htb",
          handle: "1:",
          options: { defaultClass: 16, rateToQuantum: 9, directQueuePackets: 99 },
        },
        { link: "a0", kind: "pfifo", parent: "1:11", handle: "7:", options: { limitPackets: 9 } },
        {
          ...{ link: "a1", kind: "tbf", handle: "5:" },
          options: {
            ...{ rateBytesPerSecond: 125_000, burstBytes: 5000, limitBytes: 9000 },
            ...{ peakRateBytesPerSecond: 250_000, peakBurstBytes: 2000 },
          },
        },
        { link: "b0", kind: "bfifo", options: { limitBytes: 9999 } },
        { link: "b1", kind: "clsact" },
        { link: "b2", kind: "ingress" },
      ],
      classes: [
        {
          ...{ link: "a0", handle: "1:10", kind: "htb" },
          options: {
            ...{ rateBytesPerSecond: 125_000, ceilBytesPerSecond: 250_000, burstBytes: 5000 },
            ...{ ceilBurstBytes: 6000, quantumBytes: 1500, priority: 1 },
          },
        },
        {
          ...{ link: "a0", handle: "1:12", kind: "htb" },
          options: {
            ...{ rateBytesPerSecond: 125_000, ceilBytesPerSecond: 250_000, burstBytes: 5000 },
            ...{ ceilBurstBytes: 6000, quantumBytes: 1500, priority: 1 },
          },
        },
        {
          link: "a0",
          handle: "1:11",
          parent: "1:10",
          kind: "htb",
          options: { rateBytesPerSecond: 1250 },
        },
      ],
      filters: [
        {
          ...{ link: "a0", parent: "1:", priority: 1, protocol: "ip", kind: "u32" },
          options: { class: "1:11", keys: [{ offset: 16, value: 0x0a000007, mask: 0xffffffff }] },
        },
        {
          ...{ link: "b1", parent: "ingress", priority: 2, kind: "bpf" },
          options: { bytecode: [[6, 0, 0, 7]], directAction: true },
        },
        {
          ...{ link: "b1", parent: "egress", priority: 2, protocol: "ip", kind: "u32" },
          options: {
            actions: [{ kind: "mirred", link: "a1", mode: "mirror", direction: "egress" }],
          },
        },
      ],
    }, [
      ["tc qdisc change dev b0 root bfifo limit 9998", "qdisc: options"],
      [
        "tc qdisc change dev a1 root tbf rate 125001bps burst 5000 limit 9000 peakrate 250000bps mtu 2000",
        "qdisc: options",
      ],
      [
        "tc qdisc change dev a1 root tbf rate 125000bps burst 5010 limit 9000 peakrate 250000bps mtu 2000",
        "qdisc: options",
      ],
      [
        "tc qdisc change dev a1 root tbf rate 125000bps burst 5000 limit 9001 peakrate 250000bps mtu 2000",
        "qdisc: options",
      ],
      [
        "tc qdisc change dev a1 root tbf rate 125000bps burst 5000 limit 9000 peakrate 250001bps mtu 2000",
        "qdisc: options",
      ],
      [
        "tc qdisc change dev a1 root tbf rate 125000bps burst 5000 limit 9000 peakrate 250000bps mtu 2010",
        "qdisc: options",
      ],
      ["tc qdisc change dev a1 root tbf rate 125000bps burst 5000 limit 9000", "qdisc: options"],
      [
        "tc qdisc replace dev a1 root handle 6: tbf rate 125000bps burst 5000 limit 9000 peakrate 250000bps mtu 2000",
        "qdisc: handle",
      ],
      ["tc qdisc replace dev b0 root pfifo limit 9", "qdisc: kind"],
      ["tc qdisc del dev b0 root", "qdisc: kind"],
      ["tc qdisc change dev a0 parent 1:11 pfifo limit 8", "qdisc: options"],
      ["tc qdisc del dev a0 parent 1:11", "qdisc: create"],
      ["tc qdisc del dev b1 clsact", "qdisc: create and filter: create and filter: create"],
      [
        "tc qdisc del dev b1 clsact; tc qdisc add dev b1 ingress",
        "qdisc: kind and filter: create and filter: create",
      ],
      ["tc qdisc del dev b2 ingress; tc qdisc add dev b2 clsact", "qdisc: kind"],
      [
        `${cls} rate 125001bps ceil 250000bps burst 5000 cburst 6000 quantum 1500 prio 1`,
        "class: options",
      ],
      [
        `${cls} rate 125000bps ceil 250001bps burst 5000 cburst 6000 quantum 1500 prio 1`,
        "class: options",
      ],
      [
        `${cls} rate 125000bps ceil 250000bps burst 5010 cburst 6000 quantum 1500 prio 1`,
        "class: options",
      ],
      [
        `${cls} rate 125000bps ceil 250000bps burst 5000 cburst 6010 quantum 1500 prio 1`,
        "class: options",
      ],
      [
        `${cls} rate 125000bps ceil 250000bps burst 5000 cburst 6000 quantum 1501 prio 1`,
        "class: options",
      ],
      [
        `${cls} rate 125000bps ceil 250000bps burst 5000 cburst 6000 quantum 1500 prio 2`,
        "class: options",
      ],
      [
        "tc qdisc del dev a0 root",
        "qdisc: kind,handle and class: create and class: create and class: create and qdisc: create and filter: create",
      ],
      [
        "tc qdisc del dev a0 root; tc qdisc add dev a0 root handle 1: htb default 11 r2q 9 direct_qlen 99",
        "qdisc: options and class: create and class: create and class: create and qdisc: create and filter: create",
      ],
      [`${filter} ip u32 match ip dst 10.0.0.7 flowid 1:10`, "filter: options"],
      [`${filter} ip u32 match ip dst 10.0.0.8 flowid 1:11`, "filter: options"],
      [`${filter} ip u32 match ip dst 10.0.0.7`, "filter: options"],
      [`${filter} ipv6 u32 match u32 0x0a000007 0xffffffff at 16 flowid 1:11`, "filter: protocol"],
      [`${filter} ip bpf bytecode 1,6_0_0_7, flowid 1:11`, "filter: kind,options"],
      ["tc filter del dev a0 parent 1: prio 1", "filter: create"],
      [
        "tc filter del dev b1 egress prio 2; tc filter add dev b1 egress prio 2 protocol ip u32 match u32 0 0 action mirred egress mirror dev a0",
        "filter: options",
      ],
      [
        "tc filter del dev b1 egress prio 2; tc filter add dev b1 egress prio 2 protocol ip u32 match u32 0 0 action mirred egress redirect dev a1",
        "filter: options",
      ],
      [
        "tc filter del dev b1 egress prio 2; tc filter add dev b1 egress prio 2 protocol ip u32 match u32 0 0",
        "filter: options",
      ],
      [
        "tc filter del dev b1 egress prio 2; tc filter add dev b1 egress prio 2 protocol ip u32 match u32 0 0 flowid 1:1 action mirred egress mirror dev a1",
        "filter: options",
      ],
      [
        "tc filter del dev b1 ingress prio 2; tc filter add dev b1 ingress prio 2 bpf bytecode 1,6_0_0_8, direct-action",
        "filter: options",
      ],
      [
        "tc filter del dev b1 ingress prio 2; tc filter add dev b1 ingress prio 2 bpf bytecode 1,6_0_0_7,",
        "filter: options",
      ],
    ]);
  });
});
