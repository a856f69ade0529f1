/**
 * The whole of the package in one run: a private network configured through a pool of netlink
 * connections, then TCP upstreams pooled while one of them dies and comes back. Exits 0 only if
 * every check that it states held, and leaves nothing behind.
 *
 *     demo.ts [--pause]     --pause waits for Enter before it removes the network
 */

import { createNamespace, deleteNamespace, NetlinkError } from "@x/pool/netlink";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { buildNetwork } from "./demo/network.ts";
import { Companion, RUN } from "./demo/process.ts";
import { failures, say } from "./demo/screen.ts";
import { poolUpstreams } from "./demo/upstreams.ts";

/** Set in the copy of this program that runs inside an ordinary user's private namespace. */
const INSIDE = "XPOOL_DEMO_INSIDE";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}

try {
  process.exitCode = await main(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) throw error;
  say(`\n${stop.signal.reason.message}; everything is cleaned up`);
  process.exitCode = 130;
}
// The handlers above must not be what keeps the process alive.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeAllListeners(signal);

async function main(signal: AbortSignal): Promise<number> {
  if (process.env[INSIDE]) {
    say("Network namespace: this process's own, as root of a user namespace");
    await run(undefined, signal);
  } else {
    await using stack = new AsyncDisposableStack();
    const name = `xpool-demo-${process.pid}`;
    // Removes the namespace even if this process is killed without a chance to.
    await stack.use(new Companion("guard.ts", [name])).ready;
    try {
      await createNamespace(name);
    } catch (error) {
      if (error instanceof NetlinkError && error.isPermission) return await asOrdinaryUser();
      throw error;
    }
    stack.defer(() => deleteNamespace(name));
    say(`Network namespace: ${name}`);
    await run(name, signal);
  }
  say(failures() === 0 ? "\nEvery check held." : `\n${failures()} checks did not hold.`);
  return failures() === 0 ? 0 : 1;
}

async function run(netns: string | undefined, signal: AbortSignal): Promise<void> {
  await buildNetwork(netns, signal);
  await poolUpstreams(signal);
  if (!process.argv.includes("--pause")) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  await terminal.question("\nPress Enter to remove the network. ", { signal }).finally(() =>
    terminal.close()
  );
}

/** Runs this program again as root of a user and network namespace of its own. */
function asOrdinaryUser(): Promise<number> {
  const program = [process.execPath, ...RUN, fileURLToPath(import.meta.url)];
  return new Promise((resolve, reject) => {
    const child = spawn("unshare", ["-rn", ...program, ...process.argv.slice(2)], {
      stdio: "inherit",
      env: { ...process.env, [INSIDE]: "1" },
    });
    stop.signal.addEventListener("abort", () => child.kill("SIGINT"));
    child.on("close", (code) => resolve(code ?? 1));
    child.on("error", (cause) => {
      reject(
        new Error("Cannot make a network namespace: neither as root nor by unshare", { cause }),
      );
    });
  });
}
