import type { Stock } from "./stock.ts";

/** A limit that several pools share: who has nothing to lend to may take from who has too much. */
export class Quota<T> {
  used = 0;
  #max: number;
  readonly #members: () => Iterable<Stock<T>>;
  readonly #vacant: (core: Stock<T>) => void;
  /** Pools that need a place, the longest waiting first, and since when. */
  readonly #hungry: Map<Stock<T>, number> = new Map();
  #promised = 0; // places being cleared for them
  #bare = false; // nobody had anything idle at the last look, nor has been left anything since

  constructor(max: number, members: () => Iterable<Stock<T>>, vacant: (core: Stock<T>) => void) {
    this.#max = max;
    this.#members = members;
    this.#vacant = vacant;
  }

  get max(): number {
    return this.#max;
  }

  /** What was left idle without a limit went unnoticed. */
  set max(max: number) {
    this.#max = max;
    this.#bare = false;
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
    let left = this.#hungry.size; // those that come back have had their try
    for (const core of this.#hungry.keys()) {
      if (this.used >= this.max || left-- === 0) return;
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
    const wanted = this.#hungry.size > this.#promised && this.#isBehind(core, since);
    if (wanted) this.#promised++;
    else this.#bare = false;
    return wanted;
  }

  /** Whether another pool comes before those who wait in `core`. */
  #isBehind(core: Stock<T>, since: number | undefined): boolean {
    for (const [other, hungrySince] of this.#hungry) {
      if (other === core) continue;
      return since === undefined || other.size === 0 && hungrySince < since;
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
    if (this.#bare || this.#hungry.size <= this.#promised) return;
    let bare = true;
    for (const other of this.#members()) {
      if (other.idle.length === 0) continue;
      bare = false;
      if (other === core) continue;
      this.#promised++;
      if (other.evictIdle(1, "evicted") > 0) return;
      this.#promised--;
    }
    this.#bare = bare;
  }
}
