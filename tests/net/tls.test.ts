import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { after, describe, it } from "node:test";
import { loadAdapter } from "../../ffi/adapter.ts";
import { type Conn, connect, ConnectError } from "../../src/net/mod.ts";
import { need } from "../support.ts";
import { bytes, Peer, readText, sleep, until } from "./peer.ts";
import { Pki } from "./pki.ts";
import { TlsPeer } from "./tls_peer.ts";

const skip = need("openssl");
const pki = skip === undefined ? new Pki() : undefined;
after(() => pki?.[Symbol.dispose]());

/** The descriptor of this process's socket of that connection, found as a debugger would. */
function descriptorOf(conn: Conn): number {
  const ports = [conn.localAddress, conn.remoteAddress]
    .map((address) =>
      Number(address.split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0")
    );
  const row = readFileSync("/proc/self/net/tcp", "utf8").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((cells) => ports.every((port, i) => cells[i + 1]?.endsWith(`:${port}`)))!;
  return Number(
    readdirSync("/proc/self/fd").find((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === `socket:[${row[9]}]`;
      } catch {
        return false; // the one that reads the directory
      }
    }),
  );
}

const refusedWith = (reason: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.code, "TLS_HANDSHAKE_FAILED", String(error));
  assert.match(error.message, reason);
  assert.ok(error.cause instanceof Error);
  return true;
};

describe("TLS", { skip }, () => {
  it("verifies the name, agrees on a protocol and carries bytes", async () => {
    await using peer = await TlsPeer.listen(pki!, { ALPNProtocols: ["echo/1"] });
    const tls = { ca: pki!.ca, serverName: "pool.test", alpn: ["other", "echo/1"] };
    await using conn = await connect(["127.0.0.1", peer.port], { tls });
    assert.equal(conn.alpn, "echo/1");
    assert.equal(conn.remoteAddress, `127.0.0.1:${peer.port}`);
    await conn.write(bytes("secret"));
    assert.equal(await readText(conn, 6), "secret");
    assert.ok(conn.usable);
    assert.equal(peer.sockets[0].servername, "pool.test");
  });

  it("sends the endpoint's host as the server name", async () => {
    await using peer = await TlsPeer.listen(pki!);
    await using conn = await connect(`localhost:${peer.port}`, { tls: { ca: pki!.ca } });
    assert.equal(conn.alpn, undefined);
    await until(() => peer.sockets.length === 1);
    assert.equal(peer.sockets[0].servername, "localhost");
  });

  it("sets the socket's options before the handshake", { skip: need("linux") }, async () => {
    await using peer = await TlsPeer.listen(pki!);
    const { libc } = await loadAdapter();
    const { cert, key } = pki!.client;
    for (const extra of [undefined, { ca: pki!.ca }, { ca: pki!.ca, cert, key }]) {
      await using plain = await Peer.echo();
      for (const on of [true, false]) {
        const port = extra === undefined ? plain.port : peer.port;
        const settings = { tls: extra, noDelay: on, keepAlive: on };
        await using conn = await connect(`localhost:${port}`, settings);
        const fd = descriptorOf(conn);
        const value = new Uint8Array(new ArrayBuffer(4));
        for (const now of [on, !on]) {
          conn.setNoDelay(now);
          conn.setKeepAlive(now);
          for (const [level, name] of [[6, 1], [1, 9]]) {
            assert.equal(libc.getsockopt(fd, level, name, value), 4);
            assert.equal(value[0], now ? 1 : 0, `${level}.${name}`);
          }
        }
      }
    }
  });

  it("carries a megabyte each way", async () => {
    await using peer = await TlsPeer.listen(pki!);
    await using conn = await connect(["127.0.0.1", peer.port], { tls: { ca: pki!.ca } });
    const sent = new Uint8Array(1_000_000).map((_, i) => i * 7);
    const writing = conn.write(sent);
    const got = new Uint8Array(sent.length);
    let n = 0;
    while (n < got.length) n += (await conn.read(got.subarray(n)))!;
    await writing;
    assert.equal(Buffer.compare(sent, got), 0);
  });

  it("refuses an unknown authority", async () => {
    await using peer = await TlsPeer.listen(pki!);
    await assert.rejects(
      connect(`localhost:${peer.port}`, { tls: {} }),
      refusedWith(/UnknownIssuer|unable to verify/),
    );
  });

  it("refuses a certificate for another name", async () => {
    await using peer = await TlsPeer.listen(pki!);
    const tls = { ca: pki!.ca, serverName: "other.test" };
    await assert.rejects(connect(`localhost:${peer.port}`, { tls }), refusedWith(/other\.test/));
  });

  it("takes a name and an address in any form", async () => {
    await using peer = await TlsPeer.listen(pki!);
    for (const serverName of ["POOL.test", "127.0.0.1", "[::1]", "0:0::1"]) {
      const tls = { ca: pki!.ca, serverName };
      await using conn = await connect(`127.0.0.1:${peer.port}`, { tls });
      assert.ok(conn.usable, serverName);
    }
  });

  it("accepts any certificate only when told so in an ugly way", async () => {
    await using peer = await TlsPeer.listen(pki!);
    const tls = { dangerouslyAcceptAnyCertificate: true, serverName: "whatever.test" };
    for (const ca of [undefined, pki!.ca]) {
      await using conn = await connect(`localhost:${peer.port}`, { tls: { ...tls, ca } });
      await conn.write(bytes("x"));
      assert.equal(await readText(conn, 1), "x");
    }
    // Not even then is a peer that ends in the handshake a session.
    for (const end of ["destroy", "resetAndDestroy"] as const) {
      await using other = await Peer.listen((socket) => socket.once("data", () => socket[end]()));
      await assert.rejects(connect(["127.0.0.1", other.port], { tls }), refusedWith(/./));
    }
  });

  it("shows the client's certificate where the server asks for one", async () => {
    await using peer = await TlsPeer.listen(pki!, { ca: pki!.ca, requestCert: true });
    const { cert, key } = pki!.client;
    await using conn = await connect(`localhost:${peer.port}`, { tls: { ca: pki!.ca, cert, key } });
    await conn.write(bytes("mutual"));
    assert.equal(await readText(conn, 6), "mutual");
    await until(() => peer.sockets.length === 1);
    assert.ok(peer.sockets[0].authorized);
    assert.equal(peer.sockets[0].getPeerCertificate().subject.CN, "client");
    peer.sockets[0].end();
    await until(() => !conn.usable);
  });

  it("refuses a server below the minimum version", async () => {
    await using peer = await TlsPeer.listen(pki!, { maxVersion: "TLSv1.2" });
    await using twelve = await connect(`localhost:${peer.port}`, { tls: { ca: pki!.ca } });
    assert.ok(twelve.usable);
    const tls = { ca: pki!.ca, minVersion: "TLSv1.3" as const };
    await assert.rejects(
      connect(`localhost:${peer.port}`, { tls }),
      refusedWith(/VERSION|version/i),
    );
  });

  it("speaks TLS over a Unix socket", async () => {
    const path = `${pki!.directory}/tls.sock`;
    await using peer = await TlsPeer.listen(pki!, {}, path);
    await using conn = await connect(path, { tls: { ca: pki!.ca, serverName: "localhost" } });
    await conn.write(bytes("both"));
    assert.equal(await readText(conn, 4), "both");
    assert.equal(peer.sockets.length, 1);
    await assert.rejects(connect(path, { tls: {} }), /serverName is needed/);
  });

  it("reports a peer that speaks no TLS", async () => {
    await using peer = await Peer.listen((socket) =>
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")
    );
    await assert.rejects(connect(["127.0.0.1", peer.port], { tls: {} }), refusedWith(/./));
  });

  it("reports a peer that closes in the handshake", async () => {
    await using peer = await Peer.listen((socket) => socket.once("data", () => socket.destroy()));
    await assert.rejects(connect(["127.0.0.1", peer.port], { tls: {} }), refusedWith(/./));
  });

  it("gives up on a silent handshake in time and names the phase", async () => {
    await using peer = await Peer.listen((socket) => socket.resume());
    await assert.rejects(
      connect(["127.0.0.1", peer.port], { tls: {}, timeout: 1_000 }),
      (error) =>
        error instanceof ConnectError && error.code === "CONNECTION_TIMEOUT" &&
        /TLS handshake/.test(error.message),
    );
    const control = new AbortController();
    setTimeout(() => control.abort(new Error("mine")), 20);
    await assert.rejects(
      connect(["127.0.0.1", peer.port], { tls: {}, signal: control.signal }),
      /^Error: mine/,
    );
  });

  it("leaves no connection to a peer that is silent in the handshake", async () => {
    let ended = 0;
    const serve = (socket: Socket): void => void socket.resume().on("end", () => ended++);
    await using peer = await Peer.listen(serve, { halfOpen: true });
    for (const tls of [{}, { minVersion: "TLSv1.3" as const }]) {
      for (const aborted of [true, false]) {
        const control = new AbortController();
        const reason = new Error("left");
        if (aborted) until(() => peer.sockets.size > 0).then(() => control.abort(reason));
        const { signal } = control;
        const timeout = aborted ? 60_000 : 500;
        const before = ended;
        const error = await connect(["127.0.0.1", peer.port], { tls, signal, timeout })
          .catch((error) => error);
        assert.equal(aborted ? error : error.code, aborted ? reason : "CONNECTION_TIMEOUT");
        await until(() => ended > before || peer.sockets.size === 0, "the peer to see the end");
        for (const socket of peer.sockets) socket.destroy();
        await until(() => peer.sockets.size === 0);
      }
    }
  });

  it("notices the peer's close_notify on an idle connection", async () => {
    await using peer = await TlsPeer.listen(pki!);
    await using conn = await connect(`localhost:${peer.port}`, { tls: { ca: pki!.ca } });
    await until(() => peer.sockets.length === 1);
    await sleep(10);
    assert.ok(conn.usable);
    peer.sockets[0].end();
    await until(() => !conn.usable);
    assert.equal(await conn.read(new Uint8Array(1)), null);
  });

  it("ends its own side", async () => {
    await using peer = await TlsPeer.listen(pki!);
    await using conn = await connect(`localhost:${peer.port}`, { tls: { ca: pki!.ca } });
    await until(() => peer.sockets.length === 1);
    let ended = false;
    peer.sockets[0].on("end", () => ended = true);
    await conn.closeWrite();
    await until(() => ended);
    assert.equal(await conn.read(new Uint8Array(1)), null);
  });

  for (
    const [what, tls, message] of [
      [
        "a certificate without its key",
        { cert: "-----BEGIN CERTIFICATE-----" },
        /cert and key must come together$/,
      ],
      ["an authority that is none", { ca: "" }, /tls\.ca: it must.* CERTIFICATE, .* has none$/],
      [
        "a key in place of a certificate",
        { ca: ["-----BEGIN EC PRIVATE KEY-----"] },
        /tls\.ca\[0\]: it must be PEM text with a CERTIFICATE, current value has none$/,
      ],
      ["a key that is none", { key: "x" }, /tls\.key: it must.* PRIVATE KEY, .* has none$/],
      ["a server name that is none", { serverName: "a b" }, /tls\.serverName.* value is "a b"$/],
      [
        "an unknown version",
        { minVersion: "TLSv1" },
        /tls\.minVersion: it must.*, current value is "TLSv1"$/,
      ],
      ["an empty protocol name", { alpn: [""] }, /alpn.*, current value is ""$/],
    ] as const
  ) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(
        connect("127.0.0.1:1", { tls: tls as object }),
        (error) =>
          error instanceof ConnectError && error.code === "INVALID_CONFIG" &&
          message.test(error.message),
      );
    });
  }
});
