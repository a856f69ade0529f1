/** Builds a bridge with veth pairs, addresses and routes through a pool of netlink connections. */

import { netlinkPool, type RouteConnection } from "@x/pool/netlink";
import { check, progress, say, table } from "./screen.ts";

const TASKS = 16, SOCKETS = 4;

/** Builds the network in namespace `netns`, or in this process's own, and prints what is there. */
export async function buildNetwork(netns: string | undefined, signal: AbortSignal): Promise<void> {
  await using pool = netlinkPool({ size: SOCKETS, netns });
  await pool.use(async (nl) => {
    await nl.links.set("lo", { up: true });
    await nl.links.add({ name: "br0", kind: "bridge", up: true });
    await nl.addresses.add({ link: "br0", address: "10.77.0.1/24" });
  });

  let built = 0;
  const began = performance.now();
  const task = async (number: number): Promise<void> => {
    // A lease for each step, so that the tasks interleave on the pool's sockets.
    const step = (change: (nl: RouteConnection) => Promise<void>) => pool.use(change, { signal });
    const { port, host, address, gateway, route } = names(number);
    await step((nl) => nl.links.add({ name: port, kind: "veth", peer: { name: host } }));
    await step((nl) => nl.links.set(port, { master: "br0", up: true }));
    await step((nl) => nl.links.set(host, { mtu: 1400 + number, up: true }));
    await step((nl) => nl.addresses.add({ link: host, address }));
    await step((nl) => nl.routes.add({ destination: route, gateway, link: host }));
    progress(`  ${++built} of ${TASKS} veth pairs built`);
  };
  await Promise.all(Array.from({ length: TASKS }, (_, i) => task(i + 1)));
  const milliseconds = (performance.now() - began).toFixed(1);
  progress(`  ${TASKS} veth pairs built by ${TASKS} tasks in ${milliseconds} ms`, true);

  await pool.use((nl) => show(nl));
  const { leased, peak, totals } = pool.stats;
  say(`\n  ${totals.created} netlink sockets opened, ${totals.reused} times reused`);
  check(`at most ${SOCKETS} sockets served ${TASKS} tasks`, peak.size <= SOCKETS, peak.size);
  check("every socket was given back", leased === 0, leased);
}

function names(number: number) {
  return {
    port: `port${number}`,
    host: `host${number}`,
    address: `10.77.${number}.1/24`,
    gateway: `10.77.${number}.254`,
    route: `10.88.${number}.0/24`,
  };
}

async function show(nl: RouteConnection): Promise<void> {
  const links = await Array.fromAsync(nl.links.list());
  const addresses = await Array.fromAsync(nl.addresses.list({ family: 4 }));
  const routes = await Array.fromAsync(nl.routes.list({ family: 4, table: 254 }));
  const nameOf = new Map(links.map((link) => [link.index, link.name]));
  const made = routes.filter((route) => route.gateway !== undefined);
  table(
    "Links, addresses and routes",
    ["index", "name", "kind", "state", "mtu", "mac", "master", "addresses", "routes"],
    links.map((link) => [
      String(link.index),
      link.name,
      link.kind ?? "-",
      link.up ? "up" : "down",
      String(link.mtu),
      link.address,
      nameOf.get(link.master ?? 0) ?? "-",
      addresses.filter((address) => address.link === link.index)
        .map((address) => address.address).join("  "),
      made.filter((route) => route.link === link.index)
        .map((route) => `${route.destination} via ${route.gateway}`).join("  "),
    ]),
  );
  say("");
  const bridge = links.find((link) => link.name === "br0");
  const ports = links.filter((link) => link.master === bridge?.index && link.up);
  check(`br0 has ${TASKS} ports, all up`, ports.length === TASKS, ports.length);
  const expected = Array.from({ length: TASKS }, (_, i) => names(i + 1));
  const wrong = expected.filter(({ host, address, route, gateway }) => {
    const link = links.find((link) => link.name === host);
    return link?.up !== true ||
      !addresses.some((a) => a.link === link.index && a.address === address) ||
      !made.some((r) => r.link === link.index && r.destination === route && r.gateway === gateway);
  });
  check("every task's link, address and route is there", wrong.length === 0, wrong);
}
