import {
  abandonable,
  type Dialer,
  type DialOptions,
  type DialTls,
  HandshakeError,
  hostPort,
  type RawSocket,
  type SocketEvents,
  type TcpTarget,
  type UnixTarget,
} from "./dial.ts";

interface BunTcp {
  data: BunSocket;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly alpnProtocol: string | null | false;
  write(bytes: Uint8Array): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean, delay?: number): boolean;
}

declare const Bun: { connect(options: Record<string, unknown>): Promise<BunTcp> };

// How a handshake ends that comes to no session.
const NO_SESSION = ["EPROTO", "ECONNRESET"];

// Bytes that may wait unread before the kernel is told to hold back.
const readAhead = 256 * 1024;

class BunSocket implements RawSocket {
  local = "";
  remote = "";
  alpn: string | undefined;
  readonly opened: PromiseWithResolvers<BunSocket> = Promise.withResolvers();
  readonly #options: DialOptions;
  readonly #path: string | undefined;
  #tcp: BunTcp | undefined;
  #events: SocketEvents | undefined;
  #early: Uint8Array[] | undefined;
  #earlyEnd = false;
  #failure: Error | undefined;
  #held = 0;
  #paused = false;
  #shut = false;
  #closed = false;
  #ended = false;
  #write: PromiseWithResolvers<number> | undefined;
  #unsent: Uint8Array | undefined;

  constructor(target: TcpTarget | UnixTarget, options: DialOptions) {
    this.#options = options;
    this.#path = "path" in target ? target.path : undefined;
  }

  start(events: SocketEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = undefined;
    for (const bytes of early ?? []) this.onData(bytes);
    if (this.#earlyEnd) events.end();
    if (this.#closed) events.lost(this.#failure);
  }

  onOpen(tcp: BunTcp): void {
    this.#tcp = tcp;
    if (this.#options.signal.aborted) return tcp.terminate();
    if (this.#path === undefined) {
      this.local = hostPort(tcp.localAddress, tcp.localPort);
      this.remote = hostPort(tcp.remoteAddress, tcp.remotePort);
      tcp.setNoDelay(this.#options.noDelay === true); // it begins switched on
      if (this.#options.keepAlive) tcp.setKeepAlive(true);
    } else this.remote = this.#path;
    this.#options.onConnected?.();
    if (this.#options.tls === undefined) this.opened.resolve(this);
  }

  onHandshake(tcp: BunTcp, ok: boolean, error: Error & { code?: string } | null): void {
    // `ok` is the verdict on the certificate, and so is any error but those without a session.
    const doubted = error !== null && !NO_SESSION.includes(error.code ?? "");
    if (doubted && !this.#options.tls?.verify || (ok && error === null)) {
      this.alpn = tcp.alpnProtocol || undefined;
      this.opened.resolve(this);
    } else {
      const reason = error?.message ?? "the peer ended the handshake";
      this.opened.reject(new HandshakeError(reason, { cause: error ?? undefined }));
      tcp.terminate();
    }
  }

  onData(bytes: Uint8Array): void {
    if (this.#events === undefined) {
      (this.#early ??= []).push(bytes);
      return;
    }
    if (this.#events.data(bytes)) return;
    this.#held += bytes.length;
    if (this.#held > readAhead && !this.#paused) {
      this.#paused = true;
      this.#tcp?.pause();
    }
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#events === undefined) this.#earlyEnd = true;
    else this.#events.end();
  }

  onClose(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tcp = undefined;
    // Once both directions are shut Bun reports the close alone, without `end`.
    if (error === undefined && this.#shut) this.onEnd();
    this.#failure = error;
    this.opened.reject(
      this.#options.tls === undefined
        ? error ?? new Error("closed while connecting")
        : new HandshakeError(error?.message ?? "the peer closed during the handshake", {
          cause: error,
        }),
    );
    this.#events?.lost(error);
    this.#write?.reject(error ?? new Error("closed while writing"));
    this.#write = undefined;
  }

  onDrain(tcp: BunTcp): void {
    if (this.#write === undefined) return;
    const n = tcp.write(this.#unsent!);
    if (n <= 0) return;
    this.#write.resolve(n);
    this.#write = this.#unsent = undefined;
  }

  resume(): void {
    this.#held = 0;
    if (!this.#paused) return;
    this.#paused = false;
    this.#tcp?.resume();
  }

  write(bytes: Uint8Array): Promise<number> | number {
    const n = this.#tcp === undefined ? -1 : this.#tcp.write(bytes);
    if (n > 0) return n;
    if (n < 0) return Promise.reject(this.#failure ?? new Error("the socket is closed"));
    this.#unsent = bytes;
    this.#write = Promise.withResolvers();
    return this.#write.promise;
  }

  shutdown(): Promise<void> {
    this.#shut = true;
    this.#tcp?.shutdown();
    return Promise.resolve();
  }

  close(): void {
    this.#closed = true;
    const tcp = this.#tcp;
    this.#tcp = undefined;
    tcp?.end();
    this.#write?.reject(new Error("closed while writing"));
    this.#write = undefined;
  }

  /** Nobody waits for the handshake any more, which a silent peer would never end. */
  abandon(): void {
    this.#tcp?.terminate();
  }

  setNoDelay(on: boolean): void {
    this.#tcp?.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.#tcp?.setKeepAlive(on);
  }

  setRef(on: boolean): void {
    if (on) this.#tcp?.ref();
    else this.#tcp?.unref();
  }
}

// One set of handlers for every socket; `data` leads back to the socket's own object.
const handlers = {
  open: (tcp: BunTcp): void => tcp.data.onOpen(tcp),
  handshake: (tcp: BunTcp, ok: boolean, error: Error | null): void =>
    tcp.data.onHandshake(tcp, ok, error),
  data: (tcp: BunTcp, bytes: Uint8Array): void => tcp.data.onData(bytes),
  end: (tcp: BunTcp): void => tcp.data.onEnd(),
  close: (tcp: BunTcp, error?: Error): void => tcp.data.onClose(error),
  error: (tcp: BunTcp, error: Error): void => tcp.data.onClose(error),
  drain: (tcp: BunTcp): void => tcp.data.onDrain(tcp),
};

// The protocol's own numbers, which Bun wants.
const tlsVersions = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 };

function tlsOptions(tls: DialTls): Record<string, unknown> {
  return {
    serverName: tls.serverName,
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    minVersion: tls.minVersion && tlsVersions[tls.minVersion],
    rejectUnauthorized: tls.verify,
    ALPNProtocols: tls.alpn && wireFormat(tls.alpn),
  };
}

/** Each protocol behind its length in one byte, as ALPN has it. */
function wireFormat(protocols: readonly string[]): string {
  return protocols.map((name) => String.fromCharCode(name.length) + name).join("");
}

/** Dials with `Bun.connect`. */
export const dialer: Dialer = {
  dial(target: TcpTarget | UnixTarget, options: DialOptions): Promise<RawSocket> {
    const { signal } = options;
    if (signal.aborted) return Promise.reject(signal.reason);
    const socket = new BunSocket(target, options);
    const abandon = (): void => socket.abandon();
    signal.addEventListener("abort", abandon, { once: true });
    const where = "path" in target
      ? { unix: target.path }
      : { hostname: target.address, port: target.port };
    Bun.connect({
      ...where,
      allowHalfOpen: true,
      data: socket,
      socket: handlers,
      tls: options.tls && tlsOptions(options.tls),
    }).catch(socket.opened.reject);
    return abandonable(socket.opened.promise, signal)
      .finally(() => signal.removeEventListener("abort", abandon));
  },
};
