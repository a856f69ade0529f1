// In-process peers for the tests: a node:net server whose behaviour the test supplies.

import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { Conn } from "../../src/net/mod.ts";

/** A listening peer on a loopback port (or a Unix path), closed by `await using`. */
export class Peer implements AsyncDisposable {
  readonly sockets: Set<Socket> = new Set();
  accepted = 0;
  port = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens; `port` 0 picks a free one. */
  static async listen(
    serve: (socket: Socket) => void,
    where: { port?: number; path?: string; host?: string; halfOpen?: boolean } = {},
  ): Promise<Peer> {
    const server = createServer({ allowHalfOpen: where.halfOpen ?? false, noDelay: true });
    const peer = new Peer(server);
    server.on("connection", (socket: Socket) => {
      peer.accepted++;
      peer.sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => peer.sockets.delete(socket));
      serve(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if (where.path !== undefined) server.listen(where.path, resolve);
      else server.listen(where.port ?? 0, where.host ?? "127.0.0.1", resolve);
    });
    const address = server.address();
    if (typeof address === "object" && address !== null) peer.port = address.port;
    return peer;
  }

  /** Sends everything back. */
  static echo(where: { port?: number; path?: string; host?: string } = {}): Promise<Peer> {
    return Peer.listen((socket) => socket.on("data", (bytes) => socket.write(bytes)), where);
  }

  /** The only open connection, once it is there. */
  async socket(): Promise<Socket> {
    await until(() => this.sockets.size > 0);
    return [...this.sockets].at(-1)!;
  }

  /** Stops listening and cuts every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/** Waits until `condition` holds; fails after `within` milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = "condition",
  within = 15_000,
): Promise<void> {
  const deadline = performance.now() + within;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting for ${what}: ${condition}`);
    await sleep(2);
  }
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Where a peer listens. */
export function at(peer: Peer): string {
  return `127.0.0.1:${peer.port}`;
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Reads until `length` bytes or the end of the stream, as text. */
export async function readText(
  conn: { read(into: Uint8Array): Promise<number | null> },
  length: number,
): Promise<string> {
  const into = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const n = await conn.read(into.subarray(filled));
    if (n === null) break;
    filled += n;
  }
  return new TextDecoder().decode(into.subarray(0, filled));
}

/** Sends text and has it come back. */
export async function echo(conn: Conn, text: string): Promise<void> {
  await conn.write(bytes(text));
  assert.equal(await readText(conn, text.length), text);
}
