/** A list that the kernel makes: read as it comes, or as a whole. */

import type { Channel } from "./channel.ts";
import { type Ask, Exchange, type Make, type RequestOptions } from "./exchange.ts";
import type { Words } from "./codec/words.ts";
import { NetlinkError } from "./error.ts";
import { NLM_F_DUMP_INTR, NLMSG_HEADER, NLMSG_MIN_TYPE } from "./protocol.ts";
import { Turn } from "./turn.ts";

/** How a dump is read. */
export interface DumpOptions extends RequestOptions {
  /**
   * Whether all is read before the first item is given out. What changes meanwhile makes the kernel
   * mark a dump as interrupted (NLM_F_DUMP_INTR): a whole one is then read again, a streaming one
   * ends with an error.
   *
   * @default true
   */
  whole?: boolean;
}

const EINTR = 4;
const INTERRUPTED = NLM_F_DUMP_INTR << 16;
const ATTEMPTS = 10;

class DumpExchange<T> extends Exchange<T> {
  items: T[] = [];
  abandoned = false;

  override finish(error?: unknown): void {
    const nothing = error instanceof NetlinkError && error.errno === this.ask.empty;
    super.finish(nothing ? undefined : error);
  }

  override data(w: Words, at: number, end: number): number {
    const { items, abandoned } = this, make = this.make!;
    const sequence = w[at + 2], port = w[at + 3];
    do {
      if (w[at + 1] & INTERRUPTED) this.interrupted = true;
      if (!abandoned) items.push(make(w, at));
      at += (w[at] + 3) >>> 2;
    } while (
      (at << 2) + NLMSG_HEADER <= end && w[at + 2] === sequence && w[at + 3] === port &&
      (w[at + 1] & 0xffff) >= NLMSG_MIN_TYPE && w[at] >= NLMSG_HEADER && (at << 2) + w[at] <= end
    );
    return at;
  }
}

/**
 * The items of one kernel list. Nothing is asked before it is iterated; every iteration asks anew.
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * for await (const link of nl.links.list()) console.log(link.name);
 * const all = await nl.links.list().toArray();
 * console.log(all.length);
 * ```
 */
export class Dump<T> implements AsyncIterable<T> {
  readonly #channel: Channel;
  readonly #ask: () => Ask | Promise<Ask>;
  readonly #make: Make<T>;
  readonly #options: DumpOptions & { keep?: (item: T) => boolean };

  /**
   * @internal Made by the methods that list.
   *
   * @param options with `keep` for what the kernel cannot select
   */
  constructor(
    channel: Channel,
    ask: () => Ask | Promise<Ask>,
    make: Make<T>,
    options: DumpOptions & { keep?: (item: T) => boolean },
  ) {
    this.#channel = channel;
    this.#ask = ask;
    this.#make = make;
    this.#options = options;
  }

  /**
   * All items, once the kernel has given the last one.
   *
   * @throws {NetlinkError} `EINTR` when the list changed each of ten times that it was read
   * @throws {NetlinkError} what the kernel refused, `ETIMEDOUT` when it does not answer in time
   * @throws {unknown} the signal's reason, if that aborts first
   */
  toArray(): Promise<T[]> {
    try {
      const ask = this.#ask();
      if (ask instanceof Promise) return ask.then((ask) => this.#all(ask));
      if (this.#options.offload || this.#channel.listing) return this.#all(ask);
      this.#options.signal?.throwIfAborted();
      // A short list is there when sending returns: then it is read without any waiting.
      const exchange = new DumpExchange(ask, this.#make);
      this.#channel.sendDump(exchange);
      this.#channel.readFew(exchange);
      return exchange.done && exchange.error === undefined && !exchange.interrupted
        ? this.#channel.turns.give(this.#selected(exchange.items))
        : this.#all(ask, exchange);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #all(ask: Ask, begun?: DumpExchange<T>): Promise<T[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const exchange = begun ?? await this.#begin(ask);
      begun = undefined;
      try {
        await this.#channel.readTo(exchange, this.#options);
      } catch (error) {
        this.#abandon(exchange);
        throw error;
      }
      if (exchange.cut && attempt < ATTEMPTS - 1) continue; // it fits from now on
      if (exchange.error !== undefined) {
        await this.#channel.turns.give(undefined);
        throw exchange.error;
      }
      if (exchange.interrupted) continue;
      return this.#selected(exchange.items);
    }
    throw interrupted(ask, ATTEMPTS);
  }

  /**
   * Iterates; leaving early is allowed at any time.
   *
   * @throws {NetlinkError | unknown} as {@linkcode Dump.toArray} does; `EINTR` at the end of a list
   * that changed while it was streamed
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return this.#options.whole === false ? this.#stream() : this.#whole();
  }

  async #begin(ask: Ask): Promise<DumpExchange<T>> {
    const exchange = new DumpExchange(ask, this.#make);
    await this.#channel.beginDump(exchange, this.#options);
    return exchange;
  }

  #abandon(exchange: DumpExchange<T>): void {
    exchange.abandoned = true;
    exchange.items = [];
    this.#channel.abandon(exchange);
  }

  #selected(items: T[]): T[] {
    const { keep } = this.#options;
    return keep === undefined ? items : items.filter(keep);
  }

  async *#whole(): AsyncGenerator<T, undefined> {
    const items = await this.toArray();
    yield* this.#give(items, new Turn(this.#channel.adapter));
  }

  async *#stream(): AsyncGenerator<T, undefined> {
    const ask = await this.#ask();
    const exchange = await this.#begin(ask);
    const turn = new Turn(this.#channel.adapter);
    try {
      do {
        await this.#channel.readSome(exchange, this.#options);
        if (turn.over) await turn.next(this.#options.signal);
        const { items } = exchange;
        exchange.items = [];
        yield* this.#give(this.#selected(items), turn);
      } while (!exchange.done || exchange.items.length > 0);
    } finally {
      if (!exchange.done) this.#abandon(exchange);
    }
    if (exchange.error !== undefined) throw exchange.error;
    if (exchange.interrupted) throw interrupted(ask, 1);
  }

  /** A loop over what is there already runs in microtasks: others get their turns here. */
  async *#give(items: T[], turn: Turn): AsyncGenerator<T, undefined> {
    const { signal } = this.#options;
    for (let i = 0; i < items.length; i++) {
      if ((i & 127) === 0 && turn.over) await turn.next(signal);
      yield items[i];
      signal?.throwIfAborted();
    }
  }
}

function interrupted(ask: Ask, times: number): NetlinkError {
  return new NetlinkError(
    `it changed while it was read, ${times} time${times > 1 ? "s" : ""} in a row`,
    { errno: EINTR, operation: ask.operation },
  );
}
