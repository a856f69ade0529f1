/** Generated links that get in each other's way: tunnels of one port, macvlans of one link, ports. */

import fc from "fast-check";
import { type Desired, plan, type RouteConnection } from "../../src/netlink/mod.ts";
import { pick } from "./plan_lab.ts";

const address = pick("02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c");
const up = pick(true, true, false);

const macvlan = fc.record({
  kind: pick("macvlan", "macvtap"),
  link: pick(...Array(12).fill("a0"), ...Array(6).fill("a1"), "lo", "m0", "t0", "br0"),
  mode: pick("bridge", "bridge", "bridge", "private", "private", "source", "passthru"),
  master: pick(...Array(9).fill(null), "br0", "sw"),
  up,
  address,
}, { requiredKeys: ["kind", "link"] });

const tunnel = fc.record({
  kind: fc.constant("vxlan"),
  id: pick(5, 6, 7, 8, 9),
  port: pick(5000, 5000, 5001, 4789),
  up,
  master: pick(...Array(6).fill(null), "sw", "br0", "t0"),
  ends: pick(
    ...Array(6).fill({}),
    { remote: "fd00::1", local: "::" },
    { remote: "192.0.2.1" },
    { local: "fe80::1", link: "a0" },
    { local: "fe80::1", remote: "fe80::2", link: "a1" },
    { local: "fe80::1", remote: "fd00::2", link: "a1" },
    { remote: "fe80::2", link: "a1" },
    { local: "fe80::1" },
  ),
  flag: pick(...Array(5).fill({}), { groupPolicy: true }, { noChecksum6In: true }, {
    external: true,
  }),
  // The port as well: made anew, one that was interrupted has no more than is declared.
}, { requiredKeys: ["kind", "id", "port", "ends", "flag"] })
  .map(({ ends, flag, ...rest }) => ({ ...rest, ...ends, ...flag }));

const bridge = fc.record(
  { kind: pick("bridge", "bridge", "ifb"), master: pick(null, "br0", "sw") },
  {
    requiredKeys: ["kind"],
  },
);

/** Declarations of links, many of which no kernel would have together. */
export const beside: fc.Arbitrary<Desired> = fc.record({
  m0: macvlan,
  m1: macvlan,
  m2: macvlan,
  t0: tunnel,
  t1: tunnel,
  t2: tunnel,
  br0: bridge,
  // Links of the lab.
  a0: fc.record({ address }),
}, { requiredKeys: [] }).map((all) => ({
  links: Object.entries(all).map(([name, link]) => ({ name, ...link })),
  prune: { links: ["m*", "t*", "br0"] },
} as Desired));

/** A declaration without the links that a plan refuses, one after the other. */
export async function accepted(nl: RouteConnection, wanted: Desired): Promise<Desired> {
  const links = [...wanted.links ?? []];
  for (;;) {
    const rest = { ...wanted, links };
    try {
      await plan(nl, rest);
      return rest;
    } catch (error) {
      const [, at, name] = /^Cannot (?:use links\[(\d)\]\.|plan link (\w+): )/.exec(
        (error as Error).message,
      )!;
      links.splice(at ? Number(at) : links.findIndex((link) => link.name === name), 1);
    }
  }
}
