import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type Conn,
  ConnectError,
  type ConnectErrorCode,
  EndpointPool,
  type EndpointPoolOptions,
} from "../../mod.ts";
import { need } from "../support.ts";
import { dribble, type Fault, FaultProxy } from "./fault_proxy.ts";
import { bytes, Peer, readText, sleep, until } from "./peer.ts";
import { Pki } from "./pki.ts";
import { TlsPeer } from "./tls_peer.ts";

const skipTls = need("openssl");

/** How a request may end: with its reply, an early end of the stream, or an error. */
type Outcome = "reply" | "eof" | "left" | "refused by the check" | ConnectErrorCode;

interface Case {
  fault?: Fault;
  /** Runs while the connection is idle, after a first good request. */
  idle?: (proxy: FaultProxy) => void;
  /** Whether the idle connection must be gone before the next request. */
  spoils?: boolean;
  outcome: Outcome;
  /** What may happen instead, where two packets race. */
  or?: Outcome;
  /** Whether the connection must be gone afterwards, even though the request worked. */
  gone?: boolean;
  tls?: boolean;
  options?: EndpointPoolOptions;
  /** @default 5000, by which no machine is too slow for what does answer */
  connectTimeout?: number;
  /** @default 5000 */
  resolveTimeout?: number;
  request?: (conn: Conn) => Promise<string>;
  /** Another name for the host, with what it resolves to. */
  resolve?: () => Promise<string[]>;
}

const text = "request and reply, forty bytes of it all";
const left = new Error("the caller left");

async function roundTrip(conn: Conn): Promise<string> {
  await conn.write(bytes(text));
  return await readText(conn, text.length);
}

/** Gives up on the reply after a while, as a careful caller does. */
async function impatient(conn: Conn): Promise<string> {
  await conn.write(bytes(text));
  const control = new AbortController();
  setTimeout(() => control.abort(left), 40);
  await conn.read(new Uint8Array(1), { signal: control.signal });
  return "";
}

const reset = (): Fault => ({ request: (_, { client }) => void client.resetAndDestroy() });
const never = () => new Promise<never>(() => {});

const cases: Record<string, Case> = {
  "no fault at all": { outcome: "reply" },

  // Names
  "a name that does not resolve": {
    resolve: () => Promise.reject(new Error("NXDOMAIN")),
    outcome: "DNS_RESOLUTION_FAILED",
  },
  "a resolver that never answers": {
    resolve: never,
    resolveTimeout: 50,
    outcome: "DNS_RESOLUTION_FAILED",
  },
  "a name without addresses": {
    resolve: () => Promise.resolve([]),
    outcome: "DNS_RESOLUTION_FAILED",
  },
  "a dead first address": {
    resolve: () => Promise.resolve(["::1", "127.0.0.1"]),
    outcome: "reply",
  },

  // Connecting
  "a reset right after the accept": {
    fault: { accept: ({ client }) => void client.resetAndDestroy() },
    outcome: "CONNECTION_RESET",
    or: "CONNECTION_FAILED",
  },
  "an end right after the accept": {
    fault: { accept: ({ client }) => void client.destroy() },
    outcome: "eof",
    // When the request was there before the end.
    or: "CONNECTION_RESET",
  },
  "an upstream that takes its time": {
    fault: {
      request: async (data, { upstream }) => {
        await sleep(60);
        upstream.write(data);
      },
    },
    outcome: "reply",
  },
  "a peer that greets when nobody asked": {
    fault: { accept: ({ client }) => void client.write("220 welcome\r\n") },
    outcome: "reply",
    gone: true,
    request: async (conn) => {
      const all = await readText(conn, 5);
      assert.equal(all, "220 w");
      return text;
    },
  },

  // Requests and replies
  "a reset instead of the reply": { fault: reset(), outcome: "CONNECTION_RESET" },
  "an end instead of the reply": {
    fault: { request: (_, { client }) => void client.end() },
    outcome: "eof",
  },
  "a reply that is cut short by an end": {
    fault: { reply: (data, { client }) => void client.end(data.subarray(0, 9)) },
    outcome: "eof",
  },
  "a reply that is cut short by a reset": {
    fault: {
      reply: (data, { client }) => {
        client.write(data.subarray(0, 9));
        setTimeout(() => client.resetAndDestroy(), 10);
      },
    },
    outcome: "CONNECTION_RESET",
  },
  "a reply in single bytes": {
    fault: { reply: (data, { client }) => void dribble(client, data) },
    outcome: "reply",
  },
  "a reply that comes late": {
    fault: { reply: (data, { client }) => void setTimeout(() => client.write(data), 60) },
    outcome: "reply",
  },
  "a reply sent twice": {
    fault: {
      reply: (data, { client }) => void client.write(Buffer.concat([data, data])),
    },
    outcome: "reply",
    gone: true,
  },
  "a second reply a little later": {
    fault: {
      reply: (data, { client }) => {
        client.write(data);
        setTimeout(() => client.write(data), 20);
      },
    },
    outcome: "reply",
    gone: true,
  },
  "a black hole instead of a reply": {
    fault: { request: () => {} },
    outcome: "left",
    request: impatient,
  },
  "a reply after the caller has left": {
    fault: { reply: (data, { client }) => void setTimeout(() => client.write(data), 80) },
    outcome: "left",
    request: impatient,
  },
  "a peer that ends its side with the reply": {
    fault: { reply: (data, { client }) => void client.end(data) },
    outcome: "reply",
    gone: true,
  },
  "a peer that stops reading": {
    fault: { accept: ({ client }) => void client.pause() },
    outcome: "CONNECTION_CLOSED",
    request: async (conn) => {
      setTimeout(() => conn.close(), 50);
      await conn.write(new Uint8Array(20_000_000));
      return "";
    },
  },
  "a reset in the middle of a large request": {
    fault: reset(),
    outcome: "CONNECTION_RESET",
    request: async (conn) => {
      await conn.write(new Uint8Array(20_000_000));
      return await readText(conn, 1);
    },
  },

  // Idle connections
  "a peer that ends while idle": {
    idle: (proxy) => proxy.cut("end"),
    spoils: true,
    outcome: "reply",
  },
  "a peer that resets while idle": {
    idle: (proxy) => proxy.cut("reset"),
    spoils: true,
    outcome: "reply",
  },
  "bytes while idle": {
    idle: (proxy) => {
      for (const { client } of proxy.links) client.write("surprise");
    },
    spoils: true,
    outcome: "reply",
  },
  "a peer that ends its side while idle": {
    idle: (proxy) => {
      for (const { client } of proxy.links) client.end();
    },
    spoils: true,
    outcome: "reply",
  },
  "a half-open peer, found by the health check": {
    idle: (proxy) => proxy.fault = { request: () => {} },
    options: {
      ...{ checkAfter: 0, checkTimeout: 30 },
      healthCheck: async (conn) => await roundTrip(conn) === text,
    },
    outcome: "left",
    request: impatient,
  },
  "a health check that throws": {
    idle: () => {},
    options: { checkAfter: 0, healthCheck: () => Promise.reject(new Error("sick")) },
    outcome: "reply",
  },

  // TLS
  "a handshake that passes": { tls: true, outcome: "reply" },
  "a slow handshake": {
    tls: true,
    fault: { reply: (data, { client }) => void setTimeout(() => client.write(data), 40) },
    outcome: "reply",
  },
  "a handshake that is never answered": {
    tls: true,
    fault: { request: () => {} },
    // Also what the good handshakes afterwards have.
    connectTimeout: 1_500,
    outcome: "CONNECTION_TIMEOUT",
  },
  "a handshake answered with rubbish": {
    tls: true,
    fault: { request: (_, { client }) => void client.write("HTTP/1.1 400 Bad Request\r\n\r\n") },
    outcome: "TLS_HANDSHAKE_FAILED",
  },
  "an end in the handshake": {
    tls: true,
    fault: { reply: (data, { client }) => void client.end(data.subarray(0, 20)) },
    outcome: "TLS_HANDSHAKE_FAILED",
  },
  "a reset in the handshake": { tls: true, fault: reset(), outcome: "TLS_HANDSHAKE_FAILED" },
  "a corrupted record": {
    tls: true,
    idle: (proxy) =>
      proxy.fault = {
        reply: (data, { client }) => {
          data[data.length - 1] ^= 1;
          client.write(data);
        },
      },
    outcome: "CONNECTION_RESET",
  },
  "a secured reply cut without a farewell": {
    tls: true,
    idle: (proxy) =>
      proxy.fault = { reply: (data, { client }) => void client.end(data.subarray(0, 9)) },
    outcome: "eof",
  },
};

describe("faults", () => {
  let plain: Peer, secure: TlsPeer | undefined, pki: Pki | undefined;
  before(async () => {
    plain = await Peer.echo();
    if (skipTls === undefined) {
      pki = new Pki();
      secure = await TlsPeer.listen(pki);
    }
  });
  after(async () => {
    await plain[Symbol.asyncDispose]();
    await secure?.[Symbol.asyncDispose]();
    pki?.[Symbol.dispose]();
  });

  for (
    const [name, { fault, idle, spoils, outcome, or, gone, tls, ...rest }] of Object.entries(cases)
  ) {
    it(
      `${name}: ${outcome}, and no slot is lost`,
      { skip: tls ? skipTls : undefined },
      async () => {
        await using proxy = await FaultProxy.start(() => tls ? secure!.port : plain.port);
        let resolve = rest.resolve;
        const { connectTimeout = 5_000, resolveTimeout = 5_000 } = rest;
        const endpoint = resolve || tls ? `localhost:${proxy.port}` : `127.0.0.1:${proxy.port}`;
        await using pool = new EndpointPool({
          ...{ maxPerEndpoint: 2, connectRetries: 0, connectTimeout },
          tls: tls ? { ca: pki!.ca } : undefined,
          connect: {
            resolveTimeout,
            resolve: (host) => resolve?.() ?? Promise.resolve([host && "127.0.0.1"]),
          },
          ...rest.options,
        });
        if (idle !== undefined) {
          assert.equal(await pool.withConnection(endpoint, roundTrip), text);
          idle(proxy);
          if (spoils) await until(() => pool.stats(endpoint).idle === 0, "it to be noticed");
        } else proxy.fault = fault ?? {};

        const got = await pool.withConnection(endpoint, rest.request ?? roundTrip).then(
          (reply): Outcome => {
            if (reply !== text) assert.ok(text.startsWith(reply), reply);
            return reply === text ? "reply" : "eof";
          },
          (error): Outcome => {
            if (error === left) return "left";
            assert.ok(error instanceof ConnectError, String(error));
            return error.code;
          },
        );
        assert.equal(got, got === or ? or : outcome);

        proxy.fault = {};
        resolve = undefined;
        if (gone) await until(() => pool.stats(endpoint).idle === 0, "the connection to go");
        const stats = (): number[] => {
          const { active, waiting, connecting } = pool.stats(endpoint);
          return [active, waiting, connecting];
        };
        assert.deepEqual(stats(), [0, 0, 0]);
        // Both places must be there, and both must work.
        if (rest.options === undefined) {
          const leases = await Promise.all([pool.acquire(endpoint), pool.acquire(endpoint)]);
          for (const lease of leases) {
            assert.equal(await roundTrip(lease.value), text);
            lease.release();
          }
          assert.deepEqual(stats(), [0, 0, 0]);
          assert.equal(pool.stats(endpoint).idle, 2);
        }
      },
    );
  }
});
