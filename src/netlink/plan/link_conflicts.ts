/** What links cannot be beside others, or on this kernel. */

import type { Link } from "../route/link.ts";
import type { Change } from "./change.ts";
import { FORWARD_DELAY } from "./link_limits.ts";
import { outerVersion } from "./links.ts";
import { noAddress, noPlace } from "./macvlans.ts";
import { noPort, noPortOptions } from "./ports.ts";
import type { Context, Item } from "./section.ts";
import { noTunnel } from "./tunnels.ts";
import { filtersVlans } from "./vlan_filtering.ts";

/** What is known when links are checked. */
interface View {
  /** The declared links. */
  readonly declared: ReadonlyMap<unknown, Item>;
  /** The links that there will be. */
  readonly future: ReadonlyMap<unknown, Item>;
  /** The links there are. */
  readonly there: ReadonlyMap<unknown, Link>;
  /** The changes of links. */
  readonly changes: ReadonlyMap<unknown, Change>;
}

/**
 * Refuses links that the kernel would refuse, or make otherwise.
 *
 * @param declared the declared links
 * @param future the links that there will be
 * @param changes those of links
 * @throws {TypeError} that names the link
 */
export async function checkConflicts(
  context: Context,
  declared: ReadonlyMap<string, Item>,
  future: ReadonlyMap<string, Item>,
  changes: readonly Change[],
): Promise<void> {
  const there = new Map(context.links.map((link) => [link.name, link]));
  const view = { declared, future, there, changes: new Map(changes.map((c) => [c.key, c])) };
  for (const item of future.values()) {
    const { name } = item, own = declared.get(String(name));
    const why = noPlace(item, declared, future) ??
      (own && (refusal(item, own, view) ?? await noFiltering(own, context)));
    if (why !== undefined) throw new TypeError(`Cannot plan link ${name}: ${why}`);
  }
}

/** Why a link cannot be one of a kind. */
function noHardware({ name, kind }: Item, { there }: View): string | undefined {
  const is = there.get(name);
  return kind !== undefined && is !== undefined && is.kind === undefined
    ? `it is of no kind, and cannot be made one of kind ${kind}`
    : undefined;
}

/** Why the kernel would refuse a declared link. */
function refusal(item: Item, own: Item, view: View): string | undefined {
  const { declared, future, changes } = view;
  return noHardware(own, view) ?? noPort(item, future.get(item.master)) ??
    noPortOptions(own, future.get(item.master)) ??
    noAddress(item, declared, future, changes.get(item.name)) ??
    noTunnel(item, future) ?? noVlan(item, view) ?? tooLarge(item, view) ??
    noBackup(item, view) ?? noDelay(item, own);
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

/** Why a VLAN is another link already. */
function noVlan(
  { kind, name, link, id, protocol = "8021q" }: Item,
  { future }: View,
): string | undefined {
  if (kind !== "vlan") return undefined;
  const other = [...future.values()].find((o) =>
    o.kind === kind && o.name !== name && o.link === link && o.id === id &&
    (o.protocol ?? "8021q") === protocol
  );
  return other && `${other.name} is VLAN ${id} of ${link} already`;
}

const VLAN_OPTIONS = ["vlanFiltering", "vlanDefaultPvid", "vlanProtocol", "vlanStatistics"];

/** Why a bridge cannot have an option of VLANs. */
async function noFiltering(own: Item, context: Context): Promise<string | undefined> {
  if (own.kind !== "bridge") return undefined;
  const option = VLAN_OPTIONS.find((name) => own[name] !== undefined && own[name] !== false);
  if (option === undefined || await filtersVlans(context)) return undefined;
  return `${option} needs VLAN filtering, which this kernel lacks`;
}
