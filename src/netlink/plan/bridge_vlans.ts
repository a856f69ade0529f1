/** VLANs of bridges and their ports of a plan. */

import type { NewBridgeVlan } from "../route/bridge_vlans.ts";
import { bad } from "../check.ts";
import { type Context, type Item, linkText, matches, type Section, tidy } from "./section.ts";

/** What one VLAN of a port is. */
interface Flags {
  readonly pvid: boolean;
  readonly untagged: boolean;
}

/** The VLANs that an item stands for, as the kernel has them. */
const VLANS = Symbol("vlans");

interface Told {
  readonly [VLANS]?: ReadonlyMap<number, Flags>;
}

/** The numbers of the VLANs that an item, as the kernel has it, stands for. */
export function vlanNumbers(item: Item): Iterable<number> {
  return (item as Told)[VLANS]!.keys();
}

/** VLANs. */
export const bridgeVlans: Section = {
  name: "bridgeVlans",
  object: "bridge VLAN",
  normal: (item) => tidy({ ...item, link: linkText(item) }),
  key: ({ link, vlan, end }) => `${link} ${vlan}${end === undefined ? "" : `-${end}`}`,
  async read({ nl, desired, nameOf, options }) {
    const ports = new Map<string, Map<number, Flags>>();
    for (const { link, vlan, end, pvid, untagged } of await nl.bridgeVlans.list(options)) {
      const name = nameOf(link)!, all = ports.get(name) ?? new Map<number, Flags>();
      for (let n = vlan; n <= (end ?? vlan); n++) all.set(n, { pvid, untagged });
      ports.set(name, all);
    }
    const out: Item[] = [];
    // The kernel's ranges are no one's: they are cut as they are declared, and the rest as it comes.
    for (const { link, vlan, end = vlan } of desired.bridgeVlans ?? []) {
      const all = ports.get(link), own = new Map<number, Flags>();
      for (let n = vlan; n <= end; n++) {
        const flags = all?.get(n);
        if (flags !== undefined) own.set(n, flags);
        all?.delete(n);
      }
      if (own.size > 0) out.push(asItem(link, vlan, end, own));
    }
    for (const [link, all] of ports) {
      for (const run of runs([...all].sort(([a], [b]) => a - b))) {
        out.push(asItem(link, run[0][0], run.at(-1)![0], new Map(run)));
      }
    }
    return out;
  },
  differs: (declared, current) => [
    ...current.missing === undefined ? [] : ["missing"],
    ...["pvid", "untagged"].filter((name) =>
      declared[name] !== undefined && declared[name] !== current[name]
    ),
  ],
  inPlace: () => true,
  async create(context, item) {
    await context.nl.bridgeVlans.add(named(context, item), context.options);
  },
  async set(context, item, current) {
    const { vlan, end = vlan, pvid, untagged } = item as unknown as NewBridgeVlan;
    const is = (current as Told)[VLANS]!, wrong: [number, Flags][] = [];
    for (let n = vlan; n <= end; n++) {
      const has = is.get(n), old = has ?? { pvid: false, untagged: false };
      const flags = { pvid: pvid ?? old.pvid, untagged: untagged ?? old.untagged };
      if (has === undefined || !same(has, flags)) wrong.push([n, flags]);
    }
    for (const run of runs(wrong)) {
      const [[first, flags]] = run, last = run.at(-1)![0];
      const part = { vlan: first, end: last > first ? last : undefined, ...flags };
      await context.nl.bridgeVlans.add(named(context, { ...item, ...part }), context.options);
    }
  },
  async remove(context, item) {
    const { link, vlan, end, self } = named(context, item);
    await context.nl.bridgeVlans.delete({ link, vlan, end, self }, context.options);
  },
  pruned: (item, prune) => matches(prune.bridgeVlans, item.link),
  own: () => true,
  rank: () => 1.5,
};

/**
 * Refuses VLANs that are declared twice.
 *
 * @throws {TypeError} with the path to the value
 */
export function checkVlans({ desired }: Context): void {
  const taken = new Set<string>(), pvids = new Set<string>();
  for (const [i, { link, vlan, end = vlan, pvid }] of (desired.bridgeVlans ?? []).entries()) {
    const path = `bridgeVlans[${i}].`;
    for (let n = vlan; n <= end; n++) {
      const one = `${link} ${n}`;
      if (taken.has(one)) throw bad(`${path}vlan`, `others than before, as ${n} is one`, vlan);
      taken.add(one);
    }
    if (!pvid) continue;
    if (pvids.has(link)) throw bad(`${path}pvid`, "of one VLAN of a link", pvid);
    pvids.add(link);
  }
}

/** As a method takes it: the VLANs of a bridge are its own, those of a port its bridge's. */
function named({ links, desired }: Context, item: Item): NewBridgeVlan {
  const { link, vlan, end, pvid, untagged } = item as unknown as NewBridgeVlan;
  const is = ({ name, kind }: { name: string; kind?: string }) =>
    name === link && kind === "bridge";
  const self = links.some(is) || desired.links?.some(is);
  return { link, vlan, end, pvid, untagged, self };
}

function asItem(link: string, vlan: number, end: number, own: Map<number, Flags>): Item {
  const all = [...own.values()], missing = end - vlan + 1 - own.size;
  const mixed = all.some(({ untagged }) => untagged !== all[0].untagged);
  const item = tidy({
    link,
    vlan,
    end: end > vlan ? end : undefined,
    pvid: all.some(({ pvid }) => pvid),
    untagged: mixed ? undefined : all[0].untagged,
    missing: missing || undefined,
  });
  return { ...item, [VLANS]: own } as Item;
}

/** Runs of VLANs that a request can name together: a PVID stands alone. */
function runs(all: readonly [number, Flags][]): [number, Flags][][] {
  const out: [number, Flags][][] = [];
  for (const entry of all) {
    const [n, flags] = entry, run = out.at(-1), last = run?.at(-1);
    if (last?.[0] === n - 1 && same(last[1], flags) && !flags.pvid) run!.push(entry);
    else out.push([entry]);
  }
  return out;
}

function same(a: Flags, b: Flags): boolean {
  return a.pvid === b.pvid && a.untagged === b.untagged;
}
