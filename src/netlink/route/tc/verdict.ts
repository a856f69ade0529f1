/** What becomes of packets that an action was done to. */

import { bad, integer } from "../../check.ts";

/**
 * What becomes of a packet: TC_ACT_* of linux/pkt_cls.h. "goto chain 5" goes on with the filters of
 * that chain, "jump 2" passes over the next two actions.
 */
export type Verdict =
  | "ok"
  | "reclassify"
  | "drop"
  | "pipe"
  | "stolen"
  | "queued"
  | "repeat"
  | "redirect"
  | "trap"
  | "continue"
  | `goto chain ${number}`
  | `jump ${number}`;

/** Numbers of verdicts by name. */
export const VERDICTS: { readonly [name: string]: number } = {
  ok: 0,
  reclassify: 1,
  drop: 2,
  pipe: 3,
  stolen: 4,
  queued: 5,
  repeat: 6,
  redirect: 7,
  trap: 8,
  continue: -1,
};
const NAMES = new Map(Object.entries(VERDICTS).map(([name, v]) => [v, name as Verdict]));
const JUMP = 0x10000000, GOTO_CHAIN = 0x20000000; // TC_ACT_JUMP, TC_ACT_GOTO_CHAIN
const OPERAND = 0x0fffffff; // TC_ACT_EXT_VAL_MASK

/** The number of a verdict. */
export function verdict(parameter: string, value: Verdict): number {
  const [, word, digits] = /^(goto chain|jump) (\d+)$/.exec(value) ?? [];
  if (word !== undefined) {
    return (word === "jump" ? JUMP : GOTO_CHAIN) | integer(parameter, Number(digits), 0, OPERAND);
  }
  if (!Object.hasOwn(VERDICTS, value)) {
    const names = [...Object.keys(VERDICTS), "goto chain 5", "jump 2"];
    throw bad(parameter, `one of ${names.join(", ")}`, value);
  }
  return VERDICTS[value];
}

/** The verdict of a number; of one that has no name, the number, which is none. */
export function verdictText(value: number): Verdict {
  const operation = value & ~OPERAND, operand = value & OPERAND;
  if (operation === GOTO_CHAIN) return `goto chain ${operand}`;
  if (operation === JUMP) return `jump ${operand}`;
  return NAMES.get(value) ?? String(value) as Verdict;
}
