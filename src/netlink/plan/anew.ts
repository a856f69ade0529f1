/** What links that go take along, and what those that are made anew keep. */

import type { Link } from "../route/link.ts";
import { kindOptionNames } from "../route/link_kinds.ts";
import type { Change } from "./change.ts";
import { sameReach } from "./link_limits.ts";
import {
  ADDRESSES,
  below,
  LINK_OPTIONS,
  links,
  outerVersion,
  PAIRS,
  peerName,
  standsOn,
} from "./links.ts";
import { noPort } from "./ports.ts";
import { type Context, type Item, tidy } from "./section.ts";
import { type Stack, stack } from "./stack.ts";

/**
 * Links that a deleted link takes along are made again if they are declared; if they are not, they
 * are none of the plan's business, and the plan is refused. Whatever is made again is as it was, but
 * for what is declared.
 *
 * @param items the declared links
 * @param current the links there are
 * @param lost names of links that go; those that they take along are added
 * @throws {TypeError} for a link that would go though nobody said so
 */
export function mendLinks(
  { links: all, desired, nameOf }: Context,
  items: ReadonlyMap<string, Item>,
  current: ReadonlyMap<string, readonly Item[]>,
  lost: Set<string>,
  changes: readonly Change[],
): Change[] {
  const causes = new Set(lost);
  for (let before = -1; before !== lost.size;) {
    before = lost.size;
    for (const link of all) {
      const under = fallsWith(link, nameOf);
      if (under !== undefined && lost.has(under)) lost.add(link.name);
    }
  }
  const peers = new Set([...items.values()].map(peerName));
  const was = (name: string) => current.get(name)?.[0];
  const there = [...current.values()].flat();
  const stays = (name: unknown) =>
    typeof name === "string" && (!lost.has(name) || items.has(name) || peers.has(name));
  const ports = (name: unknown) =>
    stays(name) && [undefined, was(`${name}`)?.kind].includes(items.get(`${name}`)?.kind);
  const over = stack(
    [...there, ...items.values()].map(({ name }) => {
      const item = items.get(`${name}`), is = was(`${name}`);
      return [undefined, is?.kind].includes(item?.kind) ? { ...is, ...item } : item!;
    }),
  );
  const future: Future = { stays, ports, over, there };
  const out = changes.filter(({ key }) => !lost.has(key) || causes.has(key)).map((change) => {
    const { key, action, after } = change;
    if (action === "replace") return { ...change, after: kept(after!, was(key)!, future) };
    // The other end of a pair comes with it, or is there: it is only set.
    if (action !== "create" || after!.kind !== undefined) return change;
    if (!peers.has(key)) throw none(key);
    return fresh(after!);
  });
  for (const name of lost) {
    if (causes.has(name)) continue;
    const item = items.get(name) ?? (peers.has(name) ? { name } : undefined);
    const pruned = desired.prune && links.pruned({ name, kind: "veth" }, desired.prune);
    if (item === undefined && !pruned) {
      throw new TypeError(
        `Cannot plan: ${
          [...causes].join(", ")
        } would take link ${name} along, which is not declared`,
      );
    }
    if (item === undefined) continue;
    const after = kept(item, was(name)!, future);
    out.push(
      item.kind === undefined
        ? fresh(after)
        : { action: "create", object: "link", key: name, after, differences: [] },
    );
  }
  for (const { name } of all) {
    const is = was(name)!, master = is.master as string;
    if (lost.has(name) || !lost.has(master) || !ports(master)) continue;
    const declared = items.get(name), at = out.findIndex(({ key }) => key === name);
    if (declared && ![undefined, master].includes(declared.master as string)) continue;
    // A port of what is made anew is its port again.
    const options = portOptions(declared ?? {}, is, future);
    const before = { ...is, master: null, bridgePort: undefined, bondPort: undefined };
    const after = { name, ...declared, master, ...options };
    const differences = [...out[at]?.differences ?? [], "master", ...Object.keys(options)];
    const key = name, object = "link", action = "set";
    out.splice(at < 0 ? out.length : at, 1, {
      ...{ action, object, key, before, after },
      differences: [...new Set(differences)],
    });
  }
  return out;
}

/** The link that takes another along when it is deleted. */
function fallsWith(link: Link, nameOf: Context["nameOf"]): string | undefined {
  // Other tunnels outlive the link that they use.
  if (link.kind === "vxlan") return nameOf(link.options.link as number | undefined);
  return PAIRS.includes(link.kind ?? "") || UPPER.includes(link.kind ?? "")
    ? below(link, nameOf)
    : undefined;
}

const UPPER = ["vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"];

// What any link has, and what means the same to links of one kind only.
const GENERAL = ["up", "alias", "group", "promiscuous", "allMulticast", "altNames"];
const OF_KIND = ["mtu", "address", "txQueueLength", "arp"];

/** What there will be, and what there was. */
interface Future {
  /** Whether there will be a link of a name. */
  stays(name: unknown): boolean;
  /** Whether a link that has ports will have them. */
  ports(name: unknown): boolean;
  /** How links will stand, if nothing goes that nobody declares. */
  readonly over: Stack;
  /** The links there were. */
  readonly there: readonly Item[];
}

/** A link that is made anew: as it is declared, and else as it was. */
function kept(item: Item, was: Item, future: Future): Item {
  const out: Record<string, unknown> = {}, self = String(was.name);
  const ofKind = item.kind === undefined || item.kind === was.kind;
  // What other options mean, and whether they are allowed, depends on the mode.
  const sameMode = item.mode === undefined || item.mode === was.mode;
  const options = ofKind && sameMode ? kindOptionNames(String(item.kind)) : [];
  for (const name of [...GENERAL, ...ofKind ? OF_KIND : [], ...options]) {
    const value = was[name];
    if (LINK_OPTIONS.has(name) && !future.stays(value)) continue;
    // A port of what it stood upon does not stand there any more.
    if (name === "link" && future.over(String(value), self)) continue;
    if (ADDRESSES.has(name) && !fitsEnds(item, name, value)) continue;
    if (name === "flowLabel" && outerVersion(item) === 4) continue;
    // What comes from another link comes from there again.
    if (name === "address" && !isOwn(was, future)) continue;
    if (
      name === "mtu" && UPPER.includes(String(was.kind)) &&
      future.there.find((l) => l.name === was.link)?.mtu === value
    ) continue;
    out[name] = value;
  }
  const { master = was.master } = item;
  // Of what nobody declares, what can be.
  const can = () =>
    !future.over(self, String(master)) &&
    noPort({ ...out, ...item }, future.there.find((l) => l.name === master)) === undefined;
  const port = master === was.master && future.ports(master) &&
    (item.master !== undefined || can());
  return tidy({
    ...out,
    ...port && { master },
    ...item,
    ...port && portOptions(item, was, future),
  });
}

/** Whether a tunnel with these ends could have an address for one that is not declared. */
function fitsEnds(item: Item, name: string, value: unknown): boolean {
  const version = outerVersion(item), { local, remote }: Item = { [name]: value, ...item };
  if (version === undefined) return true;
  return outerVersion({ kind: item.kind, [name]: value }) === version &&
    (version === 4 || sameReach(local, remote));
}

/** Whether a link has a MAC address that it has not from one that it stands on. */
function isOwn({ address, name, ...was }: Item, { there }: Future): boolean {
  const { master: _, ...lower } = standsOn(was), below = Object.values(lower);
  return /^..(:..){5}$/.test(String(address)) &&
    there.every((link) =>
      link.address !== address || !(below.includes(String(link.name)) || link.master === name)
    );
}

/** What a port is made with that was one: its bridge's state is not its own. */
function portOptions(item: Item, was: Item, { stays }: Future): Item {
  const { state: _, backupPort, ...bridge } = (was.bridgePort ?? {}) as Item;
  const backup = stays(backupPort) ? { backupPort } : {};
  const merged = (had: Item, name: string) => was[name] && { ...had, ...item[name] as Item };
  return tidy({
    bridgePort: merged({ ...bridge, ...backup }, "bridgePort"),
    bondPort: merged(was.bondPort as Item, "bondPort"),
  });
}

function fresh(after: Item): Change {
  const differences = Object.keys(after).filter((name) => name !== "name");
  return { action: "set", object: "link", key: String(after.name), before: {}, after, differences };
}

function none(name: string): TypeError {
  return new TypeError(`Cannot plan link ${name}: there is none, and no kind says how to make it`);
}
