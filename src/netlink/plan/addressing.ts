/** Addresses, neighbours and forwarding entries of a plan. */

import { bad, mac } from "../route/input.ts";
import { scopeName, scopeValue } from "../route/names.ts";
import type { DesiredAddress, DesiredFdbEntry, DesiredNeighbour } from "./desired.ts";
import {
  canonicalIp,
  canonicalPrefix,
  type Item,
  linkText,
  matches,
  type Section,
  tidy,
  unlike,
} from "./section.ts";

// Flags that callers set; the others tell what became of the address.
const FLAGS = [
  "homeaddress",
  "managetempaddr",
  "mcautojoin",
  "nodad",
  "noprefixroute",
  "optimistic",
];
// What the kernel gives itself: IFAPROT_KERNEL_LO, IFAPROT_KERNEL_RA, IFAPROT_KERNEL_LL.
const KERNEL_ADDRESS = [1, 2, 3];

const isV6 = (item: Item) => String(item.address).includes(":");

/** Whether what is left of a lifetime fits what was declared. */
function lives(declared: unknown, current: unknown): boolean {
  const wanted = declared === undefined ? Infinity : declared as number, left = current as number;
  return wanted === Infinity ? left === Infinity : left <= wanted;
}

/** Addresses. */
export const addresses: Section = {
  name: "addresses",
  object: "address",
  normal(item) {
    const flags = item.flags as readonly string[] | undefined;
    for (const flag of flags ?? []) {
      if (!FLAGS.includes(flag)) throw bad("flags", `names out of ${FLAGS.join(", ")}`, flag);
    }
    return tidy({
      ...item,
      link: linkText(item),
      address: canonicalPrefix("address", item.address),
      peer: item.peer === undefined ? undefined : canonicalIp("peer", item.peer),
      broadcast: item.broadcast === undefined
        ? undefined
        : canonicalIp("broadcast", item.broadcast),
      scope: item.scope === undefined
        ? undefined
        : scopeName(scopeValue("scope", item.scope as string)),
      flags: flags && [...flags].sort(),
    });
  },
  // IPv6 has an address once on a link, whatever its prefix.
  key: (item) =>
    isV6(item)
      ? `${item.link} ${String(item.address).split("/")[0]}`
      : `${item.link} ${item.address}${item.peer === undefined ? "" : ` peer ${item.peer}`}`,
  async read({ nl, nameOf, options }) {
    const all = await nl.addresses.list(options).toArray();
    return all.map((a) => {
      const { link, address, peer, broadcast, label, scope, metric, flags } = a;
      const { validLifetime, preferredLifetime, attributes: { proto } } = a;
      return tidy({
        link: nameOf(link),
        address,
        peer,
        broadcast,
        label,
        scope,
        metric: metric ?? 0,
        flags: flags.filter((flag) => FLAGS.includes(flag)).sort(),
        validLifetime,
        preferredLifetime,
        proto,
      });
    });
  },
  differs(declared, current) {
    const names = [
      "broadcast",
      "label",
      "metric",
      "flags",
      ...isV6(declared) ? ["address"] : ["scope"],
    ];
    const out = unlike(declared, current, [...names, "peer"]);
    const { validLifetime: valid, preferredLifetime: preferred = valid } = declared;
    if (!lives(valid, current.validLifetime)) out.push("validLifetime");
    if (!lives(preferred, current.preferredLifetime)) out.push("preferredLifetime");
    return out;
  },
  // The kernel keeps the flags of an IPv4 address, and takes a metric of 0 for none given.
  inPlace: (declared, differences) =>
    differences.every((name) =>
      ["validLifetime", "preferredLifetime"].includes(name) ||
      (name === "flags" && isV6(declared)) || (name === "metric" && declared.metric !== 0)
    ),
  async create({ nl, options }, item) {
    const { proto: _, ...entry } = item;
    await nl.addresses.add(entry as unknown as DesiredAddress, options);
  },
  async set({ nl, options }, item, current) {
    // What is not told is reset: the rest goes along as it is.
    const { validLifetime, preferredLifetime, ...declared } = item;
    const { proto: _, validLifetime: _v, preferredLifetime: _p, ...kept } = current;
    const entry = { ...kept, ...declared, validLifetime, preferredLifetime };
    await nl.addresses.replace(entry as unknown as DesiredAddress, options);
  },
  async remove({ nl, options }, item) {
    const { link, address, peer } = item as unknown as DesiredAddress;
    await nl.addresses.delete({ link, address, peer }, options);
  },
  pruned: (item, prune) => addresses.own(item) && matches(prune.addresses, item.link),
  own: (item) => !KERNEL_ADDRESS.includes(item.proto as number),
  rank: () => 1,
};

const DYNAMIC = ["none", "incomplete", "reachable", "stale", "delay", "probe", "failed"];

/** Neighbours. */
export const neighbours: Section = {
  name: "neighbours",
  object: "neighbour",
  normal: (item) =>
    tidy({
      ...item,
      link: linkText(item),
      address: canonicalIp("address", item.address),
      mac: item.mac === undefined ? undefined : mac("mac", item.mac as string).toLowerCase(),
      state: item.proxy ? undefined : item.state ?? "permanent",
    }),
  key: (item) => `${item.link} ${item.address}${item.proxy ? " proxy" : ""}`,
  async read({ nl, nameOf, options }) {
    const lists = await Promise.all(
      [false, true].map((proxy) => nl.neighbours.list({ ...options, proxy }).toArray()),
    );
    return lists.flat().map((n) =>
      tidy({
        link: nameOf(n.link),
        address: n.address,
        mac: n.mac,
        state: n.proxy ? undefined : n.state,
        router: n.router,
        externallyLearned: n.flags.includes("ext-learned"),
        protocol: n.protocol,
        proxy: n.proxy || undefined,
      })
    );
  },
  differs(declared, current) {
    const out = unlike(declared, current, [
      "mac",
      "state",
      "router",
      "externallyLearned",
      "protocol",
    ]);
    // The kernel moves entries between these states by itself.
    const dynamic = DYNAMIC.includes(declared.state as string) &&
      DYNAMIC.includes(current.state as string);
    return dynamic ? out.filter((name) => name !== "state") : out;
  },
  inPlace: () => true,
  create: ({ nl, options }, item) =>
    nl.neighbours.replace(item as unknown as DesiredNeighbour, options),
  set: ({ nl, options }, item) =>
    nl.neighbours.replace(item as unknown as DesiredNeighbour, options),
  async remove({ nl, options }, item) {
    const { link, address, proxy } = item as unknown as DesiredNeighbour;
    await nl.neighbours.delete({ link, address, proxy }, options);
  },
  pruned: (item, prune) => neighbours.own(item) && matches(prune.neighbours, item.link),
  own: (item) => item.state === "permanent" || item.proxy === true,
  rank: () => 2,
};

/** Whether a tunnel sends what is for a MAC address to all remotes; to others it sends to one. */
function floods(item: Item): boolean {
  return item.mac === NO_MAC || parseInt(String(item.mac).slice(0, 2), 16) % 2 === 1;
}

const NO_MAC = "00:00:00:00:00:00";
// What `replace` changes; the rest identifies an entry or cannot be changed.
const IN_PLACE = ["lifetime", "sticky", "remote", "port", "vni", "via"];

/** Entries of forwarding tables. */
export const fdb: Section = {
  name: "fdb",
  object: "forwarding entry",
  normal(item) {
    const table = item.table ?? (item.remote ?? item.nexthop ? "self" : "master");
    return tidy({
      ...item,
      link: linkText(item),
      mac: mac("mac", item.mac as string).toLowerCase(),
      table,
      remote: item.remote === undefined ? undefined : canonicalIp("remote", item.remote),
      lifetime: item.lifetime ?? (table === "master" ? "static" : "permanent"),
    });
  },
  key(item) {
    const { link, mac, vlan, table, remote } = item;
    const place = `${link} ${mac}${vlan === undefined ? "" : ` vlan ${vlan}`}`;
    if (table !== "self") return place;
    return `${place} ${floods(item) && remote !== undefined ? remote : "self"}`;
  },
  async read({ nl, links, nameOf, options }) {
    const all = await nl.fdb.list(options).toArray();
    const remotes = new Map(links.map((link) => [link.index, link]));
    return all.map((entry) => {
      const { bridge: _, via, link, flags, ...rest } = entry.toJSON() as Record<string, unknown>;
      return tidy({
        ...rest,
        link: nameOf(link as number),
        via: nameOf(via as number | undefined),
        sticky: (flags as string[]).includes("sticky"),
        externallyLearned: (flags as string[]).includes("ext-learned"),
        // The remote of a tunnel itself.
        kernel: rest.mac === NO_MAC && rest.remote !== undefined &&
            remotes.get(link as number)?.options.remote === rest.remote || undefined,
      });
    });
  },
  differs: (declared, current) =>
    unlike(declared, current, [
      "lifetime",
      "remote",
      "port",
      "vni",
      "sourceVni",
      "via",
      "nexthop",
      "sticky",
      "externallyLearned",
    ]),
  inPlace: (declared, differences) =>
    !(floods(declared) && declared.remote !== undefined) &&
    differences.every((name) => IN_PLACE.includes(name)),
  create: ({ nl, options }, item) =>
    floods(item) && item.remote !== undefined
      ? nl.fdb.append(item as unknown as DesiredFdbEntry, options)
      : nl.fdb.replace(item as unknown as DesiredFdbEntry, options),
  set: ({ nl, options }, item) => nl.fdb.replace(item as unknown as DesiredFdbEntry, options),
  remove: ({ nl, options }, item) => nl.fdb.delete(item as unknown as DesiredFdbEntry, options),
  pruned: (item, prune) => fdb.own(item) && matches(prune.fdb, item.link),
  // A permanent entry is a link's own address or group, or else it has a remote.
  own: (item) => !item.kernel && (item.lifetime === "static" || item.remote !== undefined),
  rank: () => 2,
};
