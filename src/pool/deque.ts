/** An array that is cheap to shorten at both ends. */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the newest one. */
  pop(): T | undefined {
    return this.#items.length > this.#head ? this.#items.pop() : undefined;
  }

  /** Takes the oldest one. */
  shift(): T | undefined {
    const items = this.#items;
    if (this.#head >= items.length) return undefined;
    const item = items[this.#head];
    items[this.#head++] = undefined;
    if (this.#head > 31 && this.#head * 2 > items.length) this.#compact();
    return item;
  }

  /** Keeps, oldest first, what `keep` accepts; `keep` must not touch the deque. */
  filter(keep: (item: T) => boolean): void {
    this.#compact();
    this.#items = this.#items.filter((item) => keep(item as T));
  }

  #compact(): void {
    if (this.#head > 0) this.#items.splice(0, this.#head);
    this.#head = 0;
  }
}
