/** `struct msghdr` with its one `struct iovec` and `struct sockaddr_nl` (64-bit Linux). */

import type { Libc } from "./adapter.ts";

// Offsets in one block: msghdr at 0 (56 bytes), iovec at 56 (16), sockaddr_nl at 72 (12).
const NAME = 0, NAME_LENGTH = 8, IOV = 16, IOV_LENGTH = 24, FLAGS = 48;
const BASE = 56, LENGTH = 64, SOCKADDR = 72, SOCKADDR_LENGTH = 12, SIZE = 88;

/** MSG_TRUNC of linux/socket.h: the datagram was longer than the buffer. */
export const MSG_TRUNC = 0x20;

/**
 * What sendmsg(2) and recvmsg(2) of a netlink socket need, laid out once and reused for every call.
 * It refers to `buffer`, which therefore must have been made by `new Uint8Array(new ArrayBuffer(n))`.
 */
export class MessageHeader {
  /** The bytes to pass to {@linkcode Libc.sendmsg} and {@linkcode Libc.recvmsg}. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(new ArrayBuffer(SIZE));
  /** The buffer that is sent from or received into; held here so that it stays alive. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #base: number;

  constructor(libc: Libc, buffer: Uint8Array<ArrayBuffer>) {
    this.buffer = buffer;
    this.#base = libc.address(buffer);
    const self = libc.address(this.bytes);
    this.#pointer(NAME, self + SOCKADDR);
    this.#pointer(IOV, self + BASE);
    this.#view.setUint32(IOV_LENGTH, 1, true);
    this.#view.setUint16(SOCKADDR, 16, true); // AF_NETLINK; portId 0 is the kernel
    this.window(0, buffer.length);
  }

  #pointer(offset: number, address: number): void {
    this.#view.setUint32(offset, address % 2 ** 32, true);
    this.#view.setUint32(offset + 4, Math.floor(address / 2 ** 32), true);
  }

  /** Restricts the next call to `length` bytes of the buffer from `offset`. */
  window(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.buffer.length) {
      throw new RangeError(
        `Cannot use bytes ${offset} to ${offset + length} of a buffer of ${this.buffer.length}`,
      );
    }
    this.#pointer(BASE, this.#base + offset);
    this.#view.setUint32(LENGTH, length, true);
    // recvmsg overwrites the name's length and the flags.
    this.#view.setUint32(NAME_LENGTH, SOCKADDR_LENGTH, true);
  }

  /** The flags that recvmsg returned, such as {@linkcode MSG_TRUNC}. */
  get flags(): number {
    return this.#view.getInt32(FLAGS, true);
  }

  /** The sender's port id after a receive, 0 for the kernel. */
  get portId(): number {
    return this.#view.getUint32(SOCKADDR + 4, true);
  }

  /** The multicast group mask of the sender's address; not 0 when the datagram was a multicast. */
  get groups(): number {
    return this.#view.getUint32(SOCKADDR + 8, true);
  }
}
