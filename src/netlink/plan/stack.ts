/** Which links stand upon which. */

import { standsOn } from "./links.ts";
import type { Item } from "./section.ts";

/** Whether a link is another one, or stands upon it; a master stands upon its ports. */
export type Stack = (upper: string, lower: string) => boolean;

/** How these links stand. */
export function stack(items: Iterable<Item>): Stack {
  const below = new Map<string, string[]>();
  const put = (upper: string, lower: string) =>
    below.set(upper, [...below.get(upper) ?? [], lower]);
  for (const item of items) {
    const name = String(item.name), { master, ...lower } = standsOn(item);
    if (master !== undefined) put(master, name);
    for (const other of Object.values(lower)) put(name, other);
  }
  return (upper, lower) => {
    const seen = new Set([upper]);
    for (const name of seen) for (const next of below.get(name) ?? []) seen.add(next);
    return seen.has(lower);
  };
}
