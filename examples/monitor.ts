/**
 * Prints what changes in the kernel's network configuration, as it happens; after an overrun, how much
 * there is. Ctrl-C ends it.
 *
 *     deno run --allow-ffi examples/monitor.ts link address route --netns blue
 */

import { watch, type WatchKind } from "@x/pool/netlink";
import { parseArgs } from "node:util";

const { positionals, values: { netns } } = parseArgs({
  allowPositionals: true,
  options: { netns: { type: "string" } },
});

const stop = new AbortController();
process.on("SIGINT", () => stop.abort());

const kinds = (positionals.length > 0 ? positionals : ["link", "address", "route"]) as WatchKind[];
await using events = await watch(kinds, { netns, initial: true });
stop.signal.addEventListener("abort", () => events.close());

for await (const event of events) {
  if (event.kind === "resync") {
    for (const [kind, items] of Object.entries(event.state)) {
      console.log(`${event.reason}: ${items.length} of kind ${kind}`);
    }
  } else {
    console.log(`${event.action} ${event.kind} ${JSON.stringify(event.item)}`);
  }
}
