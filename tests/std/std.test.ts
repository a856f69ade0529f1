import { deadline, delay, pooledMap, retry } from "@std/async";
import { BaseHandler, Logger, type LogRecord } from "@std/log";
import { FakeTime } from "@std/testing/time";
import { Pool, PoolError } from "@x/pool";
import { logObserver } from "@x/pool/observe";
import assert from "node:assert/strict";
import { it } from "node:test";

interface Thing {
  id: number;
}

function things(create: () => Promise<unknown> = () => Promise.resolve()) {
  const live = new Set<Thing>();
  let id = 0;
  return {
    live,
    async create(): Promise<Thing> {
      await create();
      const thing = { id: ++id };
      live.add(thing);
      return thing;
    },
    destroy(thing: Thing): void {
      live.delete(thing);
    },
  };
}

it("FakeTime drives the acquire timeout", async () => {
  using time = new FakeTime();
  await using pool = new Pool(things(), { maxSize: 1, acquireTimeout: 5_000 });
  using _lease = await pool.acquire();
  const failures: unknown[] = [];
  const second = pool.acquire().catch((error) => failures.push(error));
  await time.tickAsync(4_999);
  assert.equal(failures.length, 0);
  await time.tickAsync(1);
  await second;
  assert.ok(failures[0] instanceof PoolError);
  assert.equal(pool.stats.waiting, 0);
});

it("FakeTime drives the creation timeout", async () => {
  using time = new FakeTime();
  const factory = things(() => new Promise(() => {}));
  const pool = new Pool(factory, { createTimeout: 1_000, createRetries: 0, acquireTimeout: 9_000 });
  const failures: unknown[] = [];
  pool.acquire().catch((error) => failures.push(error));
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assert.ok(failures[0] instanceof PoolError, String(failures[0]));
  const closing = pool.close();
  await time.tickAsync(10_000);
  await closing;
});

it("FakeTime drives the idle timeout and the lifetime", async () => {
  using time = new FakeTime();
  const factory = things();
  const pool = new Pool(factory, { idleTimeout: 60_000, maxLifetime: 100_000 });
  await pool.use(() => {});
  assert.equal(factory.live.size, 1);
  await time.tickAsync(61_000);
  assert.equal(factory.live.size, 0);
  for (let used = 0; used < 110_000; used += 10_000) {
    await pool.use(() => {});
    await time.tickAsync(10_000);
  }
  assert.equal(pool.stats.totals.destroyed.lifetime, 1);
  await pool.close();
  assert.equal(factory.live.size, 0);
});

it("pooledMap over a pool uses no more resources than its limit", async () => {
  const factory = things();
  await using pool = new Pool(factory, { maxSize: 10 });
  const results = pooledMap(
    3,
    Array.from({ length: 50 }, (_, i) => i),
    (i) =>
      pool.use(async () => {
        await delay(1);
        return i * 2;
      }),
  );
  assert.deepEqual((await Array.fromAsync(results)).length, 50);
  assert.ok(pool.stats.peak.size <= 3, `${pool.stats.peak.size} resources`);
  assert.equal(pool.stats.leased, 0);
});

it("retry asks a pool again whose upstream fails at first", async () => {
  let calls = 0;
  const factory = things(() => ++calls < 3 ? Promise.reject(new Error("down")) : Promise.resolve());
  await using pool = new Pool(factory, { createRetries: 0 });
  const id = await retry(() => pool.use((thing) => thing.id), { minTimeout: 1, maxAttempts: 5 });
  assert.equal(id, 1);
  assert.equal(calls, 3);
});

it("deadline gives up on an acquire, and its signal leaves no waiter behind", async () => {
  await using pool = new Pool(things(), { maxSize: 1 });
  const lease = await pool.acquire();
  const control = new AbortController();
  await assert.rejects(deadline(pool.acquire({ signal: control.signal }), 20), /[Tt]imed? ?out/);
  control.abort();
  assert.equal(pool.stats.waiting, 0);
  lease.release();
  await pool.use(() => {});
});

it("a logger of @std/log fits the Logger interface as it is", async () => {
  const lines: string[] = [];
  class Collector extends BaseHandler {
    override handle(record: LogRecord): void {
      if (record.level >= this.level) this.log(`${record.levelName} ${record.msg}`);
    }
    override log(line: string): void {
      lines.push(line);
    }
  }
  const logger = new Logger("pool", "DEBUG", { handlers: [new Collector("INFO")] });
  {
    await using pool = new Pool(things(), { name: "things", observer: logObserver(logger) });
    await pool.use(() => {});
  }
  assert.deepEqual(lines, [
    "INFO things: created a resource",
    "INFO things: destroyed a resource",
    "INFO things: closed",
  ]);
});
