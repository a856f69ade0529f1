/** `struct msghdr` with its one `struct iovec` and `struct sockaddr_nl` (64-bit Linux). */

import type { Libc } from "./adapter.ts";

// Offsets in one block: msghdr at 0 (56 bytes), iovec at 56 (16), sockaddr_nl at 72 (12).
const NAME = 0, NAME_LENGTH = 8, IOV = 16, IOV_LENGTH = 24, FLAGS = 48;
const BASE = 56, LENGTH = 64, SOCKADDR = 72, SOCKADDR_LENGTH = 12;
/** Bytes of a header with what it refers to, the buffer itself aside. */
export const HEADER_SIZE = 88;

/** MSG_TRUNC of linux/socket.h: the datagram was longer than the buffer. */
export const MSG_TRUNC = 0x20;

/**
 * What sendmsg(2) and recvmsg(2) of a netlink socket need, laid out once and reused for every call.
 * It refers to `buffer`, which therefore must have been made by `new Uint8Array(new ArrayBuffer(n))`.
 */
export class MessageHeader {
  /** The bytes to pass to {@linkcode Libc.sendmsg} and {@linkcode Libc.recvmsg}. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(new ArrayBuffer(HEADER_SIZE));
  /** The buffer that is sent from or received into; held here so that it stays alive. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #words = new Uint32Array(this.bytes.buffer);
  /** Halves of the buffer's address. */
  readonly #low: number;
  readonly #high: number;

  constructor(libc: Libc, buffer: Uint8Array<ArrayBuffer>) {
    this.buffer = buffer;
    const base = libc.address(buffer);
    this.#low = base % 2 ** 32;
    this.#high = Math.floor(base / 2 ** 32);
    const self = libc.address(this.bytes);
    this.#pointer(NAME, self + SOCKADDR);
    this.#pointer(IOV, self + BASE);
    this.#words[IOV_LENGTH >> 2] = 1;
    this.#words[SOCKADDR >> 2] = 16; // AF_NETLINK; portId 0 is the kernel
    this.window(0, buffer.length);
  }

  #pointer(offset: number, address: number): void {
    this.#words[offset >> 2] = address % 2 ** 32;
    this.#words[(offset >> 2) + 1] = Math.floor(address / 2 ** 32);
  }

  /** Restricts the next call to `length` bytes of the buffer from `offset`. */
  window(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.buffer.length) {
      throw new RangeError(
        `Cannot use bytes ${offset} to ${offset + length} of a buffer of ${this.buffer.length}`,
      );
    }
    const words = this.#words, low = this.#low + offset;
    // Stored modulo 2^32.
    words[BASE >> 2] = low;
    words[(BASE >> 2) + 1] = low < 4294967296 ? this.#high : this.#high + 1;
    words[LENGTH >> 2] = length;
    // recvmsg overwrites the name's length and the flags.
    words[NAME_LENGTH >> 2] = SOCKADDR_LENGTH;
  }

  /** The flags that recvmsg returned, such as {@linkcode MSG_TRUNC}. */
  get flags(): number {
    return this.#words[FLAGS >> 2] | 0;
  }

  /** The sender's port id after a receive, 0 for the kernel. */
  get portId(): number {
    return this.#words[(SOCKADDR + 4) >> 2];
  }

  /** The multicast group mask of the sender's address; not 0 when the datagram was a multicast. */
  get groups(): number {
    return this.#words[(SOCKADDR + 8) >> 2];
  }
}
