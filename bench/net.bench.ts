/**
 * What a pooled connection costs: 64-byte requests and replies against an echo server in another
 * process, and HTTP GETs from nginx where it is installed. Every figure is the median ratio of
 * interleaved rounds in one process.
 *
 *     deno run -A bench/net.bench.ts [words of a title] [rounds]
 *     bun bench/net.bench.ts [words of a title] [rounds]
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectNode, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import generic from "generic-pool";
import { type Conn, connect, EndpointPool } from "@x/pool";
import { Program } from "../tests/child.ts";
import { otherRuntimeEcho } from "../tests/net/servers.ts";

const wanted = process.argv[2] ?? "", rounds = Number(process.argv[3] ?? 15);
const HOUR = 3_600_000;
const size = 16;
const request = new Uint8Array(64).fill(65);
// What arrives is not looked at, so everybody may read into the same place.
const into = new Uint8Array(4096);

interface Contender {
  /** One request and its reply. */
  once(): Promise<unknown>;
  close(): unknown;
}

/** The runtime's own socket, used for one request after another: the limit. */
async function bare(port: number): Promise<Contender> {
  const { Deno, Bun } = globalThis as unknown as Runtimes;
  if (Bun === undefined) {
    const conn = await Deno!.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return {
      async once() {
        await conn.write(request);
        for (let n = 0; n < 64;) n += (await conn.read(into))!;
      },
      close: () => conn.close(),
    };
  }
  let arrived: (n: number) => void;
  const socket = await Bun.connect({
    ...{ hostname: "127.0.0.1", port },
    socket: { data: (_: unknown, bytes: Uint8Array) => arrived(bytes.length) },
  });
  return {
    async once() {
      let more = new Promise<number>((resolve) => arrived = resolve);
      socket.write(request);
      for (let n = 0; n < 64; n += await more) {
        if (n > 0) more = new Promise<number>((resolve) => arrived = resolve);
      }
    },
    close: () => socket.end(),
  };
}

interface Runtimes {
  Deno?: {
    connect(o: object): Promise<{
      read(into: Uint8Array): Promise<number | null>;
      write(bytes: Uint8Array): Promise<number>;
      close(): void;
      setNoDelay(on: boolean): void;
    }>;
  };
  Bun?: { connect(o: object): Promise<{ write(bytes: Uint8Array): number; end(): void }> };
}

async function exchange(conn: Conn): Promise<void> {
  await conn.write(request);
  for (let n = 0; n < 64;) n += (await conn.read(into))!;
}

function pooled(port: number): Contender {
  const pool = new EndpointPool({ maxPerEndpoint: size });
  const endpoint = `127.0.0.1:${port}`;
  return {
    async once() {
      const lease = await pool.acquire(endpoint);
      await exchange(lease.value);
      lease.release();
    },
    close: () => pool.close(),
  };
}

function fresh(port: number): Contender {
  return {
    async once() {
      const conn = await connect(["127.0.0.1", port]);
      await exchange(conn);
      conn.close();
    },
    close: () => {},
  };
}

function genericPool(port: number): Contender {
  const pool = generic.createPool<Socket>({
    create: () =>
      new Promise((resolve, reject) => {
        const socket = connectNode({ port, host: "127.0.0.1", noDelay: true });
        socket.once("connect", () => resolve(socket)).once("error", reject);
      }),
    destroy: (socket) => Promise.resolve(void socket.destroy()),
  }, { max: size });
  return {
    async once() {
      const socket = await pool.acquire();
      await new Promise<void>((resolve) => {
        let n = 0;
        const data = (bytes: Uint8Array): void => {
          if ((n += bytes.length) < 64) return;
          socket.off("data", data);
          resolve();
        };
        socket.on("data", data);
        socket.write(request);
      });
      await pool.release(socket);
    },
    close: async () => {
      await pool.drain();
      await pool.clear();
    },
  };
}

const get = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
const decoder = new TextDecoder();

function pooledHttp(port: number): Contender {
  const pool = new EndpointPool({ maxPerEndpoint: size });
  const endpoint = `127.0.0.1:${port}`;
  return {
    async once() {
      const lease = await pool.acquire(endpoint);
      const conn = lease.value;
      await conn.write(get);
      const into = new Uint8Array(4096); // this one is looked at
      let text = "";
      while (true) {
        const n = await conn.read(into);
        if (n === null) throw new Error("nginx has closed the connection");
        text += decoder.decode(into.subarray(0, n));
        const end = text.indexOf("\r\n\r\n");
        const length = end < 0 ? undefined : /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
        if (length !== undefined && text.length >= end + 4 + Number(length)) break;
      }
      if (!text.startsWith("HTTP/1.1 200")) throw new Error(text);
      lease.release();
    },
    close: () => pool.close(),
  };
}

async function undici(port: number): Promise<Contender> {
  // Bun has a module of this name built in, which is not undici.
  const { Pool } = await import("../node_modules/undici/index.js" as string);
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: size });
  return {
    async once() {
      const { body } = await pool.request({ path: "/", method: "GET" });
      await body.text();
    },
    close: () => pool.close(),
  };
}

/** Microseconds for each of `count` requests with `concurrency` in flight. */
async function time(contender: Contender, count: number, concurrency: number): Promise<number> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) await contender.once();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: concurrency }, work));
  return (performance.now() - started) * 1000 / count;
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Runs everybody in turn, and prints medians and the median of the ratios to the first. */
async function compare(
  title: string,
  contenders: Record<string, Contender>,
  [count, concurrency]: [number, number],
): Promise<void> {
  const names = title.includes(wanted) ? Object.keys(contenders) : [];
  const times: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await time(contenders[name], count, concurrency);
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one, so that nobody always follows the same.
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      times[name].push(await time(contenders[name], count, concurrency));
    }
  }
  if (names.length > 0) console.log(`\n${title}`);
  for (const name of names) {
    const ratios = times[name].map((t, round) => t / times[names[0]][round]);
    const us = median(times[name]).toFixed(1).padStart(8);
    console.log(`  ${name.padEnd(26)} ${us} µs  × ${median(ratios).toFixed(2)}`);
  }
  for (const contender of Object.values(contenders)) await contender.close();
}

async function nginx(): Promise<(Program & { port: number }) | undefined> {
  const path = (process.env.PATH ?? "").split(delimiter).map((entry) => join(entry, "nginx"))
    .find((file) => existsSync(file));
  if (path === undefined) return undefined;
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, "127.0.0.1", done));
  const { port } = probe.address() as { port: number };
  await new Promise((done) => probe.close(done));
  const directory = mkdtempSync(join(tmpdir(), "x-pool-bench-"));
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(
    join(directory, "nginx.conf"),
    `daemon off; master_process off; pid pid; events {}
    http {
      access_log off; keepalive_requests 100000000;
      ${temp.map((name) => `${name}_temp_path ${directory}/${name};`).join(" ")}
      server { listen 127.0.0.1:${port}; location / { return 200 "hello, this is nginx\\n"; } }
    }`,
  );
  const args = ["-p", directory, "-e", "stderr", "-c", "nginx.conf"];
  const child = new Program(path, args, { runtime: "none", timeout: HOUR });
  await child.listening(port);
  rmSync(directory, { recursive: true });
  return Object.assign(child, { port });
}

/** The echo server in C where there is a compiler, else in the other runtime. */
async function echoServer(): Promise<Program & { port: number }> {
  const directory = mkdtempSync(join(tmpdir(), "x-pool-bench-"));
  try {
    const program = join(directory, "echo");
    const source = fileURLToPath(new URL("./echo.c", import.meta.url));
    execFileSync("cc", ["-O2", "-o", program, source]);
    const child = new Program(program, [], { runtime: "none", timeout: HOUR });
    return Object.assign(child, { port: Number((await child.printed(/^\d+$/m))[0]) });
  } catch {
    const child = await otherRuntimeEcho(1);
    return Object.assign(child, { port: child.ports[0] });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

console.log(`${"Bun" in globalThis ? "Bun" : "Deno"}, ${rounds} rounds, ratios to the first line`);
await using server = await echoServer();
const { port } = server;

await compare("64 B request and reply, one at a time", {
  "one bare native connection": await bare(port),
  "EndpointPool": pooled(port),
  "generic-pool + node:net": genericPool(port),
  "a fresh connection each": fresh(port),
}, [500, 1]);

await compare(`64 B request and reply, 64 in flight over ${size} connections`, {
  "EndpointPool": pooled(port),
  "generic-pool + node:net": genericPool(port),
}, [3_000, 64]);

await using web = await nginx();
if (web === undefined) console.log("\nnginx is not installed: GETs are left out");
else {
  for (const concurrency of [1, 64]) {
    await compare(`HTTP/1.1 GET from nginx, ${concurrency} in flight over ${size} connections`, {
      "EndpointPool": pooledHttp(web.port),
      "undici Pool": await undici(web.port),
    }, [concurrency === 1 ? 500 : 2_000, concurrency]);
  }
}
