import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Factory,
  type Lease,
  type Observer,
  Pool,
  type PoolOptions,
} from "../../src/pool/mod.ts";
import { seed } from "../seed.ts";
import { failure, FakeClock, settle } from "./fake_clock.ts";
import { Plant } from "./plant.ts";
import { rig } from "./rig.ts";

interface Made {
  ended: boolean;
}

/** A pool whose factory and observer use it from within, and fail in every way that there is. */
class Tangle {
  readonly clock: FakeClock = new FakeClock();
  readonly alive: Set<Made> = new Set();
  readonly leases: Lease<Made>[] = [];
  readonly pool: Pool<Made>;
  asked = 0;
  answered = 0;
  calm = false;
  #drawn = 0;
  #depth = 0;
  #meddled = 0;

  constructor(
    options: PoolOptions,
    capacity: number,
    checks: boolean,
    readonly numbers: readonly number[],
  ) {
    const factory: Factory<Made> = {
      create: () => this.#create(),
      destroy: (made) => this.#destroy(made),
      usable: () => this.#meddle() % 7 !== 0,
    };
    if (checks) factory.check = () => this.#settled(this.#meddle() % 5 !== 0);
    if (capacity > 0) {
      factory.capacity = () => {
        const n = this.#meddle();
        if (n % 23 === 0) throw new Error("capacity");
        return n % 5 === 0 ? n % capacity : capacity;
      };
    }
    const hook = (): void => {
      if (this.#meddle() % 17 === 0) throw new Error("hook");
    };
    const names = ["created", "createFailed", "destroyed", "acquired", "released", "waiting"];
    const others = ["timedOut", "aborted", "evicted", "leaked", "failed", "closed"];
    const observer: Observer = Object.fromEntries(
      [...names, ...others].map((name) => [name, hook]),
    );
    this.pool = new Pool(factory, {
      ...{ clock: this.clock, observer, onError: () => {}, ...options },
      ...{ createTimeout: 100, checkTimeout: 50, destroyTimeout: 50, createRetries: 2 },
      ...{ createRetryDelay: 5, createRetryMaxDelay: 20, idleTimeout: 200, maxLifetime: 1_500 },
    });
  }

  act(n: number): void {
    const { pool, leases } = this;
    const step = n % 12;
    if (step < 3) {
      this.asked++;
      pool.acquire({ timeout: n % 400 }).then((lease) => leases.push(lease), () => {})
        .finally(() => this.answered++);
    } else if (step < 5) leases.splice(n % (leases.length || 1), 1)[0]?.release();
    else if (step === 5) leases.shift()?.discard();
    else if (step === 6) pool.evict();
    else if (step === 7) pool.maintain();
    else if (step === 8) pool.reconfigure({ maxSize: 1 + n % 4, minIdle: 0 });
    else if (step === 9) pool.warm(n % 4).catch(() => {});
    else if (step === 10) {
      pool.reconfigure({ maxUses: n % 3 ? Infinity : 2, maintenance: n % 2 > 0 });
    } else if (n > 950) pool.close();
  }

  /** Gives everything back for as long as there may be something. */
  async untangle(): Promise<void> {
    this.calm = true;
    for (let i = 0; i < 30; i++) {
      for (const lease of this.leases.splice(0)) lease.release();
      await this.clock.advance(200);
    }
  }

  /** A number, before which the user's code may have done something to the pool. */
  #meddle(): number {
    const n = this.numbers[this.#drawn++ % this.numbers.length];
    if (this.calm || n % 3 > 0 || this.#depth > 2) return this.calm ? 1 : n;
    if (++this.#meddled > 300) return n; // or it would keep itself busy for ever
    this.#depth++;
    this.act(this.numbers[this.#drawn % this.numbers.length]);
    this.#depth--;
    return n;
  }

  #create(): Promise<Made> {
    const n = this.#meddle();
    const make = (): Made => {
      const made = { ended: false };
      this.alive.add(made);
      return made;
    };
    if (n % 9 > 0 || this.calm) return Promise.resolve().then(make);
    if (n % 2 > 0) throw new Error("create");
    return new Promise((resolve) => this.clock.setTimeout(() => resolve(make()), n % 200));
  }

  #destroy(made: Made): void | Promise<void> {
    assert.ok(!made.ended, "ended twice");
    made.ended = true;
    this.alive.delete(made);
    return this.#settled(undefined);
  }

  /** A promise that resolves, rejects or hangs, or a throw. */
  #settled<R>(value: R): Promise<R> {
    const n = this.#meddle();
    if (n % 13 === 0) throw new Error("thrown");
    if (n % 13 === 1) return new Promise(() => {});
    return n % 13 === 2 ? Promise.reject(new Error("rejected")) : Promise.resolve(value);
  }
}

describe("user code that uses the pool that calls it", () => {
  it("loses nothing, wedges nothing and leaves nothing behind", async () => {
    console.log(`reentrancy: seed ${seed}`);
    const numbers = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 80 });
    const options = fc.record({
      maxSize: fc.integer({ min: 1, max: 4 }),
      minIdle: fc.constantFrom(0, 1),
      order: fc.constantFrom("lifo" as const, "fifo" as const),
      maxUses: fc.constantFrom(1, 3, Infinity),
      leakAfter: fc.constantFrom(50, Infinity),
      checkAfter: fc.constantFrom(0, 30),
    });
    const property = fc.asyncProperty(
      ...[options, fc.constantFrom(0, 0, 2, 3), fc.boolean(), numbers, numbers] as const,
      async (options, capacity, checks, steps, inner) => {
        const tangle = new Tangle(options, capacity, checks, inner);
        const { pool, clock } = tangle;
        for (const n of steps) {
          tangle.act(n);
          if (n % 4 === 0) await settle();
          if (n % 9 === 0) await clock.advance(n % 90);
          const s = pool.stats;
          assert.equal(s.size, s.idle + s.leased + s.creating + s.checking + s.closing);
        }
        await tangle.untangle();
        assert.equal(tangle.answered, tangle.asked, "somebody was forgotten");
        let closed = false;
        pool.close().then(() => closed = true);
        await tangle.untangle();
        assert.ok(closed, "close did not end");
        assert.deepEqual([tangle.alive.size, pool.stats.leases, clock.timers.size], [0, 0, 0]);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it("an observer may give back what others time out for", async () => {
    let give = (): void => {};
    const { pool, clock } = rig(new Plant(), { maxSize: 1, observer: { timedOut: () => give() } });
    const lease = await pool.acquire();
    give = () => lease.release();
    const both = [failure(pool.acquire({ timeout: 5 })), failure(pool.acquire({ timeout: 5 }))];
    await clock.advance(5);
    for (const failed of both) assert.equal((await failed).code, "WAIT_TIMEOUT");
    assert.equal(pool.stats.idle, 1);
    await pool.close();
  });

  it("whoever waits may leave while a resource is asked for its capacity", async () => {
    const plant = new Plant(false);
    const control = new AbortController();
    plant.capacity = (thing) => {
      if (pool.stats.leased > 0) control.abort();
      return thing.id + 1;
    };
    const { pool } = rig(plant, { maxSize: 1 });
    const first = pool.acquire();
    const second = pool.acquire({ signal: control.signal });
    plant.finishCreation();
    await assert.rejects(second, { name: "AbortError" });
    (await first).release();
    const { idle, waiting } = pool.stats;
    assert.deepEqual({ idle, waiting }, { idle: 1, waiting: 0 });
    await pool.close();
  });

  it("a resource that ends while it is asked for its capacity is not lent", async () => {
    const plant = new Plant();
    let end = (): void => {};
    plant.capacity = () => (end(), 2);
    const { pool } = rig(plant, { maxSize: 2 });
    const first = await pool.acquire();
    end = () => first.discard();
    const second = await pool.acquire();
    assert.deepEqual([second.value.id, second.value.ended], [2, false]);
    second.release();
    await pool.close();
  });
});
