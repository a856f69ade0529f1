import type { Clock } from "../../src/pool/mod.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Lets everything that is ready run: several rounds of microtasks, no timers. */
export async function settle(rounds = 12): Promise<void> {
  for (let i = 0; i < rounds; i++) await Promise.resolve();
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

/** A clock that stands until it is moved. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  #order = 0;
  readonly timers: Set<Timer> = new Set();

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.timers.add(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.timers.delete(handle as Timer);
  }

  /** Moves on, firing what is due in order, with everything ready run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.timers) {
        if (timer.at > end) continue;
        if (next === undefined || timer.at < next.at) next = timer;
        else if (timer.at === next.at && timer.order < next.order) next = timer;
      }
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.timers.delete(next);
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Moves the hands without firing anything, as a suspended machine does. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
