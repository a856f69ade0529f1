/** Sending and receiving by another thread, while the kernel may be busy with somebody else. */

import type { OffThreadCall } from "../../ffi/adapter.ts";
import { MessageHeader, MSG_TRUNC } from "../../ffi/message_header.ts";
import type { Writer } from "./codec/writer.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { type Datagram, MSG_DONTWAIT } from "./socket.ts";

const F_DUPFD_CLOEXEC = 1030; // linux/fcntl.h
const EAGAIN = 11, EINTR = 4;
/** Bytes of the largest usual datagram, twice. */
const ROOM = 64 * 1024;

/** What calls under way read and write: nobody else may hold it any more. */
const inUse = new Set<MessageHeader>();

/**
 * Resolves with the call's result or `-errno`. The call has a descriptor of its own, because the number
 * of a closed one may be another file by the time that the call is made.
 */
async function offThread(
  access: KernelAccess,
  call: OffThreadCall,
  fd: number,
  header: MessageHeader,
  flags: number,
): Promise<number> {
  if (access.offThread === undefined) {
    throw new TypeError("Cannot offload a request: the adapter has no offThread");
  }
  const own = access.libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return own;
  inUse.add(header);
  try {
    return await access.offThread(call, own, header.bytes, flags);
  } finally {
    inUse.delete(header);
    access.libc.close(own);
  }
}

/** Sends what `writer` holds now, once `turn` has settled; resolves with 0 or `-errno`. */
export async function sendOffThread(
  access: KernelAccess,
  socket: { readonly fd: number },
  writer: Writer,
  turn: Promise<void>,
): Promise<number> {
  const bytes = new Uint8Array(new ArrayBuffer(writer.length));
  bytes.set(writer.bytes.subarray(0, writer.length));
  const header = new MessageHeader(access.libc, bytes);
  await turn;
  return Math.min(0, await offThread(access, "sendmsg", socket.fd, header, 0));
}

/** Receives one datagram at a time. */
export class Receiver {
  readonly #access: KernelAccess;
  #header?: MessageHeader;

  constructor(access: KernelAccess) {
    this.#access = access;
  }

  /** The next datagram from the kernel itself, undefined when nothing is there, or `-errno`. */
  async receive(socket: { readonly fd: number }): Promise<Datagram | number | undefined> {
    for (;;) {
      const header = this.#header ??= this.#make(ROOM), room = header.buffer.length;
      header.window(0, room);
      const { fd } = socket; // -1 once it is closed
      const length = await offThread(this.#access, "recvmsg", fd, header, MSG_DONTWAIT | MSG_TRUNC);
      if (length === -EAGAIN) return undefined;
      if (length === -EINTR) continue;
      if (length < 0) return length;
      if (header.portId !== 0) continue;
      // What was too long shall fit from now on.
      if (length > room) this.#header = this.#make(2 ** Math.ceil(Math.log2(length)));
      const received = Math.min(length, room), { buffer } = header.buffer;
      const words = new Int32Array(buffer.slice(0, (received + 3) & ~3));
      return { words, offset: 0, length, received, multicast: header.groups !== 0 };
    }
  }

  #make(size: number): MessageHeader {
    return new MessageHeader(this.#access.libc, new Uint8Array(new ArrayBuffer(size)));
  }
}
