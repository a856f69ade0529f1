/**
 * Compares what the generator understood with this machine's uapi headers, by compiling:
 *
 *     YNL_SPECS=/path/to/specs deno run -A tools/ynl_headers.ts
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { Codec } from "../src/netlink/codec/codec.ts";
import { type Model, readModel } from "./ynl_model.ts";

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
  conntrack: ["linux/netfilter/nfnetlink_conntrack.h", "linux/netfilter/nf_conntrack_common.h"],
  devlink: ["linux/devlink.h"],
  ethtool: ["linux/ethtool_netlink.h", "linux/ethtool.h"],
  fou: ["linux/fou.h"],
  mptcp_pm: ["linux/mptcp.h", "linux/mptcp_pm.h"],
  netdev: ["linux/netdev.h"],
  nftables: ["linux/netfilter/nf_tables.h", "linux/netfilter/nfnetlink.h"],
  nl80211: ["linux/nl80211.h"],
  nlctrl: ["linux/netlink.h"],
  "rt-addr": ["linux/if_addr.h"],
  "rt-link": ["net/if.h", "linux/if_link.h", "linux/if_bridge.h", "linux/if_tunnel.h"]
    .concat("linux/veth.h", "linux/if_vlan.h", "linux/netdevice.h"),
  "rt-neigh": ["linux/neighbour.h"],
  tc: ["linux/pkt_sched.h", "linux/gen_stats.h", "linux/rtnetlink.h"],
  tcp_metrics: ["linux/tcp_metrics.h"],
  wireguard: ["linux/wireguard.h"],
};

/** Statements that rightly do not hold. */
const EXPLAINED: Record<string, string> = {
  "tc: sizeof(struct tc_u32_sel) == 32": "ends in a flexible array, of which one key is defined",
  "tc: sizeof(struct tc_fq_qd_stats) == 152": "grew by the counters of its bands in Linux 6.7",
};

/** Compiles one family's statements; each is a line of its own so that errors name it. */
export function compare(model: Model): Comparison {
  const { family, cNames, file } = model;
  const headers = [model.header, ...MORE[file] ?? []]
    .filter((h): h is string => h !== undefined && existsSync(`/usr/include/${h}`));
  const statements: string[] = [];
  const constant = (name: string | undefined, value: number) =>
    statements.push(`${name} == ${value > 0x7fffffff ? `${value}u` : value}`);
  for (const [set, attributes] of Object.entries(family.sets)) {
    for (const [a, { id }] of Object.entries(attributes)) constant(cNames.get(`${set}.${a}`), id);
  }
  for (const [name, { entries }] of Object.entries(family.enums)) {
    for (const [entry, value] of Object.entries(entries)) {
      constant(cNames.get(`${name}:${entry}`), value);
    }
  }
  for (const [name, o] of Object.entries(family.operations)) {
    const number = o.do?.[0] ?? o.dump?.[0];
    // nfnetlink's message types carry the subsystem in their upper byte.
    if (number !== undefined) {
      constant(cNames.get(name), family.protocol === 12 ? number & 255 : number);
    }
  }
  const codec = new Codec(family);
  const snake = (name: string) =>
    name.replaceAll("-", "_").replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  for (const name of Object.keys(family.structs)) {
    const layout = codec.struct(name), c = `struct ${snake(name)}`;
    statements.push(`sizeof(${c}) == ${layout.size}`);
    for (const m of layout.members.values()) {
      statements.push(`__builtin_offsetof(${c}, ${snake(m.name)}) == ${m.offset}`);
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

/** Compares all families of a folder. */
export function compareAll(folder: string): Comparison {
  const total: Comparison = { agree: 0, wrong: [], missing: [] };
  for (const entry of readdirSync(folder).filter((f) => f.endsWith(".yaml")).sort()) {
    const model = readModel(entry.slice(0, -5), readFileSync(`${folder}/${entry}`, "utf8"));
    const { agree, wrong, missing } = compare(model);
    total.agree += agree;
    total.wrong.push(...wrong);
    total.missing.push(...missing);
  }
  return total;
}

if (import.meta.main) {
  const folder = process.env.YNL_SPECS;
  if (!folder) throw new Error("Cannot compare: YNL_SPECS must name a folder of specifications");
  const { agree, wrong, missing } = compareAll(folder);
  console.log(missing.map((s) => `not in these headers: ${s}`).join("\n"));
  console.log(wrong.map((s) => `wrong: ${s}`).join("\n"));
  console.log(`${agree} agree, ${wrong.length} wrong, ${missing.length} not in these headers`);
}
