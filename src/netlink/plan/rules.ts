/** Rules of a plan. */

import { bad, integer } from "../check.ts";
import {
  compared,
  hasNamed,
  RULE_RESULTS as RESULTS,
  RULE_SELECTORS as SELECTORS,
} from "../route/rule_fields.ts";
import type { DesiredRule } from "./desired.ts";
import { checkTos, KERNEL, protocol, within } from "./route_parts.ts";
import {
  alike,
  canonicalPrefix,
  type Context,
  type Item,
  type Section,
  tidy,
  unlike,
  without,
} from "./section.ts";

/** Rules. */
export const rules: Section = {
  name: "rules",
  object: "rule",
  normal(item) {
    if (item.priority === undefined) {
      throw bad("priority", "given, for a rule of a plan", undefined);
    }
    const network = (name: string) => {
      if (item[name] === undefined) return undefined;
      const text = canonicalPrefix(name, item[name]);
      return text.endsWith("/0") ? undefined : text;
    };
    const six = [item.from, item.to].some((text) => String(text ?? "").includes(":"));
    const action = item.action ?? (item.goto === undefined ? "lookup" : "goto");
    const family = item.family ?? (six ? 6 : 4);
    if (item.table !== undefined && (action !== "lookup" || item.l3mdev)) {
      const why = item.l3mdev ? "l3mdev" : `action ${action}`;
      throw bad("table", `absent, with ${why}`, item.table);
    }
    if ((item.goto as number) <= (item.priority as number)) {
      throw bad("goto", `the priority of a later rule than ${item.priority}`, item.goto);
    }
    if (family === 6 && item.realms) without(item, ["realms"], "with IPv6");
    // To the kernel a 0 of these is none, and any packet matches.
    for (const name of ["ipProtocol", "tunnelId"]) {
      if (item[name] === 0) throw bad(name, "from 1, or absent for any", 0);
    }
    if (family === 4) without(item, ["flowLabel"], "with IPv4");
    if (item.dscp === undefined) without(item, ["dscpMask"], "without dscp");
    else without({ tos: item.tos || undefined }, ["tos"], "with dscp");
    if ((item.dscp as number) & ~(item.dscpMask as number ?? -1)) {
      throw bad("dscpMask", `one of which dscp ${item.dscp} is a part`, item.dscpMask);
    }
    checkTos(item);
    // Of IPv4 no more than this of it is looked at.
    if (family === 4 && item.tos !== undefined) integer("tos", item.tos as number, 0, 28);
    for (const side of ["source", "destination"]) {
      const [first, last] = (item[`${side}Ports`] ?? []) as readonly number[];
      const mask = `${side}PortMask`, whole = item[mask] === 0xffff;
      if (first === undefined) without(item, [mask], `without ${side}Ports`);
      else if (first !== last && !whole) without(item, [mask], "with several ports");
      else if (first & ~(item[mask] as number ?? -1)) {
        throw bad(mask, `one of which port ${first} is a part`, item[mask]);
      }
    }
    const mark = item.mark ?? (item.markMask === undefined ? undefined : 0);
    const mask = item.markMask ?? (mark === undefined ? undefined : 0xffffffff);
    const marked = mark || mask;
    return tidy({
      ...item,
      family,
      action,
      table: item.table ?? (action === "lookup" && !item.l3mdev ? 254 : undefined),
      from: network("from"),
      to: network("to"),
      not: item.not || undefined,
      l3mdev: item.l3mdev || undefined,
      mark: marked ? mark : undefined,
      markMask: marked ? mask : undefined,
      realms: item.realms || undefined,
      tos: item.tos || undefined,
      // The kernel gives each rule a full one.
      dscpMask: item.dscpMask === 0x3f ? undefined : item.dscpMask,
      sourcePortMask: item.sourcePortMask === 0xffff ? undefined : item.sourcePortMask,
      destinationPortMask: item.destinationPortMask === 0xffff
        ? undefined
        : item.destinationPortMask,
      protocol: protocol(item),
    });
  },
  key(item) {
    const selectors = SELECTORS.filter((name) => item[name] !== undefined)
      .map((name) => `${name} ${JSON.stringify(item[name])}`);
    return [`${item.priority}`, `IPv${item.family}`, ...selectors].join(" ");
  },
  async read({ nl, options }) {
    return (await nl.rules.list(options).toArray()).map((rule) => rule.toJSON());
  },
  differs: (declared, current) => [
    ...RESULTS.filter((name) => !alike(declared[name], current[name])),
    ...unlike(declared, current, ["protocol"]),
  ],
  inPlace: () => false,
  async create({ nl, options }, item) {
    const rule = item as unknown as DesiredRule;
    try {
      await nl.rules.add(rule, options);
    } catch (error) {
      if (!(error as { isExists?: boolean }).isExists) throw error;
      // To the kernel a rule of more selectors is the same.
      const all = await nl.rules.list({ ...options, family: item.family as 4 | 6 }).toArray();
      const same = (is: Item) =>
        rules.key(is) === rules.key(item) &&
        RESULTS.every((name) => item[name] === undefined || alike(item[name], is[name]));
      if (!all.some((r) => same(r.toJSON()))) await nl.rules.append(rule, options);
    }
  },
  set: () => Promise.resolve(),
  async remove({ nl, options }, item) {
    // The kernel deletes the first rule that has what it looks at, and may have more than that.
    const wrong: Item[] = [], rule = item as unknown as DesiredRule;
    for await (const other of nl.rules.list({ ...options, family: item.family as 4 | 6 })) {
      const is = other.toJSON();
      if (!hasNamed(compared(item), is)) continue;
      if (rules.key(is) === rules.key(item)) break;
      wrong.push(is);
    }
    for (const _ of wrong) await nl.rules.deleteCompared(rule, options);
    await nl.rules.deleteCompared(rule, options);
    for (const other of wrong) await nl.rules.append(other as unknown as DesiredRule, options);
  },
  async swap(context: Context, item: Item, current: Item) {
    // The new one first: no packet goes without a rule.
    if (RESULTS.some((name) => !alike(item[name], current[name]))) {
      await rules.create(context, item);
      await rules.remove(context, current);
    } else {
      await rules.remove(context, current);
      await rules.create(context, item);
    }
  },
  pruned: (item, { rules: range }) =>
    range !== undefined && within(item.priority as number, range) && rules.own(item),
  own: (item) => !KERNEL.includes(item.protocol as string),
  rank: () => 7,
};
