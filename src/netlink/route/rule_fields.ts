/** What a rule consists of besides its family, priority and origin, and which rule is meant. */

/** What packets are matched by. */
export const RULE_SELECTORS = [
  "from",
  "to",
  "not",
  "incoming",
  "outgoing",
  "mark",
  "markMask",
  "tos",
  "dscp",
  "dscpMask",
  "flowLabel",
  "users",
  "ipProtocol",
  "sourcePorts",
  "sourcePortMask",
  "destinationPorts",
  "destinationPortMask",
  "tunnelId",
  "l3mdev",
] as const;

/** What becomes of packets that match. */
export const RULE_RESULTS = [
  "action",
  "table",
  "goto",
  "suppressPrefixLength",
  "suppressGroup",
  "realms",
] as const;

/** A rule in the form of its plain copy, or what one shall have: undefined is to have none. */
export type RuleFields = Readonly<Record<string, unknown>>;

/** Whether a rule has everything named. */
export function hasNamed(named: RuleFields, rule: RuleFields): boolean {
  return Object.entries(named).every(([name, value]) =>
    JSON.stringify(value) === JSON.stringify(rule[name])
  );
}

/**
 * What the kernel looks at of what a rule to be deleted shall have. It takes no notice of `not` and
 * `goto`, and what it keeps as 0 is any to it.
 */
export function compared(named: RuleFields): RuleFields {
  const { not: _, goto: __, ...rest } = named;
  return Object.fromEntries(
    Object.entries(rest).filter(([name, value]) =>
      value !== undefined && !(name === "mark" && value === 0) &&
      !(name === "protocol" && value === "unspec")
    ),
  );
}
