/** Events of named network namespaces that come and go. */

import type { Libc } from "../../ffi/adapter.ts";
import { loadAdapter } from "../../ffi/adapter.ts";
import { NetlinkError } from "./error.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { type Mounted, mountedNamespaces } from "./mount_table.ts";
import { checkOptions, NAMESPACE_WATCH } from "./options.ts";
import { type Source, Watch } from "./watch_stream.ts";

const O_CLOEXEC = 0o2000000; // asm-generic/fcntl.h
const EPOLL_CTL_ADD = 1, EPOLLIN = 1, EPOLLET = 0x80000000; // linux/eventpoll.h

/** A named namespace has come, or has gone. */
export interface NamespaceEvent {
  /** Whether the name stands for a namespace from now on, or no longer does. */
  readonly action: "set" | "delete";
  /** The name under /run/netns. */
  readonly name: string;
  /** The inode of the namespace that came or went, see {@linkcode NamedNamespace.inode}. */
  readonly inode: number;
}

/** How {@linkcode watchNamespaces} listens. */
export interface NamespaceWatchOptions {
  /** Ends the watch; who waits for an event gets the signal's reason. */
  signal?: AbortSignal;
  /**
   * Whether the namespaces that are there at the start are told first.
   *
   * @default false
   */
  initial?: boolean;
  /**
   * How libc is called; for tests.
   *
   * @default the adapter of the runtime
   */
  adapter?: KernelAccess;
}

/** Looks at what is mounted whenever that changes. */
class NamespaceSource implements Source<NamespaceEvent> {
  readonly #adapter: KernelAccess;
  readonly #changes: MountChanges;
  #known: Map<string, Mounted>;

  constructor(adapter: KernelAccess, initial: boolean) {
    this.#adapter = adapter;
    this.#changes = new MountChanges(adapter.libc);
    try {
      const now = mountedNamespaces(adapter.libc);
      this.#known = initial ? new Map() : now;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  read(): NamespaceEvent[] | undefined {
    // Before the look, so that what changes during it wakes the next wait.
    this.#changes.clear();
    const now = mountedNamespaces(this.#adapter.libc), events = changes(this.#known, now);
    this.#known = now;
    return events.length > 0 ? events : undefined;
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.#adapter.readable(this.#changes.fd, { signal });
  }

  close(): void {
    this.#changes.close();
  }
}

/** A descriptor that can be read once something was mounted or unmounted. */
class MountChanges {
  readonly #libc: Libc;
  readonly #mounts: number;
  readonly fd: number;
  readonly #events = new Uint8Array(new ArrayBuffer(16));

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#mounts = check(libc.open("/proc/self/mountinfo", O_CLOEXEC), "open");
    this.fd = libc.epollCreate(O_CLOEXEC);
    // The file itself is always readable, and whoever polls it for its one news takes that from all
    // others. By the edge, a descriptor above it becomes readable for each change and stays so.
    const added = this.fd < 0
      ? this.fd
      : libc.epollControl(this.fd, EPOLL_CTL_ADD, this.#mounts, EPOLLIN + EPOLLET);
    if (added >= 0) return;
    this.close();
    check(added, "epoll_ctl");
  }

  clear(): void {
    this.#libc.epollWait(this.fd, this.#events, 0);
  }

  close(): void {
    if (this.fd >= 0) this.#libc.close(this.fd);
    this.#libc.close(this.#mounts);
  }
}

/** What leads from one state to the other. */
function changes(
  before: ReadonlyMap<string, Mounted>,
  now: ReadonlyMap<string, Mounted>,
): NamespaceEvent[] {
  const events: NamespaceEvent[] = [];
  const same = (a: Mounted, b?: Mounted) => a.inode === b?.inode && a.mount === b.mount;
  for (const [name, was] of before) {
    if (!same(was, now.get(name))) events.push({ action: "delete", name, inode: was.inode });
  }
  for (const [name, is] of now) {
    if (!same(is, before.get(name))) events.push({ action: "set", name, inode: is.inode });
  }
  return events;
}

function check(result: number, call: string): number {
  if (result < 0) throw NetlinkError.fromCall("watch network namespaces", call, result);
  return result;
}

/**
 * Tells of named network namespaces that come and go under /run/netns, whoever makes or deletes
 * them: a name is told once it can be entered. A name that is given to another namespace is told as
 * gone and come; what comes and goes again between two looks is not told. Needs no privilege.
 *
 * @throws {NetlinkError} where there is no /proc
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, watchNamespaces } from "@x/pool/netlink";
 *
 * await using events = await watchNamespaces();
 * await createNamespace("green");
 * for await (const { action, name, inode } of events) {
 *   console.log(action, name, inode);
 *   if (name !== "green") continue;
 *   if (action === "delete") break;
 *   await deleteNamespace("green");
 * }
 * ```
 */
export async function watchNamespaces(
  options: NamespaceWatchOptions = {},
): Promise<Watch<NamespaceEvent>> {
  checkOptions("a watch of namespaces", options, NAMESPACE_WATCH);
  options.signal?.throwIfAborted();
  const adapter = options.adapter ?? await loadAdapter();
  options.signal?.throwIfAborted();
  const source = new NamespaceSource(adapter, options.initial ?? false);
  return new Watch(adapter, source, options.signal);
}
