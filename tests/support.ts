/** What the tests share: saying what they need of the machine, and a network namespace each. */

import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { createNamespace, deleteNamespace, namespaceNames } from "../src/netlink/namespace.ts";

/** "net-admin" (CAP_NET_ADMIN and CAP_SYS_ADMIN), "linux", or the name of a program on the PATH. */
export type Requirement = "net-admin" | "linux" | (string & Record<never, never>);

/**
 * The value for a test's `skip`: undefined where everything needed is there, else the reason,
 * which is also printed. In CI nothing may be skipped: a missing requirement is an error.
 *
 * `it("...", { skip: need("net-admin", "ip") }, () => {})`
 */
export function need(...requirements: Requirement[]): string | undefined {
  const missing = requirements.filter((requirement) => !has(requirement));
  if (missing.length === 0) return undefined;
  const reason = `this machine lacks ${missing.join(", ")}`;
  if (process.env.CI) throw new Error(`Cannot skip tests in CI: ${reason}`);
  console.log(`skipped: ${reason}`);
  return reason;
}

function has(requirement: Requirement): boolean {
  if (requirement === "linux") return process.platform === "linux";
  if (requirement === "net-admin") return hasCapabilities(12, 21); // linux/capability.h
  return (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, requirement), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hasCapabilities(...bits: number[]): boolean {
  if (process.platform !== "linux") return false;
  const status = readFileSync("/proc/self/status", "utf8");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return bits.every((bit) => (effective >> BigInt(bit)) & 1n);
}

let count = 0;

/** A fresh named network namespace: `await using ns = await testNamespace()`. */
export async function testNamespace(): Promise<{ name: string } & AsyncDisposable> {
  if (count === 0) await removeStale();
  const name = `xpool-test-${process.pid}-${count++}`;
  await createNamespace(name);
  return { name, [Symbol.asyncDispose]: () => deleteNamespace(name) };
}

/** A run that was killed leaves its namespaces to the next one. */
async function removeStale(): Promise<void> {
  for (const name of await namespaceNames()) {
    const pid = /^xpool-[a-z]+-(\d+)/.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) await deleteNamespace(name).catch(() => {});
  }
}

/** How many descriptors this process has open; to show that none leaked. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** How many of one kind, "socket:[4711]"; threads that were started have other descriptors of their own. */
export function openOf(kind: RegExp): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return kind.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the one that listed them
    }
  }).length;
}

/**
 * All of them, once the runtime has closed its own: Bun closes those of a child process a turn later,
 * and a count taken before that would hide a leak as large.
 */
export async function settledDescriptors(): Promise<number> {
  let count = openDescriptors();
  for (let same = 0; same < 3; same++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = openDescriptors();
    if (now !== count) same = -1;
    count = now;
  }
  return count;
}
