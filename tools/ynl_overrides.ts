/**
 * Where the kernel's YAML specifications contradict the uapi headers, or leave a family in a form
 * that no program can use. The headers decide; each entry says which one.
 */

import { addExpressions } from "./ynl_nft_expressions.ts";

// deno-lint-ignore no-explicit-any -- parsed YAML, shaped by the specification's own schema
type Yaml = any;

const named = (list: Yaml[], name: string): Yaml => {
  const found = list.find((x) => x.name === name);
  if (found === undefined) throw new Error(`Cannot override ${name}: the specification has none`);
  return found;
};
const struct = (spec: Yaml, name: string, members: Yaml[]) => {
  named(spec.definitions, name).members = members;
};

/** An attribute in short: name, type, and what else its entry says. */
const attribute = ([name, type, more]: [string, string, Yaml?]): Yaml => ({ name, type, ...more });
const BE = { "byte-order": "big-endian" };
const IPV4 = { ...BE, "display-hint": "ipv4" };
const IPV6 = { "display-hint": "ipv6" };
const IP = { "display-hint": "ipv4-or-v6" };
const MAC = { "display-hint": "mac" };

/** Adds a link kind's attribute set and its format. */
function kind(spec: Yaml, kinds: string[], prefix: string, list: [string, string, Yaml?][]): void {
  const name = `linkinfo-${kinds[0]}-attrs`;
  spec["attribute-sets"].push({
    name,
    "name-prefix": prefix,
    attributes: list.map(attribute),
  });
  const formats = named(spec["sub-messages"], "linkinfo-data-msg").formats;
  for (const value of kinds) formats.push({ value, "attribute-set": name });
}

/** Sets the numbers of attributes; those behind them follow. */
function numbers(spec: Yaml, set: string, values: Record<string, number>): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const [name, value] of Object.entries(values)) named(attributes, name).value = value;
}

/** Attributes that stand once for each of what they tell of. */
function multi(spec: Yaml, set: string, ...names: string[]): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const name of names) named(attributes, name)["multi-attr"] = true;
}

/** How the addresses of a set are to be shown. */
function addresses(spec: Yaml, set: string, how: Record<string, Yaml>): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const [name, what] of Object.entries(how)) Object.assign(named(attributes, name), what);
}

/** What a request carries, or a notification, and its list leaves out. */
function carries(message: Yaml, ...attributes: string[]): void {
  message.attributes = [...message.attributes ?? [], ...attributes];
}

/** The C prefixes that a specification leaves out, of attribute sets and of enums. */
function prefixes(spec: Yaml, sets: Record<string, string>, enums: Record<string, string>): void {
  for (const [name, prefix] of Object.entries(sets)) {
    named(spec["attribute-sets"], name)["name-prefix"] = prefix;
  }
  for (const [name, prefix] of Object.entries(enums)) {
    named(spec.definitions, name)["name-prefix"] = prefix;
  }
}

/** By file name without its suffix: a function that corrects the parsed specification in place. */
export const overrides: Record<string, (spec: Yaml) => void> = {
  // linux/netlink.h has NL_POLICY_TYPE_ATTR_PAD = 11 and _MASK = 12. Families are found by number as well.
  nlctrl(spec) {
    carries(named(spec.operations.list, "getfamily").do.request, "family-id");
    const attributes = named(spec["attribute-sets"], "policy-attrs").attributes;
    named(attributes, "pad").value = 11;
    named(attributes, "mask").value = 12;
  },
  // linux/rtnetlink.h: struct rta_cacheinfo has eight members, expires is signed; the groups.
  "rt-route"(spec) {
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
  // linux/if_link.h, linux/veth.h: link kinds that the specification leaves out.
  "rt-link"(spec) {
    spec.definitions.push(
      {
        name: "ifla-vxlan-port-range",
        type: "struct",
        members: [
          { name: "low", type: "u16", ...BE },
          { name: "high", type: "u16", ...BE },
        ],
      },
      { name: "vxlan-df", type: "enum", entries: ["unset", "set", "inherit"] },
      // One mode, never a set of them, though the values are bits.
      {
        name: "macvlan-mode",
        type: "enum",
        entries: ["private", "vepa", "bridge", "passthru", "source"]
          .map((name, i) => ({ name, value: 2 ** i })),
      },
      { name: "macvlan-macaddr-mode", type: "enum", entries: ["add", "del", "flush", "set"] },
      { name: "ipvlan-mode", type: "enum", entries: ["l2", "l3", "l3s"] },
      { name: "ipvlan-flags", type: "flags", entries: ["private", "vepa"] },
    );
    kind(spec, ["veth"], "veth-info-", [
      ["peer", "nest", { "nested-attributes": "link-attrs", "fixed-header": "ifinfomsg" }],
    ]);
    kind(spec, ["vxlan"], "ifla-vxlan-", [
      ["id", "u32"],
      ["group", "u32", IPV4],
      ["link", "u32"],
      ["local", "u32", IPV4],
      ["ttl", "u8"],
      ["tos", "u8"],
      ["learning", "u8"],
      ["ageing", "u32", { doc: "Seconds." }],
      ["limit", "u32"],
      ["port-range", "binary", { struct: "ifla-vxlan-port-range" }],
      ["proxy", "u8"],
      ["rsc", "u8"],
      ["l2miss", "u8"],
      ["l3miss", "u8"],
      ["port", "u16", BE],
      ["group6", "binary", IPV6],
      ["local6", "binary", IPV6],
      ["udp-csum", "u8"],
      ["udp-zero-csum6-tx", "u8"],
      ["udp-zero-csum6-rx", "u8"],
      ["remcsum-tx", "u8"],
      ["remcsum-rx", "u8"],
      ["gbp", "flag"],
      ["remcsum-nopartial", "flag"],
      ["collect-metadata", "u8"],
      ["label", "u32", BE],
      ["gpe", "flag"],
      ["ttl-inherit", "flag"],
      ["df", "u8", { enum: "vxlan-df" }],
      ["vnifilter", "u8"],
      ["localbypass", "u8"],
      ["label-policy", "u32"],
      ["reserved-bits", "binary"],
      ["mc-route", "u8"],
    ]);
    kind(spec, ["macvlan", "macvtap"], "ifla-macvlan-", [
      ["mode", "u32", { enum: "macvlan-mode" }],
      ["flags", "u16"],
      ["macaddr-mode", "u32", { enum: "macvlan-macaddr-mode" }],
      ["macaddr", "binary", { "display-hint": "mac" }],
      ["macaddr-data", "nest", { "nested-attributes": "linkinfo-macaddr-attrs" }],
      ["macaddr-count", "u32"],
      ["bc-queue-len", "u32"],
      ["bc-queue-len-used", "u32"],
      ["bc-cutoff", "s32"],
    ]);
    spec["attribute-sets"].push({
      name: "linkinfo-macaddr-attrs",
      "name-prefix": "ifla-macvlan-",
      attributes: [
        {
          name: "macaddr",
          type: "binary",
          value: 4,
          "display-hint": "mac",
          "multi-attr": true,
        },
      ],
    });
    kind(spec, ["ipvlan", "ipvtap"], "ifla-ipvlan-", [
      ["mode", "u16", { enum: "ipvlan-mode" }],
      ["flags", "u16", { enum: "ipvlan-flags" }],
    ]);
    kind(spec, ["xfrm"], "ifla-xfrm-", [
      ["link", "u32"],
      ["if-id", "u32"],
      ["collect-metadata", "flag"],
    ]);
    // linux/if_bridge.h: what a bridge tells of a port stands where others have one nest a family.
    spec.definitions.push({
      name: "bridge-vlan-info-flags",
      type: "flags",
      "name-prefix": "bridge-vlan-info-",
      entries: ["master", "pvid", "untagged", "range-begin", "range-end", "brentry", "only-opts"],
    }, {
      name: "bridge-vlan-info",
      type: "struct",
      members: [
        { name: "flags", type: "u16", enum: "bridge-vlan-info-flags", "enum-as-flags": true },
        { name: "vid", type: "u16" },
      ],
    });
    const vlans = { struct: "bridge-vlan-info", "multi-attr": true };
    spec["attribute-sets"].push({
      name: "bridge-af-spec-attrs",
      "name-prefix": "ifla-bridge-",
      attributes: [
        { name: "flags", type: "u16", value: 0 },
        ...[["mode", "u16"], ["vlan-info", "binary", vlans], ["vlan-tunnel-info", "binary"]]
          .concat([["mrp", "binary"], ["cfm", "binary"], ["mst", "binary"]])
          .map((a) => attribute(a as [string, string, Yaml?])),
      ],
    });
    multi(spec, "bridge-af-spec-attrs", "vlan-tunnel-info");
    const afSpec = named(named(spec["attribute-sets"], "link-attrs").attributes, "af-spec");
    delete afSpec["nested-attributes"];
    const bySelector = { "sub-message": "af-spec-msg", selector: "ifi-family" };
    Object.assign(afSpec, { type: "sub-message", ...bySelector });
    spec["sub-messages"].push({
      name: "af-spec-msg",
      formats: [
        { value: "", "attribute-set": "af-spec-attrs" },
        { value: 7, "attribute-set": "bridge-af-spec-attrs" }, // AF_BRIDGE
      ],
    });
    const formats = named(spec["sub-messages"], "linkinfo-data-msg").formats;
    for (const [value, like] of [["ip6gretap", "ip6gre"], ["ip6erspan", "ip6gre"]]) {
      const set = formats.find((f: Yaml) => f.value === like)["attribute-set"];
      formats.push({ value, "attribute-set": set });
    }
  },
  // linux/if_addr.h: addresses, and the number of a namespace, which is signed.
  "rt-addr"(spec) {
    addresses(spec, "addr-attrs", { anycast: IP, multicast: IP });
    named(named(spec["attribute-sets"], "addr-attrs").attributes, "target-netnsid").type = "s32";
  },
  // linux/neighbour.h: NDA_FDB_EXT_ATTRS is a nest.
  "rt-neigh"(spec) {
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
  "rt-rule"(spec) {
    struct(spec, "rtgenmsg", [{ name: "family", type: "u8" }]);
  },
  // net/sched/sch_taprio.c: a nest for each traffic class.
  // linux/pkt_sched.h, linux/pkt_cls.h: tc_ratespec has 16-bit members; three structs end in
  // an array of as many elements as the attribute holds.
  tc(spec) {
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
  // linux/netfilter/nf_tables.h: padding shifts what follows it, a look-up's registers come before
  // its set's id, results count from 1. linux/netfilter/nfnetlink.h: the groups' numbers.
  nftables(spec) {
    numbers(spec, "chain-attrs", { flags: 10 });
    numbers(spec, "rule-attrs", { id: 9 });
    numbers(spec, "setelem-attrs", { objref: 9 });
    named(spec["sub-messages"], "expr-ops").formats.push({
      value: "masq",
      "attribute-set": "expr-masq-attrs",
    });
    // All numbers are in network order; all fields of a concatenation stand in one nest.
    for (
      const [set, ...attributes] of [
        ["rule-attrs", "id", "position-id", "chain-id"],
        ["set-attrs", "id", "timeout", "gc-interval"],
        ["setelem-attrs", "timeout", "expiration"],
        ["setelem-list-attrs", "set-id"],
        ["numgen-attrs", "dreg"],
      ]
    ) {
      const all = named(spec["attribute-sets"], set).attributes;
      for (const name of attributes) named(all, name)["byte-order"] = "big-endian";
    }
    const fields = named(spec["attribute-sets"], "set-desc-concat-attrs").attributes;
    named(fields, "elem")["multi-attr"] = true;
    // Answered with one message to whatever asks: a list would not end.
    delete named(spec.operations.list, "getgen").dump;
    numbers(spec, "expr-lookup-attrs", { sreg: 2, dreg: 3, "set-id": 4, flags: 5 });
    named(spec.definitions, "fib-result")["value-start"] = 1;
    spec.operations["name-prefix"] = "nft-msg-";
    const regular = ["log", "range", "table", "chain", "rule", "expr", "rule-compat", "set"]
      .concat("set-desc", "set-field", "gen", "obj", "quota", "flowtable", "flowtable-hook")
      .concat("data", "verdict").map((name) => [`${name}-attrs`, `nfta-${name}-`]);
    const expressions = ["bitwise", "cmp", "counter", "fib", "ct", "immediate", "lookup", "masq"]
      .concat("meta", "nat", "payload", "reject", "target", "tproxy", "objref")
      .map((name) => [`expr-${name}-attrs`, `nfta-${name}-`]);
    prefixes(spec, {
      ...Object.fromEntries(regular),
      ...Object.fromEntries(expressions),
      "numgen-attrs": "nfta-ng-",
      "nft-hook-attrs": "nfta-hook-",
      "hook-dev-attrs": "nfta-device-",
      "nft-counter-attrs": "nfta-counter-",
      "counter-attrs": "nfta-counter-",
      "setelem-attrs": "nfta-set-elem-",
      "setelem-list-attrs": "nfta-set-elem-list-",
      "expr-list-attrs": "nfta-list-",
      "compat-target-attrs": "nfta-target-",
      "compat-match-attrs": "nfta-match-",
    }, {
      "meta-keys": "nft-meta-",
      "bitwise-ops": "nft-bitwise-",
      "cmp-ops": "nft-cmp-",
      "object-type": "nft-object-",
      "set-flags": "nft-set-",
      "set-elem-flags": "nft-set-elem-",
      "table-flags": "nft-table-f-",
      "chain-flags": "nft-chain-",
      "lookup-flags": "nft-lookup-f-",
      "ct-keys": "nft-ct-",
      "ct-direction": "ip-ct-dir-",
      "quota-flags": "nft-quota-f-",
      "verdict-code": "nf-",
      "fib-result": "nft-fib-result-",
      "fib-flags": "nfta-fib-f-",
      "reject-types": "nft-reject-",
      "reject-inet-code": "nft-reject-icmpx-",
      "payload-base": "nft-payload-",
      "range-ops": "nft-range-",
      "registers": "nft-",
      "numgen-types": "nft-ng-",
      "log-level": "nft-loglevel-",
      "log-flags": "nf-log-",
      "nat-range-flags": "nf-nat-range-",
    });
    named(spec["mcast-groups"].list, "mgmt").value = 7;
    addExpressions(spec);
  },
  // linux/netfilter/nfnetlink_conntrack.h: CTA_NAT_PROTO comes before IPv6, two nests have attributes of
  // their own; the groups' numbers.
  conntrack(spec) {
    const sets = spec["attribute-sets"], flows = named(sets, "conntrack-attrs").attributes;
    const nests: Record<string, [string, string, Yaml?][]> = {
      timestamp: [["start", "u64", BE], ["stop", "u64", BE], ["pad", "pad"]],
      filter: [["orig-flags", "u32"], ["reply-flags", "u32"]],
    };
    for (const [name, list] of Object.entries(nests)) {
      const set = `${name}-attrs`, attributes = list.map(attribute);
      sets.push({ name: set, "name-prefix": `cta-${name}-`, attributes });
      Object.assign(named(flows, name), { type: "nest", "nested-attributes": set });
    }
    named(sets, "help-attrs").attributes.push({ name: "help-info", type: "binary" });
    numbers(spec, "nat-attrs", { "nat-v6-minip": 4, "nat-proto": 3 });
    addresses(spec, "nat-attrs", {
      "nat-v4-minip": IPV4,
      "nat-v4-maxip": IPV4,
      "nat-v6-minip": IPV6,
      "nat-v6-maxip": IPV6,
    });
    prefixes(spec, {
      "counter-attrs": "cta-counters-",
      "tuple-proto-attrs": "cta-",
      "tuple-ip-attrs": "cta-",
      "tuple-attrs": "cta-",
      "protoinfo-tcp-attrs": "cta-protoinfo-",
      "protoinfo-dccp-attrs": "cta-protoinfo-",
      "protoinfo-sctp-attrs": "cta-protoinfo-",
      "protoinfo-attrs": "cta-",
      "help-attrs": "cta-",
      "nat-proto-attrs": "cta-",
      "nat-attrs": "cta-",
      "seqadj-attrs": "cta-seqadj-",
      "secctx-attrs": "cta-secctx-",
      "synproxy-attrs": "cta-synproxy-",
      "conntrack-attrs": "cta-",
      "conntrack-stats-attrs": "cta-stats-",
    }, {
      "nf-ct-tcp-state": "tcp-conntrack-",
      "nf-ct-sctp-state": "sctp-conntrack-",
      "nf-ct-status": "ips-",
    });
    spec["mcast-groups"] = {
      list: ["new", "update", "destroy"].map((name, i) => ({ name, value: i + 1 })),
    };
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
  // linux/if_team.h draws it: a nest for each option and port.
  team(spec) {
    multi(spec, "item-option", "option");
    multi(spec, "item-port", "port");
  },
  // linux/openvswitch.h: an action may be taken several times; struct ovs_action_add_mpls packs the type and the flags into one word.
  ovs_flow(spec) {
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
    for (const a of named(spec["attribute-sets"], "action-attrs").attributes) {
      if (a.type !== "flag") a["multi-attr"] = true;
    }
  },
};
