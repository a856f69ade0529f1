/**
 * Sets up a bridge with two ports, an address, a default route and a queue, piece by piece, and
 * prints what came of it.
 *
 *     deno run --allow-ffi examples/bridge.ts --netns blue
 */

import { NetlinkError, RouteConnection } from "@x/pool/netlink";
import { parseArgs } from "node:util";

const { values: { netns } } = parseArgs({ options: { netns: { type: "string" } } });

await using nl = await RouteConnection.open({ netns });

await nl.links.add({ name: "br0", kind: "bridge", stp: false, ageingTime: 60_000, up: true });
for (const i of [1, 2]) {
  const port = `port${i}`, peer = { name: `host${i}` };
  await nl.links.add({ name: port, kind: "veth", peer, master: "br0", up: true });
  await nl.links.set(port, { bridgePort: { isolated: i === 2 } });
  await nl.links.set(peer.name, { up: true });
}
for (const name of ["port1", "port2", "br0"]) await nl.links.waitUntilUp(name);

await nl.addresses.add({ link: "br0", address: "192.0.2.1/24" });
await nl.routes.add({ destination: "default", gateway: "192.0.2.254" });

try {
  await nl.qdiscs.replace({ link: "host1", kind: "fq_codel", options: { targetMs: 5, ecn: true } });
} catch (error) {
  // Not every kernel has every queue: a token bucket is nearly everywhere.
  if (!(error instanceof NetlinkError && error.isNotFound)) throw error;
  const options = { rateBytesPerSecond: 12_500_000, burstBytes: 32_768, latencyMs: 50 };
  await nl.qdiscs.replace({ link: "host1", kind: "tbf", options });
}

for await (const { name, operState } of nl.links.list({ master: "br0" })) {
  console.log(`${name} is ${operState}`);
}
const route = await nl.routes.lookup("198.51.100.1");
console.log(`the way out is ${route.gateway} from ${route.source}`);
const [queue] = await nl.qdiscs.list({ link: "host1" }).toArray();
console.log(`host1 has ${queue.kind}`);
