/**
 * An agent such as container networks have: whatever namespace appears whose name begins with a
 * prefix gets an interface on a bridge, an address, a default route, and a proof that it works: a
 * process inside sees them. Ctrl-C ends it.
 *
 *     deno run -A examples/agent.ts --prefix pod- --network 10.88.0
 *     ip netns add pod-1                                              # in another terminal
 */

import {
  mirror,
  NetlinkError,
  netlinkPools,
  RouteConnection,
  runInNamespace,
  watchNamespaces,
} from "@x/pool/netlink";
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    prefix: { type: "string", default: "pod-" },
    network: { type: "string", default: "10.88.0" },
    netns: { type: "string" },
  },
});
const { prefix, network, netns } = values;
const BRIDGE = "agent0";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
const { signal } = stop;

await using host = await RouteConnection.open({ netns, signal });
// The host's links as they are now, without asking each time.
await using seen = await mirror({ netns, kinds: ["link"] });
// At most 64 sockets in all namespaces, each shared by what goes on in one of them.
await using pods = netlinkPools({ size: 1, share: 8, maxTotal: 64 });

/** Carries out a batch off the JavaScript thread, which the kernel may keep waiting. */
async function commit(batch: ReturnType<RouteConnection["batch"]>, mayBeThere = false) {
  for (const result of await batch.commit({ offload: true, signal })) {
    if (result.status !== "failed") continue;
    const { error } = result;
    if (!(mayBeThere && error instanceof NetlinkError && error.isExists)) throw error;
  }
}

async function attach(pod: string, number: number): Promise<string> {
  const port = `agent-${number}`, address = `${network}.${number}`;
  await commit(
    host.batch().links.add({
      name: port,
      kind: "veth",
      up: true,
      master: BRIDGE,
      peer: { name: "eth0", netns: pod },
    }),
  );
  await pods.use(pod, (nl) =>
    commit(
      nl.batch().links.set("lo", { up: true }).links.set("eth0", { up: true })
        .addresses.add({ link: "eth0", address: `${address}/24` })
        .routes.add({ destination: "default", gateway: `${network}.1` }),
    ));
  await seen.until(() => seen.links.get(port)?.operState === "up", { signal });
  const given = { link: "eth0", family: 4, offload: true, signal } as const;
  const [{ ip }] = await pods.use(pod, (nl) => nl.addresses.list(given).toArray());
  return ip;
}

await commit(
  host.batch().links.add({ name: BRIDGE, kind: "bridge", up: true })
    .addresses.add({ link: BRIDGE, address: `${network}.1/24` }),
  true,
);
console.log(`${BRIDGE} waits for namespaces that begin with ${prefix}`);
const numbers = new Map<string, number>();
try {
  for await (const { action, name } of await watchNamespaces({ initial: true, signal })) {
    if (!name.startsWith(prefix)) continue;
    if (action === "delete") {
      // The kernel took the interface along.
      console.log(`${name} is gone: ${numbers.get(name)} is free again`);
      numbers.delete(name);
      continue;
    }
    let number = 2;
    while ([...numbers.values()].includes(number)) number++;
    numbers.set(name, number);
    const address = await attach(name, number);
    const inside = await runInNamespace(name, () => execFileSync("ip", ["-brief", "address"]));
    const there = String(inside).includes(`${address}/24`);
    console.log(`${name} has ${address}: ${there ? "a process inside sees it" : "it is lost"}`);
  }
} catch (error) {
  if (!signal.aborted) throw error;
}
