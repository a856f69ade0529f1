interface Wish {
  readonly target: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Who waits for a pool to hold so many resources. */
export class Warming {
  #wishes: Wish[] = [];

  /** The most that anybody waits for. */
  get target(): number {
    return this.#wishes.reduce((most, { target }) => Math.max(most, target), 0);
  }

  wait(target: number): Promise<void> {
    return new Promise((resolve, reject) => this.#wishes.push({ target, resolve, reject }));
  }

  /** Tells those who have what they wait for. */
  reached(size: number): void {
    for (const wish of this.#wishes) if (wish.target <= size) wish.resolve();
    this.#wishes = this.#wishes.filter(({ target }) => target > size);
  }

  fail(error: unknown): void {
    for (const wish of this.#wishes.splice(0)) wish.reject(error);
  }
}
