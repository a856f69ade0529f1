/** One table of a mirror, as its readers see it. */

import type { Table, TableChange } from "./watch_table.ts";

/**
 * A way to read what is known of one kind. Every read first takes in what the kernel has told; once
 * the mirror has failed, it throws that error, and a `TypeError` for a kind that the mirror does not
 * hold.
 *
 * @example
 * ```ts
 * import { mirror } from "@x/pool/netlink";
 *
 * await using kernel = await mirror({ kinds: ["link", "address"] });
 * const lo = kernel.links.get("lo");
 * const own = kernel.addresses.filter(({ link }) => link === lo?.index);
 * console.log(kernel.links.size, own.map(({ address }) => address));
 * for (const { name, up } of kernel.links) console.log(name, up);
 * ```
 */
export class MirrorTable<T extends object> implements Iterable<T> {
  readonly #current: () => Table<T>;
  readonly #names: (item: T) => (string | number)[];
  readonly #better: (a: T, b: T) => boolean;
  /** Items by name, once somebody asked for a name. */
  #index?: Map<string | number, Set<T>>;

  /** @internal */
  constructor(
    current: () => Table<T>,
    names: (item: T) => (string | number)[],
    better: (a: T, b: T) => boolean = () => false,
  ) {
    this.#current = current;
    this.#names = names;
    this.#better = better;
  }

  /** How many items there are. */
  get size(): number {
    return this.#current().size;
  }

  /**
   * An item by name: a link by its name or index, an address as "10.0.0.1/24" or alone, a route of
   * the main table by its destination, of another as in "10.0.0.0/8 table 100", a neighbour by its
   * address. Of several routes, the one with the lowest priority.
   */
  get(name: string | number): T | undefined {
    const table = this.#current();
    this.#index ??= this.#indexOf(table);
    let best: T | undefined;
    for (const item of this.#index.get(name) ?? []) {
      if (best === undefined || this.#better(item, best)) best = item;
    }
    return best;
  }

  /** The first item that `test` accepts; undefined if it accepts none. */
  find(test: (item: T) => boolean): T | undefined {
    for (const item of this.#current()) if (test(item)) return item;
    return undefined;
  }

  /** All items that `test` accepts. */
  filter(test: (item: T) => boolean): T[] {
    const found = [];
    for (const item of this.#current()) if (test(item)) found.push(item);
    return found;
  }

  /** All items, as they are now. */
  [Symbol.iterator](): Iterator<T, undefined> {
    return this.#current()[Symbol.iterator]();
  }

  /** @internal Keeps the names right; without a change, everything is new. */
  update(change?: TableChange<T>): void {
    if (change === undefined) this.#index = undefined;
    const index = this.#index;
    if (change === undefined || index === undefined) return;
    const gone = change.action === "delete" ? change.item : change.before;
    if (gone !== undefined) this.#forget(index, gone);
    if (change.action !== "delete") this.#remember(index, change.item);
  }

  #indexOf(table: Table<T>): Map<string | number, Set<T>> {
    const index = new Map<string | number, Set<T>>();
    for (const item of table) this.#remember(index, item);
    return index;
  }

  #remember(index: Map<string | number, Set<T>>, item: T): void {
    for (const name of this.#names(item)) {
      const items = index.get(name);
      if (items === undefined) index.set(name, new Set([item]));
      else items.add(item);
    }
  }

  #forget(index: Map<string | number, Set<T>>, item: T): void {
    for (const name of this.#names(item)) {
      const items = index.get(name);
      if (items?.delete(item) && items.size === 0) index.delete(name);
    }
  }
}
