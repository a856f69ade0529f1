/**
 * A protocol of one's own over the generic pool: a key-value server that greets, and answers each
 * line with a line. The pool makes sessions (connect and greet), proves them with PING after they
 * were idle, and destroys those whose exchange broke off half-way.
 *
 *     deno run -A examples/protocol.ts        bun examples/protocol.ts
 */

import { type Conn, connect, type Factory, Pool } from "@x/pool";
import { createServer, type Socket } from "node:net";

/** One session: a connection that has been greeted, and what the peer called itself. */
class Session {
  /** False while a reply is outstanding: such a session must never be lent again. */
  idle = true;
  #received = "";
  readonly #chunk = new Uint8Array(4096);

  private constructor(readonly conn: Conn) {}

  static async open(endpoint: string, signal: AbortSignal): Promise<Session> {
    const session = new Session(await connect(endpoint, { signal }));
    const greeting = await session.#line();
    if (greeting === "HELLO kv/1") return session;
    session.conn.close();
    throw new Error(`${endpoint} does not speak kv/1, it greeted with ${greeting}`);
  }

  async ask(command: string): Promise<string> {
    this.idle = false;
    await this.conn.write(new TextEncoder().encode(`${command}\n`));
    const reply = await this.#line();
    this.idle = true;
    return reply;
  }

  async #line(): Promise<string> {
    while (!this.#received.includes("\n")) {
      const n = await this.conn.read(this.#chunk);
      if (n === null) throw new Error(`${this.conn.endpoint} closed in the middle of a reply`);
      this.#received += new TextDecoder().decode(this.#chunk.subarray(0, n));
    }
    const end = this.#received.indexOf("\n");
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 1);
    return line;
  }
}

function sessions(endpoint: string): Factory<Session> {
  return {
    create: ({ signal }) => Session.open(endpoint, signal),
    destroy: (session) => session.conn.close(),
    usable: (session) => session.idle && session.conn.usable,
    check: async (session) => await session.ask("PING") === "PONG",
  };
}

/** The server, so that the example runs by itself. */
function startServer(): Promise<{ endpoint: string; stop(): void }> {
  const values = new Map<string, string>();
  const sockets = new Set<Socket>();
  const answer = (line: string): string => {
    const [command, key, ...value] = line.split(" ");
    if (command === "SET") return values.set(key, value.join(" ")) && "OK";
    if (command === "GET") return values.get(key) ?? "NONE";
    return command === "PING" ? "PONG" : "ERROR";
  };
  const server = createServer((socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)));
    socket.write("HELLO kv/1\n");
    socket.on("data", (data) => {
      for (const line of String(data).trimEnd().split("\n")) socket.write(`${answer(line)}\n`);
    });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      const stop = () => {
        server.close();
        for (const socket of sockets) socket.destroy();
      };
      resolve({ endpoint: `127.0.0.1:${port}`, stop });
    })
  );
}

const server = await startServer();
{
  await using pool = new Pool(sessions(server.endpoint), { maxSize: 4, name: "kv" });
  await Promise.all(
    Array.from({ length: 100 }, (_, i) => pool.use((kv) => kv.ask(`SET key${i} value ${i}`))),
  );
  console.log(await pool.use((kv) => kv.ask("GET key42")));

  // A lease for several commands on the same session; it goes back at the end of the block.
  {
    await using lease = await pool.acquire({ timeout: 1_000 });
    console.log(await lease.value.ask("SET greeting hello"));
    console.log(await lease.value.ask("GET greeting"));
  }
  const { size, totals } = pool.stats;
  console.log(`${totals.acquired} uses of ${size} sessions`);
}
server.stop();
