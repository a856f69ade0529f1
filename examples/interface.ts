/**
 * Configures an interface: brings it up, gives it an address and a default route, prints the result.
 * Running it twice changes nothing.
 *
 *     deno run --allow-ffi examples/interface.ts eth1 10.0.0.2/24 --gateway 10.0.0.1 --netns blue
 */

import { NetlinkError, RouteConnection } from "@x/pool/netlink";
import { parseArgs } from "node:util";

const { positionals: [link, address], values: { gateway, netns } } = parseArgs({
  allowPositionals: true,
  options: { gateway: { type: "string" }, netns: { type: "string" } },
});

const unlessThere = (error: unknown) => {
  if (!(error instanceof NetlinkError && error.isExists)) throw error;
};

await using nl = await RouteConnection.open({ netns });
await nl.links.set(link, { up: true });
await nl.addresses.add({ link, address }).catch(unlessThere);
if (gateway) {
  await nl.routes.add({ destination: "default", gateway, link }).catch(unlessThere);
}

for await (const { address } of nl.addresses.list({ link })) console.log(`${link} has ${address}`);
for await (const { destination, gateway } of nl.routes.list({ table: 254, link })) {
  console.log(`${destination} goes ${gateway ? `through ${gateway}` : "out directly"}`);
}
