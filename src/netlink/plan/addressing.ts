/** Addresses, neighbours and forwarding entries of a plan. */

import { bad, integer } from "../route/input.ts";
import type { Link } from "../route/link.ts";
import { scopeName, scopeValue } from "../route/names.ts";
import { protocol } from "./route_parts.ts";
import type { DesiredAddress, DesiredFdbEntry, DesiredNeighbour } from "./desired.ts";
import {
  alike,
  canonicalIp,
  canonicalMac,
  canonicalPrefix,
  type Context,
  type Item,
  linkText,
  matches,
  type Section,
  someIp,
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

const isV6 = (item: Item) => String(item.address).includes(":");

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
    if (six && item.label !== undefined) throw bad("label", "absent, with IPv6", item.label);
    checkLifetimes(item, six);
    const peer = item.peer === undefined ? undefined : canonicalIp("peer", item.peer);
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
    const out = unlike(declared, { ...none, ...current }, [...names, "peer"]);
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
    if (["none", "incomplete", "failed"].includes(item.state as string)) {
      without(item, ["mac", "router"], `with state ${item.state}`);
    }
    return tidy({
      ...item,
      link: linkText(item),
      address: canonicalIp("address", item.address),
      mac: item.mac === undefined ? undefined : canonicalMac("mac", item.mac),
      state: item.proxy ? undefined : item.state ?? "permanent",
      proxy: item.proxy || undefined,
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
  inPlace: () => true,
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

/** Whether a tunnel sends what is for a MAC address to all remotes; to others it sends to one. */
function floods(item: Item): boolean {
  return item.mac === NO_MAC || parseInt(String(item.mac).slice(0, 2), 16) % 2 === 1;
}

const NO_MAC = "00:00:00:00:00:00";
// What `replace` changes; the rest identifies an entry or cannot be changed.
const IN_PLACE = ["lifetime", "sticky", "remote", "port", "vni", "via"];
/** What the kernel does not tell where it is the tunnel's own. */
const OWN = ["port", "vni", "sourceVni"] as const;

const TUNNEL = ["remote", "port", "vni", "sourceVni", "via", "nexthop"];

/** What of its tunnel an entry has where it says nothing. */
function ownValues({ options }: Link): Item {
  const { port, id = 0, external } = options as { port?: number; id?: number; external?: boolean };
  return { port, vni: id, sourceVni: external ? 0 : id };
}

/** Which entry it is, but for what the kernel may not tell of it. */
function fdbPlace({ link, mac, vlan, table, remote, via }: Item): string {
  const place = `${link} ${mac}${vlan === undefined ? "" : ` vlan ${vlan}`}`;
  if (table !== "self") return place;
  if (!floods({ mac }) || remote === undefined) return `${place} self`;
  return `${place} ${remote}${via === undefined ? "" : ` via ${via}`}`;
}

/** An entry of a tunnel, with what a declared one says that is the tunnel's own anyhow. */
function asDeclared(item: Item, own: Item, declared: readonly Item[]): Item {
  const told = (wish: Item, name: string) =>
    item[name] ?? (wish[name] === own[name] ? own[name] : undefined);
  const part = floods(item) ? OWN : ["sourceVni"];
  const wish = declared.find((w) =>
    fdbPlace(w) === fdbPlace(item) && part.every((name) => told(w, name) === w[name])
  );
  if (wish === undefined) return item;
  return { ...item, ...tidy(Object.fromEntries(OWN.map((name) => [name, told(wish, name)]))) };
}

/** Refuses what a table would make nothing of, as far as its link's kind is known. */
function checkTunnels(
  declared: readonly Item[],
  { links, desired }: Pick<Context, "links" | "desired">,
) {
  const kinds = new Map(links.map(({ name, kind }) => [name, kind]));
  for (const { name, kind } of desired.links ?? []) if (kind !== undefined) kinds.set(name, kind);
  for (const item of declared) {
    const link = String(item.link), kind = kinds.get(link);
    if (!kinds.has(link) || kind === "vxlan") continue;
    const own = item.table === "self" && kind !== "bridge" ? ["sticky", "externallyLearned"] : [];
    const name = [...TUNNEL, ...own].find((name) =>
      item[name] !== undefined && item[name] !== false
    );
    if (name === undefined) continue;
    const why = `the table of ${link} has no ${name}`;
    throw new TypeError(`Cannot plan forwarding entry ${fdb.key(item)}: ${why}`);
  }
}

/** Entries of forwarding tables. */
export const fdb: Section = {
  name: "fdb",
  object: "forwarding entry",
  normal(item) {
    const table = item.table ?? (item.remote ?? item.nexthop ? "self" : "master");
    if (table === "master") without(item, TUNNEL, "with table master");
    if (item.remote ?? item.nexthop) without(item, ["vlan"], "of a tunnel");
    if (item.nexthop !== undefined) without(item, ["remote", "port", "vni", "via"], "with nexthop");
    // A bridge lets others keep it up to date, and then knows no other lifetime.
    const dynamic = table === "master" && item.externallyLearned === true;
    if (dynamic && (item.lifetime ?? "dynamic") !== "dynamic") {
      throw bad("lifetime", "dynamic, of what a bridge learned externally", item.lifetime);
    }
    return tidy({
      ...item,
      link: linkText(item),
      mac: canonicalMac("mac", item.mac),
      table,
      remote: someIp("remote", item.remote),
      lifetime: item.lifetime ??
        (dynamic ? "dynamic" : table === "master" ? "static" : "permanent"),
    });
  },
  key(item) {
    const { sourceVni, port, vni } = item;
    const of = sourceVni === undefined ? "" : ` source VNI ${sourceVni}`;
    const several = item.table === "self" && floods(item) && item.remote !== undefined;
    const to = several
      ? `${port === undefined ? "" : ` port ${port}`}${vni === undefined ? "" : ` VNI ${vni}`}`
      : "";
    return `${fdbPlace(item)}${of}${to}`;
  },
  async read({ nl, links, desired, nameOf, options }) {
    const declared = (desired.fdb ?? []).map((entry) => fdb.normal(entry as unknown as Item));
    checkTunnels(declared, { links, desired });
    const all = await nl.fdb.list(options).toArray();
    const tunnels = new Map(links.filter((l) => l.kind === "vxlan").map((l) => [l.index, l]));
    const keys = new Set(declared.map((item) => fdb.key(item)));
    return all.map((entry) => {
      const { bridge, via, link, flags, ...rest } = entry.toJSON() as Record<string, unknown>;
      const tunnel = tunnels.get(link as number);
      const item = tidy({
        ...rest,
        // Of its own entries a bridge says no more than that they are on itself.
        table: link === bridge ? "self" : rest.table,
        link: nameOf(link as number),
        via: nameOf(via as number | undefined),
        sticky: (flags as string[]).includes("sticky"),
        externallyLearned: (flags as string[]).includes("ext-learned"),
        // The remote of a tunnel itself.
        kernel: rest.mac === NO_MAC && rest.remote !== undefined && rest.port === undefined &&
            rest.vni === undefined && tunnel?.options.remote === rest.remote || undefined,
      });
      // A bridge of VLANs copies an entry without one into each of them.
      const copy = item.vlan !== undefined && !keys.has(fdb.key(item)) &&
        keys.has(fdb.key({ ...item, vlan: undefined }));
      return tunnel
        ? asDeclared(item, ownValues(tunnel), declared)
        : copy
        ? { ...item, kernel: true }
        : item;
    });
  },
  differs: (declared, current) =>
    unlike(declared, current, [
      "lifetime",
      "remote",
      "port",
      "vni",
      "via",
      "nexthop",
      "sticky",
      "externallyLearned",
    ]),
  // An entry that was static stays so, whatever a bridge is told of it later.
  inPlace: (declared, differences) =>
    !(floods(declared) && declared.remote !== undefined) &&
    !(declared.table === "master" && declared.externallyLearned) &&
    differences.every((name) => IN_PLACE.includes(name)),
  create({ nl, options }, { kernel: _, ...item }) {
    const entry = item as unknown as DesiredFdbEntry;
    return floods(item) && item.remote !== undefined
      ? nl.fdb.append(entry, options)
      : nl.fdb.replace(entry, options);
  },
  set({ nl, options }, item, current) {
    // What is not told is reset: the rest goes along as it is.
    const { port, vni, via, sticky, externallyLearned } = current;
    const kept = item.table === "self" ? { port, vni, via, sticky, externallyLearned } : { sticky };
    return nl.fdb.replace({ ...tidy(kept), ...item } as unknown as DesiredFdbEntry, options);
  },
  remove({ nl, options }, item) {
    const { link, mac, table, vlan, remote, port, vni, sourceVni, via } =
      item as unknown as DesiredFdbEntry;
    const ref = { link, mac, table, vlan, remote, port, vni, sourceVni, via };
    return nl.fdb.delete(ref, options);
  },
  pruned: (item, prune) =>
    fdb.own(item) && item.lifetime !== "dynamic" && matches(prune.fdb, item.link),
  // A permanent entry is a link's own address or group, or else it leads somewhere.
  own: ({ kernel, lifetime, remote, nexthop, externallyLearned }) =>
    !kernel &&
    (lifetime === "static" || externallyLearned === true ||
      lifetime === "permanent" && (remote ?? nexthop) !== undefined),
  rank: (item) => item.nexthop === undefined ? 2 : 4.5,
};
