/** The kinds of links. */

import { attribute, BE, HOST, IPV4, IPV6, multi, named, order, type Yaml } from "./ynl_correct.ts";

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

/** linux/if_link.h, linux/veth.h: link kinds that the specification leaves out, and two structs. */
export function correctLinks(spec: Yaml): void {
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
  const info = named(spec.definitions, "ifla-vf-vlan-info").members;
  Object.assign(named(info, "vlan-proto"), { type: "u16", ...BE });
  spec.definitions.push({
    name: "rtnl-hw-stats64",
    type: "struct",
    members: ["packets", "bytes", "errors", "dropped"]
      .flatMap((name) => [`rx-${name}`, `tx-${name}`]).concat("multicast")
      .map((name) => ({ name, type: "u64" })),
  });
  const of = (set: string) => named(spec["attribute-sets"], set).attributes;
  Object.assign(named(of("ifla6-attrs"), "token"), IPV6);
  named(of("linkinfo-bridge-attrs"), "fdb-flush").type = "flag";
  // net/bridge/br_netlink.c: nla_put_be16(skb, IFLA_BR_VLAN_PROTOCOL, br->vlan_proto).
  order(spec, "linkinfo-bridge-attrs", BE, "vlan-protocol");
  // net/ipv6/ip6_tunnel.c: nla_put_u32(skb, IFLA_IPTUN_FLAGS, parm->flags), where others have 16 bits.
  order(spec, "linkinfo-ip6tnl-attrs", HOST, "flags");
  const offloaded = named(spec["attribute-sets"], "link-offload-xstats").attributes;
  named(offloaded, "cpu-hit").struct = "rtnl-link-stats64";
  named(offloaded, "l3-stats").struct = "rtnl-hw-stats64";
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
}
