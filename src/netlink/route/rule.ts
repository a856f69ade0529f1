/** A routing policy rule as the kernel describes it. */

import { Codec } from "../codec/codec.ts";
import type { Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-rule.ts";
import { AF_INET } from "./item.ts";
import { COMPAT, protocolName } from "./names.ts";
import { pick } from "./requests.ts";
import { RULE_RESULTS, RULE_SELECTORS } from "./rule_fields.ts";

/** The codec of rules. */
export const ruleCodec: Codec = new Codec(spec);
const Full = ruleCodec.message("getrule");

/** What a rule does with packets that it matches: FR_ACT_* of linux/fib_rules.h. */
export type RuleAction = "lookup" | "goto" | "nop" | "blackhole" | "unreachable" | "prohibit";

/** Numbers of the actions. */
export const ACTIONS: { readonly [K in RuleAction]: number } = {
  lookup: 1,
  goto: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};
const NAMES = new Map(Object.entries(ACTIONS).map(([name, v]) => [v, name as RuleAction]));

/** FIB_RULE_INVERT of linux/fib_rules.h. */
export const INVERT = 2;

/** First and last of a range, both in it. */
export type Range = readonly [first: number, last: number];

const ALL = 0xffffffff;

/**
 * A rule of the routing policy (struct fib_rule_hdr and FRA_* of linux/fib_rules.h). What it says
 * nothing about is undefined.
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.rules.add({ priority: 200, mark: 7, destinationPorts: [80, 443], table: 100 });
 * const rules = await nl.rules.list({ family: 4 }).toArray();
 * const rule = rules.find(({ priority }) => priority === 200)!;
 * console.log(rule.action, rule.table, rule.mark, rule.destinationPorts); // lookup 100 7 [ 80, 443 ]
 * ```
 */
export class Rule {
  /** Everything that the kernel said, named as in the kernel's specification. */
  readonly attributes: Families["rt-rule"]["getrule"]["dump"]["reply"];

  /** @internal */
  constructor(w: Words, at: number) {
    this.attributes = new Full(w, at) as unknown as this["attributes"];
  }

  /** IP version. */
  get family(): 4 | 6 {
    return this.attributes.header.family === AF_INET ? 4 : 6;
  }

  /** Rules are tried in the order of their priorities, lowest first. */
  get priority(): number {
    return this.attributes.priority ?? 0;
  }

  /** What it does with packets that match (FR_ACT_*). */
  get action(): RuleAction {
    const { action } = this.attributes.header;
    return action === "to-tbl" ? "lookup" : NAMES.get(action as number) ?? action as RuleAction;
  }

  /** Number of the table to look into (FRA_TABLE). */
  get table(): number | undefined {
    if (this.action !== "lookup" || this.l3mdev) return undefined;
    const { table, header } = this.attributes;
    return table ?? (header.table === COMPAT ? undefined : header.table);
  }

  /** Priority of the rule to go on with. */
  get goto(): number | undefined {
    return this.attributes.goto;
  }

  /** Network that packets come from, as in "10.0.0.0/8". */
  get from(): string | undefined {
    const { src, header } = this.attributes;
    return src === undefined ? undefined : `${src}/${header.srcLen}`;
  }

  /** Network that packets go to, as in "10.0.0.0/8". */
  get to(): string | undefined {
    const { dst, header } = this.attributes;
    return dst === undefined ? undefined : `${dst}/${header.dstLen}`;
  }

  /** Whether it matches what the selectors do not. */
  get not(): boolean {
    return (this.attributes.header.flags & INVERT) !== 0;
  }

  /** Name of the link that packets come in by. */
  get incoming(): string | undefined {
    return this.attributes.iifname;
  }

  /** Name of the link that packets are bound to go out by. */
  get outgoing(): string | undefined {
    return this.attributes.oifname;
  }

  /** Firewall mark (FRA_FWMARK). */
  get mark(): number | undefined {
    const { fwmark, fwmask } = this.attributes;
    // The kernel tells no mark of 0, but what counts of it.
    return fwmark ?? (fwmask ? 0 : undefined);
  }

  /** The bits of the mark that count. */
  get markMask(): number | undefined {
    return this.mark === undefined ? undefined : this.attributes.fwmask ?? ALL;
  }

  /** Type of service, or traffic class. */
  get tos(): number | undefined {
    return this.attributes.header.tos || undefined;
  }

  /** Differentiated services code point, 0 to 63 (RFC 2474). */
  get dscp(): number | undefined {
    return this.attributes.dscp;
  }

  /** The bits of the code point that count, unless all do. */
  get dscpMask(): number | undefined {
    return partial(this.attributes.dscpMask, 0x3f);
  }

  /** IPv6 flow label, 0 to 1048575 (RFC 6437). */
  get flowLabel(): number | undefined {
    return this.attributes.flowlabel;
  }

  /** Users whose packets match. */
  get users(): Range | undefined {
    return range(this.attributes.uidRange);
  }

  /** IP protocol number: 6 for TCP. */
  get ipProtocol(): number | undefined {
    return this.attributes.ipProto;
  }

  /** Source ports. */
  get sourcePorts(): Range | undefined {
    return range(this.attributes.sportRange);
  }

  /** The bits of the source port that count, unless all do. */
  get sourcePortMask(): number | undefined {
    return partial(this.attributes.sportMask, 0xffff);
  }

  /** The bits of the destination port that count, unless all do. */
  get destinationPortMask(): number | undefined {
    return partial(this.attributes.dportMask, 0xffff);
  }

  /** Destination ports. */
  get destinationPorts(): Range | undefined {
    return range(this.attributes.dportRange);
  }

  /** Tunnel that packets came through. */
  get tunnelId(): number | undefined {
    const { tunId } = this.attributes;
    return tunId === undefined ? undefined : Number(tunId);
  }

  /** Whether the table is that of the packet's VRF. */
  get l3mdev(): boolean {
    return this.attributes.l3mdev === 1;
  }

  /** Routes whose prefix is that long, or shorter, do not count. */
  get suppressPrefixLength(): number | undefined {
    const { suppressPrefixlen } = this.attributes;
    return suppressPrefixlen === ALL ? undefined : suppressPrefixlen;
  }

  /** Routes out of links of this group do not count. */
  get suppressGroup(): number | undefined {
    const { suppressIfgroup } = this.attributes;
    return suppressIfgroup === ALL ? undefined : suppressIfgroup;
  }

  /** Realms: from << 16 | to. */
  get realms(): number | undefined {
    return this.attributes.flow;
  }

  /** Who made it: "kernel", "static", ..., or a number (FRA_PROTOCOL, RTPROT_*). */
  get protocol(): string | number {
    return protocolName(this.attributes.protocol ?? 0);
  }

  /** A plain copy, which holds no datagram in memory; {@linkcode NewRule} in shape. */
  toJSON(): Record<string, unknown> {
    const names = ["family", "priority", ...RULE_RESULTS, ...RULE_SELECTORS, "protocol"] as const;
    return pick(this, names.filter((name) => this[name] !== false));
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

function range(value: { start: number; end: number } | undefined): Range | undefined {
  return value === undefined ? undefined : [value.start, value.end];
}

/** A mask that does not let everything count. */
function partial(mask: number | undefined, all: number): number | undefined {
  return mask === all ? undefined : mask;
}
