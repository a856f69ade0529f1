/** Sending and receiving by another thread, while the kernel may be busy with somebody else. */

import type { OffThreadCall } from "../../ffi/adapter.ts";
import { MessageHeader, MSG_TRUNC } from "../../ffi/message_header.ts";
import type { Writer } from "./codec/writer.ts";
import { NetlinkError } from "./error.ts";
import type { Exchange } from "./exchange.ts";
import type { KernelAccess } from "./kernel_access.ts";
import type { Ledger } from "./ledger.ts";
import { type Datagram, MSG_DONTWAIT, type NetlinkSocket } from "./socket.ts";
import { Turn } from "./turn.ts";

const F_DUPFD_CLOEXEC = 1030; // linux/fcntl.h
const EAGAIN = 11, EINTR = 4;
/** Bytes of the largest usual datagram, twice. */
const ROOM = 64 * 1024;

/** What calls under way read and write: nobody else may hold it any more. */
const inUse = new Set<MessageHeader>();

/** Who reads on this thread. */
interface Reader {
  readonly adapter: KernelAccess;
  read(until: Exchange): void;
}

/** What another thread sends and receives for one socket; the answers go into the socket's ledger. */
export class Offload {
  readonly #channel: Reader;
  readonly #socket: NetlinkSocket;
  readonly #ledger: Ledger;
  /** Settles when the next request may be sent. */
  #line: Promise<void> = Promise.resolve();
  /** The last list that was handed over; it settles once it was sent. */
  #list?: Exchange;
  #listSent?: Promise<void>;
  /** The same once its turn to be sent has come. */
  #begun?: Exchange;
  #receiving?: Promise<boolean>;
  #header?: MessageHeader;

  constructor(channel: Reader, socket: NetlinkSocket, ledger: Ledger) {
    this.#channel = channel;
    this.#socket = socket;
    this.#ledger = ledger;
  }

  /** Whether the list under way was handed over. */
  get listing(): boolean {
    return this.#list?.done === false;
  }

  /**
   * Whether nobody else may receive: two who do so at a time enter parts of a list in the wrong order,
   * wait for each other in the kernel, and one of them is told EINVAL where the list ends.
   */
  get receives(): boolean {
    return this.#begun?.done === false;
  }

  /** Sends the request of a list, which {@linkcode receive} alone receives then. */
  sendList(exchange: Exchange, writer: Writer): void {
    this.#list = exchange;
    this.#listSent = this.send(exchange, writer);
  }

  /** Sends what `writer` holds now. Resolves in any case: what cannot be sent has failed then. */
  async send(exchange: Exchange, writer: Writer): Promise<void> {
    try {
      const turn = this.#line.then(() => {
        if (exchange === this.#list) this.#begun = exchange;
      });
      const sent = this.#sendmsg(writer, turn);
      // What is sent next finds room for its answers.
      this.#line = sent.then(() => this.#readAnswer(exchange), () => {});
      const result = await sent;
      if (result < 0) throw NetlinkError.fromCall(exchange.ask.operation, "sendmsg", result);
    } catch (error) {
      this.#ledger.end(exchange, error);
    } finally {
      exchange.ask.over?.();
    }
  }

  async #sendmsg(writer: Writer, turn: Promise<void>): Promise<number> {
    const header = this.#make(writer.length);
    header.buffer.set(writer.bytes.subarray(0, writer.length));
    await turn;
    return await this.#call("sendmsg", header, 0);
  }

  async #readAnswer(exchange: Exchange): Promise<void> {
    if (exchange === this.#list) return;
    while (!exchange.done && this.receives && await this.receive());
    this.#channel.read(exchange);
  }

  /** Reads on for a moment, for nobody else may: whoever asked for the list can have given up. */
  async readOn(): Promise<void> {
    if (this.#receiving !== undefined) return;
    const turn = new Turn(this.#channel.adapter);
    while (this.receives && !turn.over && await this.receive());
  }

  /**
   * Receives a datagram of the list: one call at a time, also after somebody gave up; what it receives
   * is entered in any case.
   *
   * @returns false when nothing is there
   */
  async receive(): Promise<boolean> {
    const list = this.#list!;
    await this.#listSent; // sending it makes its first part, with the same consequences
    if (list.done || this.#socket.fd < 0) return true;
    return await (this.#receiving ??= this.#receiveOne());
  }

  async #receiveOne(): Promise<boolean> {
    try {
      return this.#ledger.take(await this.#recvmsg());
    } catch (error) {
      this.#ledger.fail(() => error);
      return true;
    } finally {
      this.#receiving = undefined;
    }
  }

  /** The next datagram from the kernel itself, undefined when nothing is there, or `-errno`. */
  async #recvmsg(): Promise<Datagram | number | undefined> {
    for (;;) {
      const header = this.#header ??= this.#make(ROOM), room = header.buffer.length;
      header.window(0, room);
      const length = await this.#call("recvmsg", header, MSG_DONTWAIT | MSG_TRUNC);
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

  /**
   * Resolves with the call's result or `-errno`. The call has a descriptor of its own, because the number
   * of a closed one may be another file by the time that the call is made.
   */
  async #call(call: OffThreadCall, header: MessageHeader, flags: number): Promise<number> {
    const { adapter } = this.#channel;
    if (adapter.offThread === undefined) {
      throw new TypeError("Cannot offload a request: the adapter has no offThread");
    }
    const own = adapter.libc.fcntl(this.#socket.fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return own;
    inUse.add(header);
    try {
      return await adapter.offThread(call, own, header.bytes, flags);
    } finally {
      inUse.delete(header);
      adapter.libc.close(own);
    }
  }

  #make(size: number): MessageHeader {
    return new MessageHeader(this.#channel.adapter.libc, new Uint8Array(new ArrayBuffer(size)));
  }
}
