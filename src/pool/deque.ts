/** A stack that is cheap to shorten at its old end too, and keeps its room when it is emptied. */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #tail = 0;
  #lost = 0;

  /** How many there are, without the lost ones. */
  get length(): number {
    return this.#tail - this.#head - this.#lost;
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

  /** Counts one as lost: it stays in its place until it is taken or half of all are lost. */
  lose(keep: (item: T) => boolean): void {
    if (++this.#lost > this.length) this.sift(keep);
  }

  /** One that was taken was a lost one. */
  found(): void {
    this.#lost--;
  }

  /** Drops the lost ones, which are those that `keep` does not accept. */
  sift(keep: (item: T) => boolean): void {
    if (this.#lost > 0) this.filter(keep);
  }

  /** All, oldest first. */
  toArray(): T[] {
    return this.#items.slice(this.#head, this.#tail) as T[];
  }

  /** Keeps what `keep` accepts, of which nothing is lost. */
  filter(keep: (item: T) => boolean): void {
    this.#lost = 0;
    this.#keep(this.toArray().filter(keep));
  }

  #keep(items: T[]): void {
    this.#items = items;
    this.#head = 0;
    this.#tail = items.length;
  }
}
