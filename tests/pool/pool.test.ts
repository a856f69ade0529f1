import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Factory, Pool, PoolError, type PoolOptions } from "../../src/pool/mod.ts";

interface Thing {
  readonly id: number;
  dirty: boolean;
}

class Workshop implements Factory<Thing> {
  made = 0;
  live = 0;
  mostLive = 0;
  readonly ended: number[] = [];

  create(): Promise<Thing> {
    this.mostLive = Math.max(this.mostLive, ++this.live);
    return Promise.resolve({ id: ++this.made, dirty: false });
  }

  destroy(thing: Thing): void {
    this.live--;
    this.ended.push(thing.id);
  }

  usable(thing: Thing): boolean {
    return !thing.dirty;
  }
}

const poolOf = (options?: PoolOptions): { shop: Workshop; pool: Pool<Thing> } => {
  const shop = new Workshop();
  return { shop, pool: new Pool(shop, options) };
};

describe("a pool", () => {
  it("lends the same resource again after it was released", async () => {
    const { shop, pool } = poolOf();
    const first = await pool.acquire();
    const { id } = first.value;
    first.release();
    const second = await pool.acquire();
    assert.equal(second.value.id, id);
    second.release();
    await pool.close();
    assert.deepEqual(shop.ended, [1]);
  });

  it("has one live resource through six sequential borrows at maxSize 1", async () => {
    const { shop, pool } = poolOf({ maxSize: 1 });
    for (let i = 0; i < 6; i++) {
      const lease = await pool.acquire();
      if (i % 2 === 0) lease.discard();
      else lease.release();
    }
    assert.equal(shop.mostLive, 1);
    await pool.close();
    assert.equal(shop.live, 0);
  });

  it("never has more than maxSize, and serves its waiters in order", async () => {
    const { shop, pool } = poolOf({ maxSize: 3 });
    const served: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const lease = await pool.acquire();
        served.push(i);
        await Promise.resolve();
        lease.release();
      }),
    );
    assert.equal(shop.mostLive, 3);
    assert.deepEqual(served, Array.from({ length: 50 }, (_, i) => i));
    await pool.close();
  });

  it("serves a waiter with a freed resource although a creation was started for it", async () => {
    let finish: (n: number) => void = () => {};
    let made = 0;
    const pool = new Pool<number>({
      create: () => ++made === 1 ? Promise.resolve(1) : new Promise((r) => finish = r),
      destroy: () => {},
    }, { maxSize: 2 });
    const first = await pool.acquire();
    const second = pool.acquire();
    first.release();
    assert.equal((await second).value, 1);
    finish(2);
    await Promise.resolve();
    assert.equal(pool.stats.idle, 1);
    (await second).release();
    await pool.close();
  });

  it("keeps the creation of a caller that went away for the next one", async () => {
    let finish: (n: number) => void = () => {};
    const pool = new Pool<number>({
      create: () => new Promise((r) => finish = r),
      destroy: () => {},
    }, { maxSize: 1 });
    const abort = new AbortController();
    const gone = pool.acquire({ signal: abort.signal });
    const reason = new Error("no longer wanted");
    abort.abort(reason);
    await assert.rejects(gone, (e) => e === reason);
    assert.equal(pool.stats.creating, 1);
    finish(7);
    const lease = await pool.acquire();
    assert.equal(lease.value, 7);
    lease.release();
    await pool.close();
  });

  it("destroys a resource that comes back dirty", async () => {
    const { shop, pool } = poolOf({ maxSize: 1 });
    const lease = await pool.acquire();
    lease.value.dirty = true;
    lease.release();
    assert.deepEqual(shop.ended, [1]);
    assert.equal((await pool.acquire().then((l) => (l.release(), l)), pool.stats.idle), 1);
    assert.equal(pool.stats.totals.destroyed.unusable, 1);
    await pool.close();
  });

  it("does not lend a resource twice when a lease is released twice", async () => {
    const { pool } = poolOf({ maxSize: 2 });
    const lease = await pool.acquire();
    lease.release();
    lease.release();
    lease.discard();
    lease[Symbol.dispose]();
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    assert.notEqual(a.value.id, b.value.id);
    assert.throws(() => lease.value, TypeError);
    a.release();
    b.release();
    await pool.close();
  });

  it("times out with its numbers and the last creation failure", async () => {
    const failure = new Error("connection refused");
    const pool = new Pool<number>(
      { create: () => Promise.reject(failure), destroy: () => {} },
      { acquireTimeout: 30, createRetryDelay: 1_000 },
    );
    await assert.rejects(
      pool.acquire(),
      (e) =>
        e instanceof PoolError && e.code === "WAIT_TIMEOUT" && e.cause === failure &&
        /size is 0 of 10, idle 0, leased 0, creating 0, waiting 1/.test(e.message),
    );
    await pool.close();
  });

  it("drains on close: waiters are refused, leases live on until they are released", async () => {
    const { shop, pool } = poolOf({ maxSize: 1 });
    const lease = await pool.acquire();
    const waiting = pool.acquire();
    const closed = pool.close();
    await assert.rejects(waiting, { code: "CLOSED" });
    await assert.rejects(pool.acquire(), { code: "CLOSED" });
    assert.equal(lease.value.id, 1);
    assert.equal(shop.live, 1);
    lease.release();
    await closed;
    await pool.close();
    assert.equal(shop.live, 0);
  });

  it("lets go of a detached resource, which survives its close", async () => {
    const { shop, pool } = poolOf({ maxSize: 1 });
    const lease = await pool.acquire();
    const thing = lease.detach();
    assert.equal(lease.detach(), thing);
    lease.release();
    assert.equal(pool.stats.size, 0);
    await pool.close();
    assert.equal(shop.live, 1);
  });

  it("discards what a function in use() threw on, and only that", async () => {
    const { shop, pool } = poolOf();
    await assert.rejects(
      pool.use(() => {
        throw new Error("bad reply");
      }),
      /bad reply/,
    );
    assert.deepEqual(shop.ended, [1]);
    assert.equal(await pool.use((thing) => thing.id), 2);
    await assert.rejects(pool.use(() => Promise.reject(new Error("x")), { discardOnError: false }));
    assert.equal(pool.stats.idle, 1);
    await pool.close();
  });

  it("discards what nobody could judge, and tells of both errors", async () => {
    const { shop, pool } = poolOf();
    const thrown = new Error("bad reply"), puzzled = new Error("no idea");
    const discardOnError = () => {
      throw puzzled;
    };
    await assert.rejects(
      pool.use(() => Promise.reject(thrown), { discardOnError }),
      (e) => e instanceof AggregateError && e.errors[0] === thrown && e.errors[1] === puzzled,
    );
    assert.deepEqual(shop.ended, [1]);
    await pool.close();
  });
});
