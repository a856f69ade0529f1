/** What queueing disciplines, classes and filters of a plan have in common. */

import { type Handle, handleText, handleValue, type Parent } from "../route/tc/handle.ts";
import { sameBurst } from "../route/tc/rate.ts";
import { alike, type Item } from "./section.ts";

/** Whether the options that are declared are what the kernel has. */
export function sameOptions(declared: Item, current: Item): boolean {
  const wanted = (declared.options ?? {}) as Item, is = (current.options ?? {}) as Item;
  // Network emulation is told as a whole, and framing only where there is some.
  const names = new Set([
    ...Object.keys(wanted),
    ...Object.keys(is).filter((name) => declared.kind === "netem" || FRAMING.includes(name)),
  ]);
  for (const name of UNTOLD) names.delete(name);
  // A struct has room for what is not declared.
  for (const name of names) {
    if (wanted[name] === undefined && Object.hasOwn(wanted, name)) names.delete(name);
  }
  return [...names].every((name) => {
    const rate = wanted[RATES[name]], a = wanted[name], b = is[name];
    if (typeof rate !== "number" || typeof a !== "number" || typeof b !== "number") {
      return alike(a, b, name);
    }
    // Of a burst that is less than what a packet counts for, the kernel tells that.
    const least = wanted.minPacketBytes as number ?? 0;
    if (a <= least && sameBurst(least, b, rate)) return true;
    // Of a burst in cells, the kernel tells the bytes that fill the last one.
    return sameBurst(a, b, rate) || (wanted.linkLayer === "atm" && b > a && b < a + CELL);
  });
}

const CELL = 48; // bytes that a cell of ATM carries
const FRAMING = ["overheadBytes", "minPacketBytes", "linkLayer"];
/** What the kernel takes and does not tell. */
const UNTOLD = ["distribution", "slotDistribution"];

/** The rate that a burst is kept as a time at. */
const RATES: { readonly [burst: string]: string } = {
  burstBytes: "rateBytesPerSecond",
  peakBurstBytes: "peakRateBytesPerSecond",
  ceilBurstBytes: "ceilBytesPerSecond",
};

/** Kinds of queueing disciplines that hold filters and no packets. */
export const ENTRY: readonly string[] = ["ingress", "clsact"];

/** A handle in the form that the kernel's have. */
export function handle(parameter: string, text: unknown): Handle | undefined {
  return text === undefined ? undefined : handleText(handleValue(parameter, text as string));
}

/** Where an item hangs; the root if it does not say. */
export function parentOf(item: Item): Parent {
  const { parent } = item;
  if (parent === undefined) return "root";
  return ["root", "egress", ...ENTRY].includes(parent as string)
    ? parent as Parent
    : handle("parent", parent)!;
}
