/**
 * A lab in one file: a router and two hosts, each in a network namespace of its own, wired up,
 * tested with a real packet, and taken down again.
 *
 *     deno run -A examples/netns_lab.ts
 */

import { createNamespace, deleteNamespace, RouteConnection } from "@x/pool/netlink";
import { execFileSync } from "node:child_process";

const id = `lab${process.pid}`;
const names = ["router", "left", "right"].map((role) => `${id}-${role}`);
const [router, left, right] = names;
await using cleanup = new AsyncDisposableStack();

for (const name of names) {
  await createNamespace(name);
  cleanup.defer(() => deleteNamespace(name));
}

await using core = await RouteConnection.open({ netns: router });
await core.links.set("lo", { up: true });
for (const [i, netns] of [left, right].entries()) {
  const port = `eth${i}`;
  // The other end is made in the host's namespace at once.
  await core.links.add({ name: port, kind: "veth", up: true, peer: { name: "eth0", netns } });
  await core.addresses.add({ link: port, address: `10.0.${i}.1/24` });

  await using host = await RouteConnection.open({ netns });
  await host.links.set("lo", { up: true });
  await host.links.set("eth0", { up: true });
  await host.addresses.add({ link: "eth0", address: `10.0.${i}.2/24` });
  await host.routes.add({ destination: "default", gateway: `10.0.${i}.1` });
  await host.links.waitUntilUp("eth0");
}
execFileSync("ip", ["netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);

// A datagram from left to right: the router forwards it once right has said where it is.
execFileSync("ip", ["netns", "exec", left, "bash", "-c", "echo hello > /dev/udp/10.0.1.2/9"]);
for (let tries = 0; tries < 100; tries++) {
  const known = await core.neighbours.list({ link: "eth1", family: 4 }).toArray();
  const right = known.find(({ address, mac }) => address === "10.0.1.2" && mac !== undefined);
  if (right) {
    console.log(`left reaches right, ${right.mac}, through the router`);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const { statistics } = await core.links.get("eth1");
console.log(`the router sent ${statistics!.txPackets > 0 ? "packets" : "nothing"} to the right`);
