/** A stack that is cheap to shorten at its old end too, and keeps its room when it is emptied. */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #tail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  push(item: T): void {
    this.#items[this.#tail++] = item;
  }

  /** Takes the newest one. */
  pop(): T | undefined {
    const at = this.#tail - 1;
    if (at < this.#head) return undefined;
    this.#tail = at;
    const item = this.#items[at];
    this.#items[at] = undefined;
    return item;
  }

  /** Takes the oldest one. */
  shift(): T | undefined {
    const at = this.#head;
    if (at === this.#tail) return undefined;
    this.#head = at + 1;
    const item = this.#items[at];
    this.#items[at] = undefined;
    if (at > 30 && at * 2 > this.#tail) this.#keep(this.toArray());
    return item;
  }

  /** All, oldest first. */
  toArray(): T[] {
    return this.#items.slice(this.#head, this.#tail) as T[];
  }

  /** Keeps what `keep` accepts. */
  filter(keep: (item: T) => boolean): void {
    this.#keep(this.toArray().filter(keep));
  }

  #keep(items: T[]): void {
    this.#items = items;
    this.#head = 0;
    this.#tail = items.length;
  }
}
