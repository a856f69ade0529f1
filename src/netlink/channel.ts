/** Requests and their answers over one socket. */

import { Writer } from "./codec/writer.ts";
import { NetlinkError } from "./error.ts";
import {
  appendMessage,
  type Ask,
  type Exchange,
  type ExchangeRange,
  type RequestOptions,
} from "./exchange.ts";
import { inTime } from "./in_time.ts";
import type { KernelAccess } from "./kernel_access.ts";
import type { NamespaceTarget } from "./namespace.ts";
import { Ledger } from "./ledger.ts";
import { NLM_F_ACK, NLMSG_HEADER, NLMSG_NOOP, Protocol } from "./protocol.ts";
import { Receiver, sendOffThread } from "./offload.ts";
import { type Datagram, NetlinkSocket } from "./socket.ts";
import { Turn } from "./turn.ts";
import { type Turns, turnsOf } from "./turns.ts";

export type { Ask, RequestOptions } from "./exchange.ts";

const EBADF = 9, EMSGSIZE = 90;
/** Milliseconds. */
export const DEFAULT_TIMEOUT = 5000;
/** Datagrams that certainly take less, of 32 KiB each. */
const FEW = 8;

/** Nothing, which the kernel acknowledges; the number 0 is nobody's. */
const NOOP = new Writer(NLMSG_HEADER);
appendMessage(NOOP, { type: NLMSG_NOOP, flags: NLM_F_ACK, operation: "do nothing", write() {} });

/** The socket, the requests under way, and who reads. */
export class Channel {
  readonly adapter: KernelAccess;
  /** Who else is to run between requests. */
  readonly turns: Turns;
  /** Milliseconds to wait for an answer, for requests that do not say. */
  timeout?: number;
  readonly #socket: NetlinkSocket;
  readonly #writer = new Writer();
  readonly #ledger: Ledger;
  // Starting anywhere makes answers to an earlier socket of the same port id foreign.
  #sequence = crypto.getRandomValues(new Uint32Array(1))[0];
  #reading = false;
  #stop?: AbortController;
  /** Why nothing more can be asked: the error for what is attempted. */
  #broken?: (operation: string) => unknown;

  constructor(adapter: KernelAccess, protocol: number, netns?: NamespaceTarget) {
    this.adapter = adapter;
    this.turns = turnsOf(adapter);
    this.#receiver = new Receiver(adapter);
    this.#socket = new NetlinkSocket(adapter.libc, protocol, netns);
    const unaddressed = protocol === Protocol.audit;
    this.#ledger = new Ledger(this.#socket.portId, this.#writer, unaddressed);
    // The kernel makes the parts of a list as large as what was ever received into, and of 3.7 KB for a
    // socket that never received anything: a larger object would end its first list, in silence.
    if (this.#socket.send(NOOP) === 0) this.read(undefined, true);
  }

  /** The socket's port id. */
  get portId(): number {
    return this.#socket.portId;
  }

  /** Open, and with nothing left to read. */
  get usable(): boolean {
    if (this.#socket.fd < 0 || this.#broken !== undefined) return false;
    if (this.listedAside !== undefined) {
      this.#readOnAside(this.listedAside); // reading on here would make this thread wait
      return false;
    }
    if (this.#ledger.unanswered && !this.#reading) this.#readForATurn();
    return !this.#ledger.unanswered;
  }

  /** Open, and with nothing wrong. */
  get intact(): boolean {
    return this.#socket.fd >= 0 && this.#broken === undefined;
  }

  /** Throws unless requests can be sent. Only then the operation is put into words. */
  check(ask: { readonly operation: string }): void {
    if (this.#broken !== undefined) throw this.#broken(ask.operation);
  }

  #readForATurn(): void {
    const turn = new Turn(this.adapter);
    while (this.read(undefined, true) && !turn.over);
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#socket.fd < 0;
  }

  /** Sends a request. Its answers are there already unless {@linkcode read} says otherwise. */
  send(exchange: Exchange): void {
    this.check(exchange.ask);
    this.#ledger.keepCurrent();
    this.#writer.length = 0;
    this.#append(exchange);
    const result = this.#socket.send(this.#writer);
    if (result < 0) throw NetlinkError.fromCall(exchange.ask.operation, "sendmsg", result);
    this.#ledger.current = exchange;
  }

  /** Makes sure that a datagram of `send` bytes fits, and answers that take `receive`. */
  makeRoom(send: number, receive: number): void {
    if (send > this.#sendRoom) this.#socket.sendBuffer(this.#sendRoom = 2 * send);
    if (receive > this.#receiveRoom) this.#socket.receiveBuffer(this.#receiveRoom = receive);
  }

  // What the default buffers hold for sure, see net.core.wmem_default and rmem_default.
  #sendRoom = 64 * 1024;
  #receiveRoom = 200 * 1024;

  /** What tells the socket's namespace from all others, where the kernel says it. */
  get namespace(): string | undefined {
    return this.#socket.namespace;
  }

  /** Sends messages that stand in a buffer of their own, in one call. */
  sendRange(range: ExchangeRange, offload?: boolean): void {
    this.check(range.ask);
    const { words } = range.writer, first = (this.#sequence + 1) >>> 0;
    for (let i = 0; i < range.count; i++) {
      const at = range.start(i);
      words[at + 2] = first + i;
      words[at + 3] = this.#socket.portId;
    }
    range.sequence = first;
    this.#sequence = (this.#sequence + range.count) >>> 0;
    this.#ledger.addRange(range);
    if (offload || this.listedAside) return void this.#handOver(range, range.writer);
    const result = this.#socket.send(range.writer);
    range.ask.over?.();
    if (result >= 0) return;
    this.#ledger.end(range, NetlinkError.fromCall(range.ask.operation, "sendmsg", result));
  }

  /** Lets another thread send a request. The answers are read when it has done so. */
  sendAside(exchange: Exchange): void {
    this.#writeAside(exchange);
  }

  #writeAside(exchange: Exchange): Promise<void> {
    const writer = new Writer(512);
    this.check(exchange.ask);
    this.#append(exchange, writer);
    exchange.sent = writer.words;
    this.#ledger.add(exchange);
    return this.#handOver(exchange, writer);
  }

  /** Resolves in any case: what cannot be sent has failed then. */
  async #handOver(exchange: Exchange, writer: Writer): Promise<void> {
    try {
      const turn = this.#line.then(() => void (exchange.begun = true));
      const sent = sendOffThread(this.adapter, this.#socket, writer, turn);
      this.#line = sent.then(() => this.#readAnswer(exchange), () => {});
      const result = await sent;
      if (result < 0) throw NetlinkError.fromCall(exchange.ask.operation, "sendmsg", result);
    } catch (error) {
      this.#ledger.end(exchange, error);
    } finally {
      exchange.ask.over?.();
    }
  }

  /** What is sent next finds room for its answers. */
  async #readAnswer(exchange: Exchange): Promise<void> {
    if (exchange.aside !== undefined) return;
    while (!exchange.done && this.listedAside && await this.#receiveAside(this.listedAside));
    this.read(exchange);
  }

  #line: Promise<void> = Promise.resolve();

  #append(exchange: Exchange, writer: Writer = this.#writer): void {
    const at = exchange.at = appendMessage(writer, exchange.ask);
    writer.words[at + 2] = exchange.sequence = this.#sequence = (this.#sequence + 1) >>> 0;
    writer.words[at + 3] = this.#socket.portId;
  }

  /**
   * Receives what is there, until `until` is done or, with `once`, a single datagram.
   *
   * @returns false when nothing more is there for now
   */
  read(until?: Exchange, once = false): boolean {
    // Two who receive at a time enter parts of a list in the wrong order, wait for each other in the
    // kernel, and one of them is told EINVAL where the list ends.
    if (this.listedAside !== undefined) return false;
    while (this.#broken === undefined && (until === undefined || !until.done)) {
      if (!this.#enter(this.#socket.receive())) return false;
      if (once) break;
    }
    return true;
  }

  /** Enters what was received; returns whether that is anything. */
  #enter(datagram: Datagram | number | undefined): boolean {
    if (datagram === undefined) return false;
    if (typeof datagram === "number") {
      this.#break((operation) => NetlinkError.fromCall(operation, "recvmsg", datagram));
    } else if (datagram.length === 0) {
      this.#break(endless);
    } else if (!datagram.multicast) {
      const wrong = this.#ledger.enter(datagram);
      if (wrong !== undefined) this.#break(() => wrong);
    }
    return true;
  }

  /** Nothing that comes from this socket can be trusted any more. */
  #break(error: (operation: string) => unknown): void {
    this.#broken ??= error;
    this.#ledger.fail(error);
  }

  /** Resolves once `exchange` is done; rejects with its error, a timeout or the signal's reason. */
  async settle(exchange: Exchange, options: RequestOptions = {}): Promise<void> {
    if (!exchange.done) await this.#wait(exchange, options);
    if (exchange.error !== undefined) throw exchange.error;
  }

  /**
   * Waits for the kernel to say more. A request that is given up stays in the books until its answer
   * comes, so that {@linkcode usable} tells.
   */
  async #wait(exchange: Exchange, options: RequestOptions): Promise<void> {
    options.signal?.throwIfAborted();
    this.#ledger.keepCurrent();
    this.#waiters++;
    if (!this.#reading) this.#readAlong();
    try {
      await inTime(exchange, options.signal, this.#timeout(options));
    } finally {
      // Nobody waits: the process need not be held for answers that nobody wants.
      if (--this.#waiters === 0) this.#stop?.abort();
    }
  }

  #timeout({ timeout = this.timeout ?? DEFAULT_TIMEOUT }: RequestOptions): number {
    return timeout;
  }

  #waiters = 0;

  async #readAlong(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#waiters > 0 && this.#socket.fd >= 0) {
        this.#stop = new AbortController();
        const { signal } = this.#stop;
        await this.adapter.readable(this.#socket.fd, { signal }).catch((error) => {
          if (!signal.aborted) throw error;
        });
        if (this.#socket.fd >= 0) await this.#readInTurns();
      }
    } catch (error) {
      this.#break(() => error);
    } finally {
      this.#reading = false;
      this.#stop = undefined;
    }
  }

  async #readInTurns(): Promise<void> {
    const turn = new Turn(this.adapter);
    for (let more = true; more;) {
      const dump = this.listedAside;
      more = dump === undefined ? this.read(undefined, true) : await this.#receiveAside(dump);
      if (this.#broken !== undefined) return;
      if (turn.over) await turn.next();
    }
  }

  /**
   * Sends a dump's request. The kernel lists for one dump at a time: what is left of an earlier one
   * is read into memory first, so that loops over dumps may nest.
   */
  async beginDump(dump: Exchange, options: RequestOptions): Promise<void> {
    while (this.#dump?.done === false) await this.#readRest(this.#dump, dump.ask, options);
    options.signal?.throwIfAborted();
    if (!options.offload) return this.sendDump(dump);
    dump.aside = this.#writeAside(dump);
    this.#dump = dump;
  }

  async #readRest(earlier: Exchange, { operation }: Ask, options: RequestOptions): Promise<void> {
    try {
      await this.readTo(earlier, options);
    } catch (cause) {
      if (!(cause instanceof NetlinkError)) throw cause;
      const what = `an earlier list on this connection (${earlier.ask.operation}) does not end`;
      throw new NetlinkError(what, { errno: cause.errno, operation, cause });
    }
  }

  /** Whether a list is under way. */
  get listing(): boolean {
    return this.#dump?.done === false;
  }

  /** The list under way, where another thread receives it: whoever else did so would wait as well. */
  get listedAside(): Exchange | undefined {
    const dump = this.#dump;
    return dump?.aside !== undefined && dump.begun && !dump.done ? dump : undefined;
  }

  /** Sends a dump's request while no other is under way. */
  sendDump(dump: Exchange): void {
    this.send(dump);
    this.#dump = dump;
  }

  #dump?: Exchange;

  /** Reads what is there of a short answer; what takes longer is left to {@linkcode readTo}. */
  readFew(exchange: Exchange): void {
    for (let i = 0; i < FEW && !exchange.done && this.read(exchange, true); i++);
  }

  /** Reads until `exchange` is done, giving way to other work now and then. */
  async readTo(exchange: Exchange, options: RequestOptions): Promise<void> {
    const turn = new Turn(this.adapter);
    while (!exchange.done) {
      await this.readSome(exchange, options);
      if (turn.over) await turn.next(options.signal);
    }
  }

  /** Reads one datagram on behalf of `exchange`, waiting for it if need be. */
  async readSome(exchange: Exchange, options: RequestOptions): Promise<void> {
    if (exchange.done) return;
    if (exchange.aside !== undefined) return await this.#readAside(exchange, options);
    if (!this.read(exchange, true)) await this.#wait(exchange, options);
  }

  async #readAside(exchange: Exchange, options: RequestOptions): Promise<void> {
    let found = true;
    const received = this.#receiveAside(exchange).then((any) => found = any);
    await inTime(exchange, options.signal, this.#timeout(options), received);
    // Else somebody else has read on, and the rest is still to come.
    if (!found && !exchange.done) await this.#wait(exchange, options);
  }

  /** One call at a time, also after somebody gave up; what it receives is entered in any case. */
  async #receiveAside(exchange: Exchange): Promise<boolean> {
    await exchange.aside; // sending it makes its first part, with the same consequences
    if (exchange.done || this.#socket.fd < 0) return true;
    return await (this.#receiving ??= this.#receiveOne());
  }

  /** Reads on for a moment, for nobody else may: whoever asked for the list can have given up. */
  async #readOnAside(exchange: Exchange): Promise<void> {
    if (this.#receiving !== undefined) return;
    const turn = new Turn(this.adapter);
    while (!exchange.done && !turn.over && await this.#receiveAside(exchange));
  }

  async #receiveOne(): Promise<boolean> {
    try {
      return this.#enter(await this.#receiver.receive(this.#socket));
    } catch (error) {
      this.#break(() => error);
      return true;
    } finally {
      this.#receiving = undefined;
    }
  }

  #receiving?: Promise<boolean>;
  readonly #receiver: Receiver;

  /** Lets go of a dump: reads on for a moment; what is still left then makes this unusable. */
  abandon(exchange: Exchange): void {
    if (exchange.done || exchange.aside || this.#broken !== undefined) return;
    this.#readForATurn();
  }

  /** Closes the socket; requests under way fail. */
  close(): void {
    if (this.#socket.fd < 0) return;
    this.#stop?.abort();
    this.#socket.close();
    this.#break((operation) =>
      new NetlinkError("the connection is closed", { errno: EBADF, operation })
    );
  }
}

/** IPv6 routes: the kernel answers with nothing for ever, once one does not fit into a part. */
function endless(operation: string): NetlinkError {
  const what = "an object of more than 32 KiB does not fit into the kernel's list";
  return new NetlinkError(what, { errno: EMSGSIZE, operation });
}
