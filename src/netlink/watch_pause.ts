/** Pauses between attempts that a flood of events defeats. */

/** Milliseconds of the longest pause. */
const LONGEST = 250;

/** Waits 1 ms, and twice as long each further time, up to 250 ms. */
export class Pauses {
  readonly #signal: AbortSignal;
  #next = 1;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws {unknown} the signal's reason */
  async pause(): Promise<void> {
    const signal = this.#signal, time = this.#next;
    signal.throwIfAborted();
    this.#next = Math.min(2 * time, LONGEST);
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, time);
      signal.addEventListener("abort", end);
    });
    signal.throwIfAborted();
  }
}
