/** Requests that wait for answers, and which answer is whose. */

import { MalformedError } from "./codec/malformed.ts";
import type { BaseView } from "./codec/view.ts";
import type { Words } from "./codec/words.ts";
import type { Writer } from "./codec/writer.ts";
import { NetlinkError } from "./error.ts";
import type { Exchange, ExchangeRange } from "./exchange.ts";
import {
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_ECHO,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER,
  NLMSG_MIN_TYPE,
} from "./protocol.ts";
import { refusal } from "./refusal.ts";
import type { Datagram } from "./socket.ts";

const EMSGSIZE = 90;

/** What one socket has been asked and has not answered yet. */
export class Ledger {
  /** Why nothing more can be asked: the error for what is attempted. */
  broken?: (operation: string) => unknown;
  /** The request whose bytes are still in the writer. */
  current?: Exchange;
  readonly #portId: number;
  readonly #unaddressed: boolean;
  readonly #writer: Writer;
  readonly #waiting = new Map<number, Exchange>();
  #ranges: ExchangeRange[] = [];

  /**
   * @param writer where requests are written
   * @param unaddressed whether answers may lack the port id, as those of the audit system do
   */
  constructor(portId: number, writer: Writer, unaddressed = false) {
    this.#portId = portId;
    this.#unaddressed = unaddressed;
    this.#writer = writer;
  }

  /** Whether answers are still to come. */
  get unanswered(): boolean {
    return this.#waiting.size > 0 || this.current?.done === false || this.#ranges.length > 0;
  }

  /** Adds a request that has its bytes itself. */
  add(exchange: Exchange): void {
    this.#waiting.set(exchange.sequence, exchange);
  }

  /** Adds many requests. */
  addRange(range: ExchangeRange): void {
    this.#ranges.push(range);
  }

  /** The writer is about to be reused: a request that still waits takes its bytes along. */
  keepCurrent(): void {
    const last = this.current;
    this.current = undefined;
    if (last === undefined || last.done) return;
    const { words } = this.#writer, { at } = last;
    last.sent = words.slice(at, at + (words[at] >> 2));
    last.at = 0;
    this.add(last);
  }

  /** Enters what was received; returns whether that is anything. */
  take(datagram: Datagram | number | undefined): boolean {
    if (datagram === undefined) return false;
    if (typeof datagram === "number") {
      this.fail((operation) => NetlinkError.fromCall(operation, "recvmsg", datagram));
    } else if (datagram.length === 0) {
      this.fail(endless);
    } else {
      const wrong = this.#enter(datagram);
      if (wrong !== undefined) this.fail(() => wrong);
    }
    return true;
  }

  /** Enters the answers of a datagram; returns what makes all that follows untrustworthy. */
  #enter({ words: w, offset, length, received, multicast }: Datagram): MalformedError | undefined {
    const end = (offset << 2) + received;
    let exchange: Exchange | undefined;
    for (let at = offset; end - (at << 2) >= NLMSG_HEADER;) {
      const size = w[at];
      exchange = this.#find(w, at);
      // Of what groups are told, the echo of a change alone is an answer.
      if (multicast && !(exchange && exchange.ask.flags & NLM_F_ECHO)) return undefined;
      if (size < NLMSG_HEADER || (at << 2) + size > end) {
        if (length > received) return void this.#cut(exchange, length, received);
        return new MalformedError(`a message claims ${size} of ${end - (at << 2)} bytes`, at << 2);
      }
      // Else an answer to somebody else, or to a request that nobody remembers.
      if (exchange !== undefined && !exchange.done) {
        try {
          if ((w[at + 1] & 0xffff) >= NLMSG_MIN_TYPE) {
            at = exchange.data(w, at, end);
            if (exchange.single) this.end(exchange);
            continue;
          }
          this.#control(exchange, w, at);
        } catch (error) {
          this.end(exchange, error);
        }
      }
      at += (size + 3) >>> 2;
    }
    // Between two messages of one list.
    if (length > received) this.#cut(exchange, length, received);
    return undefined;
  }

  #find(w: Words, at: number): Exchange | undefined {
    const portId = w[at + 3] >>> 0;
    if (portId !== this.#portId && (portId !== 0 || !this.#unaddressed)) return undefined;
    const sequence = w[at + 2] >>> 0;
    if (this.current?.sequence === sequence) return this.current;
    for (const range of this.#ranges) {
      if ((sequence - range.sequence) >>> 0 < range.count) return range;
    }
    return this.#waiting.get(sequence);
  }

  #control(exchange: Exchange, w: Words, at: number): void {
    const type = w[at + 1] & 0xffff, plain = type === NLMSG_DONE;
    if (w[at + 1] & (NLM_F_DUMP_INTR << 16)) exchange.interrupted = true;
    if (!plain && type !== NLMSG_ERROR) return;
    const end = (at << 2) + w[at];
    // Some kernels end a dump with nothing behind the header.
    const code = w[at] >= NLMSG_HEADER + 4 ? w[at + 4] : 0;
    if (isRange(exchange)) return this.#answer(exchange, w, at, code);
    this.end(
      exchange,
      code < 0 ? refusal(w, at, end, plain, this.#asked(exchange)) : undefined,
    );
  }

  #answer(range: ExchangeRange, w: Words, at: number, code: number): void {
    const index = (w[at + 2] - range.sequence) >>> 0;
    let error;
    if (code < 0) {
      const { operation, layout } = range.asks(index);
      const request = () => layout && new layout(range.writer.words, range.start(index));
      error = refusal(w, at, (at << 2) + w[at], false, { operation, request });
    }
    range.answer(index, error);
    if (range.done) this.end(range);
  }

  /** Strikes a request out. */
  end(exchange: Exchange, error?: unknown): void {
    if (this.#waiting.size > 0) this.#waiting.delete(exchange.sequence);
    if (isRange(exchange)) this.#ranges = this.#ranges.filter((other) => other !== exchange);
    exchange.finish(error);
  }

  #asked(exchange: Exchange) {
    const { ask } = exchange;
    return {
      operation: ask.operation,
      request: (): BaseView | undefined =>
        ask.layout && new ask.layout(exchange.sent ?? this.#writer.words, exchange.at),
    };
  }

  /** A datagram was longer than the buffer; what did not fit is gone. */
  #cut(exchange: Exchange | undefined, length: number, received: number): void {
    if (exchange === undefined || exchange.done) return;
    exchange.cut = true;
    exchange.error ??= new NetlinkError(
      `a message of ${length} bytes was cut to ${received}; the next one may be longer`,
      { errno: EMSGSIZE, operation: exchange.ask.operation },
    );
    if (!(exchange.ask.flags & NLM_F_DUMP)) this.end(exchange);
  }

  /** Nothing that comes from the socket can be trusted any more: no request will be answered. */
  fail(error: (operation: string) => unknown): void {
    this.broken ??= error;
    const all = [...this.#waiting.values(), ...this.#ranges];
    if (this.current) all.push(this.current);
    this.#waiting.clear();
    this.#ranges = [];
    for (const exchange of all) if (!exchange.done) exchange.finish(error(exchange.ask.operation));
  }
}

function isRange(exchange: Exchange): exchange is ExchangeRange {
  return exchange.range;
}

/** IPv6 routes: the kernel answers with nothing for ever, once one does not fit into a part. */
function endless(operation: string): NetlinkError {
  const what = "an object of more than 32 KiB does not fit into the kernel's list";
  return new NetlinkError(what, { errno: EMSGSIZE, operation });
}
