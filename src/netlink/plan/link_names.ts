/** Names that links of a plan cannot have, as others have them. */

import { describeLink, peerName } from "./links.ts";
import type { Context, Item } from "./section.ts";

/**
 * Refuses names that links have which keep them.
 *
 * @param declared the declared links
 * @param future the links that there will be
 * @param lost links that go
 * @throws {TypeError} that names both links
 */
export function checkFreeNames(
  { links, nameOf }: Context,
  declared: ReadonlyMap<string, Item>,
  future: ReadonlyMap<string, Item>,
  lost: ReadonlySet<string>,
): void {
  const refuse = (name: string, why: string) => {
    throw new TypeError(`Cannot plan link ${name}: ${why}`);
  };
  const owners = new Map<unknown, string>();
  for (const [name, { altNames = [] }] of future) {
    for (const other of altNames as readonly string[]) {
      const owner = future.has(other) ? other : owners.get(other);
      if (owner === undefined) owners.set(other, name);
      else if (declared.has(name)) refuse(name, `${other} is a name of ${owner}`);
      else refuse(owner, `${other} is a name of ${name}`);
    }
  }
  const there = new Set(links.map(({ name }) => name)), ends = new Set<unknown>();
  for (const link of links) {
    const item = declared.get(link.name);
    // Ends of declared pairs are renamed, all at once.
    if (item && peerName(item) !== undefined) ends.add(peerName(describeLink(link, nameOf)));
  }
  for (const [name, item] of declared) {
    const end = peerName(item);
    if (end === undefined) continue;
    if (there.has(end) && !lost.has(end) && !ends.has(end)) {
      refuse(name, `${end} is there, and no end of it`);
    }
  }
}
