/** What links cannot be beside others, or on this kernel. */

import type { Link } from "../route/link.ts";
import { FORWARD_DELAY } from "./link_limits.ts";
import { outerVersion } from "./links.ts";
import type { Context, Item } from "./section.ts";

/** What is known when links are checked. */
interface View {
  /** The declared links. */
  readonly declared: ReadonlyMap<unknown, Item>;
  /** The links that there will be. */
  readonly future: ReadonlyMap<unknown, Item>;
  /** The links there are. */
  readonly there: ReadonlyMap<unknown, Link>;
}

/**
 * Refuses links that the kernel would refuse, or make otherwise.
 *
 * @param declared the declared links
 * @param future the links that there will be
 * @throws {TypeError} that names the link
 */
export function checkConflicts(
  { links }: Context,
  declared: ReadonlyMap<string, Item>,
  future: ReadonlyMap<string, Item>,
): void {
  const view = { declared, future, there: new Map(links.map((link) => [link.name, link])) };
  for (const item of future.values()) {
    const { name } = item, own = declared.get(String(name));
    const why = taken(item, view) ?? (own && (tooLarge({ ...item, ...own }, view) ??
      noBackup(item, view) ?? noDelay(item, own) ?? noFiltering(own, view)));
    if (why !== undefined) throw new TypeError(`Cannot plan link ${name}: ${why}`);
  }
}

/** Kinds of links that take what arrives at the one below. */
const TAKERS = ["macvlan", "macvtap", "ipvlan", "ipvtap"];
/** Kinds that take what arrives at their ports. */
const MASTERS = ["bridge", "bond"];

/** Why packets that arrive below do not come to a link. */
function taken(item: Item, { declared, future }: View): string | undefined {
  const kind = String(item.kind), lower = future.get(item.link);
  if (lower === undefined || !TAKERS.includes(kind)) return undefined;
  if (!declared.has(item.name) && !declared.has(lower.name)) return undefined;
  const its = String(lower.kind), master = future.get(lower.master);
  // Macvlans and macvtaps are of one sort, and so are the others.
  if (TAKERS.includes(its) && its.slice(0, 3) === kind.slice(0, 3)) {
    return `${lower.name} is of kind ${its}, and the kernel would take the link below that`;
  }
  return MASTERS.includes(String(master?.kind))
    ? `${lower.name} is a port of ${master!.name}, and no more than a port`
    : undefined;
}

/** What the packets of some kinds are larger by on the link below; those of others are made to fit. */
const HEADERS = new Map<unknown, (item: Item) => number>([
  ["macvlan", () => 0],
  ["macvtap", () => 0],
  ["vlan", () => 0],
  ["vxlan", (item) => outerVersion(item) === 6 ? 70 : 50], // VXLAN_HEADROOM, VXLAN6_HEADROOM
]);

/** Why the kernel would refuse an MTU. */
function tooLarge(item: Item, { declared, future, there }: View): string | undefined {
  const { name, kind, link, mtu } = item, headers = HEADERS.get(kind)?.(item);
  if (declared.get(name)!.mtu === undefined) return undefined;
  const { minMtu: low = 0, maxMtu = 0 } = there.get(name)?.attributes ?? {};
  const lower = headers === undefined ? undefined : future.get(link);
  const most = lower?.mtu === undefined ? Infinity : lower.mtu as number - headers!;
  const high = Math.min(maxMtu || Infinity, most);
  if (mtu as number >= low && mtu as number <= high) return undefined;
  const from = high === most ? `, which fits into ${lower!.name}` : "";
  return `mtu must be ${low} to ${high}${from}, current value is ${mtu}`;
}

/** Why a port has no such backup. */
function noBackup({ name, master, bridgePort }: Item, { future }: View): string | undefined {
  const { backupPort } = (bridgePort ?? {}) as Item;
  if (typeof backupPort !== "string") return undefined;
  const good = backupPort !== name && master && future.get(backupPort)?.master === master;
  return good ? undefined : `backupPort ${backupPort} is no other port of its bridge`;
}

/** Why a bridge that runs the spanning tree cannot wait so long. */
function noDelay({ kind, stp }: Item, { forwardDelay: delay }: Item): string | undefined {
  const [low, high] = FORWARD_DELAY;
  if (kind !== "bridge" || !stp || delay === undefined) return undefined;
  if (delay as number >= low && delay as number <= high) return undefined;
  return `forwardDelay must be ${low} to ${high}, with stp, current value is ${delay}`;
}

const VLAN_OPTIONS = ["vlanFiltering", "vlanDefaultPvid", "vlanProtocol", "vlanStatistics"];

/** Whether bridges look at VLANs here: a kernel that cannot says nothing of which they are. */
export function filtersVlans(links: Iterable<Link>): boolean {
  return [...links].every(({ kind, options }) => kind !== "bridge" || "vlanDefaultPvid" in options);
}

/** Why a bridge cannot have an option of VLANs. */
function noFiltering(own: Item, { there }: View): string | undefined {
  if (own.kind !== "bridge" || filtersVlans(there.values())) return undefined;
  const option = VLAN_OPTIONS.find((name) => own[name] !== undefined && own[name] !== false);
  return option && `${option} needs VLAN filtering, which this kernel lacks`;
}
