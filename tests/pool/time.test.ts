import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pool, PoolError, type Priority } from "../../src/pool/mod.ts";
import { failure, FakeClock, settle } from "./fake_clock.ts";
import { Plant, type Thing } from "./plant.ts";
import { rig } from "./rig.ts";

const touch = async (pool: Pool<Thing>): Promise<number> => {
  using lease = await pool.acquire();
  return lease.value.id;
};

describe("time in a pool:", () => {
  it("idle resources go, as late as idleTimeout and at most an eighth earlier", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { idleTimeout: 8_000 });
    await clock.advance(3_333);
    await touch(pool);
    await clock.advance(6_990);
    assert.equal(pool.stats.idle, 1);
    await clock.advance(1_010);
    assert.equal(pool.stats.idle, 0);
    assert.equal(pool.stats.totals.destroyed.idle, 1);
    await clock.advance(30_000);
    assert.equal(clock.timers.size, 0, "an empty pool comes to rest");
    await pool.close();
  });

  it("a used resource never goes for idleness", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { idleTimeout: 1_000, maxLifetime: Infinity });
    for (let i = 0; i < 50; i++) {
      assert.equal(await touch(pool), 1);
      await clock.advance(600);
    }
    await pool.close();
  });

  it("minIdle is kept ready, by idle timeout, loss and start alike", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { minIdle: 2, idleTimeout: 1_000, maxSize: 4 });
    assert.equal(plant.started, 0, "nothing happens in the constructor");
    await clock.advance(1);
    assert.equal(pool.stats.idle, 2);
    await clock.advance(60_000);
    assert.deepEqual([pool.stats.idle, plant.made], [2, 2], "no churn");
    (await pool.acquire()).discard();
    await clock.advance(1_000);
    assert.equal(pool.stats.idle, 2);
    await pool.close();
  });

  it("stopping maintenance right after construction stops it", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { minIdle: 2, idleTimeout: 100 });
    pool.stopMaintenance();
    assert.equal(clock.timers.size, 0);
    await clock.advance(10_000);
    assert.equal(plant.started, 0);
    await touch(pool);
    await clock.advance(10_000);
    assert.equal(pool.stats.idle, 1);
    pool.startMaintenance();
    await clock.advance(1);
    assert.equal(pool.stats.size, 2);
    await pool.close();
  });

  it("without maintenance, too idle and too old resources are judged at acquire", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, {
      maintenance: false,
      idleTimeout: 1_000,
      maxLifetime: 3_000,
    });
    await touch(pool);
    await clock.advance(999);
    assert.equal(await touch(pool), 1);
    await clock.advance(1_000);
    assert.equal(await touch(pool), 2);
    for (let i = 0; i < 4; i++) {
      await clock.advance(700);
      assert.equal(await touch(pool), 2);
    }
    await clock.advance(300);
    assert.equal(await touch(pool), 3);
    await pool.close();
  });

  it("lifetime holds on a hot pool, spares work in flight, and is rolled once", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxLifetime: 10_000, idleTimeout: Infinity, maxSize: 40 });
    const leases = await Promise.all(Array.from({ length: 40 }, () => pool.acquire()));
    for (const lease of leases.splice(1)) lease.release();
    await clock.advance(9_749);
    assert.equal(pool.stats.size, 40, "no more than 2.5 % earlier");
    const ages: number[] = [];
    for (let t = 9_749; t < 10_001; t += 3) {
      await clock.advance(3);
      ages.push(pool.stats.size);
    }
    assert.equal(pool.stats.size, 1, "all are gone but the one in use");
    assert.ok(new Set(ages).size > 10, "not all at once");
    assert.ok(!leases[0].value.ended);
    leases[0].release();
    assert.equal(pool.stats.totals.destroyed.lifetime, 40);
    await pool.close();
  });

  it("maxUses retires a resource at its last release", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxUses: 3, maxSize: 1 });
    const ids = [];
    for (let i = 0; i < 7; i++) ids.push(await touch(pool));
    assert.deepEqual(ids, [1, 1, 1, 2, 2, 2, 3]);
    assert.equal(pool.stats.totals.destroyed.uses, 2);
    assert.equal(pool.stats.totals.reused, 4);
    await pool.close();
  });

  it("a check is skipped within checkAfter, and made after it, however the time went by", async () => {
    const plant = new Plant();
    let checks = 0;
    plant.check = () => Promise.resolve(++checks > 0);
    const { pool, clock } = rig(plant, { checkAfter: 500 });
    await touch(pool);
    await clock.advance(499);
    await touch(pool);
    assert.equal(checks, 0);
    clock.jump(500); // as after a suspend or a blocked loop: no timer has run
    await touch(pool);
    assert.equal(checks, 1);
    await touch(pool);
    assert.equal(checks, 1);
    await pool.close();
  });

  it("maintenance checks idle resources without keeping them from idling out", async () => {
    const plant = new Plant();
    let checks = 0;
    plant.check = () => Promise.resolve(++checks > 0);
    const { pool, clock } = rig(plant, { idleTimeout: 8_000 });
    await touch(pool);
    await clock.advance(7_000);
    assert.ok(checks >= 3, `${checks}`);
    await clock.advance(1_100);
    assert.equal(pool.stats.size, 0);
    await pool.close();
  });

  it("with fifo all resources are used in turn, with lifo the last one again", async () => {
    for (const order of ["fifo", "lifo"] as const) {
      const plant = new Plant();
      const { pool } = rig(plant, { order, maxSize: 3 });
      await pool.warm(3);
      const ids = [];
      for (let i = 0; i < 6; i++) ids.push(await touch(pool));
      assert.deepEqual(ids, order === "fifo" ? [1, 2, 3, 1, 2, 3] : [3, 3, 3, 3, 3, 3]);
      await pool.close();
    }
  });

  it("with fifo a fresh resource is lent while the oldest one is checked", async () => {
    const plant = new Plant().checking();
    const { pool, clock } = rig(plant, { order: "fifo", maxSize: 2, checkAfter: 500 });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    a.release();
    await clock.advance(600);
    b.release();
    assert.equal(await touch(pool), 2);
    assert.deepEqual(plant.checks.map(({ thing }) => thing!.id), [1]);
    plant.finishCheck(true);
    await settle();
    assert.equal(pool.stats.idle, 2);
    await pool.close();
  });

  it("a hung creation ends at createTimeout, and what it makes later is destroyed", async () => {
    const plant = new Plant(false);
    const errors: unknown[] = [];
    const { pool, clock } = rig(plant, {
      createTimeout: 1_000,
      createRetries: 0,
      onError: (e) => errors.push(e),
    });
    const refused = failure(pool.acquire());
    const { signal } = plant.creations[0];
    await clock.advance(1_000);
    assert.ok(signal.aborted);
    const error = await refused;
    assert.equal(error.code, "CREATE_FAILED");
    assert.equal((error.cause as PoolError).code, "CREATE_TIMEOUT");
    assert.deepEqual(errors, [error.cause]);
    assert.equal(pool.stats.size, 0);
    plant.finishCreation();
    await settle();
    assert.equal(pool.stats.totals.destroyed.late, 1);
    assert.equal(plant.alive.size, 0);
    await pool.close();
  });

  it("creations are tried again with growing pauses, then the waiters are told", async () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const refusal = new Error("refused");
    const pool = new Pool<number>({
      create: () => {
        at.push(clock.now() - 1_000_000);
        return Promise.reject(refusal);
      },
      destroy: () => {},
    }, { clock, createRetries: 3, createRetryDelay: 100 });
    const refused = failure(pool.acquire());
    await clock.advance(2_000);
    assert.equal(at.length, 4);
    [0, 100, 300, 700].forEach((ms, i) => {
      assert.ok(Math.abs(at[i] - ms) <= ms * 0.1 + 1, `${at}`);
    });
    const error = await refused;
    assert.ok(error instanceof PoolError && error.code === "CREATE_FAILED");
    assert.equal(error.cause, refusal);
    await pool.close();
  });

  it("a creation that failed for good is not tried again, and one that nobody can judge is", async () => {
    const clock = new FakeClock(), errors: string[] = [];
    let created = 0, judge = (_: unknown): boolean => false;
    const pool = new Pool<number>({
      create: () => Promise.reject(new Error(`refused ${++created}`)),
      destroy: () => {},
      retryable: (error) => judge(error),
    }, { clock, createRetries: 1, onError: (e) => errors.push((e as Error).message) });
    const warm = failure(pool.warm(1));
    assert.equal((await failure(pool.acquire())).code, "CREATE_FAILED");
    assert.equal((await warm).code, "CREATE_FAILED");
    assert.deepEqual(errors, ["refused 1"]);
    judge = () => {
      throw new Error("no idea");
    };
    const refused = failure(pool.acquire());
    await clock.advance(1_000);
    assert.equal((await refused).code, "CREATE_FAILED");
    assert.deepEqual(errors.slice(1), ["refused 2", "no idea", "refused 3"]);
    await pool.close();
  });

  it("a failing creation harms nobody while another resource is left to wait for", async () => {
    const plant = new Plant(false);
    const { pool, clock } = rig(plant, { maxSize: 2, createRetries: 0 });
    const first = pool.acquire();
    plant.finishCreation();
    const lease = await first;
    const second = pool.acquire();
    plant.failCreation(new Error("too many connections"));
    await clock.advance(50);
    lease.release();
    (await second).release();
    await pool.close();
  });

  it("a success opens the gate for creations that a failure has closed", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant, { maxSize: 2, createRetryDelay: 1_000 });
    const leases = [pool.acquire(), pool.acquire(), pool.acquire()];
    plant.failCreation(new Error("refused"));
    await settle();
    assert.equal(plant.creations.length, 1);
    plant.finishCreation();
    await settle();
    assert.equal(plant.creations.length, 1, "the failed one is tried again at once");
    plant.finishCreation();
    for (const lease of leases) (await lease).release();
    await pool.close();
  });

  it("an acquire that may not wait fails at once, and one with its own timeout at that", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 1, acquireTimeout: 10_000 });
    const lease = await pool.acquire({ timeout: 0 });
    const outcomes: string[] = [];
    for (const timeout of [0, 250, 5_000, Infinity]) {
      pool.acquire({ timeout }).then((l) => {
        outcomes.push(`${timeout}: served`);
        l.release();
      }, (e) => outcomes.push(`${timeout}: ${e.code}`));
    }
    await clock.advance(0);
    assert.deepEqual(outcomes, ["0: WAIT_TIMEOUT"]);
    await clock.advance(249);
    assert.equal(outcomes.length, 1);
    await clock.advance(1);
    assert.equal(outcomes[1], "250: WAIT_TIMEOUT");
    await clock.advance(86_400_000);
    assert.equal(outcomes[2], "5000: WAIT_TIMEOUT");
    lease.release();
    await settle();
    assert.equal(outcomes[3], "Infinity: served");
    await pool.close();
  });

  it("priorities go first, but a low one that has waited long is not starved", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 1, ageAfter: 1_000 });
    let lease = await pool.acquire();
    const order: string[] = [];
    const queue = (name: string, priority: Priority): void => {
      pool.acquire({ priority }).then((l) => {
        order.push(name);
        lease = l;
      });
    };
    queue("old low", "low");
    await clock.advance(2_500);
    for (const p of ["low", "normal", "critical", "high", "critical"] as const) queue(p, p);
    for (let i = 0; i < 6; i++) {
      lease.release();
      await settle();
    }
    assert.deepEqual(order, ["critical", "critical", "old low", "high", "normal", "low"]);
    lease.release();
    await pool.close();
  });

  it("while thousands wait, nobody times out early, and nobody by more than 20 ms late", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 1 });
    const lease = await pool.acquire();
    let late = 0;
    const begin = clock.now();
    let expired = 0;
    for (let i = 0; i < 4_000; i++) {
      const due = clock.now() + 100 + i % 50;
      failure(pool.acquire({ timeout: 100 + i % 50 })).then(() => {
        expired++;
        assert.ok(clock.now() >= due);
        late = Math.max(late, clock.now() - due);
      });
      if (i % 400 === 0) await clock.advance(3);
    }
    await clock.advance(300);
    assert.equal(expired, 4_000, `${clock.now() - begin}`);
    assert.ok(late <= 20, `${late}`);
    assert.equal(pool.stats.waiting, 0);
    lease.release();
    await pool.close();
  });

  it("nobody overtakes who waits for a check of another shared resource", async () => {
    const clock = new FakeClock(), served: string[] = [];
    let answer = (_: boolean): void => {};
    const pool = new Pool({
      create: () => Promise.resolve({}),
      destroy: () => {},
      capacity: () => 2,
      check: () => new Promise<boolean>((resolve) => answer = resolve),
    }, { clock, maxSize: 2, checkAfter: 30 });
    const leases = [await pool.acquire()]; // in use, so it needs no check; the other one will
    await pool.warm(2);
    await clock.advance(30);
    const serve = (name: string, priority?: Priority): Promise<unknown> =>
      pool.acquire({ priority }).then((lease) => leases.push(lease) && served.push(name));
    const all = [serve("first")];
    assert.equal(pool.stats.checking, 1);
    all.push(serve("second"));
    await settle();
    assert.deepEqual(served, ["first"]);
    answer(true);
    await Promise.all(all);
    assert.deepEqual(served, ["first", "second"]);
    for (const lease of leases) lease.release();
    await pool.close();
  });

  it("a checked resource that carries fewer than was thought has another one made", async () => {
    const clock = new FakeClock();
    let answer = (_: boolean): void => {}, made = 0;
    const pool = new Pool({
      create: () => Promise.resolve({ id: ++made }),
      destroy: () => {},
      capacity: () => 3,
      check: () => new Promise<boolean>((resolve) => answer = resolve),
    }, { clock, maxSize: 2, maxUses: 1, checkAfter: 30, maintenance: false });
    await pool.warm(1);
    await clock.advance(30);
    const both = [pool.acquire(), pool.acquire()];
    answer(true);
    const leases = await Promise.all(both);
    assert.deepEqual(leases.map((lease) => lease.value.id), [1, 2]);
    for (const lease of leases) lease.release();
    await pool.close();
  });

  it("a clock that is set back neither hangs a waiter nor ages a resource", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant, { maxSize: 1, idleTimeout: 10_000 });
    const lease = await pool.acquire();
    const waiting = failure(pool.acquire({ timeout: 1_000 }));
    clock.jump(-3_600_000);
    for (const timer of clock.timers) (timer as { at: number }).at -= 3_600_000; // timers are monotonic
    await clock.advance(1_100);
    assert.equal((await waiting).code, "WAIT_TIMEOUT");
    lease.release();
    await clock.advance(5_000);
    assert.equal(pool.stats.idle, 1);
    await pool.close();
  });
});
