/** What links must be for what is declared on them. */

import { bad } from "../check.ts";
import { neighbours } from "./addressing.ts";
import { checkVlans } from "./bridge_vlans.ts";
import { fdb } from "./fdb.ts";
import { PLAIN } from "./ports.ts";
import type { Context, Item } from "./section.ts";
import { filtersVlans } from "./vlan_filtering.ts";

/**
 * Refuses what the kernel would refuse on links that are what they will be.
 *
 * @param future the links that there will be
 * @param lost links that go, with everything on them
 * @throws {TypeError} with the path to the value
 */
export async function checkNeeds(
  context: Context,
  future: ReadonlyMap<string, Item>,
  lost: ReadonlySet<string>,
): Promise<void> {
  checkPorts(context, future);
  await checkBridges(context, future);
  checkVlans(context);
  await checkMacs(context, future, lost);
}

/** Refuses forwarding entries of bridges on links that are ports of none. */
function checkPorts({ desired }: Context, future: ReadonlyMap<string, Item>): void {
  for (const [i, entry] of (desired.fdb ?? []).entries()) {
    const { link, table } = fdb.normal(entry as unknown as Item);
    const master = future.get(String(future.get(String(link))?.master));
    // Of a master without a kind that is told, nobody knows.
    if (
      table !== "master" ||
      master !== undefined && [undefined, "bridge"].includes(master.kind as "bridge")
    ) continue;
    throw bad(`fdb[${i}].link`, "a port of a bridge, with table master", link);
  }
}

/** Refuses VLANs of links that are no bridges and no ports of them, or where no bridge has any. */
async function checkBridges(
  context: Context,
  future: ReadonlyMap<string, Item>,
): Promise<void> {
  const { bridgeVlans = [] } = context.desired;
  for (const [i, { link }] of bridgeVlans.entries()) {
    const item = future.get(link), master = future.get(String(item?.master));
    if (item?.kind !== "bridge" && master?.kind !== "bridge") {
      throw bad(`bridgeVlans[${i}].link`, "a bridge, or a port of one", link);
    }
  }
  if (bridgeVlans.length > 0 && !await filtersVlans(context)) {
    throw new TypeError("Cannot plan bridgeVlans: this kernel lacks VLAN filtering");
  }
}

/** States of which the kernel knows no MAC address. */
const UNKNOWN: unknown[] = ["none", "incomplete", "failed"];

/** Refuses neighbours without a MAC address, where the kernel needs one and has none. */
async function checkMacs(
  context: Context,
  future: ReadonlyMap<string, Item>,
  lost: ReadonlySet<string>,
): Promise<void> {
  const needy = new Map<string, number>();
  for (const [i, entry] of (context.desired.neighbours ?? []).entries()) {
    const item = neighbours.normal(entry as unknown as Item), link = String(item.link);
    if (item.mac !== undefined || item.proxy || UNKNOWN.includes(item.state)) continue;
    const { kind, address } = future.get(link) ?? {},
      there = context.links.find((l) => l.name === link);
    const plain = there !== undefined && !lost.has(link)
      ? address === undefined
      : PLAIN.includes(String(kind));
    if (!plain) needy.set(neighbours.key(item), i);
  }
  if (needy.size === 0) return;
  for (const item of await neighbours.read(context)) {
    if (item.mac !== undefined && !lost.has(String(item.link))) needy.delete(neighbours.key(item));
  }
  for (const i of needy.values()) {
    throw bad(`neighbours[${i}].mac`, "given: the kernel knows none", undefined);
  }
}
