import type { Lease } from "./lease.ts";
import type { SignalGroup } from "./signals.ts";

/** One queued acquire: a link of its priority's list, and of the list of its deadline's bucket. */
export class Waiter<T> {
  next: Waiter<T> | null = null;
  prev: Waiter<T> | null = null;
  later: Waiter<T> | null = null;
  sooner: Waiter<T> | null = null;
  group: SignalGroup<T> | null = null;

  /** `deadline` 0 means none. */
  constructor(
    readonly resolve: (lease: Lease<T> | PromiseLike<Lease<T>>) => void,
    readonly level: number,
    readonly since: number,
    readonly deadline: number,
  ) {}

  /** Keeping `resolve` alone lets the engine free the other function of every waiter. */
  reject(error: unknown): void {
    this.resolve(Promise.reject(error));
  }
}
