/** How IPv6 makes addresses of a prefix. */

import { bad } from "../check.ts";

/** How IPv6 makes addresses of a prefix: IN6_ADDR_GEN_MODE_* of linux/if_link.h. */
export type AddressGeneration = "eui64" | "none" | "stable-privacy" | "random";

/** The ways by number. */
export const GENERATIONS: readonly AddressGeneration[] = [
  "eui64",
  "none",
  "stable-privacy",
  "random",
];

/** The number of a way. */
export function generationValue(parameter: string, mode: AddressGeneration): number {
  const value = GENERATIONS.indexOf(mode);
  if (value < 0) throw bad(parameter, `one of ${GENERATIONS.join(", ")}`, mode);
  return value;
}
