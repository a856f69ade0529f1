/** A request to the kernel and what comes back. */

import type { MessageClass } from "./codec/codec.ts";
import type { Words } from "./codec/words.ts";
import type { Writer } from "./codec/writer.ts";
import { NLM_F_REQUEST, NLMSG_HEADER } from "./protocol.ts";

/** How long a caller waits. */
export interface RequestOptions {
  /** Gives up; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Milliseconds until `ETIMEDOUT`; `Infinity` for never.
   *
   * @default the connection's, which is 5000 unless it was opened with another
   */
  timeout?: number;
  /**
   * Whether another thread sends it, and receives where it is a list: the kernel makes a request wait,
   * and with it the thread, while somebody else changes links or addresses. It costs some 100 µs, for a
   * list that much each 32 KiB.
   *
   * @default false
   */
  offload?: boolean;
}

/** One message to the kernel. */
export interface Ask {
  /** `nlmsg_type`. */
  type: number;
  /** `nlmsg_flags` besides NLM_F_REQUEST. */
  flags: number;
  /** What is attempted, in words that follow "Cannot". */
  operation: string;
  /** Appends everything behind the netlink header. */
  write(writer: Writer): void;
  /** Of a list, the error number that means that there is nothing to list. */
  empty?: number;
  /** Whether it changes something: it is never sent twice. */
  changes?: boolean;
  /** How to read the request back, to name attributes in errors. */
  layout?: MessageClass;
  /** Called once the kernel has it, or will never have it: what it refers to may go. */
  over?(): void;
}

/**
 * Appends the message of an ask, but for its number and port id. Returns its word index; appends
 * nothing if it throws.
 */
export function appendMessage(writer: Writer, ask: Ask, flags = ask.flags): number {
  const start = writer.length;
  try {
    writer.reserve(NLMSG_HEADER);
    writer.length += NLMSG_HEADER;
    ask.write(writer);
  } catch (error) {
    writer.length = start;
    throw error;
  }
  const { words } = writer, at = start >> 2;
  words[at] = writer.length - start;
  words[at + 1] = ask.type | ((flags | NLM_F_REQUEST) << 16);
  return at;
}

/** Makes an item of the message at a word index. */
export type Make<T> = (w: Words, at: number) => T;

/**
 * A request whose answers are still to come: at most one message, of which `make` makes the value.
 * Those that take more extend it.
 */
export class Exchange<T = unknown> {
  /** The answer. */
  value?: T;
  /** The messages between were changed while the kernel listed them. */
  interrupted = false;
  /** A datagram of the answer was longer than the buffer; it would fit by now. */
  cut = false;
  /** Set once the last answer is there. */
  done = false;
  /** Why it failed. */
  error?: unknown;
  /** @internal Who is called when it is done. */
  waiting?: Set<() => void>;
  /** A copy of the request, made when the writer's buffer is needed again. */
  sent?: Words;
  /** Its number. */
  sequence = 0;
  /** Word index of the request in `sent`, or in the writer. */
  at = 0;

  /**
   * @param single whether one data message is all there is to come
   * @param range whether it is an {@linkcode ExchangeRange}
   */
  constructor(
    readonly ask: Ask,
    readonly make?: Make<T>,
    readonly single = false,
    readonly range = false,
  ) {}

  /**
   * Takes the data message at word `at`, which is complete, and those behind it before byte `end`
   * that are alike. Returns where it stopped.
   */
  data(w: Words, at: number, _end: number): number {
    this.value ??= this.make?.(w, at);
    return at + ((w[at] + 3) >>> 2);
  }

  finish(error?: unknown): void {
    if (this.done) return;
    this.done = true;
    this.error ??= error;
    this.waiting?.forEach((tell) => tell());
  }
}

/** Many requests that were written one behind the other and are numbered in that order. */
export interface ExchangeRange extends Exchange {
  /** How many there are, from {@linkcode Exchange.sequence} on. */
  readonly count: number;
  /** The messages; flags, type and length are there already. */
  readonly writer: Writer;
  /** Word index of the message `index`. */
  start(index: number): number;
  /** What the message `index` asks for. */
  asks(index: number): Ask;
  /** Takes the answer to the message `index`. */
  answer(index: number, error: unknown): void;
}
