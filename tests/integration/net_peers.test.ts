import assert from "node:assert/strict";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Redis, RedisError, redisPool } from "../../examples/redis.ts";
import { postgresPool } from "../../examples/postgres.ts";
import { type Conn, connect, ConnectError, EndpointPool } from "../../mod.ts";
import { Program, type RunOptions } from "../child.ts";
import { bytes, readText, sleep, until } from "../net/peer.ts";
import { Pki } from "../net/pki.ts";
import { otherRuntimeEcho } from "../net/servers.ts";
import { need } from "../support.ts";

/** A directory that is gone at the end. */
function temporary(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "x-pool-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" ? address!.port : 0;
}

/** Runs an example in the runtime of this test and returns what it prints. */
async function example(file: string, argument: string): Promise<string> {
  const program = new Program(`examples/${file}`, [argument]);
  assert.equal(await program.ended, 0, program.output);
  return program.output;
}

/** A program of somebody else. */
const daemon = (program: string, args: string[], options?: RunOptions): Program =>
  new Program(program, args, { runtime: "none", timeout: 120_000, ...options });

/** The port that a program prints first. */
const portOf = async (program: Program): Promise<number> =>
  Number((await program.printed(/^\d+$/m))[0]);

const python = (code: string): Program => daemon("python3", ["-u", "-c", code]);

describe("echo servers of others", () => {
  it("talks to the other runtime", { timeout: 300_000 }, async () => {
    await using server = await otherRuntimeEcho(1);
    await using pool = new EndpointPool();
    const endpoint = `127.0.0.1:${server.ports[0]}`;
    for (let i = 0; i < 100; i++) {
      await pool.withConnection(endpoint, async (conn) => {
        await conn.write(bytes(`line ${i}\n`));
        assert.equal(await readText(conn, `line ${i}\n`.length), `line ${i}\n`);
      });
    }
    assert.equal(pool.stats(endpoint).totalReused, 99);
  });

  it("talks to Python and ends the way it expects", { skip: need("python3") }, async () => {
    await using server = python(
      "import socket\n" +
        "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])\n" +
        "c, _ = s.accept()\n" +
        "data = b''\n" +
        "while True:\n" +
        "  d = c.recv(65536)\n" +
        "  if not d: break\n" +
        "  data += d\n" +
        "c.sendall(b'%d' % len(data)); c.close()\n",
    );
    await using conn = await connect(["127.0.0.1", await portOf(server)]);
    await conn.write(new Uint8Array(3_000_000));
    await conn.closeWrite();
    assert.equal(await readText(conn, 100), "3000000");
  });

  it("gives up on a host that drops its packets", { skip: need("python3", "linux") }, async () => {
    // Nobody accepts: once the queue is full, the kernel drops each further attempt to connect.
    await using server = python(
      "import socket, sys\n" +
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)\n" +
        "a = [socket.socket() for _ in range(4)]\n" +
        "for c in a: c.setblocking(False); c.connect_ex(s.getsockname())\n" +
        "print(s.getsockname()[1]); sys.stdin.read()\n",
    );
    const port = await portOf(server);
    const started = performance.now();
    const error = await connect(["127.0.0.1", port], { timeout: 150 }).catch((error) => error);
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.code, "CONNECTION_TIMEOUT");
    assert.match(error.message, /still connecting after 150 ms/);
    assert.ok(performance.now() - started < 10_000);
  });
});

/** One GET over HTTP/1.1: status line, headers and body; the connection stays open. */
async function get(conn: Conn, path: string): Promise<{ head: string; body: string }> {
  await conn.write(bytes(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
  let text = "";
  const into = new Uint8Array(65_536);
  while (true) {
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) {
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      const body = text.slice(end + 4);
      if (body.length >= length) return { head: text.slice(0, end), body };
    }
    const n = await conn.read(into);
    if (n === null) throw new Error(`Cannot read a response: it ends after ${text}`);
    text += new TextDecoder().decode(into.subarray(0, n));
  }
}

describe("nginx", { skip: need("nginx", "openssl") }, () => {
  async function start(
    directory: string,
    pki: Pki,
  ): Promise<Program & { http: number; tls: number }> {
    const http = await freePort(), tls = await freePort();
    writeFileSync(
      join(directory, "nginx.conf"),
      `daemon off; master_process off; pid ${directory}/pid; error_log stderr;
      events { worker_connections 256; }
      http {
        access_log off; client_body_temp_path ${directory}/a; proxy_temp_path ${directory}/b;
        fastcgi_temp_path ${directory}/c; uwsgi_temp_path ${directory}/d;
        scgi_temp_path ${directory}/e; keepalive_requests 50;
        server {
          listen 127.0.0.1:${http};
          listen 127.0.0.1:${tls} ssl;
          ssl_certificate ${pki.server.certFile}; ssl_certificate_key ${pki.server.keyFile};
          location / { return 200 "hello $connection_requests"; }
          location /brief { keepalive_timeout 2s; return 200 "brief"; }
        }
      }`,
    );
    const child = daemon("nginx", ["-p", directory, "-e", "stderr", "-c", "nginx.conf"]);
    await child.listening(http);
    return Object.assign(child, { http, tls });
  }

  it("keeps connections alive, plain and secured, until nginx ends them", async () => {
    using directory = temporary();
    using pki = new Pki();
    await using nginx = await start(directory.path, pki);
    await using pool = new EndpointPool({
      maxPerEndpoint: 4,
      tls: (endpoint) => endpoint.port === nginx.tls ? { ca: pki.ca } : undefined,
    });
    for (const endpoint of [`127.0.0.1:${nginx.http}`, `localhost:${nginx.tls}`]) {
      await Promise.all(
        Array.from({ length: 400 }, () =>
          pool.withConnection(endpoint, async (conn) => {
            const { head, body } = await get(conn, "/");
            assert.match(head, /^HTTP\/1\.1 200 /);
            assert.match(body, /^hello \d+$/);
            // nginx ends a connection after its 50th request; waiting for it keeps the count exact.
            if (/connection: close/i.test(head)) {
              assert.equal(await conn.read(new Uint8Array(1)), null);
            }
          })),
      );
      const stats = pool.stats(endpoint);
      // A connection may be opened for somebody who is then served by another: it is never lent.
      const lent = stats.totalCreated + stats.totalReused;
      assert.ok(lent >= 400 && lent <= 404, `${lent}`);
      assert.ok(stats.totalCreated >= 8 && stats.totalCreated <= 12, `${stats.totalCreated}`);
    }
  });

  it("notices that nginx has timed out an idle connection", { timeout: 300_000 }, async () => {
    using directory = temporary();
    using pki = new Pki();
    await using nginx = await start(directory.path, pki);
    await using pool = new EndpointPool();
    const endpoint = `127.0.0.1:${nginx.http}`;
    assert.equal(
      (await pool.withConnection(endpoint, (conn) => get(conn, "/brief"))).body,
      "brief",
    );
    assert.equal(pool.stats(endpoint).idle, 1);
    await until(() => pool.stats(endpoint).idle === 0);
    assert.equal(
      (await pool.withConnection(endpoint, (conn) => get(conn, "/brief"))).body,
      "brief",
    );
  });
});

describe("Redis", { skip: need("redis-server") }, () => {
  async function start(): Promise<Program & { endpoint: string }> {
    const port = await freePort();
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmpdir()];
    const child = daemon("redis-server", args);
    await child.listening(port);
    return Object.assign(child, { endpoint: `127.0.0.1:${port}` });
  }

  it("serves pipelines, transactions and errors without mixing replies up", async () => {
    await using server = await start();
    await using pool = redisPool();
    const { endpoint } = server;
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        pool.withConnection(endpoint, async (redis) => {
          const value = `${i} `.repeat(1 + i * 10);
          const replies = await redis.pipeline([["SET", `k${i}`, value], ["GET", `k${i}`]]);
          assert.deepEqual(replies, ["OK", value]);
        })),
    );
    await pool.withConnection(endpoint, async (redis) => {
      assert.deepEqual(await redis.transaction([["INCRBY", "n", 40], ["INCRBY", "n", 2]]), [
        40,
        42,
      ]);
      await assert.rejects(redis.command("INCR", "k0"), RedisError);
      await assert.rejects(redis.transaction([["NONSENSE"]]), RedisError);
      assert.equal(await redis.command("GET", "none"), null);
    });
    assert.equal(pool.stats(endpoint).totalCreated, 8);
    assert.equal(pool.stats(endpoint).errors, 0);
  });

  it("never lends a connection whose blocking pop was abandoned", async () => {
    await using server = await start();
    await using pool = redisPool();
    const { endpoint } = server;
    const lease = await pool.acquire(endpoint);
    const popped = assert.rejects(lease.value.command("BLPOP", "jobs", 0), ConnectError);
    await sleep(20);
    lease.release();
    await popped;
    const reply = await pool.withConnection(endpoint, (redis: Redis) => redis.command("PING"));
    assert.equal(reply, "PONG");
    assert.equal(pool.stats(endpoint).totalCreated, 2);
  });

  it("replaces connections that the server has killed", async () => {
    await using server = await start();
    await using pool = redisPool();
    const { endpoint } = server;
    await pool.withConnection(endpoint, (redis) => redis.command("PING"));
    await pool.withConnection(
      endpoint,
      (redis) => redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"),
    ).catch(() => {});
    await until(() => pool.stats(endpoint).idle === 0);
    assert.equal(await pool.withConnection(endpoint, (redis) => redis.command("PING")), "PONG");
  });

  it("runs the example", { timeout: 300_000 }, async () => {
    await using server = await start();
    const printed = await example("redis.ts", server.endpoint);
    assert.match(printed, /GET greeting: hello/);
    assert.match(printed, /MULTI: \[ "OK", 42 \]/);
    assert.match(printed, /BLPOP jobs: \[ "jobs", "job 1" \]/);
    assert.match(printed, /connections opened: 2/);
  });
});

describe("PostgreSQL", { skip: need("postgres", "initdb", "setpriv") }, () => {
  async function start(directory: string): Promise<Program & { url: string }> {
    const data = join(directory, "data");
    mkdirSync(data);
    // PostgreSQL refuses to run as root.
    let prefix: string[] = [];
    if (process.getuid?.() === 0) {
      const { uid, gid } = postgresUser();
      chownSync(directory, uid, gid);
      chownSync(data, uid, gid);
      prefix = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
    }
    const initialise = daemon("initdb", ["-D", data, "-A", "trust", "-N", "-U", "postgres"], {
      prefix,
    });
    assert.equal(await initialise.ended, 0, initialise.output);
    const port = await freePort();
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: directory,
      fsync: "off",
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = daemon("postgres", ["-D", data, "-p", String(port), ...flags], { prefix });
    await child.listening(port);
    return Object.assign(child, { url: `postgres://postgres@127.0.0.1:${port}/postgres` });
  }

  function postgresUser(): { uid: number; gid: number } {
    const line = readFileSync("/etc/passwd", "utf8").split("\n")
      .find((line) => line.startsWith("postgres:")) ?? "";
    const [, , uid, gid] = line.split(":");
    return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
  }

  it("works through the generic pool, with errors, rollbacks and killed backends", {
    timeout: 120_000,
  }, async () => {
    using directory = temporary();
    await using server = await start(directory.path);
    await using pool = postgresPool(server.url, { maxSize: 4 });
    const rows = await Promise.all(Array.from(
      { length: 200 },
      (_, n) => pool.use((s) => s.query<{ n: number }>("SELECT $1::int + 1 AS n", [n])),
    ));
    assert.deepEqual(rows.map(([{ n }]) => n), Array.from({ length: 200 }, (_, n) => n + 1));
    assert.equal(pool.stats.size, 4);

    await pool.use((s) => s.query("CREATE TABLE t (n int PRIMARY KEY)"));
    await assert.rejects(
      pool.use((session) =>
        session.transaction(async () => {
          await session.query("INSERT INTO t VALUES (1)");
          await session.query("INSERT INTO t VALUES (1)");
        })
      ),
      /duplicate key/,
    );
    assert.deepEqual(await pool.use((s) => s.query("SELECT * FROM t")), []);

    await pool.use((s) =>
      s.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
      )
    );
    const left = () => (pool.maintain(), pool.stats.size);
    await until(() => left() === 1, "the killed backends to be noticed");
    for (let i = 0; i < 8; i++) await pool.use((s) => s.query("SELECT 1"));
    assert.match(
      await example("postgres.ts", server.url),
      /100 queries: 9900\naccounts.*: 60 and 40\n/,
    );
  });
});
