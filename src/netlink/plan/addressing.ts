/** Addresses and neighbours of a plan. */

import { ipv4Text } from "../codec/address.ts";
import { swap32 } from "../codec/words.ts";
import { bad, integer } from "../check.ts";
import { prefix } from "../route/input.ts";
import { scopeName, scopeValue } from "../route/names.ts";
import { protocol } from "./route_parts.ts";
import type { DesiredAddress, DesiredNeighbour } from "./desired.ts";
import {
  alike,
  canonicalIp,
  canonicalMac,
  canonicalPrefix,
  isNowhere,
  type Item,
  linkText,
  matches,
  type Section,
  tidy,
  unlike,
  without,
} from "./section.ts";

// Flags that callers set; the others tell what became of the address.
const FLAGS4 = ["mcautojoin", "noprefixroute"];
const FLAGS6 = ["homeaddress", "managetempaddr", ...FLAGS4, "nodad", "optimistic"];
// Gone as soon as the address proved to be nobody else's.
const PASSING = "optimistic";
// What the kernel gives itself: IFAPROT_KERNEL_LO, IFAPROT_KERNEL_RA, IFAPROT_KERNEL_LL.
const KERNEL_ADDRESS = [1, 2, 3];

const NOWHERE = "0.0.0.0"; // the other end of an address with none, which the kernel does not tell

const isV6 = (item: Item) => String(item.address).includes(":");

/** The network of an address with its prefix length. */
function networkOf(text: string): string {
  const { words, length } = prefix("address", text), mask = length === 0 ? 0 : -1 << (32 - length);
  return `${ipv4Text(Int32Array.of(words[0] & swap32(mask)), 0)}/${length}`;
}

/** Whether what is left of a lifetime fits what was declared. */
function lives(declared: unknown, current: unknown): boolean {
  const wanted = declared === undefined ? Infinity : declared as number, left = current as number;
  return wanted === Infinity ? left === Infinity : left <= wanted;
}

/** Checks how long an address lives. */
function checkLifetimes(item: Item, six: boolean): void {
  const { validLifetime, preferredLifetime } = item;
  const valid = validLifetime as number ?? Infinity,
    preferred = preferredLifetime as number ?? valid;
  if (valid !== Infinity) integer("validLifetime", valid, 1, 0xfffffffe);
  if (preferred > valid) throw bad("preferredLifetime", "at most validLifetime", preferred);
  // The kernel never looks at one that is valid for ever again.
  if (!six && valid === Infinity && preferred > 0 && preferred < valid) {
    throw bad("preferredLifetime", "0, of an IPv4 address without validLifetime", preferred);
  }
}

/** The flags that last. */
function lasting({ flags }: Item): string[] {
  return (flags as readonly string[]).filter((flag) => flag !== PASSING);
}

/** Addresses. */
export const addresses: Section = {
  name: "addresses",
  object: "address",
  normal(item) {
    const flags = item.flags as readonly string[] | undefined;
    const link = linkText(item), address = canonicalPrefix("address", item.address);
    const six = isV6({ address }), known = six ? FLAGS6 : FLAGS4;
    for (const [i, flag] of flags?.entries() ?? []) {
      if (!known.includes(flag)) throw bad(`flags[${i}]`, `one of ${known.join(", ")}`, flag);
    }
    const group = /^(ff|22[4-9]|23\d)/.test(address);
    if (flags?.includes("mcautojoin") && !group) {
      throw bad("flags", "without mcautojoin, of an address of no multicast group", flags);
    }
    if (six && item.label !== undefined) throw bad("label", "absent, with IPv6", item.label);
    checkLifetimes(item, six);
    const peer = item.peer === undefined ? undefined : canonicalIp("peer", item.peer);
    // The kernel would keep it as if there were none, and delete it only by this peer.
    if (isNowhere(peer)) throw bad("peer", "another end, or absent", item.peer);
    if (isNowhere(address.split("/")[0])) throw bad("address", "one of somewhere", item.address);
    return tidy({
      ...item,
      link,
      address,
      peer: peer === address.split("/")[0] ? undefined : peer,
      broadcast: item.broadcast === undefined
        ? undefined
        : canonicalIp("broadcast", item.broadcast),
      scope: item.scope === undefined
        ? undefined
        : scopeName(scopeValue("scope", item.scope as string)),
      flags: flags && [...new Set(flags)].sort(),
    });
  },
  // IPv6 has an address once on a link, whatever its prefix; IPv4 once in the network of the other end.
  key(item) {
    const { link } = item, [ip, length] = String(item.address).split("/");
    if (isV6(item)) return `${link} ${ip}`;
    const networks = [ip, item.peer ?? ip].map((end) => networkOf(`${end}/${length}`));
    return `${link} ${item.address}${networks[0] === networks[1] ? "" : ` peer ${networks[1]}`}`;
  },
  async read({ nl, nameOf, options }) {
    const all = await nl.addresses.list(options).toArray();
    return all.map((a) => {
      const { link, address, peer, broadcast, label, scope, metric, flags } = a;
      const { validLifetime, preferredLifetime, attributes: { proto } } = a;
      return tidy({
        link: nameOf(link),
        address,
        peer: peer ?? (a.family === 4 && a.attributes.address === undefined ? NOWHERE : undefined),
        broadcast,
        label,
        scope,
        metric: metric ?? 0,
        flags: flags.filter((flag) => FLAGS6.includes(flag)).sort(),
        validLifetime,
        // Of one that is valid for ever, IPv4 tells it by the flag alone.
        preferredLifetime: flags.includes("deprecated") ? 0 : preferredLifetime,
        proto,
      });
    });
  },
  differs(declared, current) {
    const names = ["broadcast", "label", "metric", ...isV6(declared) ? ["address"] : ["scope"]];
    const none = { broadcast: "0.0.0.0" };
    const out = unlike(declared, { ...none, ...current }, names);
    if (declared.peer !== current.peer && (declared.peer !== undefined || !isV6(declared))) {
      out.push("peer");
    }
    if (declared.flags !== undefined && !alike(lasting(declared), lasting(current))) {
      out.push("flags");
    }
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
  own: (item) => !KERNEL_ADDRESS.includes(item.proto as number) && !isLoopback(item),
  rank: () => 1,
};

/** Whether a link that is always there has it from the kernel, which does not say so of IPv4. */
function isLoopback({ link, address }: Item): boolean {
  return link === "lo" && (address === "127.0.0.1/8" || address === "::1/128");
}

const DYNAMIC = ["none", "incomplete", "reachable", "stale", "delay", "probe", "failed"];

/** Neighbours. */
export const neighbours: Section = {
  name: "neighbours",
  object: "neighbour",
  normal(item) {
    if (item.proxy) without(item, ["mac", "state"], "with proxy");
    // Nothing is known of these.
    const unknown = ["none", "incomplete", "failed"].includes(item.state as string);
    if (unknown) {
      without(item, ["mac", "router"], `with state ${item.state}`);
    }
    return tidy({
      ...item,
      link: linkText(item),
      address: canonicalIp("address", item.address),
      mac: item.mac === undefined ? undefined : canonicalMac("mac", item.mac),
      state: item.proxy ? undefined : item.state ?? "permanent",
      proxy: item.proxy || undefined,
      router: unknown ? undefined : item.router,
      protocol: protocol(item),
    });
  },
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
    const out = unlike(declared, { protocol: "unspec", ...current }, [
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
  // The kernel takes no protocol for none told.
  inPlace: ({ protocol }, differences) =>
    !(protocol === "unspec" && differences.includes("protocol")),
  create: ({ nl, options }, item) =>
    nl.neighbours.replace(item as unknown as DesiredNeighbour, options),
  set({ nl, options }, item, current) {
    // What is not told is reset: the rest goes along as it is.
    const { mac, router, externallyLearned, protocol } = current;
    const entry = { ...tidy({ mac, router, externallyLearned, protocol }), ...item };
    return nl.neighbours.replace(entry as unknown as DesiredNeighbour, options);
  },
  async remove({ nl, options }, item) {
    const { link, address, proxy } = item as unknown as DesiredNeighbour;
    await nl.neighbours.delete({ link, address, proxy }, options);
  },
  pruned: (item, prune) => neighbours.own(item) && matches(prune.neighbours, item.link),
  own: (item) => item.state === "permanent" || item.proxy === true,
  rank: () => 2,
};
