/**
 * Serves the links, addresses and routes of every network namespace as metrics in the text format of
 * Prometheus. One pooled socket for each namespace; what comes and goes is noticed at the next scrape.
 *
 *     deno run -A examples/exporter.ts 9100
 */

import { listNamespaces, netlinkPools, type RouteConnection } from "@x/pool/netlink";
import { createServer } from "node:http";

const pools = netlinkPools({ size: 1, maxTotal: 500, idleTimeout: 120_000 });

async function metricsOf(name: string, nl: RouteConnection): Promise<string[]> {
  const lines = [];
  let routes = 0;
  for (const link of await nl.links.list().toArray()) {
    const labels = `netns="${name}",link="${link.name}"`;
    lines.push(`net_link_up{${labels}} ${Number(link.up)}`);
    lines.push(`net_link_mtu_bytes{${labels}} ${link.mtu}`);
  }
  const addresses = await nl.addresses.list().toArray();
  for await (const _ of nl.routes.list({ table: 254, whole: false })) routes++;
  lines.push(`net_addresses{netns="${name}"} ${addresses.length}`);
  lines.push(`net_routes{netns="${name}"} ${routes}`);
  return lines;
}

async function scrape(): Promise<string> {
  const names = (await listNamespaces()).flatMap(({ name, live }) => live ? [name] : []);
  const parts = await Promise.allSettled(
    // A namespace may go away between the list and the look.
    names.map((name) => pools.use(name, (nl) => metricsOf(name, nl), { timeout: 2_000 })),
  );
  const lines = parts.flatMap((part) => part.status === "fulfilled" ? part.value : []);
  const failed = parts.filter((part) => part.status === "rejected").length;
  return [...lines, `net_scrape_failures ${failed}`, ""].join("\n");
}

const server = createServer((_, response) => {
  scrape().then((text) => response.end(text), (error) => {
    response.statusCode = 500;
    response.end(`${error}\n`);
  });
});
server.listen(Number(process.argv[2] ?? 9100), "127.0.0.1", () => {
  console.log(`listening on ${(server.address() as { port: number }).port}`);
});
process.on("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await pools.close();
});
