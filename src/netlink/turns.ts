/** The event loop's turn, when one answered request follows the other. */

import type { KernelAccess } from "./kernel_access.ts";
import { Turn } from "./turn.ts";

/** Requests between two looks at the clock, less one. */
const STRIDE = 63;

/**
 * Answers are there when sending returns, and promises of what is there are kept in microtasks: a loop
 * over requests would let nobody else run, not even the timer that is to end it.
 */
export class Turns {
  readonly #turn: Turn;
  #requests = 0;
  #others = false;

  constructor(access: KernelAccess) {
    this.#turn = new Turn(access);
  }

  /** Gives `value`, at once or after everybody else had a turn. */
  give<T>(value: T): Promise<T> {
    return (++this.#requests & STRIDE) === 0 && !this.#others && this.#turn.over
      ? this.#after(value)
      : Promise.resolve(value);
  }

  async #after<T>(value: T): Promise<T> {
    this.#others = true; // one of those who ask at the same time is enough
    try {
      await this.#turn.next();
    } finally {
      this.#others = false;
    }
    return value;
  }
}

const all = new WeakMap<object, Turns>();

/** The turns of all connections that use this libc. */
export function turnsOf(access: KernelAccess): Turns {
  let turns = all.get(access.libc);
  if (turns === undefined) all.set(access.libc, turns = new Turns(access));
  return turns;
}
