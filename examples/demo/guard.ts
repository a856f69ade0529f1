/**
 * Removes a network namespace once its standard input ends: when the demo says so, and also when
 * the demo is killed in a way that leaves it no time to clean up.
 *
 *     guard.ts name
 */

import { deleteNamespace, listNamespaces } from "@x/pool/netlink";

const name = process.argv[2];
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.stdin.on("end", async () => {
  if ((await listNamespaces()).some((known) => known.name === name)) await deleteNamespace(name);
  process.exit(0);
}).resume();
console.log("ready");
