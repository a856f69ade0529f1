/**
 * Where the kernel's YAML specifications contradict the uapi headers, or leave a family in a form
 * that no program can use. The headers decide; each entry says which one.
 */

import {
  addresses,
  attribute,
  BE,
  carries,
  HOST,
  IP,
  IPV4,
  IPV6,
  MAC,
  multi,
  named,
  order,
  struct,
  type Yaml,
} from "./ynl_correct.ts";
import { correctLinks } from "./ynl_links.ts";
import { correctConntrack, correctNftables } from "./ynl_netfilter.ts";

/** By file name without its suffix: a function that corrects the parsed specification in place. */
export const overrides: Record<string, (spec: Yaml) => void> = {
  "rt-link": correctLinks,
  nftables: correctNftables,
  conntrack: correctConntrack,
  // linux/netlink.h has NL_POLICY_TYPE_ATTR_PAD = 11 and _MASK = 12. Families are found by number as well.
  nlctrl(spec) {
    carries(named(spec.operations.list, "getfamily").do.request, "family-id");
    const attributes = named(spec["attribute-sets"], "policy-attrs").attributes;
    named(attributes, "pad").value = 11;
    named(attributes, "mask").value = 12;
  },
  // linux/rtnetlink.h: struct rta_cacheinfo has eight members, expires is signed; the groups.
  // net/ipv4/route.c, net/ipv6/route.c: sport = nla_get_be16(tb[RTA_SPORT]), dport alike.
  "rt-route"(spec) {
    order(spec, "route-attrs", BE, "sport", "dport");
    spec["mcast-groups"] = {
      list: [
        { name: "rtnlgrp-ipv4-route", value: 7 },
        { name: "rtnlgrp-ipv6-route", value: 11 },
      ],
    };
    const u32 = (name: string) => ({ name, type: "u32" });
    struct(spec, "rta-cacheinfo", [
      u32("rta-clntref"),
      u32("rta-lastuse"),
      { name: "rta-expires", type: "s32" },
      u32("rta-error"),
      u32("rta-used"),
      u32("rta-id"),
      u32("rta-ts"),
      u32("rta-tsage"),
    ]);
  },
  // linux/if_addr.h: addresses, and the number of a namespace, which is signed.
  "rt-addr"(spec) {
    addresses(spec, "addr-attrs", { anycast: IP, multicast: IP });
    named(named(spec["attribute-sets"], "addr-attrs").attributes, "target-netnsid").type = "s32";
  },
  // linux/neighbour.h: NDA_FDB_EXT_ATTRS is a nest.
  // drivers/net/vxlan/vxlan_core.c: *port = nla_get_be16(tb[NDA_PORT]).
  "rt-neigh"(spec) {
    order(spec, "neighbour-attrs", BE, "port");
    const { attributes } = named(spec["attribute-sets"], "neighbour-attrs");
    Object.assign(named(attributes, "fdb-ext-attrs"), {
      type: "nest",
      "nested-attributes": "fdb-ext-attrs",
    });
    spec["attribute-sets"].push({
      name: "fdb-ext-attrs",
      "name-prefix": "nfea-",
      attributes: [{ name: "activity-notify", type: "u8" }, { name: "dont-refresh", type: "flag" }],
    });
  },
  // linux/rtnetlink.h: struct rtgenmsg is one byte; the specification pads it to a word.
  // net/core/fib_rules.c: nlrule->tun_id = nla_get_be64(tb[FRA_TUN_ID]).
  "rt-rule"(spec) {
    order(spec, "fib-rule-attrs", BE, "tun-id");
    struct(spec, "rtgenmsg", [{ name: "family", type: "u8" }]);
  },
  // net/sched/sch_taprio.c: a nest for each traffic class.
  // linux/pkt_sched.h, linux/pkt_cls.h: tc_ratespec has 16-bit members; three structs end in
  // an array of as many elements as the attribute holds.
  // net/sched/act_vlan.c: nla_put_be16(skb, TCA_VLAN_PUSH_VLAN_PROTOCOL, ...).
  // net/sched/act_tunnel_key.c: key32_to_tunnel_id(nla_get_be32(tb[TCA_TUNNEL_KEY_ENC_KEY_ID])).
  // net/sched/cls_flower.c: nla_get_u16(tb[vlan_id_key]), nla_get_u32(tb[TCA_FLOWER_KEY_MPLS_LABEL]);
  // opt->opt_class = nla_get_be16(tb[TCA_FLOWER_KEY_ENC_OPT_GENEVE_CLASS]), and for ERSPAN
  // md->u.index = nla_get_be32(nla).
  // net/sched/sch_cake.c: [TCA_CAKE_OVERHEAD] = { .type = NLA_S32 }.
  tc(spec) {
    const of = (set: string) => named(spec["attribute-sets"], set).attributes;
    order(spec, "act-vlan-attrs", BE, "push-vlan-protocol");
    named(of("act-tunnel-key-attrs"), "enc-key-id").type = "u32";
    order(spec, "flower-attrs", HOST, "key-vlan-id", "key-cvlan-id", "key-mpls-label");
    order(spec, "flower-key-enc-opt-geneve-attrs", BE, "class");
    order(spec, "flower-key-enc-opt-erspan-attrs", BE, "index");
    named(of("cake-attrs"), "overhead").type = "s32";
    struct(spec, "tc-ratespec", [
      { name: "cell-log", type: "u8" },
      { name: "linklayer", type: "u8" },
      { name: "overhead", type: "u16" },
      { name: "cell-align", type: "s16" },
      { name: "mpu", type: "u16" },
      { name: "rate", type: "u32" },
    ]);
    for (
      const [name, last] of [["u32-sel", "keys"], ["u32-pcnt", "kcnts"], ["pedit-sel", "keys"]]
    ) {
      named(named(spec.definitions, `tc-${name}`).members, last).array = true;
    }
    multi(spec, "taprio-attrs", "tc-entry");
    addresses(spec, "act-ct-attrs", {
      "nat-ipv4-min": IPV4,
      "nat-ipv4-max": IPV4,
      "nat-ipv6-min": IPV6,
      "nat-ipv6-max": IPV6,
    });
    for (const set of ["act-ife-attrs", "act-skbmod-attrs"]) {
      addresses(spec, set, { dmac: MAC, smac: MAC });
    }
    addresses(spec, "act-tunnel-key-attrs", {
      "enc-ipv4-src": IPV4,
      "enc-ipv4-dst": IPV4,
      "enc-ipv6-src": IPV6,
      "enc-ipv6-dst": IPV6,
    });
    addresses(spec, "flower-attrs", {
      "key-arp-sip": IPV4,
      "key-arp-sip-mask": IPV4,
      "key-arp-tip": IPV4,
      "key-arp-tip-mask": IPV4,
    });
    const pedit = named(spec["attribute-sets"], "act-pedit-attrs").attributes;
    named(pedit, "parms-ex").struct = "tc-pedit-sel";
    Object.assign(named(pedit, "keys-ex"), {
      type: "nest",
      "nested-attributes": "act-pedit-keys-attrs",
    });
    spec["attribute-sets"].push({
      name: "act-pedit-keys-attrs",
      "name-prefix": "tca-pedit-",
      attributes: [{
        ...{ name: "key-ex", type: "nest", value: 6, "multi-attr": true },
        "nested-attributes": "act-pedit-key-attrs",
      }],
    }, {
      name: "act-pedit-key-attrs",
      "name-prefix": "tca-pedit-key-ex-",
      attributes: [["htype", "u16"], ["cmd", "u16"]].map(([a, b]) => attribute([a, b])),
    });
  },
  // linux/ethtool_netlink.h: a statistic is a nest of one u64 whose attribute number is the counter.
  // net/ethtool: a nest for each group, bucket, pair of a cable and table. What a reflection test of a
  // cable tells is no list of faults.
  ethtool(spec) {
    const sets = spec["attribute-sets"], { list } = spec.operations;
    const nest = (name: string) => ({ name, type: "nest", "nested-attributes": `cable-${name}` });
    const set = (name: string, ...attributes: [string, string, Yaml?][]) => {
      const prefix = `ethtool-a-${name}-`;
      sets.push({ name, "name-prefix": prefix, attributes: attributes.map(attribute) });
    };
    set(
      "cable-step",
      ...["first", "last", "step"].map((s): [string, string] => [`${s}-distance`, "u32"]),
    );
    const volts = (of: string) => ({ "c-name": `ETHTOOL_A_CABLE_${of}_mV` });
    set("cable-amplitude", ["pair", "u8"], ["mV", "s16", volts("AMPLITUDE")]);
    set("cable-pulse", ["mV", "s16", volts("PULSE")]);
    sets.push({
      name: "cable-tdr-nest",
      "name-prefix": "ethtool-a-cable-tdr-nest-",
      attributes: [nest("step"), { ...nest("amplitude"), "multi-attr": true }, nest("pulse")],
    });
    const tdr = named(named(sets, "cable-test-tdr-ntf").attributes, "nest");
    tdr["nested-attributes"] = "cable-tdr-nest";
    carries(named(list, "cable-test-ntf").event, "nest");
    carries(named(list, "cable-test-tdr-act").do.request, "cfg");
    carries(named(list, "pause-get").do.request, "stats-src");
    carries(named(list, "stats-get").do.request, "src");
    const stat = named(named(sets, "stats-grp").attributes, "stat");
    Object.assign(stat, { type: "nest-type-value", "sub-type": "u64" });
    multi(spec, "stats", "grp");
    multi(spec, "stats-grp", "hist-rx", "hist-tx");
    multi(spec, "cable-nest", "result", "fault-length");
    multi(spec, "tunnel-udp", "table");
  },
  // linux/mptcp_pm.h: struct in_addr and struct in6_addr. A connection's addresses are listed by its token.
  mptcp_pm(spec) {
    named(spec.operations.list, "get-addr").dump.request = { attributes: ["token"] };
    for (const { attributes } of spec["attribute-sets"]) {
      for (const a of attributes) {
        if (/addr4$/.test(a.name)) a["display-hint"] = "ipv4";
        if (/addr6$/.test(a.name)) a["display-hint"] = "ipv6";
      }
    }
  },
  // net/ipv4/fou_core.c takes addresses in network order.
  fou(spec) {
    addresses(spec, "fou", {
      "local-v4": IPV4,
      "peer-v4": IPV4,
      "local-v6": IPV6,
      "peer-v6": IPV6,
    });
  },
  // linux/nl80211.h: some are lists of positions; most of what is told of a frequency are flags.
  nl80211(spec) {
    const sets = spec["attribute-sets"], of = (set: string) => named(sets, set).attributes;
    for (const name of ["cntdwn-offs-beacon", "cntdwn-offs-presp", "csa-c-offsets-tx"]) {
      named(of("nl80211-attrs"), name)["sub-type"] = "u16";
    }
    named(of("nl80211-attrs"), "reg-alpha2").type = "string";
    const numbers: Record<string, string> = { "dfs-time": "u32", "dfs-cac-time": "u32", psd: "s8" };
    for (const a of of("frequency-attrs")) {
      if (a.type === "binary") a.type = numbers[a.name] ?? "flag";
    }
    for (const name of ["edmg-channels", "edmg-bw-config"]) {
      named(of("band-attrs"), name).type = "u8";
    }
  },
  // linux/if_team.h draws it: a nest for each option and port.
  team(spec) {
    multi(spec, "item-option", "option");
    multi(spec, "item-port", "port");
  },
  // linux/openvswitch.h: actions are taken in their order, one several times maybe; struct
  // ovs_action_add_mpls packs the type and the flags into one word; a pushed header's type is half of one.
  ovs_flow(spec) {
    const member = (struct: string, name: string) =>
      named(named(spec.definitions, struct).members, name);
    for (const name of ["arp-sip", "arp-tip"]) Object.assign(member("ovs-key-arp", name), IPV4);
    for (const name of ["ipv4-src", "ipv4-dst"]) {
      Object.assign(member("ovs-key-ct-tuple-ipv4", name), IPV4);
    }
    Object.assign(member("ovs-key-nd", "nd-target"), IPV6);
    member("ovs-action-push-mpls", "mpls-ethertype").type = "u16";
    const ports = ["src-port", "dst-port"].map((name) => ({ name, type: "u16", ...BE }));
    spec.definitions.push({
      name: "ovs-key-ct-tuple-ipv6",
      type: "struct",
      members: [
        ...["ipv6-src", "ipv6-dst"].map((name) => ({ name, type: "binary", len: 16, ...IPV6 })),
        ...ports,
        { name: "ipv6-proto", type: "u8" },
        { name: "pad", type: "pad", len: 3 },
      ],
    });
    const sets = spec["attribute-sets"], actions = named(sets, "action-attrs").attributes;
    named(named(sets, "key-attrs").attributes, "ct-orig-tuple-ipv6").struct =
      "ovs-key-ct-tuple-ipv6";
    // struct ovs_action_push_eth has it as its only member.
    named(actions, "push-eth").struct = "ovs-key-ethernet";
    struct(spec, "ovs-action-add-mpls", [
      { name: "mpls-lse", type: "u32", ...BE },
      { name: "mpls-ethertype", type: "u16", ...BE },
      { name: "tun-flags", type: "u16" },
    ]);
    addresses(spec, "nat-attrs", { "ip-min": IP, "ip-max": IP });
    addresses(spec, "tunnel-key-attrs", {
      "ipv4-src": IPV4,
      "ipv4-dst": IPV4,
      "ipv6-src": IPV6,
      "ipv6-dst": IPV6,
    });
    for (const { attributes } of spec["attribute-sets"]) {
      for (const a of attributes) if (a["nested-attributes"] === "action-attrs") a.sequence = true;
    }
  },
};
