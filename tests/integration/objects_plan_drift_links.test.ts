import { describe, it } from "node:test";
import { need } from "../support.ts";
import { type Drift, mends } from "./plan_mends.ts";

const skip = need("net-admin", "ip", "bridge", "tc");

describe("plan notices, and apply mends, what someone else changed of", { skip }, () => {
  it("a bridge", { timeout: 300_000 }, () => {
    const option = (words: string, name: string): Drift => [
      `ip link set br0 type bridge ${words}`,
      `link: ${name}`,
    ];
    return mends({
      links: [{
        ...{ name: "br0", kind: "bridge", up: true, mtu: 1400, address: "02:00:00:00:0A:01" },
        ...{ alias: "mine", txQueueLength: 50, promiscuous: true, allMulticast: true, arp: false },
        ...{ group: 7, altNames: ["second", "first"], stp: false },
        ...{ forwardDelay: 10_000, helloTime: 1000, maxAge: 10_004, ageingTime: 100_006 },
        ...{ priority: 4096, groupForwardMask: 8, groupAddress: "01:80:C2:00:00:04" },
        ...{ multicastSnooping: true, multicastQuerier: true, multicastRouter: 2 },
        ...{ multicastHashMax: 1024, multicastQueryInterval: 100_000 },
        ...{ multicastMembershipInterval: 200_000, igmpVersion: 3, mldVersion: 2 },
        ...{ maxLearned: 100 },
      }],
    }, [
      ["ip link set br0 down", "link: up"],
      ["ip link set br0 mtu 1300", "link: mtu"],
      ["ip link set br0 address 02:00:00:00:00:02", "link: address"],
      ["ip link set br0 alias other", "link: alias"],
      ["ip link set br0 txqueuelen 51", "link: txQueueLength"],
      ["ip link set br0 promisc off", "link: promiscuous"],
      ["ip link set br0 allmulticast off", "link: allMulticast"],
      ["ip link set br0 arp on", "link: arp"],
      ["ip link set br0 group 8", "link: group"],
      ["ip link property del dev br0 altname first", "link: altNames"],
      ["ip link property add dev br0 altname third", "link: altNames"],
      option("stp_state 1", "stp"),
      option("forward_delay 900", "forwardDelay"),
      option("hello_time 200", "helloTime"),
      option("max_age 1100", "maxAge"),
      option("ageing_time 2000", "ageingTime"),
      option("priority 8192", "priority"),
      option("group_fwd_mask 16", "groupForwardMask"),
      option("group_address 01:80:c2:00:00:05", "groupAddress"),
      option("mcast_snooping 0", "multicastSnooping"),
      option("mcast_querier 0", "multicastQuerier"),
      option("mcast_router 1", "multicastRouter"),
      option("mcast_hash_max 2048", "multicastHashMax"),
      option("mcast_query_interval 9000", "multicastQueryInterval"),
      option("mcast_membership_interval 9000", "multicastMembershipInterval"),
      option("mcast_igmp_version 2", "igmpVersion"),
      option("mcast_mld_version 1", "mldVersion"),
      ["ip link del br0", "link: create"],
    ]);
  });

  it("a bridge's port", { timeout: 300_000 }, () => {
    const option = (
      words: string,
    ): Drift => [`bridge link set dev b1 ${words}`, "link: bridgePort"];
    return mends({
      links: [{
        ...{ name: "b1", master: "br7" },
        bridgePort: {
          ...{ priority: 9, cost: 7, hairpin: true, guard: true, rootBlock: true, fastLeave: true },
          ...{ learning: false, unicastFlood: false, multicastFlood: false, broadcastFlood: false },
          ...{ multicastToUnicast: true, multicastRouter: 2, proxyArp: true, vlanTunnel: true },
          ...{ neighbourSuppress: true, isolated: true, locked: true, groupForwardMask: 8 },
          ...{ backupPort: "b0" },
        },
      }],
    }, [
      ["ip link set b1 nomaster", "link: master,bridgePort"],
      ["ip link set b1 master sw", "link: master,bridgePort"],
      option("priority 10"),
      option("cost 8"),
      option("hairpin off"),
      option("guard off"),
      option("root_block off"),
      option("fastleave off"),
      option("learning on"),
      option("flood on"),
      option("mcast_flood on"),
      option("bcast_flood on"),
      option("mcast_to_unicast off"),
      option("mcast_router 1"),
      ["ip link set b1 type bridge_slave proxy_arp off", "link: bridgePort"],
      option("vlan_tunnel off"),
      option("neigh_suppress off"),
      option("isolated off"),
      option("locked off"),
      ["ip link set b1 type bridge_slave group_fwd_mask 16", "link: bridgePort"],
      option("nobackup_port"),
    ], ["ip link add br7 type bridge", "ip link set b0 master br7"]);
  });

  it("links upon links", { timeout: 300_000 }, () => {
    const tunnel = (words: string, name: string): Drift => [
      `ip link set vx0 type vxlan id 7 ${words}`,
      `link: ${name}`,
    ];
    const anew = "ip link del vx0; ip link add vx0 type vxlan";
    const same = "id 7 dev a0 dstport 4790 remote fd00::1 local fd00::2 ttl 5 tos 4 ageing 100";
    const off = "nolearning udpcsum udp6zerocsumtx udp6zerocsumrx";
    const rest = "srcport 1000 2000 flowlabel 5 df set maxaddress 99 proxy rsc l2miss l3miss";
    return mends({
      links: [
        {
          ...{ name: "vx0", kind: "vxlan", id: 7, link: "a0", port: 4790, remote: "FD00:0::1" },
          ...{ local: "fd00:0:0::2", ttl: 5, tos: 4, learning: false, ageing: 100 },
          ...{ sourcePorts: [1000, 2000], flowLabel: 5, dontFragment: "set", limit: 99 },
          ...{ proxy: true, routeShortCircuit: true, reportMissingMac: true },
          ...{ reportMissingIp: true, udpChecksum: true, noChecksum6Out: true },
          ...{ noChecksum6In: true },
        },
        { name: "mv0", kind: "macvlan", link: "a1", mode: "private" },
        { name: "mv1", kind: "macvlan", link: "b1", mode: "passthru", noPromiscuous: true },
        { name: "if0", kind: "ifb", mtu: 1400 },
        { name: "v0", kind: "veth", mtu: 1400, peer: { name: "v1" } },
        { name: "v1", mtu: 1300, up: true },
      ],
    }, [
      tunnel("ttl 6", "ttl"),
      tunnel("tos 8", "tos"),
      tunnel("remote fd00::9", "remote"),
      tunnel("local fd00::9", "local"),
      tunnel("learning", "learning"),
      tunnel("ageing 101", "ageing"),
      [
        `${anew} ${same.replace("7", "8")} ${rest} ${off}`,
        "link: id",
      ],
      [
        `${anew} ${same} ${rest.replace("99", "98")} ${off}`,
        "link: limit",
      ],
      [
        `${anew} ${same} ${rest.replace("set", "unset")} ${off}`,
        "link: dontFragment",
      ],
      [
        `${anew} ${same} ${rest.replace("2000", "2001")} ${off}`,
        "link: sourcePorts",
      ],
      [
        `${anew} ${same.replace("4790", "4791")} ${rest} ${off}`,
        "link: port",
      ],
      [
        `${anew} ${same} ${rest.replace("label 5", "label 6")} ${off}`,
        "link: flowLabel",
      ],
      [
        `${anew} ${same} ${rest.replace("proxy", "")} ${off}`.replace("  ", " "),
        "link: proxy",
      ],
      [
        `${anew} ${same} ${rest} nolearning noudpcsum udp6zerocsumtx udp6zerocsumrx`,
        "link: udpChecksum",
      ],
      ["ip link set mv0 type macvlan mode bridge", "link: mode"],
      ["ip link set mv1 type macvlan mode passthru flag null", "link: noPromiscuous"],
      [
        "ip link del mv0; ip link add mv0 link a0 type macvlan mode private",
        "link: link",
      ],
      [
        "ip link del mv0; ip link add mv0 link a1 type macvtap mode private",
        "link: kind",
      ],
      ["ip link del if0; ip link add if0 mtu 1400 type bridge", "link: kind"],
      ["ip link set if0 mtu 1401", "link: mtu"],
      ["ip link set v1 mtu 1301", "link: mtu"],
      ["ip link del v0", "link: create and link: mtu,up"],
    ]);
  });
});
