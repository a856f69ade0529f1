/** Routing policy rules: listing, adding, deleting. */

import type { RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { bad, familyNumber, integer, isNetwork, linkName, prefix } from "./input.ts";
import { AF_INET, AF_INET6 } from "./item.ts";
import { COMPAT, MAIN, protocolValue } from "./names.ts";
import { Mode, Requests } from "./requests.ts";
import { ACTIONS, INVERT, type Range, Rule, type RuleAction, ruleCodec, swap64 } from "./rule.ts";

/**
 * A rule to be added (FRA_* of linux/fib_rules.h), or what a rule to be deleted has; the rest of that
 * may be anything.
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
   * The bits of the mark that count.
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
  /** IP protocol number: 6 for TCP, 17 for UDP. */
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
  /** Tunnel that packets came through. */
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
  /** Realms: from << 16 | to. */
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
   * @throws {TypeError} for a `family` that is neither 4 nor 6
   */
  list(filter: RuleFilter = {}): Dump<Rule> {
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
    const values = check(rule, true);
    await this.#requests.change("newrule", Mode.add, `add rule${named(rule)}`, values, options);
  }

  /**
   * Adds a rule even if there is one that has everything named, or is the same.
   *
   * @throws {NetlinkError} `EINVAL` for a `goto` that leads back
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async append(rule: NewRule, options?: RequestOptions): Promise<void> {
    const values = check(rule, true);
    await this.#requests.change(
      "newrule",
      Mode.create,
      `append rule${named(rule)}`,
      values,
      options,
    );
  }

  /**
   * Deletes the first rule that has everything named.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async delete(rule: NewRule, options?: RequestOptions): Promise<void> {
    const values = check(rule, false);
    await this.#requests.change("delrule", 0, `delete rule${named(rule)}`, values, options);
  }
}

function named({ priority }: NewRule): string {
  return priority === undefined ? "" : ` ${priority}`;
}

function check(rule: NewRule, fresh: boolean): Values {
  const { goto, l3mdev, table, tos, mark } = rule;
  const from = network("from", rule.from), to = network("to", rule.to);
  if (from && to && from.family !== to.family) {
    throw bad("to", "of the same IP version as from", rule.to);
  }
  const family = (from ?? to)?.family ?? familyNumber("family", rule.family ?? 4);
  if (rule.family !== undefined && family !== familyNumber("family", rule.family)) {
    throw bad("family", "the IP version of the addresses", rule.family);
  }
  const implied = goto !== undefined ? "goto" : fresh || table !== undefined ? "lookup" : undefined;
  const { action = implied } = rule;
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
    fwmask: int("markMask", 0xffffffff) ?? (mark === undefined ? undefined : 0xffffffff),
    dscp: int("dscp", 63),
    dscpMask: int("dscpMask", 63, 1),
    flowlabel: int("flowLabel", 0xfffff),
    flowlabelMask: rule.flowLabel === undefined ? undefined : 0xfffff,
    uidRange: span("users", rule.users, 0xfffffffe),
    ipProto: int("ipProtocol", 255),
    sportRange: span("sourcePorts", rule.sourcePorts, 65534, 1),
    dportRange: span("destinationPorts", rule.destinationPorts, 65534, 1),
    sportMask: int("sourcePortMask", 0xffff, 1),
    dportMask: int("destinationPortMask", 0xffff, 1),
    // Big-endian, which the kernel's specification does not say.
    tunId: rule.tunnelId === undefined ? undefined : swap64(int("tunnelId", MOST)!),
    l3mdev: l3mdev ? 1 : undefined,
    suppressPrefixlen: int("suppressPrefixLength", 128),
    suppressIfgroup: int("suppressGroup", 0x7fffffff),
    flow: int("realms", 0xffffffff),
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
