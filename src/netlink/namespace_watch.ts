/** Events of named network namespaces that come and go. */

import type { Libc } from "../../ffi/adapter.ts";
import { loadAdapter } from "../../ffi/adapter.ts";
import { NetlinkError } from "./error.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { type Mounted, mountedNamespaces } from "./mount_table.ts";

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

/**
 * Events, one after the other, as they are asked for. Nothing holds the process while nobody asks.
 * `break`, `close` and the end of an `await using` end it.
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, watchNamespaces } from "@x/pool/netlink";
 *
 * await using events = await watchNamespaces();
 * await createNamespace("red");
 * const { value } = await events.next();
 * console.log(value?.action, value?.name); // set red
 * await deleteNamespace("red");
 * ```
 */
export class NamespaceWatch
  implements AsyncIterableIterator<NamespaceEvent, undefined>, AsyncDisposable {
  readonly #adapter: KernelAccess;
  readonly #changes: MountChanges;
  readonly #events: AsyncGenerator<NamespaceEvent, undefined>;
  readonly #stop = new AbortController();
  readonly #signal?: AbortSignal;
  readonly #abort = () => {
    this.#failed = true;
    this.close();
  };
  #known: Map<string, Mounted>;
  #failed = false;

  /** @internal Use {@linkcode watchNamespaces}. */
  constructor(adapter: KernelAccess, options: NamespaceWatchOptions) {
    this.#adapter = adapter;
    this.#changes = new MountChanges(adapter.libc);
    try {
      const now = mountedNamespaces(adapter.libc);
      this.#known = options.initial ? new Map() : now;
    } catch (error) {
      this.#changes.close();
      throw error;
    }
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    this.#events = this.#run();
  }

  async *#run(): AsyncGenerator<NamespaceEvent, undefined> {
    try {
      while (!this.closed) {
        // Before the look, so that what changes during it wakes the next wait.
        this.#changes.clear();
        const now = mountedNamespaces(this.#adapter.libc), events = changes(this.#known, now);
        this.#known = now;
        for (const event of events) {
          yield event;
          if (this.closed) break;
        }
        if (events.length > 0) continue;
        await this.#adapter.readable(this.#changes.fd, { signal: this.#stop.signal });
      }
    } catch (error) {
      if (!this.closed) throw error;
    } finally {
      this.close();
    }
    if (this.#failed) throw this.#signal!.reason;
  }

  /**
   * The next event; the end once the watch was closed.
   *
   * @throws {unknown} the signal's reason, if that has ended the watch
   */
  next(): Promise<IteratorResult<NamespaceEvent, undefined>> {
    return this.#events.next();
  }

  /** Ends the watch; what a `break` calls. */
  async return(): Promise<IteratorResult<NamespaceEvent, undefined>> {
    this.close();
    return await this.#events.return(undefined);
  }

  /** The watch itself: there is one stream of events, however often it is iterated. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ends the watch. Who waits for an event learns that there is none. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#stop.abort();
    this.#changes.close();
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
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
): Promise<NamespaceWatch> {
  options.signal?.throwIfAborted();
  const adapter = options.adapter ?? await loadAdapter();
  options.signal?.throwIfAborted();
  return new NamespaceWatch(adapter, options);
}
