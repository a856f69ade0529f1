/** Forwarding entries of a plan. */

import { bad } from "../check.ts";
import type { DesiredFdbEntry } from "./desired.ts";
import { outerVersion } from "./links.ts";
import {
  canonicalMac,
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
import { filtersVlans } from "./vlan_filtering.ts";

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
function ownValues({ port, id = 0, external }: Item): Item {
  return { port, vni: id, sourceVni: external ? 0 : id };
}

/** Whether one leads to a remote and the other to a nexthop, which no MAC address does. */
function excludes(a: Item, b: Item, own: Item): boolean {
  const vni = ({ sourceVni = own.sourceVni }: Item) => sourceVni;
  return a.table === "self" && b.table === "self" && a.link === b.link && a.mac === b.mac &&
    vni(a) === vni(b) && (a.nexthop === undefined) !== (b.nexthop === undefined);
}

// What is no property of an entry: that a declared one cannot be beside it.
const IN_THE_WAY = Symbol("in the way");

interface Marked {
  readonly [IN_THE_WAY]?: boolean;
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

/** The same, marked when what is declared cannot be made before it goes. */
function amongDeclared(item: Item, own: Item, declared: readonly Item[]): Item {
  const inTheWay = declared.some((wish) => excludes(wish, item, own));
  return { ...asDeclared(item, own, declared), [IN_THE_WAY]: inTheWay };
}

/** Refuses what a table would make nothing of, as far as its link's kind is known. */
async function checkTunnels(declared: readonly Item[], context: Context): Promise<void> {
  const { links, desired } = context;
  const known = new Map<string, Item>();
  for (const { name, kind, options } of links) known.set(name, { ...options, kind });
  for (const { name, ...link } of desired.links ?? []) {
    known.set(name, { ...known.get(name), ...tidy(link) });
  }
  const filtering = declared.every(({ vlan }) => vlan === undefined) ||
    await filtersVlans(context);
  for (const item of declared) {
    const link = String(item.link), at = known.get(link), kind = at?.kind;
    if (at === undefined) continue;
    const refuse = (why: string) => {
      throw new TypeError(`Cannot plan forwarding entry ${fdb.key(item)}: ${why}`);
    };
    if (item.vlan !== undefined && !filtering) {
      refuse("a VLAN needs VLAN filtering, which this kernel lacks");
    }
    if (item.table === "self" && kind !== undefined && kind !== "vxlan") {
      // Whoever has no table of its own keeps the addresses that it takes packets for.
      if (item.lifetime !== "permanent") refuse(`the table of ${link} keeps all for ever`);
    }
    if (kind === "vxlan") {
      if (item.table === "self" && (item.remote ?? item.nexthop) === undefined) {
        refuse(`the table of ${link} leads to remotes, or to a nexthop`);
      }
      const other = declared.find((other) => excludes(item, other, ownValues(at)));
      if (other !== undefined) {
        refuse(`${link} leads there to a nexthop, or else to remotes, and both are declared`);
      }
      const { sourceVni, remote } = item, version = outerVersion(at) ?? 4;
      if (
        remote !== undefined && !at.external && String(remote).includes(":") !== (version === 6)
      ) {
        refuse(`${link} is of IPv${version}`);
      }
      // The kernel would keep it, tell no one, and delete it by this alone.
      if (sourceVni === undefined || at.external || sourceVni === at.id) continue;
      refuse(`${link} is not external, and has no other sourceVni than ${at.id}`);
    }
    if (item.mac === NO_MAC && kind !== undefined) refuse(`the table of ${link} has none of zeros`);
    // A bridge's own entries are permanent, and those are not sticky.
    const others = kind === "bridge" ? ["sticky"] : ["sticky", "externallyLearned"];
    const own = item.table === "self" ? others : [];
    const name = [...TUNNEL, ...own].find((name) =>
      item[name] !== undefined && item[name] !== false
    );
    if (name !== undefined) refuse(`the table of ${link} has no ${name}`);
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
    if (dynamic) without(item, ["sticky"], "of what a bridge learned externally");
    if (dynamic && (item.lifetime ?? "dynamic") !== "dynamic") {
      throw bad("lifetime", "dynamic, of what a bridge learned externally", item.lifetime);
    }
    if (item.remote !== undefined && someIp("remote", item.remote) === undefined) {
      throw bad("remote", "an address of somewhere", item.remote);
    }
    const mac = canonicalMac("mac", item.mac);
    if (table === "master") {
      if (mac === NO_MAC) throw bad("mac", "one that is not zeros, with table master", item.mac);
      if (item.lifetime === "permanent") without(item, ["sticky"], "with lifetime permanent");
    }
    return tidy({
      ...item,
      link: linkText(item),
      mac,
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
  async read(context) {
    const { nl, links, desired, nameOf, options } = context;
    const declared = (desired.fdb ?? []).map((entry) => fdb.normal(entry as unknown as Item));
    await checkTunnels(declared, context);
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
        ? amongDeclared(item, ownValues(tunnel.options as Item), declared)
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
  inPlace: (declared, differences, current) =>
    !(floods(declared) && (declared.remote ?? declared.nexthop) !== undefined) &&
    // The kernel would do nothing, and say that it did.
    !(declared.remote !== undefined && current.nexthop !== undefined) &&
    !(declared.table === "master" && declared.externallyLearned) &&
    differences.every((name) => IN_PLACE.includes(name)),
  create({ nl, options }, { kernel: _, ...item }) {
    const entry = item as unknown as DesiredFdbEntry;
    return floods(item) && (item.remote ?? item.nexthop) !== undefined
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
    (item as Marked)[IN_THE_WAY] === true ||
    fdb.own(item) && item.lifetime !== "dynamic" && matches(prune.fdb, item.link),
  // A permanent entry is a link's own address or group, or else it leads somewhere.
  own: ({ kernel, lifetime, remote, nexthop, externallyLearned }) =>
    !kernel &&
    (lifetime === "static" || externallyLearned === true ||
      lifetime === "permanent" && (remote ?? nexthop) !== undefined),
  rank: (item) => item.nexthop === undefined ? 2 : 4.5,
};
