import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Conn, ConnectError, EndpointPool, PoolError } from "../../mod.ts";
import { need, openDescriptors } from "../support.ts";
import { type Fault, FaultProxy } from "./fault_proxy.ts";
import { bytes, Peer, readText, sleep, until } from "./peer.ts";

/** Numbers that come out the same each time. */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

const left = new Error("left");

const faults: Fault[] = [
  {},
  {},
  { request: (_, { client }) => void client.resetAndDestroy() },
  { request: (_, { client }) => void client.end() },
  { request: () => {} },
  { reply: (data, { client }) => void client.write(Buffer.concat([data, data])) },
  { reply: (data, { client }) => void client.end(data.subarray(0, 3)) },
  { reply: (data, { client }) => void setTimeout(() => client.write(data), 8) },
  { accept: ({ client }) => void client.resetAndDestroy() },
  { accept: ({ client }) => void client.write("surprise") },
];

describe("an endpoint pool in chaos", { skip: need("linux") }, () => {
  for (const seed of [1, 2, 3]) {
    it(`never mixes replies up and loses neither slots nor descriptors (seed ${seed})`, async () => {
      const random = numbers(seed);
      const before = openDescriptors();
      let right = 0, wrong = 0;
      {
        await using echo = await Peer.echo();
        await using one = await FaultProxy.start(() => echo.port);
        await using two = await FaultProxy.start(() => echo.port);
        const proxies = [one, two];
        const pool = new EndpointPool({
          ...{ maxPerEndpoint: 4, maxTotal: 6, maxUses: 7, idleTimeout: 30 },
          ...{ connectRetries: 1, connectRetryDelay: 2, acquireTimeout: 300 },
        });

        const request = async (conn: Conn, text: string): Promise<void> => {
          const control = new AbortController();
          const timer = setTimeout(() => control.abort(left), 60);
          try {
            await conn.write(bytes(text));
            const into = new Uint8Array(text.length);
            for (let n = 0; n < text.length;) {
              const got = await conn.read(into.subarray(n), { signal: control.signal });
              if (got === null) throw left;
              n += got;
            }
            // A greeting that nobody asked for is the only other thing that may be read.
            if (new TextDecoder().decode(into) === text) right++;
            else if (!new TextDecoder().decode(into).startsWith("surprise")) wrong++;
            else throw left;
          } finally {
            clearTimeout(timer);
          }
        };

        const worker = async (id: number): Promise<void> => {
          for (let i = 0; i < 30; i++) {
            const proxy = proxies[random(2)];
            if (random(12) === 0) proxy.fault = faults[random(faults.length)];
            if (random(60) === 0) proxy.cut(random(2) ? "end" : "reset");
            const endpoint = `127.0.0.1:${proxy.port}`;
            if (random(80) === 0) pool.clearEndpoint(endpoint);
            const control = new AbortController();
            if (random(4) === 0) setTimeout(() => control.abort(left), random(10));
            if (random(10) === 0) control.abort(left);
            const text = `request ${id}.${i}: ${"x".repeat(random(200))}`;
            const { signal } = control;
            await (random(5) === 0
              ? pool.acquire(endpoint, { signal }).then(async (lease) => {
                const work = request(lease.value, text).catch(() => {});
                // A caller may leave in the middle of its request, with a write or a read pending.
                await (random(3) > 0 ? work : sleep(random(3)));
                if (random(3) === 0) lease.discard();
                lease.release();
                await work;
              })
              : pool.withConnection(endpoint, (conn) => request(conn, text), { signal }))
              .catch((error) => {
                assert.ok(
                  error === left || error instanceof ConnectError || error instanceof PoolError,
                  String(error),
                );
              });
          }
        };
        await Promise.all(Array.from({ length: 30 }, (_, id) => worker(id)));

        for (const proxy of proxies) {
          proxy.fault = {};
          const endpoint = `127.0.0.1:${proxy.port}`;
          await sleep(20);
          await until(() => {
            const { active, waiting, connecting } = pool.stats(endpoint);
            return active === 0 && waiting === 0 && connecting === 0;
          }, "every slot to be given back");
          await until(
            () => proxy.open === pool.stats(endpoint).idle,
            "the pool to know which connections are left",
          );
          const leases = await Promise.all(
            [1, 2, 3, 4].map(() => pool.acquire(endpoint, { timeout: 30_000 })),
          );
          for (const [i, lease] of leases.entries()) {
            await lease.value.write(bytes(`check ${i}`));
            assert.equal(await readText(lease.value, 7), `check ${i}`);
            lease.release();
          }
        }
        await pool.close();
      }
      assert.equal(wrong, 0);
      assert.ok(right > 0, "not one request went through");
      await until(() => openDescriptors() <= before + 4, "every descriptor to be closed");
    });
  }
});
