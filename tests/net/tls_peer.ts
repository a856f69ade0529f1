// An in-process TLS echo server.

import { createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import type { Pki } from "./pki.ts";

/** Sends everything back over TLS; closed by `await using`. */
export class TlsPeer implements AsyncDisposable {
  readonly sockets: TLSSocket[] = [];
  port = 0;

  private constructor(readonly server: Server) {
    server.on("tlsClientError", () => {});
    server.on("secureConnection", (socket: TLSSocket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (data) => socket.write(data));
    });
  }

  /** Listens on a free loopback port, or on `path`. */
  static async listen(pki: Pki, options: TlsOptions = {}, path?: string): Promise<TlsPeer> {
    const { cert, key } = pki.server;
    const peer = new TlsPeer(createServer({ cert, key, ...options }));
    await new Promise<void>((done) =>
      path ? peer.server.listen(path, done) : peer.server.listen(0, "127.0.0.1", done)
    );
    const address = peer.server.address();
    if (typeof address === "object" && address !== null) peer.port = address.port;
    return peer;
  }

  /** Stops listening and cuts every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((done) => this.server.close(() => done()));
  }
}
