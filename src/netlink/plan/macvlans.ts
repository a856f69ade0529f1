/** What macvlans and their like cannot stand on, or beside. */

import type { Change } from "./change.ts";
import { isEthernet, MASTERS } from "./ports.ts";
import type { Item } from "./section.ts";

/** Kinds of links that take what arrives at the one below; those of a sort can be on one link. */
const TAKERS = ["macvlan", "macvtap", "ipvlan", "ipvtap"];

const sortOf = (kind: unknown) => TAKERS.includes(String(kind)) ? String(kind).slice(0, 3) : "";

/**
 * Why the kernel would not have a link on the one below it.
 *
 * @param declared the declared links
 * @param future the links that there will be
 */
export function noPlace(
  item: Item,
  declared: ReadonlyMap<unknown, Item>,
  future: ReadonlyMap<unknown, Item>,
): string | undefined {
  const lower = future.get(item.link), sort = sortOf(item.kind);
  if (lower === undefined || sort === "") return undefined;
  if (!declared.has(item.name) && !declared.has(lower.name)) return undefined;
  if (!isEthernet(lower)) return `${lower.name} has no MAC address`;
  if (sortOf(lower.kind) === sort) {
    return `${lower.name} is of kind ${lower.kind}, and the kernel would take the link below that`;
  }
  const master = future.get(lower.master);
  if (MASTERS.includes(String(master?.kind))) {
    return `${lower.name} is a port of ${master!.name}, and no more than a port`;
  }
  const others = besides(item, future);
  const stranger = others.find(({ kind }) => sortOf(kind) !== sort);
  if (stranger) return `${lower.name} has ${stranger.name} of kind ${stranger.kind} on it`;
  const alone = [item, ...others].find(({ mode }) => mode === "passthru");
  return alone && others.length > 0
    ? `${alone.name}, of mode passthru, has ${lower.name} to itself`
    : undefined;
}

/**
 * Why the kernel would not give a macvlan the MAC address that it shall have.
 *
 * @param declared the declared links
 * @param future the links that there will be
 * @param change that of the link; undefined if it stays as it is
 */
export function noAddress(
  item: Item,
  declared: ReadonlyMap<unknown, Item>,
  future: ReadonlyMap<unknown, Item>,
  change: Change | undefined,
): string | undefined {
  const { address, mode, up } = item, lower = future.get(item.link);
  if (lower === undefined || sortOf(item.kind) !== "mac" || address === undefined) return undefined;
  const told = declared.get(item.name)?.address !== undefined;
  if (mode === "passthru") {
    // Either gets what the other one is given.
    return !told || address === lower.address
      ? undefined
      : `address must be that of ${lower.name}, in mode passthru, current value is ${address}`;
  }
  const same = change === undefined || change.action === "set" &&
      !change.differences.some((name) => name === "address" || name === "up");
  if (same) return undefined;
  if (!told && !up) return undefined;
  // One that is down takes no address from others, but is given none that is taken.
  const others = besides(item, future).filter((other) => told || other.up);
  const taken = [lower, ...others].find((other) => other.address === address);
  return taken &&
    `address must be another one than that of ${taken.name}, current value is ${address}`;
}

/** Others of these kinds on the link below. */
function besides({ name, link }: Item, future: ReadonlyMap<unknown, Item>): Item[] {
  return [...future.values()].filter((other) =>
    other.name !== name && other.link === link && sortOf(other.kind) !== ""
  );
}
