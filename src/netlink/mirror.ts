/** A table in memory that is as the kernel's. */

import { setInterval } from "node:timers";
import { bad } from "./check.ts";
import type { Words } from "./codec/words.ts";
import { Listeners } from "./mirror_listeners.ts";
import { MirrorTable } from "./mirror_table.ts";
import { checkOptions, MIRROR, WAIT } from "./options.ts";
import { subscribe, type Subscription, type WatchOptions } from "./watch.ts";
import type { WatchItems, WatchKind } from "./watch_kinds.ts";
import { difference } from "./watch_difference.ts";
import { apply, copied, snapshot, type Tables } from "./watch_snapshot.ts";
import type { Table, TableChange } from "./watch_table.ts";
import { Turn } from "./turn.ts";

/** What a {@linkcode Mirror} can hold. */
export type MirrorKind = "link" | "address" | "route" | "neighbour";

/** What a {@linkcode Mirror} tells its listeners. */
export type MirrorChange =
  | {
    [K in MirrorKind]: { readonly kind: K } & TableChange<WatchItems[K]>;
  }[MirrorKind]
  /**
   * Everything was listed anew, as events were lost. What that has shown to be gone, changed or new was
   * told before this, one by one.
   */
  | { readonly kind: "resync" }
  /** The mirror has ended by an error, which every read throws from now on. It is the last news. */
  | { readonly kind: "failed"; readonly error: unknown };

/** How {@linkcode mirror} works. */
export interface MirrorOptions extends Omit<WatchOptions, "initial"> {
  /**
   * What it holds. Routes bring links and addresses along, with which they go.
   *
   * @default all
   */
  kinds?: readonly MirrorKind[];
}

/** Milliseconds between two looks at the kernel's queue while nobody reads or listens. */
const INTERVAL = 250;

const KINDS = ["link", "address", "route", "neighbour"] as const;

/**
 * Links, addresses, routes and neighbours in memory. A read takes in what the kernel has queued up
 * first, so that it is never older than the read; an exception is the moment after an overrun, or after a
 * link or a nexthop object went and silently took routes along: then everything is listed anew, which
 * {@linkcode Mirror.sync} waits for. What else the kernel does not tell, see {@linkcode watch}, is as it
 * was when it was last told or listed. It holds the process open only while somebody listens.
 *
 * @example
 * ```ts
 * import { mirror, RouteConnection } from "@x/pool/netlink";
 *
 * await using kernel = await mirror();
 * await using nl = await RouteConnection.open();
 * const stop = kernel.onChange((change) => console.log(change.kind)); // address, route
 * await nl.addresses.add({ link: "lo", address: "10.14.0.1/32" });
 * console.log(kernel.addresses.get("10.14.0.1")?.prefixLength); // 32
 * await kernel.sync();
 * stop();
 * ```
 */
export class Mirror implements AsyncDisposable {
  /** Network links, by name or index. */
  readonly links: MirrorTable<WatchItems["link"]>;
  /** Addresses of links, with their prefix length or without. */
  readonly addresses: MirrorTable<WatchItems["address"]>;
  /** Routes, by destination. */
  readonly routes: MirrorTable<WatchItems["route"]>;
  /** Neighbours, by address. */
  readonly neighbours: MirrorTable<WatchItems["neighbour"]>;

  readonly #source: Subscription;
  #tables: Tables;
  readonly #views: Map<WatchKind, MirrorTable<object>>;
  readonly #listeners = new Listeners<MirrorChange>();
  readonly #stop = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #wait?: AbortController;
  #syncing?: Promise<void>;
  #broken?: { readonly error: unknown };

  /** @internal Use {@linkcode mirror}. */
  constructor(source: Subscription, tables: Tables, signal?: AbortSignal) {
    this.#source = source;
    this.#tables = tables;
    const table = <K extends MirrorKind>(kind: K) => () =>
      this.#table(kind) as unknown as Table<WatchItems[K]>;
    this.links = new MirrorTable(table("link"), (link) => [link.name, link.index]);
    this.addresses = new MirrorTable(table("address"), ({ address, ip }) => [address, ip]);
    this.routes = new MirrorTable(
      table("route"),
      ({ destination, table }) => [table === 254 ? destination : `${destination} table ${table}`],
      (a, b) => a.priority < b.priority,
    );
    this.neighbours = new MirrorTable(table("neighbour"), ({ address }) => [address]);
    this.#views = new Map<WatchKind, unknown>([
      ["link", this.links],
      ["address", this.addresses],
      ["route", this.routes],
      ["neighbour", this.neighbours],
    ]) as Map<WatchKind, MirrorTable<object>>;
    this.#timer = setInterval(() => this.#poll(), INTERVAL);
    this.#timer.unref();
    const ended = { once: true, signal: this.#stop.signal };
    signal?.addEventListener("abort", () => this.close(), ended);
  }

  #table(kind: MirrorKind): Table<object> {
    if (this.#broken === undefined) this.#poll();
    if (this.#broken !== undefined) throw this.#broken.error;
    const found = this.#tables.get(kind);
    if (found === undefined) throw new TypeError(`Cannot read: the mirror has no kind ${kind}`);
    return found;
  }

  /** Takes in all that has queued up. */
  #poll(): void {
    const { feed } = this.#source;
    if (feed.closed || this.#syncing !== undefined) return;
    const changes: MirrorChange[] = [];
    try {
      const take = (w: Words, at: number) => this.#take(w, at, changes);
      let found = feed.read(take);
      while (found === "messages") found = feed.read(take);
      if (found === "overrun" || this.#unsure()) this.#resync();
    } catch (error) {
      return this.#break(error, changes);
    }
    this.#listeners.tell(changes);
  }

  #take(w: Words, at: number, changes: MirrorChange[]): void {
    const change = apply(this.#tables, this.#source.specs, copied(w, at));
    const view = change && this.#views.get(change.kind);
    if (view === undefined) return;
    view.update(change);
    if (this.#listeners.size > 0) changes.push(change as MirrorChange);
  }

  /** Whether something has changed of which the kernel does not say what. */
  #unsure(): boolean {
    for (const table of this.#tables.values()) if (table.unsure) return true;
    return false;
  }

  #resync(): void {
    this.#syncing = this.#relist().then((changes) => {
      this.#syncing = undefined;
      this.#listeners.tell([...changes, { kind: "resync" }]);
    }, (error) => {
      this.#syncing = undefined;
      if (!this.#source.feed.closed) this.#break(error);
    });
  }

  /** Ends it: whoever listens or waits is told why, whoever reads later as well. */
  #break(error: unknown, changes: MirrorChange[] = []): void {
    this.#broken = { error };
    this.#listeners.tell([...changes, { kind: "failed", error }]);
    this.close();
  }

  /** Lists everything. Only listeners need to know what that has changed. */
  async #relist(): Promise<MirrorChange[]> {
    const { feed, connection, specs, adapter } = this.#source;
    const tables = await snapshot(feed, connection, specs, this.#stop.signal);
    const changes: MirrorChange[] = [];
    for (const [kind, table] of this.#listeners.size > 0 ? tables : []) {
      if (!this.#views.has(kind)) continue;
      const found = await difference(this.#tables.get(kind)!, table, new Turn(adapter));
      for (const change of found) changes.push({ kind, ...change } as MirrorChange);
    }
    this.#tables = tables;
    for (const view of this.#views.values()) view.update();
    return changes;
  }

  /**
   * Resolves once everything is in that the kernel had told before the call.
   *
   * @throws {unknown} what ended the mirror
   */
  async sync(): Promise<void> {
    this.#poll();
    while (this.#syncing !== undefined) {
      await this.#syncing;
      this.#poll();
    }
    if (this.#broken !== undefined) throw this.#broken.error;
  }

  /**
   * Calls `listener` for every change from now on. Somebody who listens holds the process open.
   *
   * @returns a function that ends it
   */
  onChange(listener: (change: MirrorChange) => void): () => void {
    if (typeof listener !== "function") throw bad("listener", "a function", listener);
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1 && this.#wait === undefined) this.#listen();
    return () => {
      if (remove() && this.#listeners.size === 0) this.#wait?.abort();
    };
  }

  /** Waits for events as long as somebody listens. */
  async #listen(): Promise<void> {
    const { feed } = this.#source;
    try {
      while (this.#listeners.size > 0 && !feed.closed) {
        await this.sync();
        this.#wait = new AbortController();
        const { signal } = this.#wait;
        if (this.#listeners.size === 0 || feed.closed) break;
        await feed.readable(signal).catch((error) => {
          if (!signal.aborted) throw error;
        });
      }
    } catch (error) {
      if (!feed.closed) this.#break(error);
    } finally {
      this.#wait = undefined;
    }
  }

  /**
   * Waits until `test` gives something else than undefined, null or false; it is called at once and
   * after every change.
   *
   * @returns what `test` gave
   * @throws {unknown} the signal's reason, what `test` throws, or what ended the mirror
   */
  async until<R>(
    test: () => R | undefined | null | false,
    options: { signal?: AbortSignal } = {},
  ): Promise<R> {
    if (typeof test !== "function") throw bad("test", "a function", test);
    checkOptions("a wait", options, WAIT);
    const { signal } = options;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const attempt = () => {
      try {
        const found = test();
        if (found !== undefined && found !== null && found !== false) resolve(found);
      } catch (error) {
        reject(error);
      }
    };
    const abort = () => reject(signal!.reason);
    const closed = () =>
      reject(
        this.#broken ? this.#broken.error : new TypeError("Cannot wait: the mirror is closed"),
      );
    if (this.#stop.signal.aborted) closed();
    signal?.addEventListener("abort", abort, { once: true });
    this.#stop.signal.addEventListener("abort", closed, { once: true });
    const stop = this.onChange(attempt);
    try {
      attempt();
      return await promise;
    } finally {
      stop();
      signal?.removeEventListener("abort", abort);
      this.#stop.signal.removeEventListener("abort", closed);
    }
  }

  /** Ends it; what was read last stays readable. Idempotent. */
  close(): void {
    const { feed, connection } = this.#source;
    if (feed.closed) return;
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#wait?.abort();
    this.#listeners.clear();
    feed.close();
    connection.close();
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/**
 * Makes a table in memory that is kept as the kernel's: for programs that look things up often, or want
 * to know what changes.
 *
 * @throws {NetlinkError} when the namespace cannot be entered
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * ```ts
 * import { mirror, RouteConnection } from "@x/pool/netlink";
 *
 * await using kernel = await mirror({ kinds: ["link", "address"] });
 * kernel.onChange((change) => console.log(change.kind));
 * await using nl = await RouteConnection.open();
 * await nl.addresses.add({ link: "lo", address: "10.4.5.6/32" });
 * const found = await kernel.until(() => kernel.addresses.get("10.4.5.6"));
 * console.log(kernel.links.get(found.link)?.name);
 * ```
 */
export async function mirror(options: MirrorOptions = {}): Promise<Mirror> {
  checkOptions("a mirror", options, MIRROR);
  const { kinds = KINDS, signal, ...rest } = options;
  if (!Array.isArray(kinds as unknown)) throw bad("kinds", "a list of names", kinds);
  const unknown = kinds.find((kind) => !KINDS.includes(kind));
  if (unknown !== undefined) {
    throw new TypeError(
      `Cannot mirror: kinds must be of ${KINDS.join(", ")}, ` +
        `current value is ${JSON.stringify(unknown)}`,
    );
  }
  const all = kinds.includes("route") ? [...kinds, "link", "address", "nexthop"] as const : kinds;
  const source = await subscribe(all, { ...rest, signal });
  try {
    const stop = signal ?? new AbortController().signal;
    const tables = await snapshot(source.feed, source.connection, source.specs, stop);
    signal?.throwIfAborted();
    return new Mirror(source, tables, signal);
  } catch (error) {
    source.feed.close();
    source.connection.close();
    throw error;
  }
}
