import { nextTick } from "node:process";
import {
  abandonable,
  type Dialer,
  type DialOptions,
  hostPort,
  type RawSocket,
  type SocketEvents,
  type TcpTarget,
  type UnixTarget,
} from "./dial.ts";

// Not powers of two: a reply that exactly fills the buffer is then improbable, so an emptied kernel
// buffer can be told from one that has more.
const smallRead = 4_000;
const largeRead = 64_000;

class DenoSocket implements RawSocket {
  readonly local: string;
  readonly remote: string;
  readonly alpn: undefined;
  readonly #conn: Deno.Conn;
  #events: SocketEvents | undefined;
  #buffer: Uint8Array = new Uint8Array(smallRead);
  #held = false;
  #closed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.local = text(conn.localAddr);
    this.remote = text(conn.remoteAddr);
  }

  start(events: SocketEvents): void {
    this.#events = events;
    this.#read();
  }

  /** One read is always pending: that is how an idle connection notices its peer's close. */
  #read(): void {
    this.#conn.read(this.#buffer).then(this.#arrived, this.#failed);
  }

  readonly #arrived = (n: number | null): void => {
    if (this.#closed) return;
    const events = this.#events!;
    if (n === null) return events.end();
    const buffer = this.#buffer;
    const taken = events.data(buffer.subarray(0, n));
    const size = buffer.length;
    if (n === size && size < largeRead) this.#buffer = new Uint8Array(size * 4);
    else if (size > smallRead && n * 16 < size) this.#buffer = new Uint8Array(smallRead);
    // After whoever waited for these bytes: what they write next is then on its way first.
    if (taken) nextTick(this.#again);
    else this.#held = true;
  };

  readonly #again = (): void => {
    if (!this.#closed) this.#read();
  };

  readonly #failed = (error: Error): void => {
    if (!this.#closed) this.#events!.lost(error);
  };

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#again();
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  shutdown(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  setNoDelay(on: boolean): void {
    if ("setNoDelay" in this.#conn) (this.#conn as Deno.TcpConn).setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    if ("setKeepAlive" in this.#conn) (this.#conn as Deno.TcpConn).setKeepAlive(on);
  }

  setRef(on: boolean): void {
    if (on) this.#conn.ref();
    else this.#conn.unref();
  }
}

function text(address: Deno.Addr): string {
  if (address.transport === "unix") return address.path ?? "";
  const { hostname, port } = address as Deno.NetAddr;
  return hostPort(hostname, port);
}

/**
 * `Deno.connect` rejects, and forgets the open socket, when its signal aborts in the turn in which
 * the connection came up. It asks `throwIfAborted` for that: a signal of our own says no.
 */
function dialTcp(target: TcpTarget, signal: AbortSignal): Promise<Deno.TcpConn> {
  const cancel = new AbortController();
  cancel.signal.throwIfAborted = (): void => {};
  signal.addEventListener("abort", () => cancel.abort(), { once: true });
  const { address: hostname, port } = target;
  return abandonable(Deno.connect({ hostname, port, signal: cancel.signal }), signal);
}

function dialUnix(path: string, signal: AbortSignal): Promise<RawSocket> {
  const work = Deno.connect({ transport: "unix", path });
  return abandonable(work.then((conn) => new DenoSocket(conn)), signal);
}

/**
 * Dials with `Deno.connect`, and TLS through node:tls: `Deno.startTls` consumes the transport, which
 * then stays open for as long as a peer says nothing in the handshake, whatever is closed.
 */
export const dialer: Dialer = {
  async dial(target: TcpTarget | UnixTarget, options: DialOptions): Promise<RawSocket> {
    const { signal, tls } = options;
    signal.throwIfAborted();
    if (tls !== undefined) {
      return await (await import("./node_tls.ts")).dialNodeTls(target, tls, options);
    }
    if ("path" in target) return await dialUnix(target.path, signal);
    const tcp = await dialTcp(target, signal);
    options.onConnected?.();
    if (options.noDelay) tcp.setNoDelay(true);
    if (options.keepAlive) tcp.setKeepAlive(true);
    return new DenoSocket(tcp);
  },
};
