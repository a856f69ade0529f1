/** Network namespaces: named ones in the way of `ip netns`, and calls made inside any of them. */

import type { Libc } from "../../ffi/adapter.ts";
import { loadAdapter } from "../../ffi/adapter.ts";
import { shown } from "./check.ts";
import { NetlinkError } from "./error.ts";
import { mountsChanged } from "./mount_watch.ts";

/**
 * A network namespace: a name under /run/netns (`"blue"`), a path (`"/proc/7/ns/net"`; a string
 * with a slash is a path), a process, or an open descriptor that stays the caller's.
 */
export type NamespaceTarget =
  | string
  | { name: string }
  | { path: string }
  | { pid: number }
  | { fd: number };

/** Where names are kept. @internal */
export const DIRECTORY = "/run/netns";
const SELF = "/proc/thread-self/ns/net";
const CLONE_NEWNET = 0x40000000; // linux/sched.h
const O_CLOEXEC = 0o2000000, O_CREAT = 0o100, O_EXCL = 0o200; // asm-generic/fcntl.h
const MS_BIND = 0x1000, MS_REC = 0x4000, MS_SHARED = 0x100000; // linux/mount.h
const MNT_DETACH = 2;
const EEXIST = 17, EINVAL = 22;

/**
 * Creates a named network namespace, visible to `ip netns` and to every process. It lives until
 * {@linkcode deleteNamespace}; its loopback link is down at first.
 *
 * @throws {NetlinkError} `EEXIST` when the name is taken, `EPERM` without CAP_SYS_ADMIN
 * @throws {TypeError} for what cannot be a file's name
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, RouteConnection } from "@x/pool/netlink";
 *
 * await createNamespace("blue");
 * try {
 *   await using nl = await RouteConnection.open({ netns: "blue" });
 *   await nl.links.set("lo", { up: true });
 * } finally {
 *   await deleteNamespace("blue");
 * }
 * ```
 */
export async function createNamespace(name: string): Promise<void> {
  const { libc } = await loadAdapter();
  const path = namePath(name);
  const operation = `create network namespace ${name}`;
  const made = libc.mkdir(DIRECTORY, 0o755);
  if (made < 0 && made !== -EEXIST) throw NetlinkError.fromCall(operation, "mkdir", made);
  shareDirectory(libc, operation);
  const marker = check(libc.open(path, O_CREAT | O_EXCL | O_CLOEXEC, 0o444), operation, "open");
  libc.close(marker);
  try {
    // A mount made in a thread that has moved to the new namespace binds that namespace.
    away(
      libc,
      () => check(libc.unshare(CLONE_NEWNET), operation, "unshare"),
      () => check(libc.mount(SELF, path, "none", MS_BIND), operation, "mount"),
    );
  } catch (error) {
    libc.unlink(path);
    throw error;
  }
  mountsChanged();
}

/**
 * Deletes a named network namespace. Processes and sockets that are in it keep it alive, unnamed.
 *
 * @throws {NetlinkError} `ENOENT` when there is none of that name, `EPERM` without CAP_SYS_ADMIN
 * @throws {TypeError} for what cannot be a file's name
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, NetlinkError } from "@x/pool/netlink";
 *
 * await createNamespace("grey");
 * await deleteNamespace("grey");
 * await deleteNamespace("grey").catch((error) => {
 *   if (!(error instanceof NetlinkError && error.isNotFound)) throw error; // it was gone already
 * });
 * ```
 */
export async function deleteNamespace(name: string): Promise<void> {
  const { libc } = await loadAdapter();
  const path = namePath(name);
  const operation = `delete network namespace ${name}`;
  const unmounted = libc.umount2(path, MNT_DETACH);
  mountsChanged();
  // EINVAL: a marker without a mount, which a crash between the two steps leaves behind.
  if (unmounted < 0 && unmounted !== -EINVAL) {
    throw NetlinkError.fromCall(operation, "umount2", unmounted);
  }
  check(libc.unlink(path), operation, "unlink");
}

/**
 * The names under /run/netns, sorted; none when no namespace was ever named. Stale markers are among
 * them, see `listNamespaces`.
 */
export async function namespaceNames(): Promise<string[]> {
  try {
    // A megabyte and a fifth of the start on Deno; most programs never list them.
    const { readdir } = await import("node:fs/promises");
    return (await readdir(DIRECTORY)).sort();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Runs `call` with this thread inside a namespace and comes back. One synchronous turn: `call` may
 * make FFI calls and nothing else, and what it opens (a socket) stays in that namespace for good.
 *
 * @throws {NetlinkError} when the namespace cannot be opened or entered
 */
export function inNamespace<R>(libc: Libc, target: NamespaceTarget, call: () => R): R {
  const path = targetPath(target);
  const operation = `enter network namespace ${(target as Pinned).of ?? path}`;
  const fd = "fd" in Object(target)
    ? (target as { fd: number }).fd
    : check(libc.open(path, O_CLOEXEC), operation, "open");
  try {
    return away(libc, () => check(libc.setns(fd, CLONE_NEWNET), operation, "setns"), call);
  } finally {
    if (!("fd" in Object(target))) libc.close(fd);
  }
}

/** A descriptor, and how its namespace was named. */
interface Pinned {
  fd: number;
  of?: string;
}

/** Calls `call` with a target that means the same namespace throughout, whatever its name comes to mean. */
export async function pinned<R>(
  libc: Libc,
  target: NamespaceTarget | undefined,
  call: (target: NamespaceTarget | undefined) => Promise<R>,
): Promise<R> {
  if (target === undefined || "fd" in Object(target)) return await call(target);
  const path = targetPath(target);
  const fd = check(libc.open(path, O_CLOEXEC), `enter network namespace ${path}`, "open");
  try {
    return await call({ fd, of: path } as Pinned);
  } finally {
    libc.close(fd);
  }
}

/** Lets `move` take this thread to another namespace, and takes it back after `call`. */
function away<R>(libc: Libc, move: () => void, call: () => R): R {
  const home = check(libc.open(SELF, O_CLOEXEC), "remember the network namespace", "open");
  let moved = false;
  try {
    move();
    moved = true;
    return call();
  } finally {
    // Who may not go is still here, and may not return either.
    const returned = moved ? libc.setns(home, CLONE_NEWNET) : 0;
    libc.close(home);
    if (returned < 0) {
      // Every later socket of this thread would be in the wrong namespace: nothing is safe now.
      console.error(`Cannot return from a network namespace: setns failed with errno ${-returned}`);
      process.exit(70);
    }
  }
}

/** As `ip netns` does it: a shared mount, so that other mount namespaces see names come and go. */
function shareDirectory(libc: Libc, operation: string): void {
  if (libc.mount("", DIRECTORY, "none", MS_SHARED | MS_REC) >= 0) return;
  // Not a mount point yet: make it one.
  check(libc.mount(DIRECTORY, DIRECTORY, "none", MS_BIND | MS_REC), operation, "mount");
  check(libc.mount("", DIRECTORY, "none", MS_SHARED | MS_REC), operation, "mount");
}

/**
 * The file that stands for a namespace.
 *
 * @param parameter what it was given as, where that has a name of its own
 * @throws {TypeError | RangeError} for what names none
 */
export function targetPath(target: NamespaceTarget, parameter?: string): string {
  if (typeof target === "string") {
    return target.includes("/") ? target : namePath(target, parameter, parameter && "");
  }
  if (typeof target === "object" && target !== null) {
    if ("name" in target) return namePath(target.name, parameter);
    if ("path" in target && typeof target.path === "string") return target.path;
    if ("pid" in target) return `/proc/${integer("pid", target.pid, 1, parameter)}/ns/net`;
    if ("fd" in target) return `/proc/self/fd/${integer("fd", target.fd, 0, parameter)}`;
  }
  const form = "a name, a path, or an object with a name, path, pid or fd";
  throw new TypeError(wrong(parameter, "", form, target));
}

/** What is the same for targets that are written differently but mean the same. */
export function targetKey(target: NamespaceTarget | undefined): string {
  if (target === undefined) return SELF;
  if (typeof target === "string" && !target.includes("/")) return target;
  const path = targetPath(target);
  return path.startsWith(`${DIRECTORY}/`) ? path.slice(DIRECTORY.length + 1) : path;
}

function integer(member: string, value: number, least: number, parameter?: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(wrong(parameter, member, `an integer from ${least}`, value));
}

function namePath(name: string, parameter?: string, member = "name"): string {
  if (typeof name !== "string" || !/^[^/\0]{1,255}$/.test(name) || name === "." || name === "..") {
    throw new TypeError(wrong(parameter, member, "1 to 255 characters without a slash", name));
  }
  return `${DIRECTORY}/${name}`;
}

/** What is wrong with a part of how a namespace was named, or with all of it. */
function wrong(parameter: string | undefined, member: string, form: string, value: unknown) {
  const what = parameter === undefined
    ? `a network namespace: ${member && `${member} `}`
    : `${parameter}${member && `.${member}`}: `;
  return `Cannot use ${what}must be ${form}, current value is ${shown(value)}`;
}

function check(result: number, operation: string, call: string): number {
  if (result < 0) throw NetlinkError.fromCall(operation, call, result);
  return result;
}
