const LEAST = 16;

/** A queue in a ring that grows as needed. */
export class Ring<T> {
  // Without holes, so that all rings look alike to the engine.
  #items: (T | undefined)[] = Array.from({ length: LEAST });
  #mask = LEAST - 1;
  #head = 0;
  #tail = 0;

  get length(): number {
    return (this.#tail - this.#head) & this.#mask;
  }

  push(item: T): void {
    this.#items[this.#tail] = item;
    this.#tail = (this.#tail + 1) & this.#mask;
    if (this.#tail !== this.#head) return;
    this.#rebuild(this.#items.slice(this.#head).concat(this.#items.slice(0, this.#head)));
  }

  /** Takes the oldest one. */
  shift(): T | undefined {
    const at = this.#head;
    if (this.#tail === at) return undefined;
    this.#head = (at + 1) & this.#mask;
    const item = this.#items[at];
    this.#items[at] = undefined;
    return item;
  }

  /** The oldest but `i`, left where it is. */
  at(i: number): T | undefined {
    return i < this.length ? this.#items[(this.#head + i) & this.#mask] : undefined;
  }

  /** Keeps, oldest first, what `keep` accepts; `keep` must not touch the ring. */
  filter(keep: (item: T) => boolean): void {
    const kept: T[] = [];
    for (let i = 0; i < this.length; i++) {
      const item = this.at(i)!;
      if (keep(item)) kept.push(item);
    }
    this.#rebuild(kept);
  }

  /** Leaves room for as many again. */
  #rebuild(items: (T | undefined)[]): void {
    let size = LEAST;
    while (size < items.length * 2) size *= 2;
    this.#head = 0;
    this.#tail = items.length;
    this.#mask = size - 1;
    while (items.length < size) items.push(undefined);
    this.#items = items;
  }
}
