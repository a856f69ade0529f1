import { describe, it } from "node:test";
import { need } from "../support.ts";
import { type Drift, mends } from "./plan_mends.ts";

const skip = need("net-admin", "ip", "bridge", "tc");

describe("plan notices, and apply mends, what someone else changed of", { skip }, () => {
  it("addresses", { timeout: 300_000 }, () =>
    mends({
      addresses: [
        {
          ...{ link: "a0", address: "10.0.0.1/24", broadcast: "10.0.0.254", label: "a0:x" },
          ...{ metric: 5, scope: "link", flags: ["noprefixroute"] },
        },
        { link: "a1", address: "10.1.0.1/32", peer: "10.1.0.2" },
        {
          ...{ link: "b1", address: "FD00:0::1/64", metric: 5, flags: ["nodad", "noprefixroute"] },
          ...{ validLifetime: 1000, preferredLifetime: 500 },
        },
      ],
    }, [
      ["ip address del 10.0.0.1/24 dev a0", "address: create"],
      [
        "ip address del 10.0.0.1/24 dev a0; ip address add 10.0.0.1/24 dev a0 broadcast 10.0.0.255 label a0:x scope link metric 5 noprefixroute",
        "address: broadcast",
      ],
      [
        "ip address del 10.0.0.1/24 dev a0; ip address add 10.0.0.1/24 dev a0 broadcast 10.0.0.254 label a0:y scope link metric 5 noprefixroute",
        "address: label",
      ],
      [
        "ip address del 10.0.0.1/24 dev a0; ip address add 10.0.0.1/24 dev a0 broadcast 10.0.0.254 label a0:x scope host metric 5 noprefixroute",
        "address: scope",
      ],
      [
        "ip address del 10.0.0.1/24 dev a0; ip address add 10.0.0.1/24 dev a0 broadcast 10.0.0.254 label a0:x scope link metric 5",
        "address: flags",
      ],
      ["ip address change 10.0.0.1/24 dev a0 metric 6 noprefixroute", "address: metric"],
      [
        "ip address change 10.0.0.1/24 dev a0 metric 5 noprefixroute valid_lft 900 preferred_lft 900",
        "address: validLifetime,preferredLifetime",
      ],
      [
        "ip address del 10.1.0.1 peer 10.1.0.2 dev a1; ip address add 10.1.0.1 peer 10.1.0.3 dev a1",
        "address: create",
      ],
      [
        "ip address change fd00::1/64 dev b1 metric 6 nodad noprefixroute valid_lft 1000 preferred_lft 500",
        "address: metric",
      ],
      [
        "ip address change fd00::1/64 dev b1 metric 5 nodad valid_lft 1000 preferred_lft 500",
        "address: flags",
      ],
      [
        "ip address change fd00::1/64 dev b1 metric 5 nodad noprefixroute valid_lft 2000 preferred_lft 500",
        "address: validLifetime",
      ],
      [
        "ip address change fd00::1/64 dev b1 metric 5 nodad noprefixroute valid_lft 1000 preferred_lft 900",
        "address: preferredLifetime",
      ],
      [
        "ip address del fd00::1/64 dev b1; ip address add fd00::1/48 dev b1 metric 5 nodad noprefixroute valid_lft 1000 preferred_lft 500",
        "address: address",
      ],
    ]));

  it("neighbours and forwarding entries", { timeout: 300_000 }, () =>
    mends({
      neighbours: [
        {
          ...{ link: "b1", address: "10.0.0.7", mac: "02:00:00:00:00:0A", router: true },
          ...{ protocol: 99, externallyLearned: true },
        },
        { link: "b1", address: "FD00:0::7", mac: "02:00:00:00:00:07", state: "noarp" },
        { link: "b1", address: "10.0.0.8", proxy: true },
      ],
      fdb: [
        { link: "a2", mac: "02:00:00:00:00:1A", sticky: true },
        { link: "vx9", mac: "02:00:00:00:00:1A", remote: "192.0.2.1", port: 5, vni: 6, via: "a0" },
        { link: "vx9", mac: "00:00:00:00:00:00", remote: "192.0.2.2", port: 5 },
      ],
    }, [
      [
        "ip neighbour change 10.0.0.7 dev b1 lladdr 02:00:00:00:00:0b router extern_learn protocol 99",
        "neighbour: mac",
      ],
      [
        "ip neighbour change 10.0.0.7 dev b1 lladdr 02:00:00:00:00:0a nud stale router extern_learn protocol 99",
        "neighbour: state",
      ],
      [
        "ip neighbour change 10.0.0.7 dev b1 lladdr 02:00:00:00:00:0a extern_learn protocol 99",
        "neighbour: router",
      ],
      [
        "ip neighbour change 10.0.0.7 dev b1 lladdr 02:00:00:00:00:0a router extern_learn protocol 98",
        "neighbour: protocol",
      ],
      [
        "ip neighbour change fd00::7 dev b1 lladdr 02:00:00:00:00:07 nud permanent",
        "neighbour: state",
      ],
      ["ip neighbour del proxy 10.0.0.8 dev b1", "neighbour: create"],
      ["bridge fdb replace 02:00:00:00:00:1a dev a2 master static", "forwarding entry: sticky"],
      [
        "bridge fdb replace 02:00:00:00:00:1a dev a2 master dynamic sticky",
        "forwarding entry: lifetime",
      ],
      ["bridge fdb del 02:00:00:00:00:1a dev a2 master", "forwarding entry: create"],
      [
        "bridge fdb replace 02:00:00:00:00:1a dev vx9 dst 192.0.2.9 port 5 vni 6 via a0",
        "forwarding entry: remote",
      ],
      [
        "bridge fdb replace 02:00:00:00:00:1a dev vx9 dst 192.0.2.1 port 7 vni 6 via a0",
        "forwarding entry: port",
      ],
      [
        "bridge fdb replace 02:00:00:00:00:1a dev vx9 dst 192.0.2.1 port 5 vni 7 via a0",
        "forwarding entry: vni",
      ],
      [
        "bridge fdb replace 02:00:00:00:00:1a dev vx9 dst 192.0.2.1 port 5 vni 6 via a1",
        "forwarding entry: via",
      ],
      ["bridge fdb del 00:00:00:00:00:00 dev vx9 dst 192.0.2.2 port 5", "forwarding entry: create"],
      [
        "bridge fdb del 00:00:00:00:00:00 dev vx9 dst 192.0.2.2 port 5; bridge fdb append 00:00:00:00:00:00 dev vx9 dst 192.0.2.2 port 6",
        "forwarding entry: create",
      ],
    ]));

  it("nexthops, routes and rules", { timeout: 300_000 }, () => {
    const route = (words: string, name: string): Drift => [
      `ip route replace 10.9.0.0/16 table 77 metric 5 ${words}`,
      `route: ${name}`,
    ];
    const hop = "via 10.20.0.2 dev b2", from = "src 10.20.0.1", kind = "proto boot scope global";
    const sizes = "mtu 1300 advmss 500 hoplimit 9 rtt 100ms initcwnd 5 congctl cubic realms 3/4";
    const rule = (words: string, name: string): Drift => [
      `ip rule del priority 100; ip rule add priority 100 ${words}`,
      `rule: ${name}`,
    ];
    const all = "from 10.1.0.0/16 to 10.2.0.0/16 fwmark 5/7 iif a0 oif a1 tos 0x10 uidrange 5-6 " +
      "ipproto tcp sport 5-6 dport 7-8";
    return mends({
      nexthops: [
        { id: 1, link: "b2", gateway: "10.20.0.2", onlink: true, protocol: "boot" },
        { id: 2, link: "b2" },
        { id: 3, blackhole: true },
        { id: 4, group: [{ id: 2, weight: 3 }, { id: 1 }] },
        { id: 5, link: "b2", gateway: "FD20:0::2" },
        {
          id: 6,
          group: [{ id: 1 }],
          resilient: { buckets: 8, idleTimeout: 104, unbalancedTimeout: 100 },
        },
      ],
      routes: [
        {
          ...{
            destination: "10.9.0.0/16",
            table: 77,
            priority: 5,
            gateway: "10.20.0.2",
            mtu: 1300,
          },
          ...{ link: "b2", source: "10.20.0.1", protocol: "boot", scope: "global" },
          ...{ realms: 3 * 65536 + 4 },
          metrics: {
            ...{ advertisedSegmentSize: 500, hopLimit: 9, rtt: 100, initialCongestionWindow: 5 },
            ...{ congestionControl: "cubic" },
          },
        },
        {
          destination: "10.10.0.0/16",
          nexthops: [{ gateway: "10.20.0.2" }, { gateway: "10.20.0.3", weight: 3 }],
        },
        { destination: "10.11.0.0/16", nexthop: 1 },
        { destination: "10.12.0.0/16", type: "blackhole" },
        { destination: "FD10:0::/32", gateway: "fd20:0::2", preference: "high" },
        { destination: "fd11::/32", nexthops: [{ gateway: "fd20::2" }, { gateway: "fd20::3" }] },
        { destination: "10.14.0.0/16", link: "b2", tos: 16 },
      ],
      rules: [
        {
          ...{ priority: 100, from: "10.1.0.0/16", to: "10.2.0.0/16", mark: 5, markMask: 7 },
          ...{ incoming: "a0", outgoing: "a1", tos: 16, users: [5, 6], ipProtocol: 6 },
          ...{ sourcePorts: [5, 6], destinationPorts: [7, 8], table: 77, suppressGroup: 4 },
          ...{ suppressPrefixLength: 3, realms: 5, protocol: 99 },
        },
        { priority: 101, action: "goto", goto: 200 },
        { priority: 102, from: "10.66.0.0/16", action: "prohibit" },
      ],
    }, [
      ["ip nexthop replace id 1 via 10.20.0.9 dev b2 onlink proto boot", "nexthop: gateway"],
      ["ip nexthop replace id 1 via 10.20.0.2 dev b2 proto boot", "nexthop: gateway"],
      ["ip nexthop replace id 1 via 10.20.0.2 dev b2 onlink proto 99", "nexthop: protocol"],
      ["ip nexthop replace id 2 dev b1 proto static", "nexthop: gateway"],
      ["ip nexthop replace id 3 dev b1 proto static", "nexthop: blackhole"],
      ["ip nexthop replace id 4 group 2,4/1 proto static", "nexthop: group"],
      ["ip nexthop replace id 4 group 2,3 proto static", "nexthop: group"],
      ["ip nexthop replace id 5 via fd20::3 dev b2 proto static", "nexthop: gateway"],
      [
        "ip nexthop replace id 6 group 1 type resilient buckets 8 idle_timer 1 unbalanced_timer 1 proto static",
        "nexthop: resilient",
      ],
      ["ip nexthop del id 2", "nexthop: create and nexthop: group"],
      [
        "ip nexthop del id 1",
        "nexthop: create and nexthop: group and nexthop: create and route: create",
      ],
      route(`via 10.20.0.3 dev b2 ${from} ${kind} ${sizes}`, "gateway"),
      route(`dev b2 ${from} proto boot scope global ${sizes}`, "gateway"),
      route(`via 10.20.0.2 dev b2 onlink ${from} ${kind} ${sizes}`, "gateway"),
      route(`${hop} ${kind} ${sizes}`, "source"),
      route(`${hop} ${from} proto static scope global ${sizes}`, "protocol"),
      route(`${hop} ${from} ${kind} ${sizes.replace("1300", "1301")}`, "mtu"),
      route(`${hop} ${from} ${kind} ${sizes.replace("500", "501")}`, "metrics"),
      route(`${hop} ${from} ${kind} ${sizes.replace("100ms", "101ms")}`, "metrics"),
      route(`${hop} ${from} ${kind} ${sizes.replace("cubic", "reno")}`, "metrics"),
      route(`${hop} ${from} ${kind} ${sizes.replace("3/4", "3/5")}`, "realms"),
      [
        "ip route replace blackhole 10.9.0.0/16 table 77 metric 5 proto boot scope global",
        "route: mtu,source,realms,type,metrics,gateway",
      ],
      ["ip route del 10.9.0.0/16 table 77", "route: create"],
      [
        "ip route replace 10.10.0.0/16 proto static nexthop via 10.20.0.2 weight 2 nexthop via 10.20.0.3 weight 3",
        "route: nexthops",
      ],
      ["ip route replace 10.10.0.0/16 proto static via 10.20.0.2", "route: nexthops"],
      ["ip route replace 10.11.0.0/16 proto static nhid 2", "route: nexthop"],
      ["ip route replace 10.11.0.0/16 proto static via 10.20.0.2", "route: nexthop"],
      ["ip route replace unreachable 10.12.0.0/16 proto static", "route: type"],
      ["ip route replace fd10::/32 proto static via fd20::3 dev b2 pref high", "route: gateway"],
      ["ip route replace fd10::/32 proto static via fd20::2 dev b2 pref low", "route: preference"],
      ["ip route append fd11::/32 proto static via fd20::4 dev b2", "route: nexthops"],
      ["ip route del fd11::/32 via fd20::3 dev b2", "route: nexthops"],
      ["ip route replace 10.14.0.0/16 tos 0x10 dev b1 proto static", "route: gateway"],
      rule(
        `${all} table 78 suppress_prefixlength 3 suppress_ifgroup 4 realms 5 protocol 99`,
        "table",
      ),
      rule(
        `${all} table 77 suppress_prefixlength 4 suppress_ifgroup 4 realms 5 protocol 99`,
        "suppressPrefixLength",
      ),
      rule(
        `${all} table 77 suppress_prefixlength 3 suppress_ifgroup 5 realms 5 protocol 99`,
        "suppressGroup",
      ),
      rule(
        `${all} table 77 suppress_prefixlength 3 suppress_ifgroup 4 realms 6 protocol 99`,
        "realms",
      ),
      rule(
        `${all} table 77 suppress_prefixlength 3 suppress_ifgroup 4 realms 5 protocol 98`,
        "protocol",
      ),
      ["ip rule del priority 100", "rule: create"],
      ["ip rule del priority 101; ip rule add priority 101 goto 201", "rule: goto"],
      [
        "ip rule del priority 102; ip rule add priority 102 from 10.66.0.0/16 unreachable",
        "rule: action",
      ],
    ]);
  });
});
