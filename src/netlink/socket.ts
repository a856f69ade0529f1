/** One netlink socket: opened in a namespace, sent to, received from without waiting. */

import type { Libc } from "../../ffi/adapter.ts";
import { MessageHeader, MSG_TRUNC } from "../../ffi/message_header.ts";
import type { Words } from "./codec/words.ts";
import type { Writer } from "./codec/writer.ts";
import { NetlinkError } from "./error.ts";
import { inNamespace, type NamespaceTarget } from "./namespace.ts";
import { Protocol } from "./protocol.ts";
import { type Slab, slabOf } from "./slab.ts";

const AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000; // linux/socket.h
/** linux/socket.h. */
export const MSG_DONTWAIT = 0x40;
// asm-generic/socket.h
const SOL_SOCKET = 1, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33;
const SO_NETNS_COOKIE = 71;
const SOL_NETLINK = 270, ADD_MEMBERSHIP = 1, CAP_ACK = 10, EXT_ACK = 11, STRICT_CHECK = 12;
const EAGAIN = 11, EINTR = 4;
const NOTHING: Words = new Int32Array(0);

/** What {@linkcode NetlinkSocket.receive} found. */
export interface Datagram {
  /** The bytes, or more: only `length` from `offset` on are this datagram's. */
  words: Words;
  /** Word index of the first message. */
  offset: number;
  /** True byte length, also of a datagram that was cut. */
  length: number;
  /** Bytes that were received. */
  received: number;
  /** Whether groups are told it, as they are the echo of a change, which its sender may get as well. */
  multicast: boolean;
}

/** A bound netlink socket. */
export class NetlinkSocket {
  /** The descriptor, or -1 once closed. */
  fd: number;
  /** The kernel's name for this socket, unique in its namespace. */
  readonly portId: number;
  readonly #libc: Libc;
  readonly #slab: Slab;
  #out?: MessageHeader;
  readonly #found: Datagram = {
    words: NOTHING,
    offset: 0,
    length: 0,
    received: 0,
    multicast: false,
  };

  /** @throws {NetlinkError} when the kernel has no such protocol or the namespace cannot be entered */
  constructor(libc: Libc, protocol: number, netns?: NamespaceTarget) {
    const operation = `open a netlink socket for protocol ${protocol}`;
    const open = () => libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    this.fd = netns === undefined ? open() : inNamespace(libc, netns, open);
    if (this.fd < 0) throw NetlinkError.fromCall(operation, "socket", this.fd);
    this.#libc = libc;
    this.#slab = slabOf(libc);
    try {
      this.#check("bind", libc.bind(this.fd, address(0, 0)), operation);
      const own = address(0, 0);
      this.#check("getsockname", libc.getsockname(this.fd, own), operation);
      this.portId = new DataView(own.buffer).getUint32(4, true);
      // Kernels before 4.12 or 4.20 lack these; errors are then terser and filters are ignored.
      this.#option(SOL_NETLINK, EXT_ACK, 1);
      this.#option(SOL_NETLINK, CAP_ACK, 1);
      if (protocol === Protocol.route) this.#option(SOL_NETLINK, STRICT_CHECK, 1);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Subscribes to a multicast group by number. */
  join(group: number): void {
    const result = this.#option(SOL_NETLINK, ADD_MEMBERSHIP, group);
    this.#check("setsockopt", result, `join multicast group ${group}`);
  }

  /** Asks for a receive buffer of `size` bytes, beyond the system's limit where permitted. */
  receiveBuffer(size: number): void {
    if (this.#option(SOL_SOCKET, SO_RCVBUFFORCE, size) < 0) {
      this.#check(
        "setsockopt",
        this.#option(SOL_SOCKET, SO_RCVBUF, size),
        "set the receive buffer",
      );
    }
  }

  /** Room for a datagram of `size` bytes to be sent at once. */
  sendBuffer(size: number): void {
    if (this.#option(SOL_SOCKET, SO_SNDBUFFORCE, size) < 0) {
      this.#check("setsockopt", this.#option(SOL_SOCKET, SO_SNDBUF, size), "set the send buffer");
    }
  }

  /** What tells its namespace from all others since the system's start; undefined before Linux 5.14. */
  get namespace(): string | undefined {
    const cookie = new Uint8Array(new ArrayBuffer(8));
    if (this.#libc.getsockopt(this.fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie) < 0) return undefined;
    return String(new DataView(cookie.buffer).getBigUint64(0, true));
  }

  #option(level: number, name: number, value: number): number {
    return this.#libc.setsockopt(
      this.fd,
      level,
      name,
      new Uint8Array(new Int32Array([value]).buffer),
    );
  }

  #check(call: string, result: number, operation: string): void {
    if (result < 0) throw NetlinkError.fromCall(operation, call, result);
  }

  /** Sends what `writer` holds to the kernel. Returns 0 or `-errno`. */
  send(writer: Writer): number {
    if (this.#out?.buffer !== writer.bytes) {
      this.#out = new MessageHeader(this.#libc, writer.bytes);
    }
    this.#out.window(0, writer.length);
    for (;;) {
      const sent = this.#libc.sendmsg(this.fd, this.#out.bytes, 0);
      if (sent !== -EINTR) return sent < 0 ? sent : 0;
    }
  }

  /**
   * The next datagram from the kernel itself; what others send to this socket is dropped. Undefined
   * when nothing is there, a negative errno when receiving failed. The result is reused by the next
   * call, its words are not.
   */
  receive(): Datagram | number | undefined {
    const slab = this.#slab;
    for (;;) {
      const room = slab.open(), { header } = slab;
      const length = this.#libc.recvmsg(this.fd, header.bytes, MSG_DONTWAIT | MSG_TRUNC);
      if (length === -EAGAIN) return undefined;
      if (length === -EINTR) continue;
      if (length < 0) return length;
      if (header.portId !== 0) continue;
      const found = this.#found;
      found.length = length;
      found.received = Math.min(length, room);
      found.multicast = header.groups !== 0;
      slab.keep(length, found.received, found);
      return found;
    }
  }

  /** Closes the descriptor. */
  close(): void {
    if (this.fd < 0) return;
    this.#libc.close(this.fd);
    this.fd = -1;
  }
}

/** `struct sockaddr_nl`. */
function address(portId: number, groups: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(new ArrayBuffer(12));
  const view = new DataView(out.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(4, portId, true);
  view.setUint32(8, groups, true);
  return out;
}
