/**
 * Makes a machine what a JSON file says: prints what differs, and does it when asked to. A second
 * run finds nothing to do.
 *
 *     deno run --allow-ffi --allow-read examples/plan.ts machine.json --apply --netns blue
 */

import { apply, type Desired, plan, RouteConnection } from "@x/pool/netlink";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

const { positionals: [file], values } = parseArgs({
  allowPositionals: true,
  options: { apply: { type: "boolean" }, netns: { type: "string" } },
});

const desired: Desired = JSON.parse(await readFile(file, "utf8"));
await using nl = await RouteConnection.open({ netns: values.netns });

const changes = await plan(nl, desired);
console.log(changes.empty ? "nothing to do" : String(changes));
if (values.apply && !changes.empty) {
  const done = await apply(nl, changes);
  console.log(`${done.length} changes made`);
}
