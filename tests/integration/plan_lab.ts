/** What the tests of plan and apply share: a namespace with links, and what generates declarations. */

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { testNamespace } from "../support.ts";

/**
 * A namespace with three pairs of links that are up. The last one has a bridge at one end, and
 * addresses with neighbours at the other; vx9 is a tunnel.
 */
export async function lab() {
  const ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  await nl.links.set("lo", { up: true });
  for (const i of [0, 1, 2]) {
    await nl.links.add({ name: `a${i}`, kind: "veth", peer: { name: `b${i}` }, up: true });
    await nl.links.set(`b${i}`, { up: true });
  }
  await nl.links.add({ name: "sw", kind: "bridge", up: true });
  await nl.links.set("a2", { master: "sw" });
  await nl.links.add({ name: "vx9", kind: "vxlan", id: 99, up: true });
  await nl.addresses.add({ link: "b2", address: "10.20.0.1/24" });
  await nl.addresses.add({ link: "b2", address: "fd20::1/64", flags: ["nodad"] });
  const run = (tool: string, words: readonly string[]) =>
    execFileSync(tool, ["-n", ns.name, ...words], { encoding: "utf8", stdio: "pipe" });
  const line = (tool: string) => (words: string) => run(tool, words.split(" "));
  return {
    nl,
    name: ns.name,
    run,
    ...{ ip: line("ip"), bridge: line("bridge"), tc: line("tc") },
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

/** One of some values. */
export const pick = <T>(...values: T[]) => fc.constantFrom(...values);
/** Some items, no two of one key. */
export const some = <T>(item: fc.Arbitrary<T>, key: (item: T) => string, maxLength = 4) =>
  fc.uniqueArray(item, { maxLength, selector: key });

/** A signal that interrupts at the n-th request: each looks at it first. */
export function striking(steps: number): AbortSignal {
  const abort = new AbortController();
  let left = steps;
  return new Proxy(abort.signal, {
    get(target, name) {
      if (name === "throwIfAborted" && left-- <= 0) abort.abort(new Error("interrupted"));
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
