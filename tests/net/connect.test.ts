import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Dialer, RawSocket } from "../../ffi/dial.ts";
import { connect, ConnectError, type ConnectOptions } from "../../src/net/mod.ts";
import { bytes, Peer, readText, sleep, until } from "./peer.ts";

/** A dialer that answers per address after a while: "up", an error, or nothing until aborted. */
class FakeDialer implements Dialer {
  readonly dialled: { address: string; at: number }[] = [];
  readonly closed: string[] = [];
  readonly aborted: string[] = [];
  readonly #started = performance.now();
  constructor(readonly answers: Record<string, [ms: number, what: "up" | "never" | Error]>) {}

  dial(target: { address: string } | { path: string }, { signal, onConnected }: Options) {
    const address = "path" in target ? target.path : target.address;
    this.dialled.push({ address, at: performance.now() - this.#started });
    const [ms, what] = this.answers[address];
    return new Promise<RawSocket>((resolve, reject) => {
      signal.addEventListener("abort", () => {
        this.aborted.push(address);
        reject(signal.reason);
      });
      if (what === "never") return;
      setTimeout(() => {
        if (what !== "up") return reject(what);
        onConnected?.();
        resolve(socket(address, () => this.closed.push(address)));
      }, ms);
    });
  }
}
type Options = Parameters<Dialer["dial"]>[1];

function socket(remote: string, close: () => void): RawSocket {
  const nothing = (): void => {};
  return {
    ...{ local: "", remote, alpn: undefined, start: nothing, resume: nothing, close },
    ...{ write: (data: Uint8Array) => data.length, shutdown: () => Promise.resolve() },
    ...{ setNoDelay: nothing, setKeepAlive: nothing, setRef: nothing },
  };
}

const refused = (): Error => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
const resolving = (...addresses: string[]) => (): Promise<string[]> => Promise.resolve(addresses);

async function failure(work: Promise<unknown>): Promise<ConnectError> {
  const error = await work.then(() => assert.fail("it connected"), (error) => error);
  assert.ok(error instanceof ConnectError, String(error));
  return error;
}

describe("connect", () => {
  it("reaches a name through every resolved address, whatever the family", async () => {
    await using peer = await Peer.echo();
    // Nothing listens on the first two; loopback answers at once.
    const resolve = resolving("127.0.0.1", "::1", "127.0.0.2");
    await using conn = await connect(`pool.test:${peer.port}`, { resolve });
    await conn.write(bytes("x"));
    assert.equal(await readText(conn, 1), "x");
    assert.equal(conn.remoteAddress, `127.0.0.1:${peer.port}`);
    assert.equal(conn.endpoint.host, "pool.test");
  });

  it("asks the system's resolver for localhost", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(`localhost:${peer.port}`);
    assert.ok(conn.usable);
  });

  it("connects over IPv6", async () => {
    await using peer = await Peer.echo({ host: "::1" });
    await using conn = await connect(`[::1]:${peer.port}`);
    assert.equal(conn.remoteAddress, `[::1]:${peer.port}`);
    assert.match(conn.localAddress, /^\[::1\]:\d+$/);
  });

  it("alternates families, IPv6 first, a delay apart", async () => {
    const dialer = new FakeDialer({
      "10.0.0.1": [0, "never"],
      "10.0.0.2": [0, "up"],
      "fd00::1": [0, "never"],
      "fd00::2": [0, "never"],
    });
    const resolve = resolving("10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2");
    await connect("x:1", { resolve, dialer, attemptDelay: 100 });
    assert.deepEqual(dialer.dialled.map((d) => d.address), [
      ...["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"],
    ]);
    for (let i = 1; i < 4; i++) {
      const gap = dialer.dialled[i].at - dialer.dialled[i - 1].at;
      assert.ok(gap > 50, `gap ${gap}`);
    }
    assert.deepEqual(dialer.aborted.sort(), ["10.0.0.1", "fd00::1", "fd00::2"]);
  });

  it("goes to the next address at once when one fails", async () => {
    const dialer = new FakeDialer({ "fd00::1": [5, refused()], "10.0.0.1": [0, "up"] });
    const resolve = resolving("10.0.0.1", "fd00::1");
    // Within its timeout only without the delay.
    const conn = await connect("x:1", { resolve, dialer, attemptDelay: 60_000, timeout: 10_000 });
    assert.equal(conn.remoteAddress, "10.0.0.1");
  });

  it("lets a slow first address win if it is up before the second", async () => {
    const dialer = new FakeDialer({ "fd00::1": [60, "up"], "10.0.0.1": [1000, "up"] });
    const resolve = resolving("10.0.0.1", "fd00::1");
    const conn = await connect("x:1", { resolve, dialer, attemptDelay: 20 });
    assert.equal(conn.remoteAddress, "fd00::1");
    assert.deepEqual(dialer.aborted, ["10.0.0.1"]);
  });

  it("closes a connection that came up beside the winner", async () => {
    // This dialer ignores its signal, as a runtime may in the turn of the abort.
    const closed: string[] = [];
    const dialer: Dialer = {
      dial: async (target) => {
        const { address } = target as { address: string };
        await sleep(address === "fd00::1" ? 40 : 20);
        return socket(address, () => closed.push(address));
      },
    };
    const resolve = resolving("10.0.0.1", "fd00::1");
    const conn = await connect("x:1", { resolve, dialer, attemptDelay: 20 });
    await until(() => closed.length === 1);
    assert.notEqual(conn.remoteAddress, closed[0]);
  });

  it("says which addresses failed and how", async () => {
    const reset = Object.assign(new Error("unreachable"), { code: "ENETUNREACH" });
    const dialer = new FakeDialer({ "fd00::1": [0, reset], "10.0.0.1": [0, refused()] });
    const resolve = resolving("10.0.0.1", "fd00::1");
    const error = await failure(connect("x:443", { resolve, dialer }));
    assert.equal(error.code, "CONNECTION_FAILED");
    assert.equal(error.endpoint, "x:443");
    assert.equal(
      error.message,
      "Cannot connect to x:443: fd00::1 unreachable (ENETUNREACH), 10.0.0.1 refused (ECONNREFUSED)",
    );
    assert.ok(error.cause instanceof AggregateError);
    assert.deepEqual(error.cause.errors.map((e) => e.code), ["ENETUNREACH", "ECONNREFUSED"]);
  });

  it("reports a refused connection with the system's code as cause", async () => {
    const error = await failure(connect("127.0.0.1:1"));
    assert.equal(error.code, "CONNECTION_FAILED");
    assert.match(error.message, /127\.0\.0\.1:1: .*\(ECONNREFUSED\)$/);
    assert.equal((error.cause as { code: string }).code, "ECONNREFUSED");
  });

  it("reports a missing Unix socket", async () => {
    const error = await failure(connect("/nonexistent/x.sock"));
    assert.equal(error.code, "CONNECTION_FAILED");
    assert.match(error.message, /unix:\/nonexistent\/x\.sock: .*\(ENOENT\)$/);
  });

  it("stacks a failed look-up under the connect", async () => {
    const resolve = () => Promise.reject(new Error("NXDOMAIN"));
    const error = await failure(connect("x:443", { resolve }));
    assert.equal(error.code, "DNS_RESOLUTION_FAILED");
    assert.match(error.message, /connect to x:443/);
    const cause = error.cause as Error;
    assert.match(cause.message, /resolve x: NXDOMAIN/);
    assert.equal((cause.cause as Error).message, "NXDOMAIN");
  });

  it("reports a name without addresses", async () => {
    const error = await failure(connect("x:443", { resolve: resolving() }));
    assert.equal(error.code, "DNS_RESOLUTION_FAILED");
  });

  it("gives a slow look-up its own deadline and tells it to stop", async () => {
    let signal: AbortSignal | undefined;
    const resolve: ConnectOptions["resolve"] = (_, options) => {
      signal = options.signal;
      return new Promise(() => {});
    };
    const error = await failure(connect("x:443", { resolve, resolveTimeout: 30 }));
    assert.equal(error.code, "DNS_RESOLUTION_FAILED");
    assert.match((error.cause as Error).message, /no answer after 30 ms/);
    assert.ok(signal!.aborted);
  });

  it("names the phase in which its time ran out", async () => {
    const never = () => new Promise<string[]>(() => {});
    const slow = await failure(connect("x:443", { resolve: never, timeout: 20 }));
    assert.deepEqual([slow.code, slow.attempts], ["CONNECTION_TIMEOUT", 0]);
    assert.match(slow.message, /still resolving the name after 20 ms/);
    const dialer = new FakeDialer({ "10.0.0.1": [0, "never"] });
    const error = await failure(connect("10.0.0.1:443", { dialer, timeout: 20 }));
    assert.match(error.message, /still connecting after 20 ms/);
    assert.equal(error.attempts, 1);
    assert.deepEqual(dialer.aborted, ["10.0.0.1"]);
  });

  it("rejects with the caller's reason itself, in every phase", async () => {
    const reason = new Error("the caller's own");
    const late = (): AbortSignal => {
      const control = new AbortController();
      setTimeout(() => control.abort(reason), 15);
      return control.signal;
    };
    const never = () => new Promise<string[]>(() => {});
    const dialer = new FakeDialer({ "10.0.0.1": [0, "never"] });
    for (
      const work of [
        connect("127.0.0.1:1", { signal: AbortSignal.abort(reason) }),
        connect("x:1", { resolve: never, signal: late() }),
        connect("10.0.0.1:1", { dialer, signal: late() }),
      ]
    ) assert.equal(await work.catch((error) => error), reason);
  });

  it("closes a connection that arrives after the abort, on the real sockets too", async () => {
    await using peer = await Peer.echo();
    for (let i = 0; i < 50; i++) {
      const control = new AbortController();
      const work = connect(["127.0.0.1", peer.port], { signal: control.signal });
      if (i % 2) await sleep(0);
      for (let turns = i % 10; turns > 0; turns--) await null;
      control.abort(new Error("left"));
      await work.then((conn) => conn.close(), (error) => assert.equal(error.message, "left"));
    }
    // A connection that is given up may be accepted later than all this.
    await sleep(50);
    await until(() => peer.sockets.size === 0);
  });

  for (const timeout of [0, -1, NaN, Infinity, "x" as unknown as number]) {
    it(`refuses a timeout of ${timeout}`, async () => {
      const error = await failure(connect("127.0.0.1:1", { timeout }));
      assert.equal(error.code, "INVALID_CONFIG");
      const value = typeof timeout === "string" ? `"${timeout}"` : timeout;
      assert.equal(
        error.message,
        `Cannot use timeout: it must be ms, from 1 to 2147483647, current value is ${value}`,
      );
    });
  }
});
