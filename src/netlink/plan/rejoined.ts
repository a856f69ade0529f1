/** Ports that joined their bridge again. */

import { bridgeVlans, vlanNumbers } from "./bridge_vlans.ts";
import type { Change } from "./change.ts";
import { links } from "./links.ts";
import { type Context, gone, type Item } from "./section.ts";

/**
 * Takes from ports that joined their bridge again the VLANs that they have by default, and had not
 * before.
 *
 * @param noted the VLANs there were
 * @param wanted those that are declared, by key
 * @param done changes that were made
 * @returns why some could not be taken
 */
export async function trimVlans(
  context: Context,
  noted: readonly Item[],
  wanted: ReadonlyMap<string, Item>,
  done: readonly Change[],
): Promise<unknown[]> {
  const joined = new Set<unknown>(done.filter(joins).map(({ key }) => key)), errors: unknown[] = [];
  const before = noted.filter(({ link }) => joined.has(link));
  const ports = new Set(before.map(({ link }) => link));
  const had = new Set(before.flatMap((i) => [...vlanNumbers(i)].map((n) => `${i.link} ${n}`)));
  for (const item of ports.size > 0 ? await bridgeVlans.read(context) : []) {
    if (!ports.has(item.link) || wanted.has(bridgeVlans.key(item))) continue;
    for (const vlan of vlanNumbers(item)) {
      if (had.has(`${item.link} ${vlan}`)) continue;
      try {
        await gone(bridgeVlans.remove(context, { link: item.link, vlan }));
      } catch (error) {
        errors.push(error);
      }
    }
  }
  return errors;
}

/** Whether a link is new to its bridge after a change. */
function joins({ action, object, differences }: Change): boolean {
  return object === links.object &&
    (action === "create" || action === "replace" || differences.includes("master"));
}
