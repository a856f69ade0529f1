import type { Activity, DestroyReason, Leak, Observer } from "./observer.ts";
import type { ResolvedOptions } from "./options.ts";
import type { PoolTotals, Timing } from "./types.ts";

/** All reasons, in the order in which stats show them. */
export const REASONS: readonly DestroyReason[] = [
  "idle",
  "lifetime",
  "uses",
  "unusable",
  "unhealthy",
  "discarded",
  "evicted",
  "shrunk",
  "leaked",
  "closed",
  "late",
];

type Hook = Exclude<keyof Observer, "failed">;
type HookArguments<K extends Hook> = Parameters<NonNullable<Observer[K]>> extends
  [...infer A, string] ? A : never;

/** A pool's numbers, as its errors give them. */
export function numbers(
  s: Record<"size" | "idle" | "leased" | "creating" | "waiting", number>,
  most: number,
): string {
  return `size is ${s.size} of ${most}, idle ${s.idle}, leased ${s.leased}, ` +
    `creating ${s.creating}, waiting ${s.waiting}`;
}

/** Counts what happens and tells the observer, whose errors go to `onError`. */
export class Reporter {
  options: ResolvedOptions;
  created = 0;
  createFailed = 0;
  detached = 0;
  timedOut = 0;
  aborted = 0;
  leaked = 0;
  errors = 0;
  readonly #destroyed: Record<DestroyReason, number>;
  #createMs = 0;
  #createMax = 0;

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.#destroyed = Object.fromEntries(REASONS.map((r) => [r, 0])) as Record<
      DestroyReason,
      number
    >;
  }

  /** Calls one method of the observer, if it has it. */
  tell<K extends Hook>(hook: K, ...args: HookArguments<K>): void {
    const { observer, name } = this.options;
    if (observer?.[hook] === undefined) return;
    try {
      const told = (observer[hook] as (...all: unknown[]) => unknown)(...args, name);
      if (told instanceof Promise) told.catch((error) => this.fail(error, "observe"));
    } catch (error) {
      this.fail(error, "observe");
    }
  }

  /** Reports an error that no caller can be given. */
  fail(error: unknown, during: Activity): void {
    this.errors++;
    const { observer, onError, name } = this.options;
    const broken = (failure: unknown): void => {
      if (onError === undefined) throw failure;
      onError(failure, "observe");
    };
    this.#guard(() => onError?.(error, during));
    this.#guard(() => {
      try {
        const told: unknown = observer?.failed?.(error, during, name);
        if (told instanceof Promise) told.catch(broken);
      } catch (failure) {
        broken(failure);
      }
    });
  }

  create(ms: number): void {
    this.created++;
    this.#createMs += ms;
    if (ms > this.#createMax) this.#createMax = ms;
    this.tell("created", ms);
  }

  destroy(reason: DestroyReason): void {
    this.#destroyed[reason]++;
    this.tell("destroyed", reason);
  }

  /** Acquires that were queued have ended without a lease. */
  left(how: "timedOut" | "aborted", waiters: readonly { since: number }[], now: number): void {
    this[how] += waiters.length;
    for (const { since } of waiters) this.tell(how, now - since);
  }

  leak(leak: Leak): void {
    this.leaked++;
    this.tell("leaked", leak);
  }

  get createTime(): Timing {
    const count = this.created;
    return { count, mean: count === 0 ? 0 : this.#createMs / count, max: this.#createMax };
  }

  get totals(): Omit<PoolTotals, "acquired" | "reused"> {
    return {
      created: this.created,
      createFailed: this.createFailed,
      detached: this.detached,
      destroyed: { ...this.#destroyed },
      timeouts: this.timedOut,
      aborted: this.aborted,
      leaked: this.leaked,
      errors: this.errors,
    };
  }

  /** An error of the last resort's own becomes an uncaught one, as with any event handler. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
