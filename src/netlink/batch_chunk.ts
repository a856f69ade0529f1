/** The part of a batch that is sent by one system call. */

import { Writer } from "./codec/writer.ts";
import { appendMessage, type Ask, Exchange, type ExchangeRange } from "./exchange.ts";
import { NLM_F_ACK } from "./protocol.ts";

/** Messages one behind the other, and what came of each. */
export class Chunk extends Exchange implements ExchangeRange {
  readonly writer: Writer;
  /** What went wrong, by index; holes where nothing did. */
  readonly errors: unknown[] = [];
  /** Settles once the messages were carried out, or could not be sent. */
  readonly over: Promise<void>;
  readonly end: () => void;
  readonly #asks: Ask[] = [];
  readonly #starts: number[] = [];
  readonly #everyAck: boolean;
  #answers = 0;

  /**
   * @param everyAck whether each message is acknowledged; else the last one alone is, and failures
   * are told
   */
  constructor(everyAck: boolean, writer: Writer = new Writer()) {
    super(
      {
        type: 0,
        flags: 0,
        operation: "commit a batch",
        write: () => {},
        over: () => this.#asks.forEach((ask) => ask.over?.()),
      },
      undefined, // echoes of what was done, which nobody asked for
      false,
      true,
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.end = resolve;
    this.writer = writer;
    writer.length = 0;
    this.#everyAck = everyAck;
  }

  get count(): number {
    return this.#asks.length;
  }

  start(index: number): number {
    return this.#starts[index];
  }

  asks(index: number): Ask {
    return this.#asks[index];
  }

  /** Writes a message. */
  append(ask: Ask): void {
    const flags = this.#everyAck ? ask.flags | NLM_F_ACK : ask.flags & ~NLM_F_ACK;
    this.#starts.push(appendMessage(this.writer, ask, flags));
    this.#asks.push(ask);
  }

  /** Called before it is sent: the last message is acknowledged in any case. */
  seal(): void {
    this.writer.words[this.#starts[this.count - 1] + 1] |= NLM_F_ACK << 16;
  }

  answer(index: number, error: unknown): void {
    if (error !== undefined) this.errors[index] = error;
    this.#answers++;
    if (this.#everyAck ? this.#answers === this.count : index === this.count - 1) this.finish();
  }
}
