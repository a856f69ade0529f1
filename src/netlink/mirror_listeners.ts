/** Who is told what changes. */

/** Calls everybody for every piece of news, in order, even if a listener brings more of it about. */
export class Listeners<N> {
  readonly #all = new Set<(news: N) => void>();
  #queue: N[] = [];
  #telling = false;

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** Adds one; the result takes it away again, and tells whether it was there. */
  add(listener: (news: N) => void): () => boolean {
    const own = (news: N) => listener(news);
    this.#all.add(own);
    return () => this.#all.delete(own);
  }

  /** Takes all away. */
  clear(): void {
    this.#all.clear();
  }

  /** Tells all. A read by a listener takes in what is new: that is told once this is. */
  tell(news: readonly N[]): void {
    if (this.#telling) {
      for (const one of news) this.#queue.push(one);
      return;
    }
    this.#telling = true;
    try {
      for (let told = news; told.length > 0; told = this.#next()) {
        for (const one of told) this.#call(one);
      }
    } finally {
      this.#telling = false;
    }
  }

  #next(): readonly N[] {
    const next = this.#queue;
    this.#queue = [];
    return next;
  }

  #call(news: N): void {
    for (const listener of [...this.#all]) {
      try {
        listener(news);
      } catch (error) {
        // A listener's failure is its own: it must not cost the others their news.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
