import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { watchConn } from "../../src/net/conn.ts";
import { connect, ConnectError } from "../../src/net/mod.ts";
import { at, bytes, Peer, readText, sleep, until } from "./peer.ts";

const code = (expected: string) => (error: unknown): boolean =>
  error instanceof ConnectError && error.code === expected;

describe("Conn", () => {
  it("writes, reads back, and knows both addresses and the byte counts", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    await conn.write(bytes("hello"));
    assert.equal(await readText(conn, 5), "hello");
    assert.equal(conn.remoteAddress, `127.0.0.1:${peer.port}`);
    assert.match(conn.localAddress, /^127\.0\.0\.1:\d+$/);
    assert.equal(conn.bytesIn, 5);
    assert.equal(conn.bytesOut, 5);
    assert.ok(conn.usable);
  });

  it("speaks over a Unix socket", async () => {
    const path = `/tmp/x-pool-conn-${process.pid}.sock`;
    await using peer = await Peer.echo({ path });
    try {
      await using conn = await connect(path);
      conn.setNoDelay(false);
      conn.setKeepAlive(true);
      await conn.write(bytes("unix"));
      assert.equal(await readText(conn, 4), "unix");
      assert.equal(conn.remoteAddress, path);
      (await peer.socket()).end();
      await until(() => !conn.usable);
    } finally {
      if (process.platform === "linux") {
        try {
          unlinkSync(path);
        } catch { /* the server did it */ }
      }
    }
  });

  it("hands out a long reply in the pieces that the reader asks for", async () => {
    await using peer = await Peer.listen((socket) => socket.write("abcdefghij"));
    await using conn = await connect(at(peer));
    const three = new Uint8Array(3);
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      const n = await conn.read(three);
      seen.push(new TextDecoder().decode(three.subarray(0, n!)));
    }
    assert.deepEqual(seen.join(""), "abcdefghij");
    assert.ok(conn.usable);
  });

  it("carries ten megabytes each way unharmed, slow reader or not", async () => {
    await using peer = await Peer.listen((socket) => socket.pipe(socket));
    await using conn = await connect(at(peer));
    const sent = new Uint8Array(10_000_000);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 31 + (i >> 8)) & 255;
    const writing = conn.write(sent);
    assert.ok(!conn.usable, "an unfinished write");
    await sleep(50);
    const got = new Uint8Array(sent.length);
    let n = 0;
    while (n < got.length) n += (await conn.read(got.subarray(n, n + 70_001)))!;
    await writing;
    assert.equal(Buffer.compare(sent, got), 0);
    assert.equal(conn.bytesIn, sent.length);
    assert.ok(conn.usable);
  });

  it("does not settle a write that the peer does not read", async () => {
    await using peer = await Peer.listen((socket) => socket.pause());
    await using conn = await connect(at(peer));
    let settled = false;
    const writing = conn.write(new Uint8Array(30_000_000)).then(() => settled = true);
    await sleep(100);
    assert.equal(settled, false);
    assert.equal(conn.usable, false);
    (await peer.socket()).resume();
    await writing;
    assert.ok(settled);
  });

  it("holds the sender back when nobody reads", async () => {
    let sent = 0;
    await using peer = await Peer.listen((socket) => {
      const push = (): void => {
        while (sent < 200_000_000 && socket.write(new Uint8Array(100_000), () => sent += 100_000));
      };
      socket.on("drain", push);
      push();
    });
    await using conn = await connect(at(peer));
    await sleep(300);
    assert.ok(conn.bytesIn < 2_000_000, `read ahead ${conn.bytesIn}`);
    assert.ok(sent < 50_000_000, `the peer could send ${sent}`);
  });

  it("keeps concurrent writes in order", async () => {
    await using peer = await Peer.listen((socket) => socket.pipe(socket));
    await using conn = await connect(at(peer));
    const big = new Uint8Array(3_000_000).fill(97);
    const writes = [conn.write(big), conn.write(bytes("b")), conn.write(bytes("c"))];
    const text = await readText(conn, big.length + 2);
    await Promise.all(writes);
    assert.equal(text.slice(-3), "abc");
  });

  it("refuses a second read while one is pending", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    const first = conn.read(new Uint8Array(8));
    assert.equal(conn.usable, false);
    await assert.rejects(conn.read(new Uint8Array(8)), TypeError);
    await conn.write(bytes("x"));
    assert.equal(await first, 1);
  });

  it("gives up a read at its signal without losing bytes", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    const control = new AbortController();
    const reading = conn.read(new Uint8Array(8), { signal: control.signal });
    control.abort(new Error("enough"));
    await assert.rejects(reading, /enough/);
    assert.equal(conn.usable, false, "what was awaited may still come");
    await assert.rejects(conn.read(new Uint8Array(8), { signal: control.signal }), /enough/);
    await conn.write(bytes("kept"));
    assert.equal(await readText(conn, 4), "kept");
    assert.ok(conn.usable);
  });

  it("ends its own side and goes on reading", async () => {
    await using peer = await Peer.listen((socket) => {
      let text = "";
      socket.on("data", (data) => text += data);
      socket.on("end", () => socket.end(`got ${text}`));
    }, { halfOpen: true });
    await using conn = await connect(at(peer));
    await conn.write(bytes("all of it"));
    await conn.closeWrite();
    await conn.closeWrite();
    assert.equal(conn.usable, false);
    await assert.rejects(conn.write(bytes("more")), code("CONNECTION_CLOSED"));
    assert.equal(await readText(conn, 100), "got all of it");
    assert.equal(await conn.read(new Uint8Array(1)), null);
    assert.equal(await conn.closed, undefined);
    assert.ok(conn.isClosed);
  });

  it("goes on writing after the peer has ended its side", async () => {
    let text = "";
    await using peer = await Peer.listen((socket) => {
      socket.on("data", (data) => text += data);
      socket.end("bye");
    }, { halfOpen: true });
    await using conn = await connect(at(peer));
    assert.equal(await readText(conn, 10), "bye");
    assert.equal(await conn.read(new Uint8Array(1)), null);
    assert.equal(conn.isClosed, false);
    await conn.write(bytes("still here"));
    await until(() => text === "still here");
  });

  it("notices at once that an idle connection's peer has closed", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    let told = 0;
    watchConn(conn, () => told++);
    const socket = await peer.socket();
    assert.ok(conn.usable);
    socket.end();
    await until(() => !conn.usable);
    assert.ok(told > 0);
    assert.equal(await conn.read(new Uint8Array(1)), null);
  });

  it("notices at once that an idle connection was reset", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    (await peer.socket()).resetAndDestroy();
    await until(() => !conn.usable);
    const why = await conn.closed;
    assert.equal(why?.code, "CONNECTION_RESET");
    assert.ok(why?.cause instanceof Error);
    await assert.rejects(conn.read(new Uint8Array(1)), code("CONNECTION_RESET"));
    await assert.rejects(conn.write(bytes("x")), code("CONNECTION_RESET"));
  });

  it("notices unsolicited bytes and leaves them for the next reader", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    (await peer.socket()).write("surprise");
    await until(() => !conn.usable);
    assert.equal(await readText(conn, 8), "surprise");
    assert.ok(conn.usable);
  });

  it("delivers what came before the peer's end", async () => {
    await using peer = await Peer.listen((socket) => socket.end("last words"));
    await using conn = await connect(at(peer));
    await sleep(30);
    assert.equal(await readText(conn, 4), "last");
    assert.equal(conn.usable, false);
    assert.equal(await readText(conn, 100), " words");
    assert.equal(await conn.read(new Uint8Array(1)), null);
  });

  it("rejects a pending read and a pending write when this side closes", async () => {
    await using peer = await Peer.listen((socket) => socket.pause());
    const conn = await connect(at(peer));
    const read = assert.rejects(conn.read(new Uint8Array(1)), code("CONNECTION_CLOSED"));
    const write = assert.rejects(conn.write(new Uint8Array(30_000_000)), code("CONNECTION_CLOSED"));
    const next = assert.rejects(conn.write(bytes("queued")), code("CONNECTION_CLOSED"));
    await sleep(20);
    conn.close();
    conn.close();
    await Promise.all([read, write, next]);
    assert.equal(await conn.closed, undefined);
    assert.equal(conn.usable, false);
    await assert.rejects(conn.read(new Uint8Array(1)), code("CONNECTION_CLOSED"));
    await conn[Symbol.asyncDispose]();
    conn.setRef(false);
  });

  it("rejects a pending read and a pending write when the peer resets", async () => {
    await using peer = await Peer.listen((socket) => socket.pause());
    await using conn = await connect(at(peer));
    const read = assert.rejects(conn.read(new Uint8Array(1)), code("CONNECTION_RESET"));
    const write = assert.rejects(conn.write(new Uint8Array(30_000_000)), code("CONNECTION_RESET"));
    await sleep(20);
    (await peer.socket()).resetAndDestroy();
    await Promise.all([read, write]);
  });

  it("closes with an end, not with a reset", async () => {
    let ended = false, failed = false;
    await using peer = await Peer.listen((socket) => {
      socket.on("end", () => ended = true).on("error", () => failed = true).resume();
    });
    const conn = await connect(at(peer));
    await conn.write(bytes("x"));
    conn.close();
    await until(() => ended);
    assert.equal(failed, false);
  });

  it("streams both ways and ends both sides", async () => {
    await using peer = await Peer.listen((socket) => socket.pipe(socket));
    await using conn = await connect(at(peer));
    const source = new Blob([new Uint8Array(1_000_000).fill(7)]).stream();
    const piped = source.pipeTo(conn.writable);
    let total = 0;
    for await (const chunk of conn.readable) total += chunk.length;
    await piped;
    assert.equal(total, 1_000_000);
    await conn.closed;
  });

  it("is not usable while a stream is locked, and is again after", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    const writer = conn.writable.getWriter();
    assert.equal(conn.usable, false);
    await writer.write(bytes("abc"));
    writer.releaseLock();
    const reader = conn.readable.getReader();
    assert.equal(conn.usable, false);
    assert.equal((await reader.read()).value!.length, 3);
    reader.releaseLock();
    assert.ok(conn.usable);
    await conn.readable.cancel();
    assert.ok(conn.isClosed);
  });

  it("does not read ahead of its readable stream", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(at(peer));
    void conn.readable;
    await sleep(5);
    assert.ok(conn.usable);
    await conn.write(bytes("abc"));
    assert.equal(await readText(conn, 3), "abc");
  });
});
