/** Links of a plan. */

import type { NamespaceTarget } from "../namespace.ts";
import { bad } from "../check.ts";
import { linkName } from "../route/input.ts";
import { kindData, kindOptionNames, kindOptions } from "../route/link_kinds.ts";
import type { Link } from "../route/link.ts";
import type { LinkChanges, NewLink } from "../route/link_settings.ts";
import { checkLimits, sameReach } from "./link_limits.ts";
import {
  alike,
  canonicalIp,
  canonicalMac,
  type Context,
  isNowhere,
  type Item,
  matches,
  type Section,
  tidy,
  unlike,
} from "./section.ts";

const SETTINGS = [
  "mtu",
  "address",
  "up",
  "master",
  "alias",
  "txQueueLength",
  "promiscuous",
  "allMulticast",
  "arp",
  "group",
];
// What is changed by requests of its own.
const APART = ["altNames", "peer"];

const MACVLAN = ["mode", "noPromiscuous", "noDestination", "sources", "broadcastQueueLength"];

/** What of a kind can be changed while it lives; all of it where nothing is said. */
const CHANGEABLE: { readonly [kind: string]: readonly string[] } = {
  vlan: ["reorderHeader", "gvrp", "looseBinding", "mvrp", "bridgeBinding"],
  vxlan: ["link", "local", "remote", "ttl", "tos", "learning", "ageing", "localBypass"],
  macvlan: MACVLAN,
  macvtap: MACVLAN,
  ipvlan: ["mode", "isolation"],
  ipvtap: ["mode", "isolation"],
  vrf: [],
  geneve: ["remote", "ttl", "tos", "flowLabel", "dontFragment"],
  netkit: ["policy", "peerPolicy"],
  xfrm: [],
  hsr: [],
};

/** Kinds of links that come in twos. */
export const PAIRS = ["veth", "netkit"];

/** Name of the link that another stands on, or is paired with, if it is in the same namespace. */
export function below(link: Link, nameOf: Context["nameOf"]): string | undefined {
  // Elsewhere its index belongs to another link.
  const { parent, attributes: { linkNetnsid } } = link;
  return parent === undefined || linkNetnsid !== undefined ? undefined : nameOf(parent);
}

/** Name of the other end that a declared pair shall have in the same namespace. */
export function peerName({ peer }: Item): string | undefined {
  const { name, netns } = (peer ?? {}) as { name?: string; netns?: unknown };
  return netns === undefined ? name : undefined;
}

/** Whether the other end is where it shall be; of one in another namespace, no more can be seen. */
function samePeer(declared: Item, current: Item): boolean {
  const wanted = peerName(declared), is = peerName(current);
  const elsewhere = (declared.peer as Item).netns !== undefined;
  return elsewhere ? is === undefined : wanted === undefined || wanted === is;
}

/** A link as it would be declared. */
export function describeLink(link: Link, nameOf: Context["nameOf"]): Item {
  const named = (options: Record<string, unknown> | undefined) =>
    options && Object.fromEntries(
      Object.entries(options).map(([name, value]) => [
        name,
        LINK_OPTIONS.has(name) && typeof value === "number" ? nameOf(value) : value,
      ]),
    );
  const { name, kind, mtu, address, up, alias, txQueueLength, group } = link;
  const { promiscuous, allMulticast, arp } = link, other = below(link, nameOf);
  return tidy({
    link: other,
    peer: PAIRS.includes(kind ?? "") && other !== undefined ? { name: other } : undefined,
    ...named(link.options),
    name,
    kind,
    mtu,
    address,
    up,
    alias,
    txQueueLength,
    group,
    promiscuous,
    allMulticast,
    arp,
    master: nameOf(link.master) ?? null,
    altNames: [...link.altNames].sort(),
    bridgePort: named(link.bridgePort),
    bondPort: named(link.bondPort),
  });
}

/** Options that name a link. */
export const LINK_OPTIONS = new Set([
  "link",
  "primary",
  "activePort",
  "port1",
  "port2",
  "interlink",
  "backupPort",
]);

/** The options of a kind as the kernel keeps them: in what it counts in, addresses in their form. */
function normalOptions(kind: string, item: Item): Item {
  kindData(kind, item, true);
  const kept = kindOptions(kind, kindData(kind, item, false).data),
    out: Record<string, unknown> = {};
  for (const name of kindOptionNames(kind)) {
    if (item[name] === undefined || LINK_OPTIONS.has(name)) continue;
    const value = kept[name];
    if (ADDRESSES.has(name)) out[name] = canonicalIp(name, item[name]);
    else if (name === "sources") out[name] = macs(item[name] as readonly string[]);
    else if (value !== undefined) {
      out[name] = name === "groupAddress" ? String(value).toLowerCase() : value;
    }
  }
  return out;
}

/** MAC addresses as the kernel tells them: each once, in an order of ours. */
function macs(list: readonly string[]): string[] {
  return [...new Set(list.map((text, i) => canonicalMac(`sources[${i}]`, text)))].sort();
}

/** Options that are addresses of the outer packets. */
export const ADDRESSES = new Set(["local", "remote"]);

/** The IP version of a tunnel's addresses, of those kinds that have either one, for life. */
export function outerVersion({ kind, local, remote }: Item): 4 | 6 | undefined {
  if (kind !== "vxlan" && kind !== "geneve") return undefined;
  const address = [remote, local].find((ip) => ip !== undefined && !isNowhere(ip));
  return address === undefined ? undefined : String(address).includes(":") ? 6 : 4;
}

/** A link without the addresses that it has not, which would be of an IP version all the same. */
function withoutNowhere(link: Item): Item {
  return Object.fromEntries(
    Object.entries(link).filter(([name, value]) => !(ADDRESSES.has(name) && isNowhere(value))),
  );
}

/** Whether a declared option says that there is none, of which the kernel says nothing. */
function isNone(name: string, value: unknown): boolean {
  return value === false || name === "alias" && value === "" ||
    ADDRESSES.has(name) && isNowhere(value) || name === "sourcePorts" && alike(value, [0, 0]);
}

/** Whether a link becomes a port of a bond, which takes none that is up, and switches it on itself. */
function joinsBond({ desired, links }: Context, { master }: Item): boolean {
  const is = ({ name }: { name: string }) => name === master;
  return (desired.links?.find(is)?.kind ?? links.find(is)?.kind) === "bond";
}

/** Whether the kernel refuses another mode to a link that is in use. */
function fixesMode({ kind, mode }: Item, current: Item): boolean {
  return kind === "bond" || String(kind).startsWith("macv") &&
      (mode === "passthru") !== (current.mode === "passthru");
}

/** The section. */
export const links: Section = {
  name: "links",
  object: "link",
  normal(item) {
    linkName("name", item.name as string);
    const { kind, address, altNames } = item;
    if (kind !== undefined && typeof kind !== "string") throw bad("kind", "a name", kind);
    const options = kindOptionNames(kind ?? "");
    const known = [...SETTINGS, "name", "kind", "altNames", "bridgePort", "bondPort", ...options];
    if (PAIRS.includes(kind ?? "")) known.push("peer");
    for (const name of Object.keys(item)) {
      if (item[name] !== undefined && !known.includes(name)) {
        throw bad(name, `an option of ${kind ?? "a link without kind"}`, item[name]);
      }
    }
    if (item.bridgePort !== undefined && item.bondPort !== undefined) {
      throw bad("bondPort", "absent beside bridgePort", item.bondPort);
    }
    const out = tidy({
      ...item,
      ...kind !== undefined && normalOptions(kind, item),
      address: address === undefined ? undefined : canonicalMac("address", address),
      altNames: altNames === undefined ? undefined : [...altNames as string[]].sort(),
    });
    checkLimits(out);
    return out;
  },
  key: (item) => String(item.name),
  read: ({ links, nameOf }) => Promise.resolve(links.map((link) => describeLink(link, nameOf))),
  differs(declared, current) {
    const kind = declared.kind as string | undefined;
    const out = unlike(declared, current, [
      ...SETTINGS,
      "altNames",
      ...kindOptionNames(kind ?? ""),
    ]);
    const none = out.filter((name) => current[name] === undefined && isNone(name, declared[name]));
    for (const name of none) out.splice(out.indexOf(name), 1);
    if (kind !== undefined && kind !== current.kind) out.unshift("kind");
    else if (declared.peer !== undefined && !samePeer(declared, current)) out.push("peer");
    for (const port of ["bridgePort", "bondPort"]) {
      const wanted = declared[port] as Item | undefined, is = (current[port] ?? {}) as Item;
      if (wanted && Object.keys(wanted).some((name) => !alike(wanted[name], is[name]))) {
        out.push(port);
      }
    }
    return out;
  },
  inPlace(declared, differences, current) {
    if (differences.includes("kind")) return false;
    // One that went to another namespace cannot be renamed from here.
    if (differences.includes("peer") && peerName(current) === undefined) return false;
    if (differences.includes("mode") && fixesMode(declared, current)) return false;
    const version = outerVersion(declared);
    if (version !== undefined && version !== (outerVersion(current) ?? 4)) return false;
    // An end that does not go with a declared one does not stay.
    const { local, remote } = { ...current, ...declared };
    if (version === 6 && remote !== undefined && !sameReach(local, remote)) return false;
    if (differences.includes("ttl") && [declared.ttl, current.ttl].includes("inherit")) {
      return false;
    }
    const kind = (declared.kind as string | undefined) ?? "", changeable = CHANGEABLE[kind];
    // This one has its MAC address for life.
    if (kind === "ifb" && differences.includes("address")) return false;
    const options = kindOptionNames(kind);
    return differences.every((name) =>
      !options.includes(name) || changeable === undefined || changeable.includes(name)
    );
  },
  async create(context, item) {
    const { nl, options } = context, name = item.name as string;
    const { altNames, vlanFiltering, ...rest } = item;
    // A kernel without VLAN filtering refuses even to leave it off.
    const link = withoutNowhere(vlanFiltering ? { ...rest, vlanFiltering } : rest);
    if (joinsBond(context, item)) {
      const { up, master, bondPort, ...rest } = link;
      await nl.links.add(rest as unknown as NewLink, options);
      await nl.links.set(name, { master, bondPort } as LinkChanges, options);
      if (up !== undefined) await nl.links.set(name, { up } as LinkChanges, options);
    } else await nl.links.add(link as unknown as NewLink, options);
    if ((altNames as string[] | undefined)?.length) {
      await nl.links.addAltNames(name, altNames as string[], options);
    }
  },
  async set(context, item, current, differences) {
    const { nl, options } = context, name = item.name as string;
    const ofKind = kindOptionNames(String(item.kind)), parts: Record<string, unknown>[] = [];
    const part = (names: readonly string[], more: object = {}) => {
      const changes = Object.fromEntries(names.map((name) => [name, told(name)]));
      if (names.length > 0) parts.push({ ...changes, ...more });
    };
    // No address, of the IP version that the others are of.
    const six = outerVersion({ ...current, ...withoutNowhere(item) }) === 6;
    const told = (name: string) =>
      ADDRESSES.has(name) && isNowhere(item[name]) ? (six ? "::" : "0.0.0.0") : item[name];
    const bond = differences.includes("master") && joinsBond(context, item);
    // Some kinds take their own options and the MTU only one after the other.
    part(differences.filter((d) => ofKind.includes(d)), { kind: item.kind });
    if (bond) parts.push({ up: false }, { master: item.master });
    part(
      differences.filter((d) =>
        !APART.includes(d) && !ofKind.includes(d) && !(bond && d === "master")
      ),
    );
    for (const changes of parts) await nl.links.set(name, changes as LinkChanges, options);
    const { peer } = item as { peer?: { netns?: NamespaceTarget } };
    if (differences.includes("peer") && peer?.netns !== undefined) {
      await nl.links.set(peerName(current)!, peer, options);
    }
    if (!differences.includes("altNames")) return;
    const had = current.altNames as string[] | undefined ?? [];
    const fresh = (item.altNames as string[]).filter((name) => !had.includes(name));
    if (fresh.length > 0) await nl.links.addAltNames(name, fresh, options);
  },
  async remove({ nl, options }, item) {
    await nl.links.delete(item.name as string, options);
  },
  pruned: (item, prune) =>
    item.kind !== undefined && item.name !== "lo" && matches(prune.links, item.name),
  own: () => false,
  rank: () => 0,
};

/** The links that a declared link stands on or is a port of, by property. */
export function standsOn(item: Item): { readonly [property: string]: string } {
  const names = ["master", "link", "port1", "port2", "interlink"];
  return Object.fromEntries(
    names.filter((name) => typeof item[name] === "string").map((name) => [name, item[name]]),
  ) as { [property: string]: string };
}

/** Names of the links that a declared link refers to. */
export function linkNeeds(item: Item): string[] {
  const { primary, activePort, bridgePort } = item;
  const later = [primary, activePort, (bridgePort as Item | undefined)?.backupPort];
  return [
    ...Object.values(standsOn(item)),
    ...later.filter((name): name is string => typeof name === "string"),
  ];
}
