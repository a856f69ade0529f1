/** Netfilter. */

import {
  addresses,
  attribute,
  BE,
  IPV4,
  IPV6,
  named,
  numbers,
  prefixes,
  type Yaml,
} from "./ynl_correct.ts";
import { addExpressions } from "./ynl_nft_expressions.ts";

/**
 * linux/netfilter/nf_tables.h: padding shifts what follows it, a look-up's registers come before
 * its set's id, results count from 1. linux/netfilter/nfnetlink.h: the groups' numbers.
 */
export function correctNftables(spec: Yaml): void {
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
      ["setelem-attrs", "flags"],
    ]
  ) {
    const all = named(spec["attribute-sets"], set).attributes;
    for (const name of attributes) named(all, name)["byte-order"] = "big-endian";
  }
  const element = named(spec["attribute-sets"], "setelem-attrs").attributes;
  Object.assign(named(element, "flags"), { type: "u32", enum: "set-elem-flags" });
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
}

/**
 * linux/netfilter/nfnetlink_conntrack.h: CTA_NAT_PROTO comes before IPv6, two nests have attributes of
 * their own; the groups' numbers.
 */
export function correctConntrack(spec: Yaml): void {
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
}
