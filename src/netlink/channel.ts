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
import { Offload } from "./offload.ts";
import { NetlinkSocket } from "./socket.ts";
import { Turn } from "./turn.ts";
import { type Turns, turnsOf } from "./turns.ts";

const EBADF = 9;
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
  readonly #offload: Offload;
  // Starting anywhere makes answers to an earlier socket of the same port id foreign.
  #sequence = crypto.getRandomValues(new Uint32Array(1))[0];
  #reading = false;
  #stop?: AbortController;

  constructor(adapter: KernelAccess, protocol: number, netns?: NamespaceTarget) {
    this.adapter = adapter;
    this.turns = turnsOf(adapter);
    this.#socket = new NetlinkSocket(adapter.libc, protocol, netns);
    const unaddressed = protocol === Protocol.audit;
    this.#ledger = new Ledger(this.#socket.portId, this.#writer, unaddressed);
    this.#offload = new Offload(this, this.#socket, this.#ledger);
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
    if (!this.intact) return false;
    if (this.#offload.receives) {
      this.#offload.readOn(); // reading on here would make this thread wait
      return false;
    }
    if (this.#ledger.unanswered && !this.#reading) this.#readForATurn();
    return !this.#ledger.unanswered;
  }

  /** Open, and with nothing wrong. */
  get intact(): boolean {
    return this.#socket.fd >= 0 && this.#ledger.broken === undefined;
  }

  /** Throws unless requests can be sent. Only then the operation is put into words. */
  check(ask: { readonly operation: string }): void {
    if (this.#ledger.broken !== undefined) throw this.#ledger.broken(ask.operation);
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
    if (offload || this.#offload.receives) return void this.#offload.send(range, range.writer);
    const result = this.#socket.send(range.writer);
    range.ask.over?.();
    if (result >= 0) return;
    this.#ledger.end(range, NetlinkError.fromCall(range.ask.operation, "sendmsg", result));
  }

  /**
   * Lets another thread send a request, and receive what is a list. Other answers are read when it has
   * been sent.
   */
  sendAside(exchange: Exchange, list = false): void {
    const writer = new Writer(512);
    this.check(exchange.ask);
    this.#append(exchange, writer);
    exchange.sent = writer.words;
    this.#ledger.add(exchange);
    if (list) this.#offload.sendList(exchange, writer);
    else this.#offload.send(exchange, writer);
  }

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
    if (this.#offload.receives) return false;
    const ledger = this.#ledger;
    while (ledger.broken === undefined && (until === undefined || !until.done)) {
      if (!ledger.take(this.#socket.receive())) return false;
      if (once) break;
    }
    return true;
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
      this.#ledger.fail(() => error);
    } finally {
      this.#reading = false;
      this.#stop = undefined;
    }
  }

  async #readInTurns(): Promise<void> {
    const turn = new Turn(this.adapter);
    for (let more = true; more;) {
      more = this.#offload.receives ? await this.#offload.receive() : this.read(undefined, true);
      if (this.#ledger.broken !== undefined) return;
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
    this.sendAside(dump, true);
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

  /** Whether another thread receives, and whoever does not leave it requests would wait as well. */
  get aside(): boolean {
    return this.#offload.receives;
  }

  /** Whether a list is under way. */
  get listing(): boolean {
    return this.#dump?.done === false;
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
    let found: boolean | undefined;
    if (this.#offload.listing) {
      const received = this.#offload.receive().then((any) => found = any);
      await inTime(exchange, options.signal, this.#timeout(options), received);
    } else found = this.read(exchange, true);
    // Else somebody else has read on, and the rest is still to come.
    if (found === false && !exchange.done) await this.#wait(exchange, options);
  }

  /** Lets go of a dump: reads on for a moment; what is still left then makes this unusable. */
  abandon(exchange: Exchange): void {
    if (exchange.done || this.#offload.listing || !this.intact) return;
    this.#readForATurn();
  }

  /** Closes the socket; requests under way fail. */
  close(): void {
    if (this.#socket.fd < 0) return;
    this.#stop?.abort();
    this.#socket.close();
    this.#ledger.fail((operation) =>
      new NetlinkError("the connection is closed", { errno: EBADF, operation })
    );
  }
}
