/** What is known of one kind, kept right by applying messages in the order of the kernel. */

import type { Words } from "./codec/words.ts";
import { NLM_F_REPLACE } from "./protocol.ts";
import type { KindSpec } from "./watch_kinds.ts";

/** What a message did to a table. */
export interface TableChange<T> {
  /** What happened to the item. */
  readonly action: "add" | "change" | "delete";
  /** The item as it is now; of a deletion, as it was last. */
  readonly item: T;
  /** The item as it was. */
  readonly before?: T;
}

const AF_INET = 2;
const TYPE_MASK = 0xffff;

/** Whether the message at word `at` says that an item is gone. */
export function removes(kind: KindSpec<unknown>, w: Words, at: number): boolean {
  return (w[at + 1] & TYPE_MASK) === kind.type + 1;
}

/** Whether the message at word `at` is about an item of `kind`. */
export function concerns(kind: KindSpec<unknown>, w: Words, at: number): boolean {
  const type = w[at + 1] & TYPE_MASK;
  return (type === kind.type || type === kind.type + 1) && (kind.accepts?.(w, at) ?? true);
}

/** Items by key. Where several may share a key, such as appended routes or rules, they form a list. */
export class Table<T extends object> {
  readonly #kind: KindSpec<T>;
  readonly #items = new Map<string | number, T | T[]>();
  /** Set when a message does not tell what became of an item: only asking the kernel helps. */
  unsure = false;

  constructor(kind: KindSpec<T>) {
    this.#kind = kind;
  }

  /** Adds what a dump lists. */
  add(w: Words, at: number): void {
    const item = this.#kind.make(w, at), key = this.#kind.key(item, w, at);
    const old = this.#items.get(key);
    const { detail, repeats } = this.#kind;
    if (old === undefined || !(detail || repeats)) this.#items.set(key, item);
    else this.#items.set(key, [...list(old), item]);
  }

  /** Does what an event says; `w` becomes the item's own. */
  apply(w: Words, at: number): TableChange<T> | undefined {
    const kind = this.#kind, item = kind.make(w, at), key = kind.key(item, w, at);
    const old = this.#items.get(key), gone = removes(kind, w, at);
    // Nothing tells whether the list was made with this already, where there is one like it.
    if (kind.repeats && (gone ? Array.isArray(old) : old !== undefined)) {
      this.unsure = true;
      return undefined;
    }
    if (gone) return this.#remove(key, item, old);
    const several = kind.detail !== undefined && (w[at + 4] & 0xff) === AF_INET;
    if (old === undefined || !several) {
      this.#items.set(key, item);
      if (old === undefined) return { action: "add", item };
      return { action: "change", item, before: list(old)[0] };
    }
    const all = list(old);
    const replace = (w[at + 1] >>> 16) & NLM_F_REPLACE;
    const index = replace ? 0 : all.findIndex((other) => this.alike(other, item));
    if (index < 0) {
      this.#items.set(key, [...all, item]);
      return { action: "add", item };
    }
    const before = all[index];
    this.#items.set(key, all.length === 1 ? item : all.with(index, item));
    return { action: "change", item, before };
  }

  #remove(
    key: string | number,
    item: T,
    old: T | T[] | undefined,
  ): TableChange<T> | undefined {
    if (old === undefined) return undefined;
    const all = list(old);
    const index = this.#kind.detail === undefined
      ? 0
      : all.findIndex((other) => this.alike(other, item));
    // One hop of several has gone, or something changed unseen before it went.
    if (index < 0) {
      this.unsure = true;
      return undefined;
    }
    if (all.length === 1) this.#items.delete(key);
    else this.#items.set(key, all.length === 2 ? all[1 - index] : all.toSpliced(index, 1));
    return { action: "delete", item: all[index] };
  }

  /** Whether two items of one key are the same one. */
  alike(a: T, b: T): boolean {
    return this.#kind.detail?.(a) === this.#kind.detail?.(b);
  }

  /** The keys of all items. */
  keys(): Iterable<string | number> {
    return this.#items.keys();
  }

  /** The items of a key. */
  at(key: string | number): readonly T[] {
    const found = this.#items.get(key);
    return found === undefined ? [] : list(found);
  }

  /** How many items there are. */
  get size(): number {
    let size = this.#items.size;
    if (this.#kind.detail || this.#kind.repeats) {
      for (const item of this.#items.values()) if (Array.isArray(item)) size += item.length - 1;
    }
    return size;
  }

  /** All items. */
  *[Symbol.iterator](): Generator<T, undefined> {
    for (const item of this.#items.values()) {
      if (Array.isArray(item)) yield* item;
      else yield item;
    }
  }
}

function list<T>(items: T | T[]): T[] {
  return Array.isArray(items) ? items : [items];
}
