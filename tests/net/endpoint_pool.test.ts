import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConnectError, EndpointPool, PoolError } from "../../mod.ts";
import { FakeClock } from "../pool/fake_clock.ts";
import { at, bytes, echo, Peer, readText, sleep, until } from "./peer.ts";

describe("EndpointPool", () => {
  it("opens one connection and uses it again", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    for (let i = 0; i < 10; i++) await pool.withConnection(at(peer), (conn) => echo(conn, `n${i}`));
    assert.equal(peer.accepted, 1);
    const stats = pool.stats(at(peer));
    assert.deepEqual(
      [stats.active, stats.idle, stats.totalCreated, stats.totalReused, stats.totalClosed],
      [0, 1, 1, 9, 0],
    );
  });

  it("keeps endpoints apart, however they are written", async () => {
    await using a = await Peer.echo();
    await using b = await Peer.echo();
    await using pool = new EndpointPool();
    await pool.withConnection(at(a), (conn) => echo(conn, "a"));
    await pool.withConnection(["127.0.0.1", a.port], (conn) => echo(conn, "a"));
    await pool.withConnection(new URL(`tcp://127.0.0.1:${a.port}`), (conn) => echo(conn, "a"));
    await pool.withConnection(at(b), (conn) => echo(conn, "b"));
    assert.deepEqual([a.accepted, b.accepted], [1, 1]);
    assert.deepEqual(pool.allStats().map(([endpoint]) => endpoint.port), [a.port, b.port]);
    assert.equal(pool.stats("127.0.0.1:9").totalCreated, 0);
  });

  it("never opens more than maxPerEndpoint", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool({ maxPerEndpoint: 3 });
    await Promise.all(Array.from(
      { length: 50 },
      (_, i) => pool.withConnection(at(peer), (conn) => echo(conn, `request ${i}`)),
    ));
    // A connection may be opened for somebody who is then served by another.
    assert.ok(peer.accepted <= 3, `${peer.accepted} connections`);
    assert.ok(pool.stats(at(peer)).totalReused >= 47);
  });

  it("drops an idle connection as soon as its peer closes it", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    assert.equal(pool.stats(at(peer)).idle, 1);
    (await peer.socket()).end();
    await until(() => pool.stats(at(peer)).idle === 0);
    await pool.withConnection(at(peer), (conn) => echo(conn, "y"));
    assert.equal(peer.accepted, 2);
  });

  it("drops an idle connection that was reset, or that got unsolicited bytes", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    (await peer.socket()).resetAndDestroy();
    await until(() => pool.stats(at(peer)).idle === 0);
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    (await peer.socket()).write("late reply to nobody");
    await until(() => pool.stats(at(peer)).idle === 0);
    await until(() => peer.sockets.size === 0);
    assert.equal(pool.stats(at(peer)).errors, 2);
  });

  it("destroys a connection that comes back dirty", async () => {
    await using peer = await Peer.listen((socket) =>
      socket.on("data", () => socket.write("0123456789"))
    );
    await using pool = new EndpointPool();
    const half = await pool.acquire(at(peer));
    await half.value.write(bytes("?"));
    await readText(half.value, 4);
    half.release();
    await until(() => peer.sockets.size === 0);
    const pending = await pool.acquire(at(peer));
    const read = assert.rejects(pending.value.read(new Uint8Array(1)), ConnectError);
    pending.release();
    await read;
    assert.equal(pool.stats(at(peer)).idle, 0);
    const writing = await pool.acquire(at(peer));
    await until(() => peer.accepted === 3);
    (await peer.socket()).pause();
    const write = assert.rejects(writing.value.write(new Uint8Array(30_000_000)), ConnectError);
    writing.release();
    await write;
    assert.equal(pool.stats(at(peer)).idle, 0);
    assert.equal(peer.accepted, 3);
  });

  it("never lends a connection whose reply was given up", async () => {
    await using peer = await Peer.listen((socket) =>
      socket.on("data", (data) => setTimeout(() => socket.write(data), 40))
    );
    await using pool = new EndpointPool();
    const lease = await pool.acquire(at(peer));
    await lease.value.write(bytes("mine"));
    const read = lease.value.read(new Uint8Array(8), {
      signal: AbortSignal.abort(new Error("no")),
    });
    await assert.rejects(read, /no/);
    const control = new AbortController();
    const waiting = lease.value.read(new Uint8Array(8), { signal: control.signal });
    control.abort(new Error("too slow"));
    await assert.rejects(waiting, /too slow/);
    lease.release();
    await pool.withConnection(at(peer), (conn) => echo(conn, "yours"));
    assert.equal(peer.accepted, 2);
  });

  it("opens connections before they are needed", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool({ connectRetries: 0 });
    await pool.warm(at(peer), 3);
    assert.equal(pool.stats(at(peer)).idle, 3);
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    assert.equal(peer.accepted, 3);
    await assert.rejects(pool.warm("127.0.0.1:1", 1), ConnectError);
  });

  it("destroys the connection of a body that threw", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    await assert.rejects(
      pool.withConnection(at(peer), () => Promise.reject(new Error("body"))),
      /body/,
    );
    assert.equal(pool.stats(at(peer)).idle, 0);
    await until(() => peer.sockets.size === 0);
  });

  it("tells after its retries that an endpoint refuses, and why", async () => {
    await using pool = new EndpointPool({ connectRetries: 2, connectRetryDelay: 5 });
    const error = await pool.acquire("127.0.0.1:1").catch((error) => error);
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.code, "CONNECTION_FAILED");
    assert.equal(error.attempts, 3);
    assert.match(error.message, /127\.0\.0\.1:1: .*ECONNREFUSED.*after 2 retries$/);
    assert.ok(error.cause instanceof ConnectError);
    assert.equal(pool.stats("127.0.0.1:1").errors, 3);
  });

  it("counts no attempts where none came to dialling", async () => {
    for (
      const [connectTimeout, code] of [[5_000, "DNS_RESOLUTION_FAILED"], [1, "CONNECTION_TIMEOUT"]]
    ) {
      await using pool = new EndpointPool({
        ...{ connectRetries: 1, connectRetryDelay: 1, connectTimeout: connectTimeout as number },
        connect: { resolveTimeout: 20, resolve: () => new Promise(() => {}) },
      });
      const error = await pool.acquire("x:1").catch((error) => error);
      assert.deepEqual([error.code, error.attempts], [code, 0]);
      assert.match(error.message, /after 1 retry$/);
    }
  });

  it("reaches a server that comes up during the retries", async () => {
    const first = await Peer.echo();
    const { port } = first;
    await first[Symbol.asyncDispose]();
    await using pool = new EndpointPool({ connectRetries: 10, connectRetryDelay: 20 });
    const acquired = pool.acquire(["127.0.0.1", port]);
    await sleep(50);
    await using peer = await Peer.echo({ port });
    await using lease = await acquired;
    await echo(lease.value, "at last");
    assert.equal(peer.accepted, 1);
  });

  it("rejects with the caller's reason and keeps the connection for the next", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    const reason = new Error("mine");
    const control = new AbortController();
    const acquired = pool.acquire(at(peer), { signal: control.signal });
    control.abort(reason);
    assert.equal(await acquired.catch((error) => error), reason);
    await until(() => pool.stats(at(peer)).idle === 1);
    await pool.withConnection(at(peer), (conn) => echo(conn, "kept"));
    assert.equal(peer.accepted, 1);
  });

  it("lets a cleared endpoint's connections finish and never lends them again", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    const active = await pool.acquire(at(peer));
    await pool.withConnection(at(peer), (conn) => echo(conn, "other"));
    pool.clearEndpoint(at(peer));
    await until(() => peer.sockets.size === 1);
    await echo(active.value, "still works");
    active.release();
    await until(() => peer.sockets.size === 0);
    await pool.withConnection(at(peer), (conn) => echo(conn, "fresh"));
    assert.equal(peer.accepted, 3);
  });

  it("calls its hooks, and survives hooks that throw", async () => {
    await using peer = await Peer.echo();
    const seen: string[] = [];
    const errors: unknown[] = [];
    const hook = (what: string) => (endpoint: { port: number }): Promise<void> | void => {
      seen.push(what);
      if (what === "closed") return Promise.reject(new Error(what));
      if (endpoint.port === peer.port) throw new Error(what);
    };
    {
      await using pool = new EndpointPool({
        onCreated: hook("created"),
        onReused: hook("reused"),
        onClosed: hook("closed"),
        onError: (error) => errors.push(error),
      });
      for (let i = 0; i < 3; i++) await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    }
    assert.deepEqual(seen, ["created", "reused", "reused", "closed"]);
    assert.deepEqual(errors.map((error) => (error as Error).message), seen);
  });

  it("closes connections that are too old, too idle or used up", async () => {
    await using peer = await Peer.echo();
    const use = (pool: EndpointPool) => pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    await using usedUp = new EndpointPool({ maxUses: 2 });
    for (let i = 0; i < 4; i++) await use(usedUp);
    assert.equal(peer.accepted, 2);
    await until(() => peer.sockets.size === 0);
    for (const options of [{ idleTimeout: 80 }, { maxLifetime: 60 }]) {
      await using brief = new EndpointPool(options);
      await use(brief);
      await until(() => peer.sockets.size === 0);
      await use(brief);
      assert.equal(brief.stats(at(peer)).totalCreated, 2);
    }
  });

  it("proves connections with the health check", async () => {
    await using peer = await Peer.echo();
    let checks = 0;
    let healthy = true;
    await using pool = new EndpointPool({
      checkAfter: 0,
      healthCheck: async (conn) => {
        checks++;
        await echo(conn, "ping");
        return healthy;
      },
    });
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    assert.deepEqual([checks, peer.accepted], [1, 1]);
    healthy = false;
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    assert.deepEqual([checks, peer.accepted], [2, 2]);
  });

  it("hands a detached connection over for good", async () => {
    await using peer = await Peer.echo();
    const pool = new EndpointPool();
    const lease = await pool.acquire(at(peer));
    const conn = lease.detach();
    lease.release();
    await pool.close();
    await echo(conn, "mine");
    conn.close();
  });

  it("refuses after its close, and lets what is out finish", async () => {
    await using peer = await Peer.echo();
    const pool = new EndpointPool({ maxPerEndpoint: 1 });
    const lease = await pool.acquire(at(peer));
    const waiting = assert.rejects(pool.acquire(at(peer)), PoolError);
    const closing = pool.close();
    await waiting;
    await assert.rejects(pool.acquire(at(peer)), PoolError);
    await assert.rejects(pool.acquire("127.0.0.1:2"), PoolError);
    await echo(lease.value, "last");
    lease.release();
    await closing;
    await until(() => peer.sockets.size === 0);
    assert.throws(() => lease.value, TypeError);
  });

  it("borrows only what is idle with tryAcquire", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    assert.equal(pool.tryAcquire(at(peer)), undefined);
    await pool.withConnection(at(peer), (conn) => echo(conn, "x"));
    {
      using lease = pool.tryAcquire(at(peer));
      assert.ok(lease);
      assert.equal(pool.tryAcquire(at(peer)), undefined);
      await echo(lease.value, "x");
    }
    assert.equal(peer.accepted, 1);
  });

  for (
    const [name, value] of [
      ...[["maxPerEndpoint", 0], ["maxPerEndpoint", Infinity], ["maxTotal", 1.5], ["maxUses", -1]],
      ...[["connectRetries", NaN], ["connectTimeout", 0], ["idleTimeout", "5"], ["checkAfter", -1]],
      ...[["leakAfter", 0], ["order", "random"], ["maxWaiting", -1], ["initTimeout", 0]],
      ...[["initTimeout", NaN], ["initTimeout", -1], ["forgetAfter", NaN]],
      ...[["connectTimeout", 3e9], ["connectTimeout", Infinity]],
    ] as const
  ) {
    it(`refuses ${name} ${value} and names it`, () => {
      assert.throws(
        () => new EndpointPool({ [name]: value }),
        (error) =>
          error instanceof ConnectError && error.code === "INVALID_CONFIG" &&
          error.message.startsWith(`Cannot use ${name}: it must be `),
      );
    });
  }

  it("refuses what connect would refuse", () => {
    for (const name of ["attemptDelay", "resolveTimeout"]) {
      for (const value of [0, 3e9, NaN]) {
        assert.throws(() => new EndpointPool({ connect: { [name]: value } }), {
          code: "INVALID_CONFIG",
          message: `Cannot use connect.${name}: it must be ms, from 1 to 2147483647, ` +
            `current value is ${value}`,
        });
      }
    }
  });

  it("tells at once of options for an endpoint that no retry would mend", async () => {
    await using pool = new EndpointPool({ tls: () => ({ cert: "-----BEGIN CERTIFICATE-----" }) });
    const error = await pool.acquire("127.0.0.1:1").catch((error) => error);
    assert.ok(error instanceof ConnectError, String(error));
    assert.deepEqual([error.code, error.attempts], ["INVALID_CONFIG", 0]);
    assert.match(error.message, /cert and key must come together$/);
    assert.equal(pool.stats("127.0.0.1:1").errors, 1);
  });

  it("keeps to the limit over all endpoints: idle connections of others give way", async () => {
    const peers = await Promise.all(Array.from({ length: 6 }, () => Peer.echo()));
    {
      await using pool = new EndpointPool({ maxTotal: 4, maxPerEndpoint: 3 });
      let most = 0;
      const open = (): number => peers.reduce((sum, peer) => sum + peer.sockets.size, 0);
      await Promise.all(
        Array.from(
          { length: 120 },
          (_, i) =>
            pool.withConnection(at(peers[i % 6]), async (conn) => {
              await echo(conn, `request ${i}`);
              const all = pool.allStats().map(([, stats]) => stats.active + stats.idle);
              most = Math.max(most, all.reduce((sum, n) => sum + n, 0));
            }),
        ),
      );
      assert.ok(most <= 4, `${most} connections at once`);
      assert.ok(pool.allStats().every(([, stats]) => stats.waiting === 0 && stats.active === 0));
      await until(() => open() <= 4);
      await pool.withConnection(at(peers[0]), (conn) => echo(conn, "after all that"));
    }
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });

  it("forgets endpoints that are not used for a while", async () => {
    await using peer = await Peer.echo();
    const clock = new FakeClock();
    await using pool = new EndpointPool({ clock, forgetAfter: 500, connectRetries: 0 });
    await assert.rejects(pool.acquire("127.0.0.1:1"), ConnectError);
    await using lease = await pool.acquire(at(peer));
    assert.equal(pool.allStats().length, 2);
    clock.jump(600);
    assert.deepEqual(pool.allStats().map(([endpoint]) => endpoint.port), [peer.port]);
    await echo(lease.value, "still there");
    assert.equal(pool.stats("127.0.0.1:1").errors, 0);
  });

  it("serves 2,000 requests over three servers while one is killed and restarted", async () => {
    const peers = await Promise.all([Peer.echo(), Peer.echo(), Peer.echo()]);
    const ports = peers.map((peer) => peer.port);
    await using pool = new EndpointPool({ connectRetries: 8, connectRetryDelay: 10 });
    let next = 0, failures = 0, done = 0;
    const work = async (): Promise<void> => {
      while (next < 2_000) {
        const n = next++;
        if (n === 700) {
          await peers[1][Symbol.asyncDispose]();
          setTimeout(async () => peers[1] = await Peer.echo({ port: ports[1] }), 100);
        }
        for (let attempt = 0;; attempt++) {
          try {
            await pool.withConnection(
              ["127.0.0.1", ports[n % 3]],
              (conn) => echo(conn, `request ${n}`),
            );
            done++;
            break;
          } catch (error) {
            // What was in flight on the killed server is lost; anything else is a defect.
            assert.ok(error instanceof ConnectError || /Expected/.test(String(error)), `${error}`);
            failures++;
            if (attempt === 20) throw error;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: 64 }, work));
    assert.equal(done, 2_000);
    const all = pool.allStats().map(([, stats]) => stats);
    assert.ok(all.every((stats) => stats.active === 0 && stats.waiting === 0));
    assert.ok(all.reduce((sum, stats) => sum + stats.totalReused, 0) > 1_800);
    assert.ok(failures < 200, `${failures} failures`);
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });
});
