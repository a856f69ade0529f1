import type { Waiter } from "./waiter.ts";

/**
 * The waiters that one signal cancels. Adding a listener takes time in proportion to the listeners
 * that the signal has, so a signal gets one, however many wait on it.
 */
export class SignalGroup<T> {
  readonly #signal: AbortSignal;
  readonly #groups: Map<AbortSignal, SignalGroup<T>>;
  readonly #waiters: Set<Waiter<T>> = new Set();
  readonly #abort: (waiters: Waiter<T>[], reason: unknown) => void;

  constructor(
    signal: AbortSignal,
    groups: Map<AbortSignal, SignalGroup<T>>,
    abort: (waiters: Waiter<T>[], reason: unknown) => void,
  ) {
    this.#signal = signal;
    this.#groups = groups;
    this.#abort = abort;
    groups.set(signal, this);
    signal.addEventListener("abort", this);
  }

  handleEvent(): void {
    const waiters = [...this.#waiters];
    for (const waiter of waiters) waiter.group = null; // all at once, not one by one
    this.#leave();
    this.#abort(waiters, this.#signal.reason);
  }

  add(waiter: Waiter<T>): void {
    this.#waiters.add(waiter);
    waiter.group = this;
  }

  remove(waiter: Waiter<T>): void {
    this.#waiters.delete(waiter);
    waiter.group = null;
    if (this.#waiters.size === 0) this.#leave();
  }

  #leave(): void {
    this.#waiters.clear();
    this.#signal.removeEventListener("abort", this);
    this.#groups.delete(this.#signal);
  }
}
