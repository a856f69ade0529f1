import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Lease,
  type Observer,
  Pool,
  type PoolError,
  type PoolOptions,
} from "../../src/pool/mod.ts";
import { failure, FakeClock, settle } from "./fake_clock.ts";
import { listenersOf } from "./listeners.ts";
import { Plant, type Thing } from "./plant.ts";
import { borrow, rig } from "./rig.ts";

describe("a live pool", () => {
  it("tells usable() when a resource that comes back is asked about again before it is lent", async () => {
    const asked: boolean[] = [];
    const plant = new Plant();
    plant.usable = (_, toIdle) => asked.push(toIdle) > 0;
    const { pool } = rig(plant, { maxSize: 1 });
    const first = await pool.acquire();
    const waiting = pool.acquire();
    asked.length = 0;
    first.release(); // to the one that waits
    assert.deepEqual(asked, [false]);
    (await waiting).release(); // to nobody
    (await pool.acquire()).release();
    assert.deepEqual(asked, [false, true, false, true]);
    await pool.close();
  });

  it("serves its waiters when it is made larger", async () => {
    const { pool } = rig(new Plant(), { maxSize: 1 });
    const first = await pool.acquire();
    const waiting = [pool.acquire(), pool.acquire()];
    pool.reconfigure({ maxSize: 3 });
    const leases = await Promise.all(waiting);
    for (const lease of [first, ...leases]) lease.release();
    assert.equal(pool.stats.idle, 3);
    await pool.close();
  });

  it("shrinks from 5 to 2 under load without failing a user", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxSize: 5 });
    let done = 0;
    const users = Array.from({ length: 40 }, async (_, i) => {
      for (let round = 0; round < 20; round++) {
        using lease = await pool.acquire();
        await settle(1 + i % 3);
        assert.ok(!lease.value.ended);
        if (i === 7 && round === 5) pool.reconfigure({ maxSize: 2 });
        done++;
      }
    });
    await Promise.all(users);
    assert.equal(done, 800);
    assert.equal(pool.stats.size, 2);
    await pool.close();
  });

  it("drains the excess as leases come back after it was made smaller", async () => {
    const plant = new Plant();
    const { pool } = rig(plant, { maxSize: 5 });
    const leases = await borrow(pool, 4);
    pool.reconfigure({ maxSize: 2 });
    const waiting = pool.acquire();
    assert.equal(pool.stats.size, 4);
    leases[0].release();
    leases[1].release();
    assert.equal(pool.stats.size, 2, "the first two to come back are the excess");
    leases[2].release();
    (await waiting).release();
    leases[3].release();
    assert.equal(pool.stats.idle, 2);
    assert.equal(pool.stats.totals.destroyed.shrunk, 2);
    assert.equal(plant.most, 4);
    await pool.close();
  });

  it("destroys what is created beyond a maxSize that became smaller", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant, { maxSize: 2 });
    const leases = [pool.acquire(), pool.acquire()];
    plant.finishCreation();
    const first = await leases[0];
    pool.reconfigure({ maxSize: 1 });
    plant.finishCreation();
    await settle();
    assert.equal(pool.stats.size, 1);
    assert.equal(pool.stats.totals.destroyed.shrunk, 1);
    first.release();
    (await leases[1]).release();
    await pool.close();
  });

  it("evicts and closes what a smaller maxSize has marked already", async () => {
    for (const end of ["evict", "close"] as const) {
      const plant = new Plant();
      const { pool } = rig(plant, { maxSize: 2 });
      const [a, b] = await borrow(pool, 2);
      pool.reconfigure({ maxSize: 1 });
      const closed = end === "close" ? pool.close() : pool.evict();
      a.release();
      b.release();
      await closed;
      assert.equal(plant.alive.size, 0, end);
      await pool.close();
    }
  });

  it("has one listener on a signal that many wait on, and none when they are served", async () => {
    const { pool } = rig(new Plant(), { maxSize: 1 });
    const lease = await pool.acquire();
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const waiting = Array.from({ length: 100 }, () => pool.acquire({ signal }));
    assert.equal(listeners(), 1);
    lease.release();
    for (const next of waiting) (await next).release();
    assert.equal(listeners(), 0);
    await pool.close();
  });

  it("leaves everything as it was when new options are bad", async () => {
    const { pool } = rig(new Plant(), { maxSize: 2 });
    assert.throws(() => pool.reconfigure({ maxSize: 0 }), /maxSize.*at least 1.*value is 0$/);
    assert.throws(() => pool.reconfigure({ minIdle: 3 }), /minIdle.*at most maxSize 2.*is 3$/);
    const leases = await borrow(pool, 2);
    assert.equal(pool.stats.size, 2);
    for (const lease of leases) lease.release();
    await pool.close();
  });

  it("switches maintenance on and off, and leaves it as it is where nothing is said of it", async () => {
    const { pool, clock } = rig(new Plant(), { minIdle: 1 });
    pool.reconfigure({ maintenance: false });
    pool.reconfigure({ maxSize: 2 });
    assert.equal(clock.timers.size, 0);
    pool.reconfigure({ maintenance: true });
    await clock.advance(1);
    assert.equal(pool.stats.idle, 1);
    pool.stopMaintenance();
    pool.reconfigure({ maxSize: 3 });
    assert.equal(clock.timers.size, 0);
    pool.reconfigure({ maintenance: true });
    assert.equal(clock.timers.size, 1);
    await pool.close();
    pool.reconfigure({ maintenance: false });
    pool.reconfigure({ maintenance: true });
    assert.equal(clock.timers.size, 0);
  });

  it("keeps its clock, and says so when it is given another", async () => {
    const { pool } = rig(new Plant());
    const options: PoolOptions = { clock: new FakeClock() };
    assert.throws(() => pool.reconfigure(options), /reconfigure clock/);
    await pool.close();
  });

  it("names the bad option and its value", () => {
    const plant = new Plant();
    const bad: [PoolOptions, RegExp][] = [
      [{ maxSize: 1.5 }, /maxSize.*whole number.*1\.5$/],
      [{ maxSize: Infinity }, /maxSize.*Infinity$/],
      [{ idleTimeout: 0 }, /idleTimeout.*at least 1.*0$/],
      [{ acquireTimeout: NaN }, /acquireTimeout.*NaN$/],
      [{ checkAfter: -1 }, /checkAfter.*-1$/],
      [{ maxUses: "3" as unknown as number }, /maxUses.*"3"$/],
      [{ order: "random" as "lifo" }, /order.*"lifo" or "fifo".*"random"$/],
      [{ onError: 3 as unknown as () => void }, /onError.*function.*3$/],
    ];
    for (const [options, message] of bad) {
      assert.throws(() => new Pool(plant, options), { message });
    }
    assert.throws(() => new Pool({} as Plant), TypeError);
  });

  it("refuses bad acquire options even when a resource is idle", async () => {
    const { pool } = rig(new Plant());
    await pool.warm(1);
    assert.match((await failure(pool.acquire({ timeout: -1 }))).message, /timeout.*-1$/);
    const priority = "urgent" as "high";
    assert.match((await failure(pool.acquire({ priority }))).message, /priority.*"urgent"$/);
    await pool.close();
  });

  it("refuses at once what would exceed maxWaiting, but not what it can still create for", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant, { maxSize: 2, maxWaiting: 1 });
    const accepted = [pool.acquire(), pool.acquire(), pool.acquire()];
    assert.equal((await failure(pool.acquire())).code, "QUEUE_FULL");
    plant.finishCreation();
    plant.finishCreation();
    (await accepted[0]).release();
    (await accepted[1]).release();
    (await accepted[2]).release();
    await pool.close();
  });

  it("warms up to a number, and says so when it cannot", async () => {
    const plant = new Plant(false);
    const { pool, clock } = rig(plant, { maxSize: 3, createRetries: 1, createRetryDelay: 10 });
    const warm = pool.warm(2);
    plant.finishCreation();
    plant.finishCreation();
    await warm;
    assert.equal(pool.stats.idle, 2);
    const cold = failure(pool.warm());
    plant.failCreation(new Error("refused"));
    await clock.advance(20);
    plant.failCreation(new Error("refused again"));
    assert.equal((await cold).code, "CREATE_FAILED");
    assert.equal(pool.stats.idle, 2);
    await pool.close();
  });

  it("refuses to warm up to what is no number of resources, and names it", async () => {
    const { pool } = rig(new Plant());
    for (const n of [-1, 1.5, NaN]) {
      const error = await failure(pool.warm(n));
      assert.ok(error instanceof RangeError);
      assert.match(error.message, new RegExp(`use n: it must be .*, current value is ${n}$`));
    }
    await pool.close();
  });

  it("evicts what is idle at once, what is lent or being created when it comes", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant, { maxSize: 3 });
    const leases = [pool.acquire(), pool.acquire()];
    plant.finishCreation();
    plant.finishCreation();
    const [a, b] = await Promise.all(leases);
    a.release();
    const late = pool.warm(3);
    pool.evict();
    assert.deepEqual(plant.ended.map((thing) => thing.id), [1]);
    b.release();
    assert.deepEqual(plant.ended.map((thing) => thing.id), [1, 2]);
    plant.finishCreation();
    await settle();
    assert.equal(plant.ended.length, 3);
    await pool.close();
    assert.equal((await failure(late)).code, "CLOSED");
  });

  it("counts a resource until its slow destroy has ended, and no longer than destroyTimeout", async () => {
    const plant = new Plant();
    const errors: string[] = [];
    const { pool, clock } = rig(plant, {
      maxSize: 1,
      destroyTimeout: 1_000,
      onError: (e, during) => errors.push(`${during}: ${(e as PoolError).code}`),
    });
    let end = (): void => {};
    const slow = new Pool<Thing>({
      create: () => plant.create({ signal: new AbortController().signal }),
      destroy: () => new Promise<void>((r) => end = r),
    }, { clock, maxSize: 1 });
    (await slow.acquire()).discard();
    assert.equal(slow.stats.closing, 1);
    const next = slow.acquire();
    await settle();
    assert.equal(plant.made, 1);
    end();
    (await next).release();
    plant.destroy = () => new Promise<void>(() => {}) as unknown as void;
    (await pool.acquire()).discard();
    const second = pool.acquire();
    await clock.advance(1_000);
    (await second).release();
    assert.deepEqual(errors, ["destroy: DESTROY_TIMEOUT"]);
    const closing = slow.close();
    end();
    await closing;
  });

  it("drains up to the signal of close, then destroys the rest", async () => {
    const plant = new Plant();
    const { pool, clock } = rig(plant);
    const [a, b] = await borrow(pool, 2);
    const abort = new AbortController();
    const closed = pool.close({ signal: abort.signal });
    a.release();
    await settle();
    assert.equal(plant.alive.size, 1);
    abort.abort();
    await closed;
    assert.equal(plant.alive.size, 0);
    b.release();
    b.discard();
    assert.equal(plant.ended.length, 2);
    assert.equal(clock.timers.size, 0);
  });

  it("aborts creations and checks when it closes", async () => {
    const plant = new Plant(false);
    const { pool } = rig(plant);
    const refused = failure(pool.acquire());
    const { signal } = plant.creations[0];
    const closed = pool.close();
    assert.equal((await refused).code, "CLOSED");
    assert.ok(signal.aborted);
    await closed;
    plant.finishCreation();
    await settle();
    assert.equal(plant.alive.size, 0);
  });

  it("keeps working when every hook of its observer and its factory's judgement throw", async () => {
    const plant = new Plant();
    plant.usable = (thing) => {
      if (thing.dirty) throw new Error("cannot say");
      return true;
    };
    let errors = 0;
    const hook = (): never => {
      throw new Error("observer");
    };
    const observer: Required<Observer> = {
      created: hook,
      createFailed: hook,
      destroyed: hook,
      acquired: hook,
      released: hook,
      waiting: hook,
      timedOut: hook,
      aborted: hook,
      evicted: hook,
      leaked: hook,
      failed: () => errors++,
      closed: hook,
    };
    const { pool, clock } = rig(plant, { maxSize: 1, observer });
    const lease = await pool.acquire();
    const late = failure(pool.acquire({ timeout: 5 }));
    await clock.advance(5);
    assert.equal((await late).code, "WAIT_TIMEOUT");
    lease.value.dirty = true;
    lease.release();
    (await pool.acquire()).release();
    assert.equal(pool.stats.totals.destroyed.unusable, 1);
    await pool.close();
    assert.equal(pool.stats.totals.errors, errors);
    assert.ok(errors > 8, `${errors}`);
    assert.equal(plant.alive.size, 0);
  });

  it("hears of what rejects in an observer that nobody waits for", async () => {
    const errors: string[] = [];
    const reject = (): Promise<void> => Promise.reject(new Error("observer"));
    const { pool } = rig(new Plant(), {
      observer: { created: reject, acquired: reject, failed: reject },
      onError: (error, during) => errors.push(`${during}: ${(error as Error).message}`),
    });
    (await pool.acquire()).release();
    await settle();
    await pool.close();
    assert.deepEqual(errors, Array(4).fill("observe: observer")); // two hooks, and failed for each
  });

  it("tells its observer what happens, with times and its name", async () => {
    const plant = new Plant(false);
    const seen: string[] = [];
    const log = (what: string) => (...rest: unknown[]): void =>
      void seen.push([what, ...rest].join(" "));
    const observer: Observer = {
      created: log("created"),
      acquired: log("acquired"),
      released: log("released"),
      waiting: log("waiting"),
      timedOut: log("timedOut"),
      aborted: log("aborted"),
      destroyed: log("destroyed"),
      evicted: log("evicted"),
      closed: log("closed"),
      createFailed: (e, pool) => seen.push(`createFailed ${(e as Error).message} ${pool}`),
    };
    const { pool, clock } = rig(plant, { maxSize: 1, observer, name: "db", createRetryDelay: 0 });
    const first = pool.acquire();
    await clock.advance(30);
    plant.failCreation(new Error("refused"));
    await clock.advance(1);
    plant.finishCreation();
    const lease = await first;
    const abort = new AbortController();
    const gone = failure(pool.acquire({ signal: abort.signal }));
    const late = failure(pool.acquire({ timeout: 20 }));
    await clock.advance(20);
    abort.abort(new Error("gone"));
    await Promise.all([gone, late]);
    lease.release();
    pool.evict();
    const warm = pool.warm(1);
    plant.finishCreation();
    await warm;
    await pool.close();
    assert.deepEqual(seen, [
      "waiting 1 db",
      "createFailed refused db",
      "created 1 db",
      "acquired 31 db",
      "waiting 1 db",
      "waiting 2 db",
      "timedOut 20 db",
      "aborted 20 db",
      "released 20 db",
      "evicted evicted db",
      "destroyed evicted db",
      "created 0 db",
      "evicted closed db",
      "destroyed closed db",
      "closed db",
    ]);
  });

  it("reports a lease held longer than leakAfter once, with the stack of its acquire", async () => {
    const leaks: { how: string; heldMs?: number; stack?: string }[] = [];
    const { pool, clock } = rig(new Plant(), {
      leakAfter: 1_000,
      observer: { leaked: (leak) => leaks.push(leak) },
    });
    async function forgetful(): Promise<Lease<Thing>> {
      return await pool.acquire();
    }
    await pool.warm(1);
    const lease = await forgetful();
    (await pool.acquire()).release();
    await clock.advance(5_000);
    assert.equal(leaks.length, 1);
    assert.equal(leaks[0].how, "held");
    assert.ok(leaks[0].heldMs! >= 1_000 && leaks[0].heldMs! <= 1_250);
    assert.match(leaks[0].stack!, /forgetful/);
    lease.release();
    assert.equal(pool.stats.totals.leaked, 1);
    await pool.close();
  });

  it("shares a resource among as many leases as it has capacity", async () => {
    const plant = new Plant(false);
    let capacity = 3;
    plant.capacity = () => capacity;
    const { pool } = rig(plant, { maxSize: 2 });
    const waiting = borrow(pool, 4);
    assert.equal(plant.creations.length, 1, "nobody knows yet how many one can carry");
    plant.finishCreation();
    await settle();
    assert.equal(plant.creations.length, 1);
    plant.finishCreation();
    const leases = await waiting;
    assert.deepEqual(leases.map((lease) => lease.value.id), [1, 1, 1, 2]);
    assert.deepEqual([pool.stats.leases, pool.stats.leased], [4, 2]);
    assert.throws(() => leases[0].detach(), /3 leases/);
    leases[0].discard();
    const more = await pool.acquire();
    assert.equal(more.value.id, 2, "a discarded one is not shared any further");
    assert.equal(plant.ended.length, 0, "but lives until its last lease ends");
    leases[1].release();
    leases[2].release();
    assert.equal(plant.ended.length, 1);
    capacity = 1;
    leases[3].release();
    assert.equal(pool.tryAcquire(), undefined);
    more.release();
    const last = pool.tryAcquire();
    assert.equal(last?.value.id, 2);
    last?.release();
    await pool.close();
  });

  it("shares no further what one of its users made dirty", async () => {
    const plant = new Plant();
    plant.capacity = () => 2;
    const { pool } = rig(plant, { maxSize: 1 });
    const [a, b] = await borrow(pool, 2);
    const waiting = pool.acquire();
    a.value.dirty = true;
    a.release();
    await settle();
    assert.equal(pool.stats.waiting, 1);
    b.release();
    assert.equal((await waiting).value.id, 2);
    (await waiting).release();
    await pool.close();
  });
});
