/** Events as they are asked for, wherever they come from. */

import type { KernelAccess } from "./kernel_access.ts";
import { Turn } from "./turn.ts";

/** @internal Where the events of a {@linkcode Watch} come from. */
export interface Source<E> {
  /** What is told before all else, where there is such a thing. */
  readonly start?: (signal: AbortSignal) => Promise<E>;
  /** What there is to be told; undefined where that has to be waited for. */
  read(signal: AbortSignal): readonly E[] | Promise<readonly E[]> | undefined;
  /** Waits until there may be something to read. */
  readable(signal: AbortSignal): Promise<void>;
  /** Ends. */
  close(): void;
}

/**
 * Events, one after the other, as they are asked for: what is not asked for stays in the kernel's
 * buffer, and nothing holds the process while nobody asks. `break`, `close` and the end of an `await
 * using` end it.
 *
 * @example
 * ```ts
 * import { RouteConnection, watch } from "@x/pool/netlink";
 *
 * await using events = await watch(["address"], { initial: true });
 * await using nl = await RouteConnection.open();
 * const { value: first } = await events.next();
 * if (first?.kind === "resync") console.log(first.reason, first.state.address.length); // start 2
 * await nl.addresses.add({ link: "lo", address: "10.13.0.1/32" });
 * const { value } = await events.next();
 * if (value?.kind === "address") console.log(value.action, value.item.ip); // set 10.13.0.1
 * ```
 */
export class Watch<E> implements AsyncIterableIterator<E, undefined>, AsyncDisposable {
  readonly #source: Source<E>;
  readonly #turn: Turn;
  readonly #events: AsyncGenerator<E, undefined>;
  readonly #stop = new AbortController();
  readonly #signal?: AbortSignal;
  readonly #abort = () => {
    this.#failed = true;
    this.#end(this.#signal!.reason);
  };
  #failed = false;

  /** @internal Use {@linkcode watch} and its like. */
  constructor(adapter: KernelAccess, source: Source<E>, signal?: AbortSignal) {
    this.#source = source;
    this.#turn = new Turn(adapter);
    this.#signal = signal;
    this.#events = this.#run();
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  async *#run(): AsyncGenerator<E, undefined> {
    const { signal } = this.#stop, turn = this.#turn;
    try {
      if (this.#source.start) yield await this.#source.start(signal);
      turn.renew();
      while (!this.closed) {
        const found = this.#source.read(signal);
        const events = found instanceof Promise ? await found : found;
        if (events === undefined) {
          await this.#source.readable(signal);
          turn.renew();
        }
        for (const event of events ?? []) {
          yield event;
          if (this.closed) break;
        }
        if (turn.over) await turn.next();
      }
    } catch (error) {
      if (!this.closed) throw error;
    } finally {
      this.close();
    }
    if (this.#failed) throw signal.reason;
  }

  /**
   * The next event; the end once the watch was closed.
   *
   * @throws {NetlinkError} when the socket fails, or the state cannot be listed after events were
   * lost
   * @throws {unknown} the signal's reason, if that has ended the watch
   */
  next(): Promise<IteratorResult<E, undefined>> {
    return this.#events.next();
  }

  /** Ends the watch; what a `break` calls. */
  async return(): Promise<IteratorResult<E, undefined>> {
    this.close();
    return await this.#events.return(undefined);
  }

  /** The watch itself: there is one stream of events, however often it is iterated. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ends the watch. Who waits for an event learns that there is none. Idempotent. */
  close(): void {
    this.#end();
  }

  #end(reason?: unknown): void {
    if (this.closed) return;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#stop.abort(reason);
    this.#source.close();
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
