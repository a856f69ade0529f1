/** What a rule consists of besides its family, priority and origin. */

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
