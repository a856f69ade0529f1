/** The links that there will be. */

import type { Change } from "./change.ts";
import { describeLink, PAIRS, peerName } from "./links.ts";
import type { Context, Item } from "./section.ts";

/**
 * Links as they will be when a plan was applied, as far as anybody can know, by name.
 *
 * @param changes those of links
 * @param declared the declared links
 * @param lost links that go
 */
export function futureLinks(
  { links, nameOf }: Context,
  changes: readonly Change[],
  declared: ReadonlyMap<string, Item>,
  lost: ReadonlySet<string>,
): ReadonlyMap<string, Item> {
  const out = new Map<string, Item>();
  for (const link of links) {
    if (lost.has(link.name)) continue;
    const item = describeLink(link, nameOf);
    // What stays a port of a link that is made anew is so by a change.
    out.set(link.name, lost.has(String(item.master)) ? { ...item, master: null } : item);
  }
  for (const { key, action, before, after } of changes) {
    if (after === undefined) continue;
    const renamed = action === "set" ? peerName(before!) : undefined, end = peerName(after);
    if (end !== undefined && renamed !== undefined && renamed !== end) {
      out.set(end, { ...out.get(renamed), ...out.get(end), name: end });
      out.delete(renamed);
    }
    out.set(key, { ...action === "set" && out.get(key), ...after });
  }
  for (const [name, item] of declared) out.set(name, { ...out.get(name), ...item });
  for (const item of [...out.values()]) {
    const end = peerName(item);
    // The other end is made with a pair.
    if (end === undefined || !PAIRS.includes(String(item.kind))) continue;
    out.set(end, { name: end, ...out.get(end), kind: item.kind });
  }
  for (const [name, item] of out) {
    if (!out.has(String(item.master))) out.set(name, { ...item, master: null });
  }
  return out;
}
