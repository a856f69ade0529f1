/** What the kinds of filters have in common on the wire. */

import type { Values } from "../../codec/encode.ts";
import { boolean } from "../../check.ts";
import { handleValue } from "./handle.ts";
import type { CommonFilterOptions, OffloadOptions } from "./filter_options.ts";
import { type Fields, text } from "../fields.ts";

/** How one kind's own options are written and read. */
export interface FilterCodec<O> {
  readonly known: readonly string[];
  /** Names of attributes that tell nothing of how packets are matched. */
  readonly reported?: readonly string[];
  write(options: O, context: { ethertype: number }): Values;
  read(values: Values): Partial<O>;
}

/** The class that packets go to. */
export const classid = (options: CommonFilterOptions) =>
  options.class === undefined ? undefined : handleValue("class", options.class);

/** Names of the options of where a filter works. */
export const OFFLOAD = ["skipHardware", "skipSoftware"] as const;
const SKIP_HW = 1, SKIP_SW = 2; // TCA_CLS_FLAGS_*

/** The flags of where a filter works; undefined if there are none. */
export function offloadFlags(options: OffloadOptions): number | undefined {
  for (const name of OFFLOAD) if (options[name] !== undefined) boolean(name, options[name]);
  return (options.skipHardware ? SKIP_HW : 0) | (options.skipSoftware ? SKIP_SW : 0) || undefined;
}

/** The options that the flags stand for. */
export function readOffload(flags: number | readonly string[] = 0): OffloadOptions {
  const has = (bit: number, name: string) =>
    typeof flags === "number" ? (flags & bit) !== 0 : flags.includes(name);
  return {
    ...has(SKIP_HW, "skip-hw") ? { skipHardware: true } : {},
    ...has(SKIP_SW, "skip-sw") ? { skipSoftware: true } : {},
  };
}

/** The link that packets came in by. */
export const incoming: Fields<{ incoming?: string }> = { incoming: text("indev", 15) };
