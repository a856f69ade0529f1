/**
 * The least that can be called a pool: the limit that a full one is measured against. An array as
 * stack, a ring of waiters, cancelling in constant time, one timer for all deadlines; no checks, no
 * creation, no limits, no observation.
 */
interface Entry<T> {
  resolve: ((lease: MinimalLease<T>) => void) | null;
  reject: (error: unknown) => void;
  deadline: number;
}

/** A lease with nothing but its end. */
export class MinimalLease<T> {
  #pool: MinimalPool<T> | null;
  readonly value: T;

  constructor(pool: MinimalPool<T>, value: T) {
    this.#pool = pool;
    this.value = value;
  }

  release(): void {
    const pool = this.#pool;
    if (pool === null) return;
    this.#pool = null;
    pool.put(this.value);
  }
}

/** The pool. */
export class MinimalPool<T> {
  readonly #idle: T[];
  #ring: (Entry<T> | undefined)[] = new Array(1024);
  #head = 0;
  #tail = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(resources: T[]) {
    this.#idle = resources;
  }

  acquire(timeout = 0, signal?: AbortSignal): Promise<MinimalLease<T>> {
    const value = this.#idle.pop();
    if (value !== undefined) return Promise.resolve(new MinimalLease(this, value));
    return new Promise((resolve, reject) => {
      const entry: Entry<T> = { resolve, reject, deadline: timeout && Date.now() + timeout };
      this.#push(entry);
      if (timeout > 0) this.#timer ??= setTimeout(() => this.#expire(), timeout);
      signal?.addEventListener("abort", () => {
        entry.resolve = null;
        reject(signal.reason);
      }, { once: true });
    });
  }

  acquireSync(): MinimalLease<T> | undefined {
    const value = this.#idle.pop();
    return value === undefined ? undefined : new MinimalLease(this, value);
  }

  put(value: T): void {
    while (this.#head !== this.#tail) {
      const entry = this.#ring[this.#head]!;
      this.#ring[this.#head] = undefined;
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      if (entry.resolve !== null) return entry.resolve(new MinimalLease(this, value));
    }
    this.#idle.push(value);
  }

  #push(entry: Entry<T>): void {
    const ring = this.#ring;
    ring[this.#tail] = entry;
    this.#tail = (this.#tail + 1) & (ring.length - 1);
    if (this.#tail !== this.#head) return;
    this.#ring = [...ring.slice(this.#head), ...ring.slice(0, this.#head)];
    this.#head = 0;
    this.#tail = ring.length;
    this.#ring.length = ring.length * 2;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = Date.now();
    let next = 0;
    for (let i = this.#head; i !== this.#tail; i = (i + 1) & (this.#ring.length - 1)) {
      const entry = this.#ring[i]!;
      if (entry.resolve === null || entry.deadline === 0) continue;
      if (entry.deadline <= now) {
        entry.resolve = null;
        entry.reject(new Error("timed out"));
      } else if (next === 0 || entry.deadline < next) next = entry.deadline;
    }
    if (next > 0) this.#timer = setTimeout(() => this.#expire(), next - now);
  }
}
