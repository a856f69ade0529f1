/**
 * Prints whether a link has a carrier and what it offloads, then what changes of that: `ethtool -k`
 * and `ethtool --monitor` in the words of the kernel's own specification.
 *
 *     deno run --allow-ffi examples/ethtool.ts eth0
 */

import { GenericConnection } from "@x/pool/netlink";
import { parseArgs } from "node:util";

const { positionals: [devName], values: { netns } } = parseArgs({
  allowPositionals: true,
  options: { netns: { type: "string" } },
});
if (devName === undefined) {
  console.error("Cannot look at no link: its name is needed");
  process.exit(2);
}

await using nl = await GenericConnection.open({ netns });
const ethtool = await nl.family("ethtool");
// Before the first look, so that nothing is missed between the two.
await using events = await ethtool.watch("monitor");
const shown = async () => {
  const { link } = await ethtool.do("linkstate-get", { header: { devName } });
  const { active } = await ethtool.do("features-get", { header: { devName } });
  const on = active?.bits?.bit?.map((bit) => bit.name) ?? [];
  return `${devName}: ${link ? "carrier" : "no carrier"}, ${on.length} features: ${on.join(" ")}`;
};
console.log(await shown());

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => events.close());
for await (const event of events) {
  if (event.kind !== "event" || event.operation !== "features-ntf") continue;
  if (event.message.header?.devName === devName) console.log(await shown());
}
