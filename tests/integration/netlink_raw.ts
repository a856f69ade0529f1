/** Netlink as the kernel itself speaks it: messages by hand over a socket of nobody's. */

import type { Libc } from "../../ffi/adapter.ts";
import { MessageHeader } from "../../ffi/message_header.ts";
import type { KernelAccess } from "../../src/netlink/kernel_access.ts";
import { inNamespace } from "../../src/netlink/namespace.ts";

export const RTM_NEWLINK = 16,
  RTM_GETLINK = 18,
  RTM_GETADDR = 22,
  RTM_NEWROUTE = 24,
  RTM_GETROUTE = 26;
export const ERROR = 2, DONE = 3;
export const REQUEST = 1, ACK = 4, ECHO = 8, DUMP = 0x300, CREATE = 0x400, EXCLUSIVE = 0x200;

/** One message as it came. */
export interface Message {
  type: number;
  flags: number;
  sequence: number;
  portId: number;
  length: number;
  /** Of NLMSG_ERROR and NLMSG_DONE, 0 where there is none. */
  code: number;
  multicast: boolean;
}

/** Bytes of a message. */
export function message(type: number, flags: number, sequence: number, body: number[]): number[] {
  return [
    ...words(16 + body.length),
    type & 255,
    type >> 8,
    flags & 255,
    flags >> 8,
    ...words(sequence, 0),
    ...body,
  ];
}

/** Bytes of 32-bit integers. */
export function words(...values: number[]): number[] {
  return [...new Uint8Array(Uint32Array.from(values, (value) => value >>> 0).buffer)];
}

/** Bytes of an attribute. */
export function attribute(type: number, payload: number[] | string): number[] {
  const bytes = typeof payload === "string"
    ? [...new TextEncoder().encode(payload), 0]
    : [...payload];
  const length = 4 + bytes.length;
  while (bytes.length % 4) bytes.push(0);
  return [length & 255, length >> 8, type & 255, type >> 8, ...bytes];
}

/** The messages of a datagram. */
export function messages(bytes: Uint8Array, multicast: boolean): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Message[] = [];
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = view.getUint32(at, true), type = view.getUint16(at + 4, true);
    out.push({
      type,
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      length,
      code: (type === ERROR || type === DONE) && length >= 20 ? view.getInt32(at + 16, true) : 0,
      multicast,
    });
    at += (length + 3) & ~3;
  }
  return out;
}

/** A socket in a namespace, under a port id of its choice where one is given. */
export class RawSocket implements Disposable {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #in: MessageHeader;

  constructor(libc: Libc, netns: string, { protocol = 0, portId = 0 } = {}) {
    this.#libc = libc;
    this.fd = inNamespace(libc, netns, () => libc.socket(16, 3 | 0x80000, protocol));
    this.#in = new MessageHeader(libc, new Uint8Array(new ArrayBuffer(1 << 20)));
    const own = new Uint8Array([16, 0, 0, 0, ...words(portId, 0)]);
    const result = this.fd < 0 ? this.fd : libc.bind(this.fd, own);
    if (result < 0) throw new Error(`Cannot open a raw socket: errno is ${-result}`);
  }

  send(bytes: number[]): void {
    const buffer = new Uint8Array(new ArrayBuffer(bytes.length));
    buffer.set(bytes);
    const header = new MessageHeader(this.#libc, buffer);
    const result = this.#libc.sendmsg(this.fd, header.bytes, 0);
    if (result < 0) throw new Error(`Cannot send: errno is ${-result}`);
  }

  /** The next datagram; none where nothing is there. */
  receive(): Message[] | undefined {
    const header = this.#in;
    header.window(0, header.buffer.length);
    const length = this.#libc.recvmsg(this.fd, header.bytes, 0x40);
    return length < 0 ? undefined : messages(header.buffer.slice(0, length), header.groups !== 0);
  }

  /** Everything that is there. */
  drain(): Message[] {
    const out: Message[] = [];
    for (let some = this.receive(); some !== undefined; some = this.receive()) out.push(...some);
    return out;
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.fd);
  }
}

/** What a {@linkcode tap} tells of a connection's socket. */
export interface Tapped {
  /** The descriptor that was opened last. */
  fd: number;
  /** Called before a request leaves. */
  sending?: (sequence: number, type: number) => void;
  /** Called with every datagram, before the connection sees it. */
  received?: (all: Message[]) => void;
}

/** The real kernel, watched: everything is passed on as it is. */
export function tap(adapter: KernelAccess): KernelAccess & { tapped: Tapped } {
  const { libc } = adapter, tapped: Tapped = { fd: -1 };
  const buffers = new Map<number, Uint8Array>();
  const window = (header: Uint8Array<ArrayBuffer>): [Uint8Array, number] => {
    const view = new DataView(header.buffer, header.byteOffset);
    const at = view.getUint32(56, true) + view.getUint32(60, true) * 2 ** 32;
    for (const [base, buffer] of buffers) {
      if (at >= base && at < base + buffer.length) return [buffer, at - base];
    }
    throw new Error("Cannot find the buffer of a call");
  };
  return {
    tapped,
    libc: {
      ...libc,
      socket: (...args) => tapped.fd = libc.socket(...args),
      address(buffer) {
        const at = libc.address(buffer);
        // Whatever was there before has been freed.
        for (const [base, old] of buffers) {
          if (base < at + buffer.length && at < base + old.length) buffers.delete(base);
        }
        buffers.set(at, buffer);
        return at;
      },
      sendmsg(fd, header, flags) {
        if (tapped.sending) {
          const [buffer, at] = window(header);
          const view = new DataView(buffer.buffer, buffer.byteOffset + at);
          tapped.sending(view.getUint32(8, true), view.getUint16(4, true));
        }
        return libc.sendmsg(fd, header, flags);
      },
      recvmsg(fd, header, flags) {
        const result = libc.recvmsg(fd, header, flags);
        if (result > 0 && tapped.received) {
          const [buffer, at] = window(header);
          const groups = new DataView(header.buffer, header.byteOffset).getUint32(80, true);
          const end = Math.min(buffer.length, at + result);
          tapped.received(messages(buffer.subarray(at, end), groups !== 0));
        }
        return result;
      },
    },
    readable: (fd, options) => adapter.readable(fd, options),
    offThread: adapter.offThread?.bind(adapter),
    breathe: () => adapter.breathe(),
  };
}
