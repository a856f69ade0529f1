import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import {
  type DialOptions,
  type DialTls,
  HandshakeError,
  hostPort,
  type RawSocket,
  type SocketEvents,
  type TcpTarget,
  type UnixTarget,
} from "./dial.ts";

/** A {@linkcode RawSocket} over a secured `node:tls` socket. */
class NodeSocket implements RawSocket {
  readonly alpn: string | undefined;
  readonly #socket: TLSSocket;
  #failure: Error | undefined;

  constructor(socket: TLSSocket, readonly local: string, readonly remote: string) {
    this.#socket = socket;
    this.alpn = socket.alpnProtocol || undefined;
    socket.on("error", (error: Error) => {
      this.#failure = error;
      socket.destroy(); // which Deno leaves to us
    });
  }

  start(events: SocketEvents): void {
    this.#socket.on("data", (bytes: Uint8Array) => {
      if (!events.data(bytes)) this.#socket.pause();
    });
    this.#socket.on("end", () => events.end());
    this.#socket.on("close", () => events.lost(this.#failure));
    this.#socket.resume();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.once("close", reject);
      this.#socket.write(bytes, (error) => {
        this.#socket.off("close", reject);
        if (error) reject(error);
        else resolve(bytes.length);
      });
    });
  }

  shutdown(): Promise<void> {
    return new Promise((resolve) => void this.#socket.end(resolve));
  }

  close(): void {
    this.#socket.removeAllListeners("data").removeAllListeners("end");
    this.#socket.destroy();
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.#socket.setKeepAlive(on);
  }

  setRef(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }
}

/** Dials and secures through node:tls. */
export function dialNodeTls(
  target: TcpTarget | UnixTarget,
  tls: DialTls,
  options: DialOptions,
): Promise<RawSocket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason); // while this file was loaded
    const plain = "path" in target
      ? connectTcp({ path: target.path, allowHalfOpen: true })
      : connectTcp({ host: target.address, port: target.port, allowHalfOpen: true });
    let secured: TLSSocket | undefined;
    const abort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", abort);
      plain.destroy();
      secured?.destroy();
      reject(error);
    };
    const refuse = (error?: Error): void => {
      fail(new HandshakeError(error?.message ?? "the peer ended the handshake", { cause: error }));
    };
    signal.addEventListener("abort", abort, { once: true });
    plain.once("error", fail);
    plain.once("connect", () => {
      plain.off("error", fail);
      options.onConnected?.();
      if (options.noDelay) plain.setNoDelay(true);
      if (options.keepAlive) plain.setKeepAlive(true);
      const local = "path" in target ? "" : hostPort(plain.localAddress!, plain.localPort!);
      const remote = "path" in target ? target.path : hostPort(target.address, target.port);
      secured = connectTls({
        socket: plain,
        servername: isIP(tls.serverName) ? "" : tls.serverName,
        host: tls.serverName,
        ca: tls.ca as string[] | undefined,
        cert: tls.cert,
        key: tls.key,
        minVersion: tls.minVersion,
        ALPNProtocols: tls.alpn as string[] | undefined,
        rejectUnauthorized: tls.verify,
        allowHalfOpen: true,
      } as ConnectionOptions);
      secured.once("error", refuse).once("close", refuse);
      secured.once("secureConnect", () => {
        signal.removeEventListener("abort", abort);
        secured!.off("error", refuse).off("close", refuse).pause();
        resolve(new NodeSocket(secured!, local, remote));
      });
    });
  });
}
