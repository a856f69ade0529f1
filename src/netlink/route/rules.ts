/** Routing policy rules: listing, adding, deleting. */

import { ipv4Text, ipv6Text } from "../codec/address.ts";
import type { RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump } from "../dump.ts";
import { NetlinkError } from "../error.ts";
import { bad, integer } from "../check.ts";
import { familyNumber, isNetwork, linkName, prefix } from "./input.ts";
import { AF_INET, AF_INET6, version } from "./item.ts";
import { COMPAT, MAIN, protocolName, protocolValue } from "./names.ts";
import { requestOf } from "../options.ts";
import { deleteAll, Mode, Requests } from "./requests.ts";
import { ACTIONS, INVERT, type Range, Rule, type RuleAction, ruleCodec } from "./rule.ts";
import { compared, hasNamed, type RuleFields } from "./rule_fields.ts";
import type { NewRule, RuleFilter, RuleFlush } from "./rule_settings.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST, RULE } from "./shapes.ts";

export type { NewRule, RuleFilter, RuleFlush };

const FILTER: All<RuleFilter> = { ...LIST, family: "number" };
const DOOMED: All<RuleFlush> = { ...LIST, ...RULE };
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
    await this.#requests.change("newrule", Mode.add, `add rule${which(plain)}`, values, options);
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
      `append rule${which(plain)}`,
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
    needNamed("a rule", wanted, plain);
    const whole = Object.keys(compared(wanted)).length === Object.keys(wanted).length;
    await this.deleteCompared(whole ? plain : await this.#first(wanted, plain, options), options);
  }

  /**
   * Deletes all rules that have everything named, but, as `ip` does, none of priority 0, which is where
   * the kernel has its own for local addresses.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENOTUNIQ` when the kernel would delete one that is not meant, which differs
   * from one that is only in what the kernel does not look at; what was deleted by then stays deleted
   * @throws {TypeError | RangeError} for a value that no kernel would accept, and when nothing is named
   * but an IP version
   */
  async flush(filter: RuleFlush): Promise<number> {
    checkOptions("a flush of rules", filter, DOOMED);
    const { signal, timeout, offload, whole, ...named } = filter;
    const options = { signal, timeout, offload, whole }, { from, to } = named;
    const both = (named.family ?? from ?? to) === undefined;
    const { family, ...wanted } = normal(named, check(named, false));
    needNamed("a flush of rules", wanted, named);
    const all = await this.list({ ...options, family: both ? undefined : family as 4 | 6 })
      .toArray();
    // As they are tried, so that the first of those which the kernel cannot tell apart goes first.
    const left = all.map((rule) => rule.toJSON());
    const doomed = new Set(left.filter((rule) => rule.priority !== 0 && hasNamed(wanted, rule)));
    return await deleteAll([...doomed], async (rule) => {
      const known = compared(rule), found = left.findIndex((other) => hasNamed(known, other));
      if (!doomed.has(left[found])) {
        throw notUnique(`flush rule${which(rule as NewRule)}`);
      }
      left.splice(found, 1);
      await this.deleteCompared(rule as NewRule, requestOf(options));
    });
  }

  /** @internal Deletes the first rule that has what the kernel looks at of `rule`. */
  async deleteCompared(rule: NewRule, options?: RequestOptions): Promise<void> {
    const values = check(rule, false);
    await this.#requests.change("delrule", 0, `delete rule${which(rule)}`, values, options);
  }

  /** The first rule that has everything named, if the kernel finds it by what it has. */
  async #first(wanted: RuleFields, said: NewRule, options?: RequestOptions): Promise<NewRule> {
    const family = wanted.family as 4 | 6, operation = `delete rule${which(said)}`;
    const rules = (await this.list({ ...options, family }).toArray()).map((rule) => rule.toJSON());
    const rule = rules.find((rule) => hasNamed(wanted, rule));
    if (rule === undefined) throw new NetlinkError("no such rule", { errno: ENOENT, operation });
    const known = compared(rule);
    if (rules.find((other) => hasNamed(known, other)) !== rule) {
      throw notUnique(operation);
    }
    return rule as NewRule;
  }
}

const ENOENT = 2, ENOTUNIQ = 76;

function notUnique(operation: string): NetlinkError {
  const detail = "the kernel would delete an earlier rule, from which it cannot tell this one";
  return new NetlinkError(detail, { errno: ENOTUNIQ, operation });
}

/** @throws {TypeError} where every rule, or every one of an IP version, would be meant */
function needNamed(what: string, wanted: RuleFields, said: NewRule): void {
  if (Object.keys(wanted).some((name) => name !== "family" && wanted[name] !== undefined)) return;
  throw bad(what, "told by more than an IP version", said);
}

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

function which({ priority }: NewRule): string {
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
