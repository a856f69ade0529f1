import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Conn, ConnectError, EndpointPool } from "../../mod.ts";
import { at, bytes, Peer, readText, sleep, until } from "./peer.ts";

/** A client that counts what the pool does with it. */
class Client {
  acquired = 0;
  released = 0;
  closed = 0;
  healthy = true;
  constructor(readonly conn: Conn) {}
  async say(text: string): Promise<string> {
    await this.conn.write(bytes(text));
    return await readText(this.conn, text.length);
  }
}

/** Answers lines by number over one connection, in the order asked: a reading loop for many. */
class Shared {
  readonly #waiting: ((line: string) => void)[] = [];
  lost: unknown;
  constructor(readonly conn: Conn) {
    this.#pump().catch((error) => this.lost = error);
  }
  async #pump(): Promise<void> {
    const into = new Uint8Array(4096);
    let rest = "";
    while (true) {
      const n = await this.conn.read(into);
      if (n === null) return;
      const lines = (rest + new TextDecoder().decode(into.subarray(0, n))).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#waiting.shift()!(line);
    }
  }
  ask(line: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    this.conn.write(bytes(`${line}\n`)).catch(() => {});
    return promise;
  }
}

describe("a protocol", () => {
  it("lends its own state, and is told of every beginning and end", async () => {
    await using peer = await Peer.echo();
    const clients: Client[] = [];
    const pool = new EndpointPool<Client>({
      protocol: {
        init: async (conn) => {
          const client = new Client(conn);
          assert.equal(await client.say("hello"), "hello");
          clients.push(client);
          return client;
        },
        onAcquire: (client) => void client.acquired++,
        onRelease: (client) => void client.released++,
        onClose: (client) => void client.closed++,
      },
    });
    await pool.withConnection(at(peer), async (client) => {
      assert.deepEqual([client.acquired, client.released], [1, 0]);
      assert.equal(await client.say("x"), "x");
    });
    await pool.withConnection(at(peer), (client) => client.say("y"));
    await pool.close();
    assert.equal(clients.length, 1);
    const [{ acquired, released, closed, conn }] = clients;
    assert.deepEqual([acquired, released, closed, conn.isClosed], [2, 2, 1, true]);
  });

  it("judges the health of its state at every turn", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool<Client>({
      protocol: { init: (conn) => new Client(conn), isHealthy: (client) => client.healthy },
    });
    const first = await pool.withConnection(at(peer), (client) => client);
    first.healthy = false;
    const second = await pool.withConnection(at(peer), (client) => client);
    assert.notEqual(first, second);
    await until(() => first.conn.isClosed);
    await pool.withConnection(at(peer), (client) => client.healthy = false);
    assert.equal(pool.stats(at(peer)).idle, 0);
  });

  it("closes a connection whose init fails, and says why", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool<Client>({
      connectRetries: 1,
      connectRetryDelay: 1,
      protocol: { init: () => Promise.reject(new Error("wrong password")) },
    });
    const error = await pool.acquire(at(peer)).catch((error) => error);
    assert.ok(error instanceof ConnectError, String(error));
    assert.match(error.message, /wrong password.*after 1 retry/);
    await until(() => peer.accepted === 2 && peer.sockets.size === 0);
  });

  it("gives a hanging init its own deadline and closes the connection", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool<Client>({
      ...{ initTimeout: 50, connectRetries: 0 },
      protocol: { init: () => new Promise(() => {}) },
    });
    await assert.rejects(
      pool.acquire(at(peer)),
      (error) =>
        error instanceof ConnectError && error.code === "CONNECTION_TIMEOUT" &&
        /init still running after 50 ms, after 0 retries/.test(error.message),
    );
    await until(() => peer.sockets.size === 0);
  });

  it("gives init all the time there is where that is more than a timer takes", async () => {
    await using peer = await Peer.echo();
    for (const initTimeout of [2 ** 31, Infinity]) {
      await using pool = new EndpointPool<Client>({
        ...{ initTimeout, connectRetries: 0 },
        protocol: { init: (conn) => sleep(30).then(() => new Client(conn)) },
      });
      assert.equal(await pool.withConnection(at(peer), (client) => client.say("x")), "x");
    }
  });

  it("discards a connection whose hooks throw", async () => {
    await using peer = await Peer.echo();
    const errors: unknown[] = [];
    let where = "";
    const fail = (hook: string) => (): void => {
      if (where === hook) throw new Error(hook);
    };
    await using pool = new EndpointPool<Client>({
      onError: (error) => errors.push(error),
      protocol: {
        init: (conn) => new Client(conn),
        onAcquire: fail("onAcquire"),
        onRelease: fail("onRelease"),
        onClose: fail("onClose"),
      },
    });
    where = "onAcquire";
    await assert.rejects(pool.acquire(at(peer)), /onAcquire/);
    assert.equal(pool.stats(at(peer)).idle, 0);
    where = "onRelease";
    await pool.withConnection(at(peer), (client) => client.say("x"));
    assert.equal(pool.stats(at(peer)).idle, 0);
    where = "onClose";
    await pool.withConnection(at(peer), (client) => client.say("x"));
    pool.clearEndpoint(at(peer));
    await until(() => peer.sockets.size === 0);
    await until(() => errors.length === 2);
    assert.deepEqual(errors.map((error) => (error as Error).message), ["onRelease", "onClose"]);
    where = "";
    assert.equal(await pool.withConnection(at(peer), (client) => client.say("x")), "x");
  });

  it("shares one connection among so many and no more", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool<Shared>({
      maxPerEndpoint: 2,
      protocol: { access: { shared: 4 }, init: (conn) => new Shared(conn) },
    });
    const asked = Array.from(
      { length: 40 },
      (_, i) =>
        pool.withConnection(at(peer), async (client) => {
          assert.equal(await client.ask(`line ${i}`), `line ${i}`);
        }),
    );
    await until(() => pool.stats(at(peer)).totalCreated > 0);
    await Promise.all(asked);
    assert.ok(peer.accepted <= 2);
    const leases = await Promise.all(Array.from({ length: 8 }, () => pool.acquire(at(peer))));
    assert.equal(new Set(leases.map((lease) => lease.value)).size, 2);
    for (const lease of leases) lease.release();
  });

  it("drops a shared connection that its peer closed", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool<Shared>({
      protocol: { access: { shared: 4 }, init: (conn) => new Shared(conn) },
    });
    await pool.withConnection(at(peer), (client) => client.ask("x"));
    (await peer.socket()).end();
    await until(() => pool.stats(at(peer)).idle === 0);
    assert.equal(await pool.withConnection(at(peer), (client) => client.ask("y")), "y");
  });
});
