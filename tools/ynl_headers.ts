/**
 * Compares the generated definitions with this machine's uapi headers, by compiling:
 *
 *     deno run -A tools/ynl_headers.ts
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { Codec } from "../src/netlink/codec/codec.ts";
import type { FamilySpec } from "../src/netlink/codec/spec.ts";
import { families } from "../src/netlink/spec/mod.ts";

/** What a family is called in C. */
export interface Names {
  /** The specification's file, without suffix. */
  readonly file: string;
  /** The header that defines the names, if the specification tells. */
  readonly header?: string;
  /** What names start with, by "set.", "enum:" and, for operations, "". */
  readonly prefixes: Readonly<Record<string, string>>;
  /** Those that follow no rule, by "set.attribute", "enum:entry" and operation. */
  readonly others: Readonly<Record<string, string>>;
}

const snake = (name: string) =>
  name.replaceAll("-", "_").replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** The C name that follows from a prefix: of "set.attribute", "enum:entry" or an operation. */
export function byRule(prefixes: Readonly<Record<string, string>>, key: string): string {
  const [, group, name] = /^(.*?[.:]|)([^.:]*)$/s.exec(key) ?? ["", "", key];
  return prefixes[group] + snake(name).toUpperCase();
}

/** What came out. */
export interface Comparison {
  /** How many statements hold. */
  agree: number;
  /** Statements that do not hold. */
  wrong: string[];
  /** Names that these headers, which may be older, do not have. */
  missing: string[];
}

// Headers that the specifications do not name.
const MORE: Record<string, string[]> = {
  conntrack: [
    "linux/netfilter/nf_conntrack_tcp.h",
    "linux/netfilter/nf_conntrack_sctp.h",
    "linux/netfilter/nfnetlink_conntrack.h",
    "linux/netfilter/nf_conntrack_common.h",
  ],
  devlink: ["linux/devlink.h"],
  ethtool: ["linux/ethtool_netlink.h", "linux/ethtool.h"],
  fou: ["linux/fou.h"],
  mptcp_pm: ["linux/mptcp.h", "linux/mptcp_pm.h"],
  netdev: ["linux/netdev.h"],
  nftables: ["linux/netfilter.h", "linux/netfilter/nf_tables.h", "linux/netfilter/nf_log.h"]
    .concat("linux/netfilter/nf_tables_compat.h", "linux/netfilter/nf_conntrack_common.h")
    .concat("linux/netfilter/nf_nat.h", "linux/netfilter/nfnetlink.h")
    .concat("linux/netfilter/nf_synproxy.h"),
  nl80211: ["linux/nl80211.h"],
  nlctrl: ["linux/netlink.h"],
  "rt-addr": ["linux/if_addr.h"],
  "rt-link": ["net/if.h", "linux/if_link.h", "linux/if_bridge.h", "linux/if_tunnel.h"]
    .concat("linux/veth.h", "linux/if_vlan.h", "linux/netdevice.h"),
  "rt-neigh": ["linux/neighbour.h"],
  tc: ["linux/pkt_sched.h", "linux/pkt_cls.h", "linux/gen_stats.h", "linux/rtnetlink.h"].concat(
    ["bpf", "connmark", "csum", "ct", "ctinfo", "defact", "gact", "gate", "ife", "mirred", "mpls"]
      .concat("nat", "pedit", "sample", "skbedit", "skbmod", "tunnel_key", "vlan")
      .map((action) => `linux/tc_act/tc_${action}.h`),
  ),
  tcp_metrics: ["linux/tcp_metrics.h"],
  wireguard: ["linux/wireguard.h"],
};

/** Statements that rightly do not hold. */
const EXPLAINED: Record<string, string> = {
  "tc: sizeof(struct tc_fq_qd_stats) == 152": "grew by the counters of its bands in Linux 6.7",
};

/** Compiles one family's statements; each is a line of its own so that errors name it. */
export function compare(family: FamilySpec, names: Names): Comparison {
  const { file } = names;
  const cName = (key: string) =>
    Object.hasOwn(names.others, key) ? names.others[key] : byRule(names.prefixes, key);
  const headers = [names.header, ...MORE[file] ?? []]
    .filter((h): h is string => h !== undefined && existsSync(`/usr/include/${h}`));
  const statements: string[] = [];
  const constant = (name: string, value: number) =>
    statements.push(`${name} == ${value > 0x7fffffff ? `${value}u` : value}`);
  for (const [set, attributes] of Object.entries(family.sets)) {
    for (const [a, { id }] of Object.entries(attributes)) constant(cName(`${set}.${a}`), id);
  }
  for (const [name, { entries }] of Object.entries(family.enums)) {
    for (const [entry, value] of Object.entries(entries)) {
      constant(cName(`${name}:${entry}`), value);
    }
  }
  for (const [name, o] of Object.entries(family.operations)) {
    const number = o.do?.[0] ?? o.dump?.[0];
    // nfnetlink's message types carry the subsystem in their upper byte.
    if (number !== undefined) {
      constant(cName(name), family.protocol === 12 ? number & 255 : number);
    }
  }
  // Generic netlink's are numbered at run time; conntrack's and nftables' have names of their own.
  for (const [name, number] of Object.entries(family.groups)) {
    if (family.protocol === 0) constant(snake(name).toUpperCase(), number);
  }
  const codec = new Codec(family);
  for (const name of Object.keys(family.structs)) {
    const layout = codec.struct(name), c = `struct ${snake(name)}`;
    statements.push(`sizeof(${c}) == ${layout.size}`);
    for (const m of layout.members.values()) {
      statements.push(`__builtin_offsetof(${c}, ${snake(m.name)}) == ${m.offset}`);
      // What follows a member that is too wide may be padding, which its offset does not tell.
      if (!m.spec.array) statements.push(`sizeof(((${c} *)0)->${snake(m.name)}) == ${m.size}`);
    }
  }
  const source = headers.map((h) => `#include <${h}>\n`).join("") + "#line 1\n" +
    statements.map((s) => `_Static_assert(${s}, "wrong");\n`).join("");
  const { stderr } = spawnSync(
    "cc",
    ["-fsyntax-only", "-fmax-errors=0", "-fno-diagnostics-show-caret", "-x", "c", "-"],
    { input: source, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } },
  );
  const wrong = new Set<string>(), missing = new Set<string>();
  for (const [, line, text] of stderr.matchAll(/^<stdin>:(\d+):\d+: error: (.*)$/gm)) {
    const statement = `${file}: ${statements[Number(line) - 1]}`;
    if (!text.startsWith("static assertion failed")) missing.add(statement);
    else if (!EXPLAINED[statement]) wrong.add(statement);
  }
  return {
    agree: statements.length - wrong.size - missing.size,
    wrong: [...wrong],
    missing: [...missing],
  };
}

/** Compares all families. */
export async function compareAll(): Promise<Comparison> {
  // The generator, which makes that file, needs this one.
  const { names } = await import("./ynl_names.ts");
  const total: Comparison = { agree: 0, wrong: [], missing: [] };
  for (const [name, load] of Object.entries(families)) {
    const { agree, wrong, missing } = compare(await load(), names[name]);
    total.agree += agree;
    total.wrong.push(...wrong);
    total.missing.push(...missing);
  }
  return total;
}

if (import.meta.main) {
  const { agree, wrong, missing } = await compareAll();
  console.log(missing.map((s) => `not in these headers: ${s}`).join("\n"));
  console.log(wrong.map((s) => `wrong: ${s}`).join("\n"));
  console.log(`${agree} agree, ${wrong.length} wrong, ${missing.length} not in these headers`);
}
