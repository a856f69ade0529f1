import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  connect,
  type ConnectOptions,
  EndpointPool,
  type EndpointPoolOptions,
  type Protocol,
} from "../../mod.ts";
import { type Forbidden, refused } from "../refused.ts";
import { Peer, readText, sleep } from "./peer.ts";

const JUNK: unknown[] = [null, NaN, -1, "", 1n, Symbol("s"), []];

describe("before anything is opened", () => {
  it("an endpoint pool refuses each bad option, and names that nobody reads", async () => {
    const make = (name: string, value: unknown) => () => new EndpointPool({ [name]: value });
    const functions = ["healthCheck", "onCreated", "onClosed", "onReused", "onError"];
    for (const junk of JUNK) {
      await refused("options", () => new EndpointPool(junk as EndpointPoolOptions));
      for (const name of [...functions, "tls", "connect", "protocol", "observer", "clock"]) {
        await refused(name, make(name, junk));
      }
      for (const name of ["maxPerEndpoint", "maxTotal", "minIdle", "initTimeout", "order", "mx"]) {
        await refused(name, make(name, junk));
      }
      for (const name of ["noDelay", "keepAlive", "resolve", "dialer", "attemptDelay", "timeout"]) {
        await refused(`connect.${name}`, () => new EndpointPool({ connect: { [name]: junk } }));
      }
      for (const name of ["init", "onAcquire", "onRelease", "isHealthy", "onClose", "access"]) {
        const protocol = { init: () => ({}), [name]: junk } as Forbidden as Protocol<object>;
        const path = `protocol.${name}`;
        const inner = Array.isArray(junk) && name === "access" ? `${path}.shared` : path;
        await refused(inner, () => new EndpointPool({ protocol }));
      }
      await refused("tls.ca", () => new EndpointPool({ tls: { ca: junk ?? 5 } as Forbidden }))
        .catch((error) => {
          if (!Array.isArray(junk)) throw error; // a list of none
        });
    }
    await refused("minIdle", () => new EndpointPool({ minIdle: 3, maxPerEndpoint: 2 }));
    await refused("maxSize", make("maxSize", 3));
    await refused("name", make("name", "x"));
  });

  it("connect refuses each bad option, and shows no key", async () => {
    const to = "127.0.0.1:1";
    for (const junk of JUNK) {
      await refused("options", () => connect(to, junk as ConnectOptions));
      for (
        const name of ["signal", "tls", "noDelay", "keepAlive", "resolve", "dialer", "timout"]
      ) {
        await refused(name, () => connect(to, { [name]: junk }));
      }
      for (const name of ["minVersion", "dangerouslyAcceptAnyCertificate", "verify"]) {
        await refused(`tls.${name}`, () => connect(to, { tls: { [name]: junk } }));
      }
      for (const name of ["serverName", "cert", "key"]) {
        await refused(`tls.${name}`, () => connect(to, { tls: { [name]: junk } }));
      }
    }
    await refused(
      "tls.ca[1]",
      () => connect(to, { tls: { ca: ["-----BEGIN CERTIFICATE-----", 5] as string[] } }),
    );
    await refused("tls.alpn", () => connect(to, { tls: { alpn: "h2" as Forbidden } }));
    const key: Forbidden = ["secret"];
    await assert.rejects(connect(to, { tls: { key } }), (error) => !/secret/.test(String(error)));
  });

  it("a use without a function opens no connection", async () => {
    await using peer = await Peer.echo();
    await using pool = new EndpointPool();
    const to = `127.0.0.1:${peer.port}`;
    for (const junk of JUNK as Forbidden[]) {
      await refused("fn", () => pool.withConnection(to, junk));
      await refused("n", () => pool.warm(to, junk));
      await refused("timeout", () => pool.acquire(to, { timeout: junk }));
      await refused("timout", () => pool.acquire(to, { timout: junk } as Forbidden));
    }
    await sleep(5);
    assert.equal(peer.accepted, 0);
  });

  it("a connection refuses what it cannot read into or write, and goes on", async () => {
    await using peer = await Peer.echo();
    await using conn = await connect(`127.0.0.1:${peer.port}`);
    for (const junk of [...JUNK, "text", {}, new Uint8Array(0), new DataView(new ArrayBuffer(8))]) {
      await refused("into", () => conn.read(junk as Uint8Array));
      if (junk instanceof Uint8Array) continue;
      await refused("bytes", () => conn.write(junk as Uint8Array));
    }
    for (const junk of JUNK as Forbidden[]) {
      await refused("signal", () => conn.read(new Uint8Array(1), { signal: junk }));
      await refused("on", () => conn.setRef(junk));
      await refused("on", () => conn.setNoDelay(junk));
      await refused("on", () => conn.setKeepAlive(junk));
    }
    assert.equal(conn.bytesOut, 0);
    await conn.write(new TextEncoder().encode("ok"));
    assert.equal(await readText(conn, 2), "ok");
    assert.ok(conn.usable);
  });
});
