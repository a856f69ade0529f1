/** Names that declared links give, and pairs whose two ends a declaration describes. */

import { bad } from "../check.ts";
import { kindOptionNames } from "../route/link_kinds.ts";
import type { DesiredLink } from "./desired.ts";
import { links, peerName, standsOn } from "./links.ts";
import { alike, type Item, tidy } from "./section.ts";
import { stack } from "./stack.ts";

/**
 * Refuses links of which one would take another's name, or would stand upon itself.
 *
 * @param list the links as they are declared
 * @param items them by name
 * @throws {TypeError} with the path to the value
 */
export function checkNames(list: readonly DesiredLink[], items: ReadonlyMap<string, Item>): void {
  const taken = new Set<unknown>();
  const take = (path: string, name: unknown) => {
    if (taken.has(name)) throw bad(path, "a name that no other declared link has", name);
    taken.add(name);
  };
  const mine = (i: number) => items.get(list[i].name)!;
  for (const [i] of list.entries()) {
    const item = mine(i), name = peerName(item);
    if (name === undefined) continue;
    const path = `links[${i}].peer.name`, other = items.get(name);
    if (name === item.name) throw bad(path, "another name than the link's own", name);
    if (other?.kind !== undefined && !(other.kind === item.kind && peerName(other) === item.name)) {
      throw bad(path, "a name that no other declared link has", name);
    }
    take(path, name);
  }
  for (const name of items.keys()) taken.add(name);
  const over = stack(items.values());
  for (const [i] of list.entries()) {
    for (const [j, name] of (list[i].altNames ?? []).entries()) {
      take(`links[${i}].altNames[${j}]`, name);
    }
    const own = list[i].name;
    for (const [property, name] of Object.entries(standsOn(mine(i)))) {
      if (property === "master" ? over(own, name) : over(name, own)) {
        throw bad(`links[${i}].${property}`, "a link with which this one makes no circle", name);
      }
    }
  }
}

/**
 * What is declared of the other end of a pair as a link of its own, which has no kind: it is made
 * with the pair.
 */
export function paired(
  list: readonly DesiredLink[],
  items: ReadonlyMap<string, Item>,
): Map<string, Item> {
  const out = new Map(items);
  for (const [i, { name }] of list.entries()) {
    const { peer, ...own } = items.get(name)!;
    if (peer === undefined) continue;
    const { name: end, netns, ...rest } = peer as Item, other = peerName({ peer });
    out.set(name, { ...out.get(name), ...own, peer: tidy({ name: end, netns }) });
    for (const [property, value] of Object.entries(rest)) {
      const path = `links[${i}].peer.${property}`;
      if (other === undefined) {
        throw bad(path, "absent where a plan cannot see the other end", value);
      }
      const said = items.get(other)?.[property], is = links.normal({ name, [property]: value });
      if (said !== undefined && !alike(said, is[property])) {
        throw bad(path, `${JSON.stringify(said)}, as it is of link ${other}`, value);
      }
      out.set(other, { name: other, ...out.get(other), [property]: is[property] });
    }
  }
  for (const { name, kind } of out.values()) {
    // The end that is declared first makes the other one.
    const other = out.get(peerName(out.get(name as string)!) ?? "");
    if (kind === undefined || other?.kind === undefined) continue;
    const { kind: _, peer: _p, ...end } = other;
    const option = kindOptionNames(String(kind)).find((option) => end[option] !== undefined);
    if (option !== undefined) {
      const i = list.findIndex((link) => link.name === end.name);
      throw bad(`links[${i}].${option}`, `declared of link ${name}, which makes both`, end[option]);
    }
    out.set(String(end.name), end);
  }
  return out;
}
