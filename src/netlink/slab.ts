/** Where datagrams are received. */

import { Buffer } from "node:buffer";
import type { Libc } from "../../ffi/adapter.ts";
import { MessageHeader } from "../../ffi/message_header.ts";
import type { Words } from "./codec/words.ts";

/** Dumps come in parts of up to 32 KiB; less room than that would cut them short. */
const ROOM = 32 * 1024;
/** Smaller datagrams stay where they were received, larger ones are copied out. */
const SMALL = 8192;

/**
 * Memory that all sockets of a thread receive into, one after the other, which keeps it in the
 * processor's cache. What was received is not overwritten: when it is full, another one follows.
 */
export class Slab {
  readonly #libc: Libc;
  #room = ROOM;
  #bytes!: Uint8Array<ArrayBuffer>;
  #words!: Words;
  #at = 0;
  /** What recvmsg is called with. */
  header!: MessageHeader;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#renew();
  }

  /** Points the header to what is free; returns its size in bytes, which every usual datagram has. */
  open(): number {
    if (this.#bytes.length - this.#at < this.#room) this.#renew();
    const room = this.#bytes.length - this.#at;
    this.header.window(this.#at, room);
    return room;
  }

  /** Keeps the `received` bytes of a datagram of `length`, and tells where they are. */
  keep(length: number, received: number, found: { words: Words; offset: number }): void {
    const padded = (received + 3) & ~3;
    if (padded <= SMALL) {
      // To write it where it stands already would cost the collector's barrier.
      if (found.words !== this.#words) found.words = this.#words;
      found.offset = this.#at >> 2;
      this.#at += padded;
      return;
    }
    found.words = this.#words.slice(this.#at >> 2, (this.#at + padded) >> 2);
    found.offset = 0;
    // What was too long shall fit from now on, however much is used by then.
    if (length > received) {
      this.#room = 2 ** Math.ceil(Math.log2(length));
      this.#renew();
    }
  }

  #renew(): void {
    // Not zeroed where the runtime can do so (Bun): the kernel writes before anybody reads.
    const { buffer } = Buffer.allocUnsafeSlow(this.#room + 3 * ROOM);
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(this.#bytes.buffer);
    this.header = new MessageHeader(this.#libc, this.#bytes);
    this.#at = 0;
  }
}

const slabs = new WeakMap<Libc, Slab>();

/** The slab of all sockets that use this libc. */
export function slabOf(libc: Libc): Slab {
  let slab = slabs.get(libc);
  if (slab === undefined) slabs.set(libc, slab = new Slab(libc));
  return slab;
}
