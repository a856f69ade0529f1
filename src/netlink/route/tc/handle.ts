/** Handles of queueing disciplines, classes and filters (linux/pkt_sched.h). */

import { bad } from "../../check.ts";

/**
 * A handle as tc writes it: "1:" for a queueing discipline, "1:10" for a class, both parts
 * hexadecimal (TC_H_MAJ and TC_H_MIN of linux/pkt_sched.h).
 */
export type Handle = string;

/**
 * Where a queueing discipline, class or filter hangs: at a link's root, at its entry, at the hooks of
 * clsact, or at a handle (TC_H_* of linux/pkt_sched.h).
 */
export type Parent = "root" | "ingress" | "clsact" | "egress" | Handle;

const ROOT = 0xffffffff;
const INGRESS = 0xfffffff1; // TC_H_INGRESS, which is TC_H_CLSACT as well
const MIN_INGRESS = 0xfffffff2, MIN_EGRESS = 0xfffffff3; // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_*)
export const INGRESS_HANDLE = 0xffff0000;

/** The number of a handle. */
export function handleValue(parameter: string, value: Handle): number {
  const match = typeof value === "string" && /^([0-9a-f]{1,4}):([0-9a-f]{0,4})$/i.exec(value);
  if (!match) throw bad(parameter, "a handle such as 1: or 1:10", value);
  return (parseInt(match[1], 16) << 16 | parseInt(match[2] || "0", 16)) >>> 0;
}

/** "1:10" for a number. */
export function handleText(value: number): Handle {
  const minor = value & 0xffff;
  return `${(value >>> 16).toString(16)}:${minor === 0 ? "" : minor.toString(16)}`;
}

/** The number of a queueing discipline's handle. */
export function qdiscHandle(parameter: string, value: Handle): number {
  const number = handleValue(parameter, value);
  if ((number & 0xffff) !== 0) throw bad(parameter, "a handle such as 1:, of no class", value);
  return number;
}

/**
 * The number of one of u32's handles, "800:1:7ff": the hash table, the bucket, the filter in it. What
 * is left out is 0.
 */
export function u32Handle(parameter: string, value: string): number {
  const match = typeof value === "string" &&
    /^([0-9a-f]{1,3}):(?:([0-9a-f]{0,2}):([0-9a-f]{0,3}))?$/i.exec(value);
  if (!match) throw bad(parameter, "a handle of u32 such as 2:, 2:5: or 800::800", value);
  const [table, bucket, node] = match.slice(1).map((digits) => parseInt(digits || "0", 16));
  return (table << 20 | bucket << 12 | node) >>> 0;
}

/** The text of a bucket's handle, "2:5:", or of a hash table's, "2:". */
export function u32BucketText(value: number): string {
  const bucket = (value >>> 12) & 0xff, table = (value >>> 20).toString(16);
  return bucket === 0 ? `${table}:` : `${table}:${bucket.toString(16)}:`;
}

/** The number of a parent; `filter` where ingress means the hook of clsact. */
export function parentValue(parameter: string, value: Parent, filter = false): number {
  switch (value) {
    case "root":
      return ROOT;
    case "ingress":
      return filter ? MIN_INGRESS : INGRESS;
    case "clsact":
      return INGRESS;
    case "egress":
      if (filter) return MIN_EGRESS;
  }
  return handleValue(parameter, value);
}

/** The name or handle of a parent. */
export function parentText(value: number): Parent {
  if (value === ROOT) return "root";
  if (value === INGRESS || value === MIN_INGRESS) return "ingress";
  return value === MIN_EGRESS ? "egress" : handleText(value);
}
