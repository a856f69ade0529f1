/** Calling a function with this thread in another network namespace. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { bad } from "./check.ts";
import { inNamespace, type NamespaceTarget } from "./namespace.ts";

/**
 * Runs a synchronous function with this thread inside a network namespace, and resolves with what it
 * returns. What it has finished opening or starting when it returns belongs to the namespace for
 * good, on both runtimes:
 *
 * - child processes (`node:child_process`, `Deno.Command`, `Bun.spawn`);
 * - listeners that a call returns ready: `Deno.listen`, `Deno.serve`, `Bun.listen`, `Bun.serve`;
 * - Workers of `node:worker_threads`, with every TCP connection and listener that they open later;
 * - descriptors that the function opens by FFI.
 *
 * What the runtime opens later is outside or where chance puts it: `node:net` and `node:dgram`
 * sockets, connections, `fetch`. Start nothing of that kind inside: a thread that the runtime starts
 * for it, such as Bun's for `fetch`, would stay in the namespace and serve everybody. Open such
 * sockets in a Worker instead. {@linkcode RouteConnection} needs none of this: it has `netns`.
 *
 * @throws {TypeError} for what is no function, when it is async, which is then not called, or when it
 * returns a promise
 * @throws {NetlinkError} when the namespace cannot be opened or entered
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, runInNamespace } from "@x/pool/netlink";
 * import { execFileSync } from "node:child_process";
 *
 * await createNamespace("red");
 * try {
 *   const links = await runInNamespace("red", () => execFileSync("ip", ["-brief", "link"]));
 *   console.log(links.toString());
 * } finally {
 *   await deleteNamespace("red");
 * }
 * ```
 */
export async function runInNamespace<R>(
  target: NamespaceTarget,
  call: () => R extends PromiseLike<unknown> ? never : R,
): Promise<R> {
  if (typeof call !== "function") throw bad("call", "a function", call);
  if (call.constructor.name === "AsyncFunction") throw refusal("an async function");
  const { libc } = await loadAdapter();
  const result = inNamespace(libc, target, call) as R;
  if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
    // That it was refused is all there is to say about it.
    Promise.resolve(result).catch(() => {});
    throw refusal("a function that returned a promise");
  }
  return result;
}

function refusal(what: string): TypeError {
  return new TypeError(
    "Cannot run in a network namespace: call must be synchronous, because the thread is back when " +
      `it returns, current value is ${what}`,
  );
}
