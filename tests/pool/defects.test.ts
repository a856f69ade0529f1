import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Lease, Pool } from "../../src/pool/mod.ts";
import { failure, FakeClock, settle } from "./fake_clock.ts";
import { Plant, type Thing } from "./plant.ts";
import { fill, rig } from "./rig.ts";

describe("defects of other pools are absent:", () => {
  it("two slow checks run side by side, and an acquire does not wait for the sweep", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 4 });
    await fill(pool, 4);
    await clock.advance(1_000);
    plant.checking();
    const slow = new Pool(plant, { clock, maxSize: 4 });
    await fill(slow, 4);
    await clock.advance(600);
    slow.maintain();
    assert.equal(plant.checks.length, 2, "both at once, and half of them stay to be lent");
    const lease = slow.acquire();
    await settle();
    assert.equal(plant.checks.length, 3, "the acquire has a check of its own");
    plant.finishCheck(true, 2);
    (await lease).release();
    plant.finishCheck(true);
    plant.finishCheck(true);
    await settle();
    assert.equal(slow.stats.idle, 4);
    await pool.close();
    await slow.close();
  });

  it("a failed refill after a discard does not shrink the pool", async () => {
    const plant = new Plant(false);
    const { pool, clock } = rig(plant, { maxSize: 1 });
    for (let i = 0; i < 5; i++) {
      const first = pool.acquire();
      plant.finishCreation();
      (await first).discard();
      const next = pool.acquire();
      plant.failCreation(new Error("refused"));
      await clock.advance(120);
      assert.equal(plant.creations.length, 1, "tried again");
      plant.finishCreation();
      (await next).discard();
    }
    assert.equal(pool.stats.size, 0);
    assert.equal(pool.stats.totals.created, 10);
    await pool.close();
  });

  it("a hung check wedges nobody and costs no slot", async () => {
    const plant = new Plant().checking();
    const { pool, clock } = rig(plant, { maxSize: 2, checkTimeout: 500, acquireTimeout: 2_000 });
    await fill(pool, 1);
    await clock.advance(600);
    const first = pool.acquire();
    assert.equal(plant.checks.length, 1);
    const second = pool.acquire();
    const other = await first; // it takes the one created for the second
    await clock.advance(500);
    assert.ok(plant.checks[0].signal.aborted);
    const third = await second;
    assert.equal(pool.stats.totals.destroyed.unhealthy, 1);
    other.release();
    third.release();
    await fill(pool, 2);
    assert.equal(pool.stats.size, 2);
    await pool.close();
  });

  it("a thousand cancelled acquires lose neither a slot nor a creation", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant, { maxSize: 3 });
    for (let i = 0; i < 1_000; i++) {
      const abort = new AbortController();
      const gone = pool.acquire({ signal: abort.signal });
      abort.abort(i);
      assert.equal(await failure(gone), i);
    }
    assert.equal(plant.creations.length, 1, "the first creation serves whoever comes");
    plant.finishCreation();
    await settle();
    assert.equal(pool.stats.idle, 1);
    assert.equal(pool.stats.waiting, 0);
    await pool.close();
  });

  it("a long use does not count as idleness", async () => {
    for (const maintenance of [true, false]) {
      const plant = new Plant();
      const { pool, clock } = rig(plant, { idleTimeout: 1_000, maintenance });
      const lease = await pool.acquire();
      await clock.advance(10_000);
      lease.release();
      pool.maintain();
      await clock.advance(800);
      pool.maintain();
      assert.equal(pool.stats.idle, 1);
      await clock.advance(300);
      pool.maintain();
      assert.equal(pool.stats.idle, 0);
      await pool.close();
    }
  });

  it("six detached resources do not use up a pool of five", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxSize: 5 });
    for (let i = 0; i < 12; i++) (await pool.acquire()).detach();
    assert.equal(pool.stats.size, 0);
    assert.equal(plant.alive.size, 12);
    const leases = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    await pool.close();
  });

  it("ending expired resources while others are looked at harms nothing", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 100, idleTimeout: 100, maintenance: false });
    await fill(pool, 50);
    await clock.advance(200);
    const leases: Lease<Thing>[] = [];
    const { destroy } = plant;
    plant.destroy = (thing) => {
      destroy.call(plant, thing);
      if (plant.ended.length === 1) pool.evict();
      pool.acquire().then((lease) => leases.push(lease));
    };
    pool.maintain();
    await settle();
    plant.destroy = destroy;
    assert.equal(leases.length, 50);
    assert.equal(new Set(leases.map((lease) => lease.value)).size, 50);
    for (const lease of leases) lease.release();
    await pool.close();
    assert.equal(plant.alive.size, 0);
  });

  it("an average is right from its first sample on", async () => {
    const plant = new Plant(false);
    const { pool, clock } = rig(plant);
    for (const ms of [80, 20]) {
      const lease = pool.acquire();
      await clock.advance(ms);
      plant.finishCreation();
      (await lease).discard();
      if (ms === 80) assert.deepEqual(pool.stats.createTime, { count: 1, mean: 80, max: 80 });
    }
    assert.deepEqual(pool.stats.createTime, { count: 2, mean: 50, max: 80 });
    await pool.close();
  });

  it("a pool whose resources all went bad serves its waiters without deep recursion", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxSize: 20_000 });
    await fill(pool, 20_000);
    for (const thing of plant.alive) thing.dirty = true;
    const leases = await Promise.all(Array.from({ length: 20_000 }, () => pool.acquire()));
    assert.equal(pool.stats.totals.destroyed.unusable, 20_000);
    for (const lease of leases) lease.release();
    await pool.close();
  });

  it("a creation that fails at once does not spin", async () => {
    const clock = new FakeClock();
    let tries = 0;
    const pool = new Pool<number>({
      create: () => {
        tries++;
        throw new Error("refused");
      },
      destroy: () => {},
    }, { clock, createRetries: Infinity, acquireTimeout: 10_000 });
    const failed = failure(pool.acquire());
    await settle(1_000);
    assert.equal(tries, 1);
    await clock.advance(10_000);
    assert.equal((await failed).code, "WAIT_TIMEOUT");
    assert.ok(tries >= 6 && tries <= 9, `${tries}`);
    await pool.close();
  });

  it("resources that are useless from the start do not make a hot loop", async () => {
    const clock = new FakeClock();
    let made = 0;
    const pool = new Pool<number>({
      create: () => Promise.resolve(++made),
      destroy: () => {},
      usable: () => false,
    }, { clock, createRetries: 2, acquireTimeout: 10_000 });
    const failed = failure(pool.acquire());
    await settle(1_000);
    assert.equal(made, 1);
    await clock.advance(1_000);
    assert.equal((await failed).code, "CREATE_FAILED");
    assert.equal(made, 3);
    assert.equal(pool.stats.size, 0);
    await pool.close();
  });

  it("what only looks like a promise and throws neither escapes nor wedges the pool", async () => {
    const broken = new Error("broken");
    const thrown = (): never => {
      throw broken;
    };
    const liars = [{ then: thrown }, Object.defineProperty({}, "then", { get: thrown })];
    let made = 0;
    const pool = new Pool<unknown>({
      create: () => (liars[made++] ?? Promise.resolve("good")) as Promise<unknown>,
      destroy: () => {},
    }, { createRetries: 0, createRetryDelay: 0 });
    for (const _ of liars) assert.equal((await failure(pool.acquire())).cause, broken);
    (await pool.acquire()).release();
    await pool.close();
  });

  it("a resource that cannot carry a first lease is not usable, and keeps no close waiting", async () => {
    const unfit: [unknown, boolean][] = [
      ...[0, NaN, -1, 2.5, undefined, "3"].map((capacity): [unknown, boolean] => [capacity, false]),
      [new Error("who knows"), true],
    ];
    for (const [capacity, thrown] of unfit) {
      const clock = new FakeClock(), plant = new Plant(), errors: unknown[] = [];
      plant.capacity = () => {
        if (thrown) throw capacity;
        return capacity as number;
      };
      const pool = new Pool(plant, {
        clock,
        createRetries: 2,
        onError: (error) => errors.push(error),
      });
      const failed = failure(pool.acquire());
      await settle(1_000);
      assert.equal(plant.made, 1, "no hot loop");
      await clock.advance(1_000);
      assert.equal((await failed).code, "CREATE_FAILED");
      assert.equal(plant.made, 3);
      assert.match(
        String(errors),
        capacity === 0 ? /not usable/ : thrown ? /who/ : /use capacity: /,
      );
      await pool.close();
      assert.equal(plant.alive.size, 0);
    }
  });

  it("what loses its capacity goes when its last lease ends", async () => {
    const plant = new Plant();
    let capacity = 2;
    plant.capacity = () => capacity;
    const { pool } = rig(plant, { maxSize: 1 });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    capacity = 0;
    a.release();
    const waiting = pool.acquire();
    await settle();
    assert.deepEqual([plant.ended.length, pool.stats.waiting], [0, 1]);
    plant.capacity = (thing) => thing.id === 1 ? 0 : 1;
    b.release();
    assert.equal((await waiting).value.id, 2);
    assert.equal(pool.stats.totals.destroyed.unusable, 1);
    (await waiting).release();
    await pool.close();
  });

  it("a promise does not pass for usable, and its rejection does not go unhandled", async () => {
    const errors: string[] = [];
    const pool = new Pool({
      create: () => Promise.resolve({}),
      destroy: () => {},
      usable: (() => Promise.reject(new Error("late"))) as unknown as () => boolean,
    }, { createRetries: 0, onError: (error) => errors.push(String(error)) });
    assert.equal((await failure(pool.acquire())).code, "CREATE_FAILED");
    await settle();
    assert.match(errors.join(), /usable: it must answer at once.*late/);
    await pool.close();
  });

  it("a late-comer does not pass those who wait", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxSize: 1 });
    const first = await pool.acquire();
    const order: string[] = [];
    const waiter = pool.acquire().then((lease) => (order.push("waiter"), lease));
    first.release();
    const late = pool.acquire().then((lease) => (order.push("late"), lease));
    assert.equal(pool.tryAcquire(), undefined);
    (await waiter).release();
    (await late).release();
    assert.deepEqual(order, ["waiter", "late"]);
    await pool.close();
  });
});
