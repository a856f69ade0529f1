import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyedPool, type KeyedPoolOptions, type Lease } from "../../src/pool/mod.ts";
import { seed } from "../seed.ts";
import { failure, FakeClock, settle } from "./fake_clock.ts";
import { listenersOf } from "./listeners.ts";

interface Made {
  readonly key: string;
  readonly id: number;
}

class Town {
  readonly alive: Set<Made> = new Set();
  readonly clock: FakeClock = new FakeClock();
  most = 0;
  made = 0;
  readonly pool: KeyedPool<string, Made>;

  constructor(options: KeyedPoolOptions<string>) {
    this.pool = new KeyedPool((key) => ({
      create: () => {
        const made = { key, id: ++this.made };
        this.alive.add(made);
        this.most = Math.max(this.most, this.alive.size);
        return Promise.resolve(made);
      },
      destroy: (made) => {
        assert.ok(this.alive.delete(made));
      },
    }), { clock: this.clock, ...options });
  }

  borrow(key: string, n: number): Promise<Lease<Made>[]> {
    return Promise.all(Array.from({ length: n }, () => this.pool.acquire(key)));
  }
}

describe("a keyed pool", () => {
  it("keeps a pool for each key", async () => {
    const { pool } = new Town({ maxSize: 1 });
    const [a, b] = await Promise.all([pool.acquire("a"), pool.acquire("b")]);
    assert.deepEqual([a.value.key, b.value.key], ["a", "b"]);
    a.release();
    assert.equal(await pool.use("a", (made) => made.id), 1);
    assert.deepEqual(pool.keys(), ["a", "b"]);
    assert.equal(pool.statsOf("a")?.totals.reused, 1);
    assert.equal(pool.statsOf("c"), undefined);
    assert.equal(pool.tryAcquire("c"), undefined);
    b.release();
    await pool.close();
    assert.equal(pool.stats.keys, 0);
  });

  it("lets idle keys give way at the limit over all keys", async () => {
    const town = new Town({ maxTotal: 3, maxSize: 3 });
    for (const lease of await town.borrow("a", 3)) lease.release();
    const leases = await town.borrow("b", 2);
    assert.equal(town.most, 3);
    assert.equal(town.pool.statsOf("a")?.size, 1);
    leases.push(...await town.borrow("c", 1));
    assert.deepEqual(town.pool.keys(), ["b", "c"], "a holds nothing any more");
    for (const lease of leases) lease.release();
    await town.pool.close();
    assert.equal(town.alive.size, 0);
  });

  it("takes no more from other keys than is needed, however slowly they give", async () => {
    const ends: (() => void)[] = [];
    const pool = new KeyedPool((key: string) => ({
      create: () => Promise.resolve({ key }),
      destroy: () => new Promise<void>((r) => ends.push(r)),
    }), { maxTotal: 4 });
    const busy = await Promise.all([1, 2, 3, 4].map(() => pool.acquire("a")));
    const b = pool.acquire("b");
    for (const lease of busy) lease.release();
    await settle();
    assert.equal(ends.length, 1);
    assert.equal(pool.statsOf("a")?.idle, 3);
    ends[0]();
    (await b).release();
    const closed = pool.close();
    for (let i = 0; i < 8; i++) ends[i]?.();
    await closed;
  });

  it("gives a key that has nothing its turn although others stay busy", async () => {
    const town = new Town({ maxTotal: 2, maxSize: 2 });
    const busy = await town.borrow("a", 2);
    let stop = false;
    const users = busy.map(async (first) => {
      first.release();
      while (!stop) {
        using _lease = await town.pool.acquire("a");
        await town.clock.advance(1);
      }
    });
    const more = [0, 1, 2].map(async () => {
      while (!stop) {
        using _lease = await town.pool.acquire("a");
        await town.clock.advance(1);
      }
    });
    await settle();
    const lease = await town.pool.acquire("b");
    assert.equal(lease.value.key, "b");
    stop = true;
    lease.release();
    await Promise.all([...users, ...more]);
    assert.equal(town.most, 2);
    await town.pool.close();
  });

  it("keeps what it had where reconfigure is given an undefined option", async () => {
    const town = new Town({ maxSize: 2 });
    town.pool.reconfigure({ maxSize: undefined, maxTotal: 9 });
    const leases = await town.borrow("a", 2);
    const third = town.pool.acquire("a");
    await settle();
    assert.equal(town.pool.statsOf("a")?.waiting, 1);
    for (const lease of leases) lease.release();
    (await third).release();
    await town.pool.close();
  });

  it("changes nothing where one key's options do not go with what it is given", async () => {
    const { pool } = new Town({ optionsFor: (key) => key === "b" ? { minIdle: 5 } : {} });
    const leases = await Promise.all(["a", "b"].map((key) => pool.acquire(key)));
    assert.throws(() => pool.reconfigure({ maxSize: 2, maxTotal: 2 }), /minIdle.*maxSize 2.*is 5$/);
    leases.push(await pool.acquire("a"), await pool.acquire("a"));
    for (const lease of leases) lease.release();
    assert.equal(pool.statsOf("a")?.idle, 3);
    await pool.close();
  });

  it("gives a key that exists the options that a new one gets", async () => {
    const town = new Town({ optionsFor: () => ({ maxSize: 1 }) });
    const leases = town.borrow("a", 2);
    town.pool.reconfigure({ optionsFor: () => ({}) });
    await settle();
    assert.equal(town.pool.statsOf("a")?.leased, 2);
    for (const lease of await leases) lease.release();
    await town.pool.close();
  });

  it("keeps its clock and what makes keys the same, and says so when it is given others", async () => {
    const { pool } = new Town({});
    const others: KeyedPoolOptions<string>[] = [{ clock: new FakeClock() }, {
      identify: () => "x",
    }];
    for (const options of others) {
      assert.throws(
        () => pool.reconfigure(options),
        { message: new RegExp(`^Cannot reconfigure ${Object.keys(options)[0]}: `) },
      );
    }
    await pool.close();
  });

  it("switches the maintenance of every key", async () => {
    const { pool, clock } = new Town({ maintenance: false, minIdle: 2 });
    (await pool.acquire("a")).release();
    await clock.advance(1);
    assert.equal(pool.stats.idle, 1);
    pool.reconfigure({ maintenance: true });
    await clock.advance(1);
    assert.equal(pool.stats.idle, 2);
    await pool.close();
  });

  it("keeps a key whose only resource is replaced, and closes what it has", async () => {
    const open = new Set<object>();
    let usable = true;
    const factory = {
      create: () => {
        const made = {};
        open.add(made);
        return Promise.resolve(made);
      },
      destroy: (made: object) => void open.delete(made),
      usable: () => usable,
    };
    const clock = new FakeClock();
    for (const minIdle of [0, 1]) {
      const pool = new KeyedPool((_: string) => factory, {
        clock,
        minIdle,
        maxTotal: 3,
        maxSize: 2,
      });
      const first = await pool.acquire("a");
      if (minIdle > 0) first.discard(); // what comes in its place is nobody's wish
      else first.release();
      await settle();
      usable = false;
      const second = pool.acquire("a");
      usable = true;
      (await second).release();
      await settle();
      await clock.advance(60_000);
      await settle();
      assert.deepEqual(pool.keys(), ["a"]);
      assert.ok(open.size > 0 && pool.stats.size === open.size);
      await pool.close();
      assert.equal(open.size, 0);
    }
  });

  it("forgets a key that cannot be kept ready any more, until it is asked for again", async () => {
    let there = true, asked = 0;
    const clock = new FakeClock();
    const pool = new KeyedPool((_: string) => ({
      create: () => (asked++, there ? Promise.resolve({}) : Promise.reject(new Error("gone"))),
      destroy: () => {},
      usable: () => there,
    }), { clock, minIdle: 1, idleTimeout: 8_000 });
    (await pool.acquire("a")).release();
    there = false;
    await clock.advance(60_000);
    assert.deepEqual(pool.keys(), []);
    const before = asked;
    await clock.advance(600_000);
    assert.equal(asked, before, "nobody asks for what is gone");
    there = true;
    (await pool.acquire("a")).release();
    assert.deepEqual([pool.keys(), pool.stats.size], [["a"], 1]);
    await pool.close();
  });

  it("forgets keys that hold nothing: idle ones, failed ones, refused ones", async () => {
    const town = new Town({ idleTimeout: 1_000 });
    for (let i = 0; i < 50; i++) await town.pool.use(`k${i}`, () => {});
    assert.equal(town.pool.stats.keys, 50);
    await town.clock.advance(1_100);
    assert.equal(town.pool.stats.keys, 0);
    const reason = new Error("gone");
    const signal = AbortSignal.abort(reason);
    assert.equal(await failure(town.pool.acquire("x", { signal })), reason);
    assert.equal(town.pool.stats.keys, 0);
    await town.pool.close();
  });

  it("clears a key: idle resources now, lent ones when they come back", async () => {
    const town = new Town({});
    const [a, b] = await town.borrow("a", 2);
    const other = await town.pool.acquire("b");
    a.release();
    town.pool.clear("a");
    assert.equal(town.alive.size, 2);
    assert.equal(b.value.key, "a");
    b.release();
    assert.equal(town.alive.size, 1);
    assert.deepEqual(town.pool.keys(), ["b"]);
    other.release();
    await town.pool.close();
  });

  it("takes keys for the same that identify alike, and options by key", async () => {
    interface Endpoint {
      host: string;
      port: number;
    }
    const pool = new KeyedPool<Endpoint, object>(() => ({
      create: () => Promise.resolve({}),
      destroy: () => {},
    }), {
      identify: ({ host, port }) => `${host}:${port}`,
      optionsFor: ({ port }) => port === 1 ? { maxSize: 1, acquireTimeout: 0 } : {},
    });
    const lease = await pool.acquire({ host: "a", port: 1 });
    const error = await failure(pool.acquire({ host: "a", port: 1 }));
    assert.match(error.message, /pool\[a:1\]: size is 1 of 1/);
    lease.release();
    assert.equal(pool.stats.keys, 1);
    await pool.close();
    assert.equal((await failure(pool.acquire({ host: "a", port: 1 }))).code, "CLOSED");
  });

  it("names itself after a key without what may be secret of that", async () => {
    const named = async (key: string): Promise<string> => {
      const { pool } = new Town({ maxWaiting: 0, maxSize: 1 });
      const lease = await pool.acquire(key);
      const { message } = await failure(pool.acquire(key));
      lease.release();
      await pool.close();
      return /\((.*): size/.exec(message)![1];
    };
    assert.equal(
      await named("postgres://user:secret@db:5432/a?x=1"),
      "pool[postgres://…@db:5432/a…]",
    );
    assert.equal(await named("user:secret@db:5432"), "pool[…@db:5432]");
    for (const key of ["https://db/a", "ann@example.com", "a#1", "b?"]) {
      assert.equal(await named(key), `pool[${key}]`);
    }
  });

  it("forgets a key that it was to warm up to nothing", async () => {
    let asked = 0;
    const pool = new KeyedPool((_: string) => {
      asked++;
      return { create: () => Promise.resolve({}), destroy: () => {} };
    });
    for (let i = 0; i < 3; i++) {
      await pool.warm("a", 0);
      await settle();
    }
    assert.equal(asked, 3, "each time it was made anew");
    await pool.close();
  });

  it("says when it is closed what it is called and what it still has", async () => {
    const { pool } = new Town({ name: "town", maxTotal: 9 });
    const lease = await pool.acquire("a");
    const closed = pool.close();
    for (const what of ["acquire", "warm"] as const) {
      assert.equal(
        (await failure(pool[what]("b"))).message,
        `Cannot ${what}: the pool is closed ` +
          "(town: size is 1 of 9, idle 0, leased 1, creating 0, waiting 0)",
      );
    }
    lease.release();
    await closed;
  });

  it("closes with one listener on the signal, which ends what every key has lent", async () => {
    const town = new Town({});
    const leases = await Promise.all(["a", "b", "c"].map((key) => town.pool.acquire(key)));
    const abort = new AbortController();
    const listeners = listenersOf(abort.signal);
    const closed = town.pool.close({ signal: abort.signal });
    assert.equal(listeners(), 1);
    abort.abort();
    await closed;
    assert.deepEqual([town.alive.size, listeners()], [0, 0]);
    for (const lease of leases) lease.release();
  });

  it("raises its limit while keys wait for it", async () => {
    const town = new Town({ maxTotal: 1 });
    const a = await town.pool.acquire("a");
    const b = town.pool.acquire("b");
    town.pool.reconfigure({ maxTotal: 2 });
    (await b).release();
    a.release();
    assert.throws(() => town.pool.reconfigure({ maxTotal: 0 }), /maxTotal.*0$/);
    await town.pool.close();
  });

  it("finds what was left idle while it had no limit", async () => {
    const town = new Town({ maxTotal: 1 });
    const a = await town.pool.acquire("a");
    const b = town.pool.acquire("b");
    town.pool.reconfigure({ maxTotal: Infinity });
    (await b).release();
    a.release();
    town.pool.reconfigure({ maxTotal: 2 });
    const c = await town.pool.acquire("c", { timeout: 0 });
    assert.equal(town.alive.size, 2);
    c.release();
    await town.pool.close();
  });

  it("never exceeds its limit, nor leaves anybody behind, under a random load", async () => {
    const town = new Town({ maxTotal: 4, maxSize: 3 });
    let served = 0;
    await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      for (let round = 0; round < 20; round++) {
        const key = `k${(i * 7 + round * 3) % 9}`;
        const lease = await town.pool.acquire(key, { timeout: Infinity });
        assert.equal(lease.value.key, key);
        await settle(1 + (i + round) % 4);
        if ((i + round) % 11 === 0) lease.discard();
        else lease.release();
        served++;
      }
    }));
    assert.equal(served, 1_200);
    assert.ok(town.most <= 4, `${town.most}`);
    await town.pool.close();
    assert.equal(town.alive.size, 0);
    assert.equal(town.pool.stats.keys, 0);
  });

  it("knows all that it has made, whatever becomes of it, and keeps nothing when closed", async () => {
    console.log(`keyed: seed ${seed}`);
    const property = fc.asyncProperty(
      fc.constantFrom(0, 1),
      fc.array(fc.tuple(fc.nat(8), fc.constantFrom("a", "b", "c")), {
        minLength: 1,
        maxLength: 60,
      }),
      async (minIdle, steps) => {
        const alive = new Set<{ good: boolean }>(), leases: Lease<{ good: boolean }>[] = [];
        let failing = false;
        const clock = new FakeClock();
        const pool = new KeyedPool<string, { good: boolean }>(() => ({
          create() {
            if (failing) return Promise.reject(new Error("no"));
            const made = { good: true };
            alive.add(made);
            return Promise.resolve(made);
          },
          destroy: (made) => assert.ok(alive.delete(made)),
          usable: (made) => made.good,
        }), { clock, minIdle, maxSize: 2, maxTotal: 4, createRetries: 1, acquireTimeout: 500 });
        for (const [what, key] of steps) {
          if (what < 3) pool.acquire(key).then((lease) => leases.push(lease), () => {});
          else if (what === 3) { for (const made of alive) made.good = false; }
          else if (what === 4) leases.shift()?.release();
          else if (what === 5) leases.shift()?.discard();
          else if (what === 6) failing = !failing;
          else if (what === 7) pool.clear(key);
          else pool.warm(key, 1).catch(() => {});
          await settle();
          await clock.advance(100);
          const { size, leased, idle } = pool.stats;
          assert.equal(size, alive.size, "what is made is counted");
          assert.ok(size <= 4 && leased + idle <= size);
        }
        const closed = pool.close();
        for (const lease of leases) lease.release();
        await settle();
        await clock.advance(60_000);
        await closed;
        assert.deepEqual([alive.size, pool.stats.size, pool.keys()], [0, 0, []]);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });
});
