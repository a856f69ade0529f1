/** The links that there will be. */

import { describeLink, links, PAIRS, peerName } from "./links.ts";
import type { Context, Item, Section } from "./section.ts";

/**
 * Links as they will be when a plan was applied, as far as anybody can know, by name.
 *
 * @param wanted what is declared, by section and key
 * @param lost links that go
 */
export function futureLinks(
  { links: all, nameOf }: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
): ReadonlyMap<string, Item> {
  const declared = wanted.get(links)!, out = new Map<string, Item>();
  for (const link of all) {
    const item = declared.get(link.name);
    if (lost.has(link.name) && item === undefined) continue;
    const same = [undefined, link.kind].includes(item?.kind as string | undefined);
    out.set(link.name, { ...same && describeLink(link, nameOf), ...item });
  }
  for (const [name, item] of declared) {
    if (!out.has(name)) out.set(name, item);
    const other = peerName(item);
    // The other end is made with a pair.
    if (other !== undefined && PAIRS.includes(String(item.kind))) {
      out.set(other, { name: other, ...out.get(other), kind: item.kind });
    }
  }
  for (const [name, item] of out) {
    if (!out.has(String(item.master))) out.set(name, { ...item, master: null });
  }
  return out;
}
