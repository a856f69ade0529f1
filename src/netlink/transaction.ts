/** Changes that nfnetlink makes all together or not at all (linux/netfilter/nfnetlink.h). */

import { Chunk } from "./batch_chunk.ts";
import { swap16 } from "./codec/words.ts";
import type { Connection } from "./connection.ts";
import type { Ask, RequestOptions } from "./exchange.ts";
import { NLM_F_ACK } from "./protocol.ts";
import { checkOptions, REQUEST } from "./options.ts";

const BATCH_BEGIN = 16, BATCH_END = 17; // NFNL_MSG_*
/** A refusal takes about that much of the receive buffer. */
const REFUSAL = 2048;

/** A begin, the changes and an end: one message each, all in one datagram. */
export class Transaction extends Chunk {
  constructor() {
    super(false);
  }

  /** Adds a change of one subsystem of netfilter, whose values are read at once. */
  add(ask: Ask): void {
    if (this.count === 0) this.append(bracket(BATCH_BEGIN, ask.type >>> 8));
    this.append(ask);
  }

  override answer(index: number, error: unknown): void {
    if (error !== undefined) this.errors[index] = error;
    // What concerns the whole is said of the begin.
    if (index === this.count - 2 || index === 0) this.finish();
  }

  /** Carries the changes out; throws the first refusal. */
  async commit({ channel }: Connection, options: RequestOptions = {}): Promise<void> {
    checkOptions("a transaction", options, REQUEST);
    options.signal?.throwIfAborted();
    const changes = this.count - 1;
    if (changes < 1) return;
    for (let i = 1; i <= changes && changes > 1; i++) this.asks(i).operation += `, change ${i}`;
    // Before Linux 6.10 the brackets are never acknowledged, so the last change tells of the end.
    this.writer.words[this.start(changes) + 1] |= NLM_F_ACK << 16;
    this.append(bracket(BATCH_END, this.asks(1).type >>> 8));
    channel.makeRoom(this.writer.length, this.count * REFUSAL);
    channel.sendRange(this, options.offload);
    // To the last answer that is there: after a refusal of the whole, acknowledgements may follow.
    if (!options.offload) channel.read();
    if (!this.done) await channel.settle(this, options);
    for (const error of [this.error, ...this.errors]) if (error !== undefined) throw error;
  }
}

/** `struct nfgenmsg` with the subsystem, big-endian, in res_id. */
function bracket(type: number, subsystem: number): Ask {
  return {
    type,
    flags: 0,
    operation: "commit a transaction",
    write(writer) {
      writer.word(swap16(subsystem) << 16);
    },
  };
}
