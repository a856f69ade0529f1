/** Changes that nfnetlink makes all together or not at all (linux/netfilter/nfnetlink.h). */

import { Chunk } from "./batch_chunk.ts";
import { swap16 } from "./codec/words.ts";
import type { Connection } from "./connection.ts";
import type { Ask, RequestOptions } from "./exchange.ts";
import { checkTimeout } from "./in_time.ts";
import { NLM_F_ACK } from "./protocol.ts";

const BATCH_BEGIN = 16, BATCH_END = 17; // NFNL_MSG_*
/** A refusal takes about that much of the receive buffer. */
const REFUSAL = 2048;

/** A begin, the changes and an end: one message each, all in one datagram. */
class Transaction extends Chunk {
  constructor(asks: readonly Ask[]) {
    super(false);
    const subsystem = asks[0].type >>> 8;
    this.append(bracket(BATCH_BEGIN, subsystem));
    for (const ask of asks) this.append(ask);
    // Before Linux 6.10 the brackets are never acknowledged, so the last change tells of the end.
    this.writer.words[this.start(asks.length) + 1] |= NLM_F_ACK << 16;
    this.append(bracket(BATCH_END, subsystem));
  }

  override answer(index: number, error: unknown): void {
    if (error !== undefined) this.errors[index] = error;
    // What concerns the whole is said of the begin.
    if (index === this.count - 2 || index === 0) this.finish();
  }
}

/** Carries out changes of one subsystem of netfilter; throws the first refusal. */
export async function commit(
  connection: Connection,
  asks: readonly Ask[],
  options: RequestOptions,
): Promise<void> {
  if (asks.length === 0) return;
  checkTimeout(options.timeout);
  options.signal?.throwIfAborted();
  const { channel } = connection, transaction = new Transaction(asks);
  channel.makeRoom(transaction.writer.length, transaction.count * REFUSAL);
  channel.sendRange(transaction, options.offload);
  // To the last answer that is there: after a refusal of the whole, acknowledgements may follow.
  if (!options.offload) channel.read();
  if (!transaction.done) await channel.settle(transaction, options);
  for (const error of [transaction.error, ...transaction.errors]) {
    if (error !== undefined) throw error;
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
