/**
 * What rules and objects of nftables consist of and the specification leaves out, from
 * linux/netfilter/nf_tables.h.
 */

// deno-lint-ignore no-explicit-any -- parsed YAML, shaped by the specification's own schema
type Yaml = any;

/**
 * The attributes of each set, numbered from 1: name, type and, behind "=", the enum or the nest. Numbers
 * are in network order, but for "host32".
 */
const SETS: Readonly<Record<string, string>> = {
  "byteorder": "sreg:u32=registers dreg:u32=registers op:u32=byteorder-ops len:u32 size:u32",
  "connlimit": "count:u32 flags:u32=connlimit-flags",
  "dup": "sreg-addr:u32=registers sreg-dev:u32=registers",
  "dynset": "set-name:string set-id:u32 op:u32=dynset-ops sreg-key:u32=registers " +
    "sreg-data:u32=registers timeout:u64 expr:nest=expr-attrs pad:pad flags:u32=dynset-flags " +
    "expressions:nest=expr-list-attrs",
  "exthdr": "dreg:u32=registers type:u8 offset:u32 len:u32 flags:u32=exthdr-flags " +
    "op:u32=exthdr-op sreg:u32=registers",
  "fwd": "sreg-dev:u32=registers sreg-addr:u32=registers nfproto:u32",
  "hash": "sreg:u32=registers dreg:u32=registers len:u32 modulus:u32 seed:u32 offset:u32 " +
    "type:u32=hash-types set-name:string set-id:u32",
  "inner": "num:u32 type:u32=inner-type flags:u32=inner-flags hdrsize:u32 expr:nest=expr-attrs",
  "last": "set:u32 msecs:u64 pad:pad",
  "limit": "rate:u64 unit:u64 burst:u32 type:u32=limit-type flags:u32=limit-flags pad:pad",
  "osf": "dreg:u32=registers ttl:u8 flags:u32=osf-flags",
  "queue": "num:u16 total:u16 flags:u16=queue-flags sreg-qnum:u32=registers",
  "redir": "reg-proto-min:u32=registers reg-proto-max:u32=registers flags:u32=nat-range-flags",
  "rt": "dreg:u32=registers key:u32=rt-keys",
  "socket": "key:u32=socket-keys dreg:u32=registers level:u32",
  "synproxy": "mss:u16 wscale:u8 flags:u32=synproxy-flags",
  "tunnel": "key:u32=tunnel-keys dreg:u32=registers mode:u32=tunnel-mode",
  "xfrm": "dreg:u32=registers key:u32=xfrm-keys dir:u8 spnum:u32",
  // Of objects alone. The time that an expectation may take is in the host's order.
  "ct-expect": "l3proto:u16 l4proto:u8 dport:u16 timeout:host32 size:u8",
  "ct-helper": "name:string l3proto:u16 l4proto:u8",
  "ct-timeout": "l3proto:u16 l4proto:u8 data:u32s",
  "secmark": "ctx:string",
  "tunnel-key": "id:u32 ip:nest=tunnel-key-ip-attrs ip6:nest=tunnel-key-ip6-attrs " +
    "flags:u32=tunnel-flags tos:u8 ttl:u8 sport:u16 dport:u16 opts:nest=tunnel-key-opts-attrs",
  "tunnel-key-ip": "src:ipv4 dst:ipv4",
  "tunnel-key-ip6": "src:ipv6 dst:ipv6 flowlabel:u32",
  "tunnel-key-opts": "vxlan:nest=tunnel-key-vxlan-attrs erspan:nest=tunnel-key-erspan-attrs " +
    "geneve:nest=tunnel-key-geneve-attrs",
  "tunnel-key-vxlan": "gbp:u32",
  "tunnel-key-erspan": "version:u32 v1-index:u32 v2-hwid:u8 v2-dir:u8",
  "tunnel-key-geneve": "class:u16 type:u8 data:binary",
};

/** Which set an expression's data has, by its name; the names are those of the sets. */
const EXPRESSIONS = (
  "byteorder connlimit dup dynset exthdr fwd hash inner last limit osf queue redir rt socket " +
  "synproxy tunnel xfrm"
).split(" ");

/** Which set an object's data has, by its type. */
const OBJECTS: Readonly<Record<string, string>> = {
  "ct-helper": "ct-helper",
  "limit": "limit",
  "connlimit": "connlimit",
  "tunnel": "tunnel-key",
  "ct-timeout": "ct-timeout",
  "secmark": "secmark",
  "ct-expect": "ct-expect",
  "synproxy": "synproxy",
};

/** Name, prefix in C, and entries, from 0 on. */
const ENUMS: readonly (readonly [name: string, prefix: string, entries: string])[] = [
  ["byteorder-ops", "nft-byteorder-", "ntoh hton"],
  ["dynset-ops", "nft-dynset-op-", "add update delete"],
  ["exthdr-op", "nft-exthdr-op-", "ipv6 tcpopt ipv4 sctp dccp"],
  ["hash-types", "nft-hash-", "jenkins sym"],
  ["inner-type", "nft-inner-", "unspec vxlan geneve"],
  ["limit-type", "nft-limit-", "pkts pkt-bytes"],
  ["rt-keys", "nft-rt-", "classid nexthop4 nexthop6 tcpmss xfrm"],
  ["socket-keys", "nft-socket-", "transparent mark wildcard cgroupv2"],
  ["tunnel-keys", "nft-tunnel-", "path id"],
  ["tunnel-mode", "nft-tunnel-mode-", "none rx tx"],
  ["xfrm-keys", "nft-xfrm-key-", "unspec daddr-ip4 daddr-ip6 saddr-ip4 saddr-ip6 reqid spi"],
];

/** The same of bits. */
const FLAGS: typeof ENUMS = [
  ["connlimit-flags", "nft-connlimit-f-", "inv"],
  ["dynset-flags", "nft-dynset-f-", "inv expr"],
  ["exthdr-flags", "nft-exthdr-f-", "present"],
  ["inner-flags", "nft-inner-", "hdrsize ll nh th"],
  ["limit-flags", "nft-limit-f-", "inv"],
  ["osf-flags", "nft-osf-f-", "version"],
  ["queue-flags", "nft-queue-flag-", "bypass cpu-fanout"],
  ["synproxy-flags", "nf-synproxy-opt-", "mss wscale sack-perm timestamp"],
  ["tunnel-flags", "nft-tunnel-f-", "zero-csum-tx dont-fragment seq-number"],
];

const BE = { "byte-order": "big-endian" };

function attribute(text: string): Yaml {
  const [, name, type, more] = /^(.*?):(.*?)(?:=(.*))?$/.exec(text)!;
  switch (type) {
    case "nest":
      return { name, type, "nested-attributes": more };
    case "ipv4":
      return { name, type: "u32", ...BE, "display-hint": "ipv4" };
    case "ipv6":
      return { name, type: "binary", "display-hint": "ipv6" };
    case "host32":
      return { name, type: "u32" };
    case "u32s":
      return { name, type: "indexed-array", "sub-type": "u32", ...BE };
    case "u16":
    case "u32":
    case "u64":
      return { name, type, enum: more, ...BE };
    default:
      return { name, type };
  }
}

/** Adds them all to the specification of nftables. */
export function addExpressions(spec: Yaml): void {
  for (const [list, type] of [[ENUMS, "enum"], [FLAGS, "flags"]] as const) {
    for (const [name, prefix, entries] of list) {
      spec.definitions.push({ name, type, "name-prefix": prefix, entries: entries.split(" ") });
    }
  }
  for (const [name, attributes] of Object.entries(SETS)) {
    spec["attribute-sets"].push({
      name: `${name}-attrs`,
      "name-prefix": `nfta-${name}-`,
      attributes: attributes.split(" ").map(attribute),
    });
  }
  const formats = (message: string) =>
    spec["sub-messages"].find((m: Yaml) => m.name === message).formats;
  for (const value of EXPRESSIONS) {
    formats("expr-ops").push({ value, "attribute-set": `${value}-attrs` });
  }
  for (const [value, set] of Object.entries(OBJECTS)) {
    formats("obj-data").push({ value, "attribute-set": `${set}-attrs` });
  }
}
