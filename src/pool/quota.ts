import type { Stock } from "./stock.ts";

/** A limit that several pools share: who has nothing to lend to may take from who has too much. */
export class Quota<T> {
  max: number;
  used = 0;
  readonly #members: () => Iterable<Stock<T>>;
  readonly #vacant: (core: Stock<T>) => void;
  /** Pools that need a place, the longest waiting first, and since when. */
  readonly #hungry: Map<Stock<T>, number> = new Map();
  #promised = 0; // places being cleared for them

  constructor(max: number, members: () => Iterable<Stock<T>>, vacant: (core: Stock<T>) => void) {
    this.max = max;
    this.#members = members;
    this.#vacant = vacant;
  }

  /** Takes a place; after a `false`, `core.pump` is called once there is one. */
  enter(core: Stock<T>): boolean {
    if (this.used >= this.max) this.#clearPlaceFor(core);
    if (this.used >= this.max) return false;
    this.#hungry.delete(core);
    this.used++;
    return true;
  }

  /** Gives a place back. */
  leave(): void {
    this.used--;
    if (this.#promised > 0) this.#promised--;
    this.serve();
  }

  /** Lets the hungry try again. */
  serve(): void {
    for (const core of [...this.#hungry.keys()]) {
      if (this.used >= this.max) return;
      this.#hungry.delete(core);
      core.pump();
    }
  }

  /**
   * Whether a resource of `core` has to go to make room: one that nobody waits for gives way to any
   * other pool, one whose first waiter came at `since` only to a pool that has nothing and waits
   * longer.
   */
  wanted(core: Stock<T>, since: number | undefined): boolean {
    if (this.#hungry.size <= this.#promised) return false;
    for (const [other, hungrySince] of this.#hungry) {
      if (other === core) continue;
      if (since !== undefined && (other.size > 0 || hungrySince >= since)) return false;
      this.#promised++;
      return true;
    }
    return false;
  }

  /** Tells that a pool has nothing, and nobody who wants something. */
  vacant(core: Stock<T>): void {
    this.#hungry.delete(core);
    this.#vacant(core);
  }

  #clearPlaceFor(core: Stock<T>): void {
    if (!this.#hungry.has(core)) this.#hungry.set(core, core.time.now());
    if (this.#hungry.size <= this.#promised) return;
    for (const other of this.#members()) {
      if (other === core || other.idle.length === 0) continue;
      this.#promised++;
      if (other.evictIdle(1, "evicted") > 0) return;
      this.#promised--;
    }
  }
}
