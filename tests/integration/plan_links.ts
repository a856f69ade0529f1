/** Generated links that stand upon each other: bridges with ports, pairs, tunnels, macvlans. */

import fc from "fast-check";
import type { Desired } from "../../src/netlink/mod.ts";
import { pick } from "./plan_lab.ts";

type Loose = Record<string, unknown> & { name: string; kind: string; link?: string };

const common = {
  up: fc.boolean(),
  mtu: pick(1300, 1400),
  address: pick("02:00:00:00:0a:0", "02:00:00:00:0B:0"),
  alias: pick("", "one"),
  txQueueLength: pick(5, 6),
  group: pick(0, 3),
  promiscuous: fc.boolean(),
  arp: fc.boolean(),
};

/** A link of any kind: the same name may be another kind the next time. */
function link(name: string): fc.Arbitrary<Loose> {
  const n = Number(name[1]);
  const of = (kind: string, needed: object, more: object = {}) =>
    fc.record(
      { name: fc.constant(name), kind: fc.constant(kind), ...common, ...needed, ...more },
      { requiredKeys: ["name", "kind", ...Object.keys(needed)] as never },
    ) as unknown as fc.Arbitrary<Loose>;
  const base = pick("a0", "x0", "x1", "x2");
  return fc.oneof(
    of("bridge", {}, { stp: fc.boolean(), ageingTime: pick(1000, 2000) }),
    of("vxlan", { id: pick(21 + 10 * n, 22 + 10 * n) }, { link: base, ttl: pick(3, 4) }),
    of("macvlan", { link: base }, { mode: pick("bridge", "private") }),
    of("ifb", {}),
    of("veth", { peer: fc.constant({ name: `${name}p` }) }),
  );
}

const more = fc.record({
  master: pick<"none" | "null" | number>("none", "null", 0, 1),
  bridgePort: fc.record(
    { cost: pick(5, 6), isolated: fc.boolean(), learning: fc.boolean() },
    { requiredKeys: [] },
  ),
  peer: fc.boolean(),
  addresses: fc.nat(2),
  qdisc: fc.boolean(),
});

/** What the kernel would take: nothing stands upon itself, or upon what is not there. */
function sound(link: Loose, all: readonly Loose[]): Loose {
  const out = { ...link };
  const under = all.find((other) => other.name === link.link && other.name < link.name);
  if (link.link !== "a0" && under === undefined || under?.kind === "macvlan") {
    if (link.kind === "macvlan") out.link = "a0";
    else delete out.link;
  }
  // A link takes the MTU of the one below, and no more; a tunnel may have one that nobody declares.
  if (link.kind === "macvlan" || link.kind === "vxlan") delete out.mtu;
  if (out.address) out.address = `${out.address}${link.name[1]}`;
  return out;
}

/** The links that one stands on, each on the next. */
function below({ link }: Loose, all: readonly Loose[]): unknown[] {
  const next = all.find((other) => other.name === link);
  return next === undefined ? [link] : [link, ...below(next, all)];
}

/** Declarations of up to four links in any order, some of them ports, with addresses and queues. */
export const linkStates: fc.Arbitrary<Desired> = fc.record({
  links: fc.tuple(...["x0", "x1", "x2", "x3"].map((n) => fc.option(link(n), { freq: 3 }))),
  mores: fc.tuple(more, more, more, more),
  turned: fc.boolean(),
}).map(({ links, mores, turned }) => {
  const some = links.filter((l) => l !== null), all = some.map((l) => sound(l, some));
  const bridges = all.filter((l) => l.kind === "bridge").map((l) => l.name);
  const out: Required<Pick<Record<keyof Desired, object[]>, "links" | "addresses" | "qdiscs">> = {
    ...{ links: [], addresses: [], qdiscs: [] },
  };
  for (const [i, { name, kind, link, ...rest }] of all.entries()) {
    const { master, bridgePort, peer, addresses, qdisc } = mores[i];
    const carries = all.some((other) => other.link === name);
    // Nothing else gets what a macvlan's lower link receives; and it must be up for those above.
    const upper = master === "null" ? null : bridges[master as number];
    // Nothing is a port of what it stands on.
    const free = !carries && !below(all[i], all).includes(upper);
    const port = (kind === "veth" || kind === "vxlan") && free
      ? { master: upper, ...upper && Object.keys(bridgePort).length > 0 ? { bridgePort } : {} }
      : {};
    // Nothing is on a port, which a link would stay that was one.
    const under = carries ? { up: true, master: null } : {};
    out.links.push({ name, kind, link, ...rest, ...port, ...under });
    if (kind === "veth" && peer) out.links.push({ name: `${name}p`, up: true, mtu: 1350 });
    for (let k = 0; k < addresses; k++) {
      out.addresses.push({ link: name, address: `10.5${i}.${k}.1/24` });
    }
    if (qdisc) out.qdiscs.push({ link: name, kind: "pfifo", options: { limitPackets: 7 } });
  }
  if (turned) out.links.reverse();
  return out as unknown as Desired;
});
