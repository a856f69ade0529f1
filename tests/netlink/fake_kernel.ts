/** A kernel that says what a test wants: libc whose netlink sockets answer from a script. */

import type { Libc } from "../../ffi/adapter.ts";
import type { KernelAccess } from "../../src/netlink/kernel_access.ts";

/** Where a datagram comes from. */
export interface From {
  portId?: number;
  groups?: number;
}

/** A request as it was sent. */
export interface Sent {
  type: number;
  flags: number;
  sequence: number;
  portId: number;
  bytes: Uint8Array;
}

const OWN_PORT = 4711;
const EAGAIN = 11;
const NOOP = 1; // linux/netlink.h

/** One message. */
export function message(
  type: number,
  to: { sequence: number; portId?: number },
  payload: ArrayLike<number> = [],
  flags = 0,
): Uint8Array {
  const out = new Uint8Array((16 + payload.length + 3) & ~3);
  const view = new DataView(out.buffer);
  view.setUint32(0, 16 + payload.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, to.sequence, true);
  view.setUint32(12, to.portId ?? OWN_PORT, true);
  out.set(payload, 16);
  return out;
}

/** The bytes of a 32-bit integer. */
export function int32(value: number): number[] {
  return [...new Uint8Array(new Int32Array([value]).buffer)];
}

/** Several messages in one datagram. */
export function datagram(...messages: Uint8Array[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((m) => [...m]));
}

/** The fake. */
export class FakeKernel implements KernelAccess {
  /** Called for every request but NLMSG_NOOP; what it queues is received next. */
  answer: (request: Sent) => void = () => {};
  readonly sent: Sent[] = [];
  closed = 0;
  readonly #queue: { bytes: Uint8Array | number; from: From }[] = [];
  readonly #buffers = new Map<number, Uint8Array>();
  #nextAddress = 0x10000;
  #readers: (() => void)[] = [];

  /** Lets a datagram, or a failing recvmsg, come next. */
  queue(bytes: Uint8Array | number, from: From = {}): void {
    this.#queue.push({ bytes, from });
    for (const wake of this.#readers.splice(0)) wake();
  }

  /** Forgets what was not received yet. */
  clear(): void {
    this.#queue.length = 0;
    this.#buffers.clear();
    this.libc = { ...this.libc }; // another one for what opens next: it knows none of those buffers
  }

  /** Datagrams that were not received yet. */
  get unread(): number {
    return this.#queue.length;
  }

  readable(_fd: number, options?: { signal?: AbortSignal }): Promise<void> {
    if (this.#queue.length > 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#readers.push(resolve);
      options?.signal?.addEventListener("abort", () => reject(options.signal!.reason));
    });
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  #window(header: Uint8Array): Uint8Array {
    const view = new DataView(header.buffer);
    const base = view.getUint32(56, true) + view.getUint32(60, true) * 2 ** 32;
    const length = view.getUint32(64, true);
    for (const [address, buffer] of this.#buffers) {
      if (base >= address && base + length <= address + buffer.length) {
        return buffer.subarray(base - address, base - address + length);
      }
    }
    throw new Error("a msghdr points nowhere");
  }

  libc: Libc = {
    socket: () => 7,
    bind: () => 0,
    getsockname: (_: number, address: Uint8Array) => {
      new DataView(address.buffer).setUint32(4, OWN_PORT, true);
      return 12;
    },
    setsockopt: () => 0,
    close: () => {
      this.closed++;
      return 0;
    },
    address: (buffer: Uint8Array) => {
      const address = this.#nextAddress;
      this.#nextAddress += buffer.length + 64;
      this.#buffers.set(address, buffer);
      return address;
    },
    sendmsg: (_: number, header: Uint8Array) => {
      const bytes = this.#window(header).slice();
      const view = new DataView(bytes.buffer);
      const request = {
        type: view.getUint16(4, true),
        flags: view.getUint16(6, true),
        sequence: view.getUint32(8, true),
        portId: view.getUint32(12, true),
        bytes,
      };
      if (request.type === NOOP) {
        this.#queue.unshift({ bytes: message(2, request, int32(0)), from: {} });
        return bytes.length;
      }
      this.sent.push(request);
      this.answer(request);
      return bytes.length;
    },
    recvmsg: (_: number, header: Uint8Array) => {
      const next = this.#queue.shift();
      if (next === undefined) return -EAGAIN;
      if (typeof next.bytes === "number") return -next.bytes;
      const window = this.#window(header), view = new DataView(header.buffer);
      window.set(next.bytes.subarray(0, window.length));
      view.setUint32(72 + 4, next.from.portId ?? 0, true);
      view.setUint32(72 + 8, next.from.groups ?? 0, true);
      view.setInt32(48, next.bytes.length > window.length ? 0x20 : 0, true);
      return next.bytes.length;
    },
  } as Partial<Libc> as Libc;
}
