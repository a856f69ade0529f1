// A proxy on loopback that breaks what passes through it in the way a test chooses.

import { connect, createServer, type Server, type Socket } from "node:net";
import { sleep } from "./peer.ts";

/** One proxied connection. */
export interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** What is done to a connection and to what passes over it; `undefined` passes bytes on. */
export interface Fault {
  accept?(link: Link): void;
  request?(bytes: Uint8Array, link: Link): void;
  reply?(bytes: Uint8Array, link: Link): void;
}

/** Passes everything on to a port of this machine while `fault` is empty. */
export class FaultProxy implements AsyncDisposable {
  readonly links: Set<Link> = new Set();
  fault: Fault = {};
  port = 0;
  accepted = 0;
  readonly #server: Server;

  private constructor(to: () => number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.accepted++;
      const upstream = connect({ port: to(), host: "127.0.0.1", noDelay: true });
      const link = { client, upstream };
      this.links.add(link);
      client.on("error", () => {}).on("close", () => {
        this.links.delete(link);
        upstream.destroy();
      });
      upstream.on("error", () => {}).on("close", () => client.end());
      client.on("end", () => upstream.end());
      client.on("data", (bytes: Uint8Array) => {
        if (this.fault.request) this.fault.request(bytes, link);
        else upstream.write(bytes);
      });
      upstream.on("data", (bytes: Uint8Array) => {
        if (this.fault.reply) this.fault.reply(bytes, link);
        else client.write(bytes);
      });
      this.fault.accept?.(link);
    });
  }

  /** Listens on a free port. */
  static async start(to: () => number): Promise<FaultProxy> {
    const proxy = new FaultProxy(to);
    await new Promise<void>((done) => proxy.#server.listen(0, "127.0.0.1", done));
    const address = proxy.#server.address();
    if (typeof address === "object" && address !== null) proxy.port = address.port;
    return proxy;
  }

  /** How many connections neither side has ended. */
  get open(): number {
    return [...this.links].filter(({ client }) => client.writable && client.readable).length;
  }

  /** Cuts every connection. */
  cut(how: "end" | "reset" = "end"): void {
    for (const { client } of this.links) {
      if (how === "end") client.destroy();
      else client.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }
}

/** Writes byte by byte. */
export async function dribble(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    socket.write(Uint8Array.of(byte));
    await sleep(1);
  }
}
