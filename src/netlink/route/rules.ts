/** Routing policy rules: listing, adding, deleting. */

import { ipv4Text, ipv6Text } from "../codec/address.ts";
import type { RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { NetlinkError } from "../error.ts";
import { bad, integer } from "../check.ts";
import { familyNumber, isNetwork, linkName, prefix } from "./input.ts";
import { AF_INET, AF_INET6, version } from "./item.ts";
import { COMPAT, MAIN, protocolName, protocolValue } from "./names.ts";
import { Mode, Requests } from "./requests.ts";
import { ACTIONS, INVERT, type Range, Rule, type RuleAction, ruleCodec } from "./rule.ts";
import { compared, hasNamed, type RuleFields } from "./rule_fields.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST, RULE } from "./shapes.ts";

/**
 * A rule to be added (FRA_* of linux/fib_rules.h), or what a rule to be deleted has; the rest of that
 * may be anything. What is given as false or 0, or as a network of length 0, it then does not have.
 */
export interface NewRule {
  /**
   * IP version.
   *
   * @default that of the addresses, else 4
   */
  family?: 4 | 6;
  /**
   * Rules are tried in the order of their priorities, lowest first.
   *
   * @default one less than the lowest but 0, as the kernel chooses
   */
  priority?: number;
  /**
   * What it does.
   *
   * @default "goto" with `goto`, else "lookup"
   */
  action?: RuleAction;
  /**
   * The table to look into.
   *
   * @default 254, the main one
   */
  table?: number;
  /** Priority of the rule to go on with. */
  goto?: number;
  /** Network that packets come from, as in "10.0.0.0/8". */
  from?: string;
  /** Network that packets go to, as in "10.0.0.0/8". */
  to?: string;
  /**
   * Whether it matches what the selectors do not.
   *
   * @default false
   */
  not?: boolean;
  /** Name of the link that packets come in by. */
  incoming?: string;
  /** Name of the link that packets are bound to go out by. */
  outgoing?: string;
  /** Firewall mark. */
  mark?: number;
  /**
   * The bits of the mark that count; not 0 with a mark of 0, which would be no mark.
   *
   * @default 0xffffffff
   */
  markMask?: number;
  /** Type of service, or traffic class. */
  tos?: number;
  /** Differentiated services code point, 0 to 63 (RFC 2474). */
  dscp?: number;
  /**
   * The bits of the code point that count; Linux 6.15.
   *
   * @default 0x3f
   */
  dscpMask?: number;
  /** IPv6 flow label, 0 to 1048575 (RFC 6437). */
  flowLabel?: number;
  /** Users whose packets match, by number. */
  users?: Range;
  /** IP protocol number, 1 to 255: 6 for TCP, 17 for UDP. */
  ipProtocol?: number;
  /** Source ports. */
  sourcePorts?: Range;
  /**
   * The bits of a single source port that count; Linux 6.15.
   *
   * @default 0xffff
   */
  sourcePortMask?: number;
  /** Destination ports. */
  destinationPorts?: Range;
  /**
   * The bits of a single destination port that count; Linux 6.15.
   *
   * @default 0xffff
   */
  destinationPortMask?: number;
  /** Tunnel that packets came through, from 1. */
  tunnelId?: number;
  /**
   * Whether the table is that of the packet's VRF.
   *
   * @default false
   */
  l3mdev?: boolean;
  /** Routes whose prefix is that long, or shorter, do not count. */
  suppressPrefixLength?: number;
  /** Routes out of links of this group do not count. */
  suppressGroup?: number;
  /** Realms: from << 16 | to, IPv4; not 0. */
  realms?: number;
  /**
   * Who made it, by name or number.
   *
   * @default "unspec", as ip does
   */
  protocol?: string | number;
}

/** Which rules a list shall have; the kernel selects them. */
export interface RuleFilter extends DumpOptions {
  /** Only those of this IP version. */
  family?: 4 | 6;
}

const FILTER: All<RuleFilter> = { ...LIST, family: "number" };
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Rule(w, at);
const MOST = Number.MAX_SAFE_INTEGER;

/**
 * The routing policy of a connection's namespace (RTM_*RULE of linux/rtnetlink.h, linux/fib_rules.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.rules.add({ priority: 100, from: "10.1.0.0/16", table: 7 });
 * for await (const { priority, from, table } of nl.rules.list({ family: 4 })) {
 *   console.log(priority, from, table);
 * }
 * await nl.rules.delete({ priority: 100 });
 * ```
 */
export class Rules {
  readonly #requests: Requests;

  /** @internal */
  constructor(connection: Connection) {
    this.#requests = new Requests(connection, ruleCodec);
  }

  /**
   * All rules in the order in which they are tried, IPv4 first.
   *
   * @throws {TypeError} for a filter that no kernel would accept
   */
  list(filter: RuleFilter = {}): Dump<Rule> {
    checkOptions("a list of rules", filter, FILTER);
    const { family, ...options } = filter;
    const header = { family: familyNumber("family", family) };
    const known = ({ attributes: { header } }: Rule) =>
      header.family === AF_INET || header.family === AF_INET6;
    return this.#requests.list(
      "getrule",
      "list rules",
      () => Promise.resolve({ header }),
      make,
      // Without a family the kernel adds the rules of multicast routing.
      { ...options, keep: known },
    );
  }

  /**
   * Adds a rule.
   *
   * @throws {NetlinkError} `EEXIST` when there is one of that priority that has everything named
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(rule: NewRule, options?: RequestOptions): Promise<void> {
    const plain = copy(rule), values = check(plain, true);
    await this.#requests.change("newrule", Mode.add, `add rule${named(plain)}`, values, options);
  }

  /**
   * Adds a rule even if there is one that has everything named, or is the same.
   *
   * @throws {NetlinkError} `EINVAL` for a `goto` that leads back
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async append(rule: NewRule, options?: RequestOptions): Promise<void> {
    const plain = copy(rule), values = check(plain, true);
    await this.#requests.change(
      "newrule",
      Mode.create,
      `append rule${named(plain)}`,
      values,
      options,
    );
  }

  /**
   * Deletes the first rule that has everything named. The kernel takes no notice of some of that, as of
   * `not` and `goto`: then the rules are listed first, and the one found is deleted by all that it has.
   *
   * @throws {NetlinkError} `ENOENT` when there is none; `ENOTUNIQ` when the kernel would delete another
   * one, which differs from it only in what the kernel does not look at
   * @throws {TypeError | RangeError} for a value that no kernel would accept, and when nothing is named
   * but an IP version
   */
  async delete(rule: NewRule, options?: RequestOptions): Promise<void> {
    const plain = copy(rule), wanted = normal(plain, check(plain, false));
    if (Object.keys(wanted).every((name) => name === "family" || wanted[name] === undefined)) {
      throw bad("a rule", "told by more than its IP version", plain);
    }
    const whole = Object.keys(compared(wanted)).length === Object.keys(wanted).length;
    await this.deleteCompared(whole ? plain : await this.#first(wanted, plain, options), options);
  }

  /** @internal Deletes the first rule that has what the kernel looks at of `rule`. */
  async deleteCompared(rule: NewRule, options?: RequestOptions): Promise<void> {
    const values = check(rule, false);
    await this.#requests.change("delrule", 0, `delete rule${named(rule)}`, values, options);
  }

  /** The first rule that has everything named, if the kernel finds it by what it has. */
  async #first(wanted: RuleFields, said: NewRule, options?: RequestOptions): Promise<NewRule> {
    const family = wanted.family as 4 | 6, operation = `delete rule${named(said)}`;
    const rules = (await this.list({ ...options, family }).toArray()).map((rule) => rule.toJSON());
    const rule = rules.find((rule) => hasNamed(wanted, rule));
    if (rule === undefined) throw new NetlinkError("no such rule", { errno: ENOENT, operation });
    const known = compared(rule);
    if (rules.find((other) => hasNamed(known, other)) !== rule) {
      throw new NetlinkError(
        "the kernel would delete an earlier rule, from which it cannot tell this one",
        { errno: ENOTUNIQ, operation },
      );
    }
    return rule as NewRule;
  }
}

const ENOENT = 2, ENOTUNIQ = 76;

/** A rule that was read is passed on as what it has. */
function copy(rule: NewRule): NewRule {
  return rule instanceof Rule ? rule.toJSON() as NewRule : rule;
}

/** What is named, in the form in which a rule says it; `values` is what was made of it. */
function normal(rule: NewRule, values: Values): RuleFields {
  const { family } = values.header as { family: number };
  const whole = (mask: number | undefined, all: number) => mask === all ? undefined : mask;
  const forms: RuleFields = {
    family: version(family),
    from: networkText("from", rule.from),
    to: networkText("to", rule.to),
    not: rule.not || undefined,
    l3mdev: rule.l3mdev || undefined,
    tos: rule.tos || undefined,
    dscpMask: whole(rule.dscpMask, 0x3f),
    sourcePortMask: whole(rule.sourcePortMask, 0xffff),
    destinationPortMask: whole(rule.destinationPortMask, 0xffff),
    protocol: rule.protocol === undefined ? undefined : protocolName(values.protocol as number),
  };
  const named = Object.entries(rule).filter(([, value]) => value !== undefined);
  return {
    ...rule.mark === undefined ? {} : { markMask: values.fwmask },
    ...impliedAction(rule) === undefined ? {} : { action: impliedAction(rule) },
    ...Object.fromEntries(named.map(([name, v]) => [name, name in forms ? forms[name] : v])),
    family: forms.family,
  };
}

/** What a rule with `goto` or a table does. */
function impliedAction({ goto, table }: NewRule): RuleAction | undefined {
  return goto !== undefined ? "goto" : table !== undefined ? "lookup" : undefined;
}

/** A network as a rule says it; undefined for all. */
function networkText(parameter: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const { words, length } = prefix(parameter, value), w = Int32Array.from(words);
  return length === 0 ? undefined : `${(words.length === 1 ? ipv4Text : ipv6Text)(w, 0)}/${length}`;
}

function named({ priority }: NewRule): string {
  return priority === undefined ? "" : ` ${priority}`;
}

function check(rule: NewRule, fresh: boolean): Values {
  checkOptions("a rule", rule, RULE);
  const { goto, l3mdev, tos, mark } = rule;
  const from = network("from", rule.from), to = network("to", rule.to);
  if (from && to && from.family !== to.family) {
    throw bad("to", "of the same IP version as from", rule.to);
  }
  const family = (from ?? to)?.family ?? familyNumber("family", rule.family ?? 4);
  if (rule.family !== undefined && family !== familyNumber("family", rule.family)) {
    throw bad("family", "the IP version of the addresses", rule.family);
  }
  const { action = impliedAction(rule) ?? (fresh ? "lookup" : undefined) } = rule;
  if (action !== undefined && !Object.hasOwn(ACTIONS, action)) {
    throw bad("action", `one of ${Object.keys(ACTIONS).join(", ")}`, action);
  }
  if ((action === "goto") !== (goto !== undefined)) {
    throw bad("goto", "the priority of a later rule, with action goto", goto);
  }
  const int = (name: keyof NewRule, high: number, low = 0) => {
    const value = rule[name];
    return value === undefined ? undefined : integer(name, value as number, low, high);
  };
  // The kernel takes no notice of it.
  if (family !== AF_INET && rule.realms !== undefined) {
    throw bad("realms", "of an IPv4 rule", rule.realms);
  }
  const number = int("table", 0xffffffff, 1) ??
    (fresh && action === "lookup" && !l3mdev ? MAIN : undefined);
  return {
    header: {
      family,
      srcLen: from?.length ?? 0,
      dstLen: to?.length ?? 0,
      tos: tos === undefined ? 0 : int("tos", 255),
      table: number === undefined ? 0 : number < 256 ? number : COMPAT,
      action: action === undefined ? 0 : ACTIONS[action],
      flags: rule.not ? INVERT : 0,
    },
    // A network of length 0 matches all, which is what no attribute says.
    src: from?.length ? address(rule.from!) : undefined,
    dst: to?.length ? address(rule.to!) : undefined,
    priority: int("priority", 0xffffffff),
    table: number,
    goto: int("goto", 0xffffffff, 1),
    iifname: rule.incoming === undefined ? undefined : linkName("incoming", rule.incoming),
    oifname: rule.outgoing === undefined ? undefined : linkName("outgoing", rule.outgoing),
    fwmark: int("mark", 0xffffffff),
    fwmask: int("markMask", 0xffffffff, mark ? 0 : 1) ??
      (mark === undefined ? undefined : 0xffffffff),
    dscp: int("dscp", 63),
    dscpMask: int("dscpMask", 63, 1),
    flowlabel: int("flowLabel", 0xfffff),
    flowlabelMask: rule.flowLabel === undefined ? undefined : 0xfffff,
    uidRange: span("users", rule.users, 0xfffffffe),
    // 0 is none to the kernel, here and below.
    ipProto: int("ipProtocol", 255, 1),
    sportRange: span("sourcePorts", rule.sourcePorts, 65534, 1),
    dportRange: span("destinationPorts", rule.destinationPorts, 65534, 1),
    sportMask: int("sourcePortMask", 0xffff, 1),
    dportMask: int("destinationPortMask", 0xffff, 1),
    tunId: int("tunnelId", MOST, 1),
    l3mdev: l3mdev ? 1 : undefined,
    suppressPrefixlen: int("suppressPrefixLength", 128),
    suppressIfgroup: int("suppressGroup", 0x7fffffff),
    flow: int("realms", 0xffffffff, 1),
    protocol: rule.protocol !== undefined ? protocolValue("protocol", rule.protocol) : undefined,
  };
}

function address(text: string): string {
  return text.split("/")[0];
}

function network(parameter: string, value: string | undefined) {
  if (value === undefined) return undefined;
  const checked = prefix(parameter, value);
  if (!isNetwork(checked)) {
    throw bad(parameter, `a network, with no bits set behind /${checked.length}`, value);
  }
  return checked;
}

function span(parameter: string, value: Range | undefined, most: number, least = 0) {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length !== 2) throw bad(parameter, "[first, last]", value);
  const [start, end] = value.map((v, i) => integer(`${parameter}[${i}]`, v, least, most));
  if (start > end) throw bad(parameter, "[first, last] in order", value);
  return { start, end };
}
