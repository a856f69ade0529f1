import type { RawSocket, SocketEvents } from "../../ffi/dial.ts";
import { flag, kind, signal as aborting } from "../pool/rules.ts";
import type { Endpoint } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import { readableOf, writableOf } from "./streams.ts";

interface PendingRead {
  into: Uint8Array;
  resolve(n: number | null): void;
  reject(reason: unknown): void;
}

const room = kind(
  "a Uint8Array with room for a byte",
  (value) => value instanceof Uint8Array && value.length > 0,
);
const settled = Promise.resolve();
const nothing = new Uint8Array(0);

/** Has `listener` called whenever something makes a connection unusable from outside; one each. */
export let watchConn: (conn: Conn, listener: () => void) => void;

/**
 * One open connection: TCP, TLS or Unix.
 *
 * @example
 * ```ts
 * import { connect } from "@x/pool";
 *
 * await using conn = await connect("127.0.0.1:7");
 * await conn.write(new TextEncoder().encode("hello\n"));
 * const reply = new Uint8Array(1024);
 * const n = await conn.read(reply);
 * if (n !== null) console.log(new TextDecoder().decode(reply.subarray(0, n)));
 * ```
 */
export class Conn implements AsyncDisposable {
  /** Where this connection leads. */
  readonly endpoint: Endpoint;
  readonly #raw: RawSocket;
  readonly #closed: PromiseWithResolvers<ConnectError | undefined> = Promise.withResolvers();
  #unread: Uint8Array[] = [];
  #reader: PendingRead | undefined;
  // Whether somebody gave up reading what may still come, and nothing has been read since.
  #abandoned = false;
  #lastWrite: Promise<void> | undefined;
  #writes = 0;
  #sending: Uint8Array = nothing;
  #ended = false;
  #shut = false;
  #over = false;
  #failure: ConnectError | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  #onUnusable: (() => void) | undefined;

  /** Takes over a connected socket; use `connect` instead. */
  constructor(endpoint: Endpoint, raw: RawSocket) {
    this.endpoint = endpoint;
    this.#raw = raw;
    const events: SocketEvents = {
      data: (bytes) => this.#data(bytes),
      end: () => this.#end(),
      lost: (error) => this.#lost(error),
    };
    raw.start(events);
  }

  /** This side's address, `host:port`; empty for a Unix socket. */
  get localAddress(): string {
    return this.#raw.local;
  }

  /** The peer's address, `host:port` or the socket's path. */
  get remoteAddress(): string {
    return this.#raw.remote;
  }

  /** The protocol agreed on through ALPN, if any. */
  get alpn(): string | undefined {
    return this.#raw.alpn;
  }

  /** Bytes received so far, read or not. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Bytes handed to {@linkcode Conn.write} so far. */
  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** Whether both directions are over, by whichever side. */
  get isClosed(): boolean {
    return this.#over;
  }

  /** Settles when the connection is over: with the error if it was lost. It never rejects. */
  get closed(): Promise<ConnectError | undefined> {
    return this.#closed.promise;
  }

  /** Whether neither side has ended, as far as is known here. */
  get isOpen(): boolean {
    return !this.#over && !this.#ended && !this.#shut;
  }

  /**
   * Whether a next user would find the connection fresh: open in both directions, no unread byte, no
   * pending or abandoned read, no unfinished write, no locked stream.
   */
  get usable(): boolean {
    return this.isOpen && this.#unread.length === 0 &&
      this.#reader === undefined && !this.#abandoned && this.#writes === 0 &&
      !this.#readable?.locked && !this.#writable?.locked;
  }

  /**
   * Reads what there is, at least one byte, into `into`; null when the peer has ended its side. A
   * TLS peer that ends without close_notify is an end like any other.
   *
   * @throws {ConnectError} `CONNECTION_RESET`, or `CONNECTION_CLOSED` after {@linkcode Conn.close};
   * the signal's reason when it aborts first; then no byte is lost, and the connection is not usable
   * for others until what was awaited has been read
   * @throws {TypeError} while another read is pending, or naming what is no buffer or signal
   */
  read(into: Uint8Array, options?: { signal?: AbortSignal }): Promise<number | null> {
    if (this.#reader !== undefined) {
      return Promise.reject(new TypeError(`Cannot read from ${this.endpoint}: a read is pending`));
    }
    const signal = options?.signal;
    try {
      room("into", into);
      if (signal !== undefined) aborting("signal", signal);
    } catch (error) {
      return Promise.reject(error);
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#unread.length > 0) return Promise.resolve(this.#take(into));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    const pending = new Promise<number | null>((resolve, reject) => {
      this.#reader = { into, resolve, reject };
    });
    return signal === undefined ? pending : this.#abortable(pending, signal);
  }

  async #abortable(pending: Promise<number | null>, signal: AbortSignal): Promise<number | null> {
    const reader = this.#reader!;
    const abort = (): void => {
      if (this.#reader !== reader) return;
      this.#reader = undefined;
      this.#abandoned = true;
      reader.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await pending;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * Writes all of `bytes`, after the writes before it; settles when the kernel has them, which is
   * when the bytes may be changed again.
   *
   * @throws {ConnectError} `CONNECTION_RESET`, or `CONNECTION_CLOSED` once this side has ended
   * @throws {TypeError} unless it is given a `Uint8Array`: text has to be encoded
   */
  write(bytes: Uint8Array): Promise<void> {
    if (!(bytes instanceof Uint8Array)) {
      const what = `it must be a Uint8Array, current type is ${typeof bytes}`;
      return Promise.reject(new TypeError(`Cannot use bytes: ${what}`));
    }
    if (this.#over || this.#shut) {
      return Promise.reject(this.#failure ?? this.#closedError("write to"));
    }
    this.#bytesOut += bytes.length;
    const before = this.#writes++ > 0 ? this.#lastWrite : undefined;
    return this.#lastWrite = before === undefined
      ? this.#send(bytes)
      : before.then(() => this.#send(bytes), this.#unsent);
  }

  #send(bytes: Uint8Array): Promise<void> {
    this.#sending = bytes;
    const n = bytes.length === 0 ? 0 : this.#raw.write(bytes);
    if (typeof n === "number") return this.#sent(n) ?? settled;
    return n.then(this.#sent, this.#unsent);
  }

  readonly #sent = (n: number): Promise<void> | undefined => {
    if (n < this.#sending.length) return this.#send(this.#sending.subarray(n));
    this.#writes--;
  };

  readonly #unsent = (error: Error): never => {
    this.#writes--;
    this.#lost(error);
    throw this.#failure;
  };

  /** Ends this side after the writes under way; the peer may go on sending. Idempotent. */
  async closeWrite(): Promise<void> {
    if (this.#shut || this.#over) return;
    this.#shut = true;
    if (this.#writes > 0) await this.#lastWrite;
    if (this.#over) return;
    await this.#raw.shutdown().catch((error) => this.#lost(error));
    if (this.#ended) this.#finish();
  }

  /** Closes at once: a pending read or write rejects, unread bytes are dropped. Idempotent. */
  close(): void {
    if (this.#over) return;
    this.#failure = this.#closedError("use");
    this.#unread = [];
    this.#finish();
  }

  /** Closes the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** The bytes received, as a byte stream that reads only on demand. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  /** A stream whose writes settle when the kernel has them; closing it ends this side. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  /** Sends small writes at once (TCP_NODELAY); `connect` has it on. */
  setNoDelay(on = true): void {
    flag("on", on);
    if (!this.#over) this.#raw.setNoDelay(on);
  }

  /** Lets the kernel probe a silent peer (SO_KEEPALIVE). */
  setKeepAlive(on = true): void {
    flag("on", on);
    if (!this.#over) this.#raw.setKeepAlive(on);
  }

  /** Whether this connection alone keeps the process running; it does until told otherwise. */
  setRef(on: boolean): void {
    flag("on", on);
    if (!this.#over) this.#raw.setRef(on);
  }

  static {
    watchConn = (conn, listener) => conn.#onUnusable = listener;
  }

  #take(into: Uint8Array): number {
    this.#abandoned = false;
    let n = 0;
    while (this.#unread.length > 0 && n < into.length) {
      const chunk = this.#unread[0];
      const part = chunk.length <= into.length - n ? chunk : chunk.subarray(0, into.length - n);
      into.set(part, n);
      n += part.length;
      if (part === chunk) this.#unread.shift();
      else this.#unread[0] = chunk.subarray(part.length);
    }
    if (this.#unread.length === 0 && !this.#over) this.#raw.resume();
    return n;
  }

  #data(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    this.#bytesIn += bytes.length;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#unread.push(bytes);
      this.#onUnusable?.();
      return false;
    }
    this.#reader = undefined;
    this.#abandoned = false;
    const fits = bytes.length <= reader.into.length;
    const part = fits ? bytes : bytes.subarray(0, reader.into.length);
    reader.into.set(part);
    reader.resolve(part.length);
    if (!fits) this.#unread.push(bytes.subarray(part.length));
    return fits;
  }

  #end(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
    if (this.#shut && this.#writes === 0) this.#finish();
    this.#onUnusable?.();
  }

  #lost(error: Error | undefined): void {
    if (this.#over) return;
    // Nothing went wrong where both sides had ended; a runtime then just reports the close.
    if (error !== undefined || !this.#ended) {
      const why = error?.message ?? "closed without an end";
      this.#failure = new ConnectError(
        "CONNECTION_RESET",
        `Connection to ${this.endpoint} was lost: ${why}`,
        { endpoint: this.endpoint, cause: error },
      );
    }
    this.#finish();
    this.#onUnusable?.();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#raw.close();
    this.#reader?.reject(this.#failure);
    this.#reader = undefined;
    this.#closed.resolve(this.#failure?.code === "CONNECTION_RESET" ? this.#failure : undefined);
  }

  #closedError(doing: string): ConnectError {
    return new ConnectError(
      "CONNECTION_CLOSED",
      `Cannot ${doing} connection to ${this.endpoint}: this side has closed it`,
      { endpoint: this.endpoint },
    );
  }
}
