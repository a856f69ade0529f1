import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Lease,
  Pool,
  type PoolError,
  type PoolOptions,
  type Priority,
} from "../../src/pool/mod.ts";
import { seed } from "../seed.ts";
import { FakeClock, settle } from "./fake_clock.ts";
import { Plant, type Thing } from "./plant.ts";

const PRIORITIES: Priority[] = ["critical", "high", "normal", "low"];
const AGE_AFTER = 40;

interface Caller {
  readonly id: number;
  readonly rank: number;
  readonly deadline: number;
  readonly since: number;
  readonly abort: AbortController;
  readonly reason: unknown;
  outcome?: Lease<Thing> | { error: unknown };
}

/** The reference: who waits, who holds what, and what was asked of the pool. */
interface Model {
  maxSize: number;
  waiters: Caller[];
  held: Map<Lease<Thing>, Thing>;
  closed: boolean;
  detached: Set<Thing>;
  /** How large the pool may still be while it shrinks. */
  ceiling: number;
}

class Rig {
  readonly clock: FakeClock = new FakeClock();
  readonly plant: Plant;
  readonly pool: Pool<Thing>;
  readonly served: Caller[] = [];
  readonly hung: unknown[] = [];
  callers = 0;
  closing: Promise<void> | undefined;
  drained = false;

  constructor(readonly checks: boolean, readonly capacity: number, options: PoolOptions) {
    this.plant = new Plant(false);
    if (checks) this.plant.checking();
    if (capacity > 1) this.plant.capacity = () => capacity;
    this.pool = new Pool(this.plant, {
      clock: this.clock,
      ageAfter: AGE_AFTER,
      createRetries: Infinity,
      createRetryDelay: 20,
      createRetryMaxDelay: 100,
      createTimeout: 60,
      checkTimeout: 60,
      checkAfter: 30,
      idleTimeout: 400,
      maxLifetime: 2_000,
      ...options,
    });
  }

  acquire(model: Model, timeout: number, priority: Priority): void {
    const now = this.clock.now();
    const caller: Caller = {
      id: this.callers++,
      rank: now + PRIORITIES.indexOf(priority) * AGE_AFTER,
      since: now,
      deadline: now + timeout,
      abort: new AbortController(),
      reason: new Error("gone"),
    };
    model.waiters.push(caller);
    this.pool.acquire({ timeout, priority, signal: caller.abort.signal }).then(
      (lease) => {
        caller.outcome = lease;
        this.served.push(caller);
      },
      (error) => caller.outcome = { error },
    );
  }
}

/** Brings the model up to what happened, judging each event; then judges the state. */
async function judge(model: Model, rig: Rig): Promise<void> {
  await settle();
  const { pool, plant } = rig;
  const now = rig.clock.now();
  for (const caller of rig.served.splice(0)) {
    const first = model.waiters.reduce((a, b) => b.rank < a.rank ? b : a);
    assert.equal(caller.id, first.id, "served out of turn");
    model.waiters.splice(model.waiters.indexOf(caller), 1);
    const lease = caller.outcome as Lease<Thing>;
    const thing = lease.value;
    assert.ok(!thing.ended, "lent after its end");
    assert.ok(!thing.dirty, "lent although dirty");
    const sharing = [...model.held.values()].filter((other) => other === thing).length;
    assert.ok(sharing < rig.capacity, "lent to too many");
    model.held.set(lease, thing);
  }
  for (const caller of [...model.waiters]) {
    if (caller.outcome !== undefined) {
      model.waiters.splice(model.waiters.indexOf(caller), 1);
      const { error } = caller.outcome as { error: unknown };
      if (caller.abort.signal.aborted) assert.equal(error, caller.reason);
      else if (model.closed) assert.equal((error as PoolError).code, "CLOSED");
      else {
        assert.equal((error as PoolError).code, "WAIT_TIMEOUT");
        assert.ok(now >= caller.deadline, "timed out early");
      }
    } else {
      assert.ok(!caller.abort.signal.aborted, "abort was not heard");
      assert.ok(now < caller.deadline, "timed out late");
    }
  }
  const s = pool.stats;
  const things = new Set(model.held.values());
  assert.equal(s.waiting, model.waiters.length);
  assert.equal(s.leases, model.held.size);
  assert.equal(s.leased, [...things].filter((thing) => !thing.ended).length);
  assert.equal(s.size, s.idle + s.leased + s.creating + s.checking + s.closing, "does not add up");
  assert.equal(
    s.idle + s.leased + s.checking + s.closing,
    plant.alive.size - [...model.detached].length,
  );
  model.ceiling = Math.max(model.maxSize, Math.min(model.ceiling, s.size));
  assert.ok(s.size <= model.ceiling, `${s.size} of ${model.ceiling}`);
  if (s.waiting > 0 && !rig.checks && rig.capacity === 1) assert.equal(s.idle, 0, "idle unused");
  if (s.waiting > 0 && s.size < model.maxSize && s.creating + s.checking === 0) {
    assert.ok(rig.clock.timers.size > 1, "nothing will ever serve the waiters");
  }
  const { totals } = s;
  const gone = Object.values(totals.destroyed).reduce((a, b) => a + b) - totals.destroyed.late;
  assert.equal(totals.created, s.size - s.creating + gone - s.closing + totals.detached);
  if (rig.closing !== undefined) assert.equal(rig.drained, s.size === 0);
}

type Step = fc.AsyncCommand<Model, Rig>;

const step = (
  name: string,
  run: (model: Model, rig: Rig) => void | Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Step => ({
  check,
  run: async (model, rig) => {
    await run(model, rig);
    await judge(model, rig);
  },
  toString: () => name,
});

const end = (model: Model, i: number, how: (lease: Lease<Thing>) => void): void => {
  const lease = [...model.held.keys()][i % model.held.size];
  model.held.delete(lease);
  how(lease);
  how(lease);
  lease.release();
};

const holding = (model: Readonly<Model>): boolean => model.held.size > 0;

const commands: fc.Arbitrary<Step>[] = [
  fc.tuple(fc.integer({ min: 0, max: 300 }), fc.constantFrom(...PRIORITIES)).map(([ms, p]) =>
    step(`acquire(${ms}, ${p})`, (model, rig) => rig.acquire(model, ms + 1, p))
  ),
  fc.constant(step("acquire", (model, rig) => rig.acquire(model, 10_000, "normal"))),
  fc.constant(step("tryAcquire", (model, rig) => {
    if (rig.pool.stats.waiting > 0) return;
    const lease = rig.pool.tryAcquire();
    if (lease !== undefined) model.held.set(lease, lease.value);
  })),
  fc.nat(20).map((i) =>
    step(`abort(${i})`, (model) => {
      const caller = model.waiters[i % model.waiters.length];
      caller.abort.abort(caller.reason);
    }, (model) => model.waiters.length > 0)
  ),
  fc.nat(20).map((i) => step(`release(${i})`, (m) => end(m, i, (l) => l.release()), holding)),
  fc.nat(20).map((i) => step(`discard(${i})`, (m) => end(m, i, (l) => l.discard()), holding)),
  fc.nat(20).map((i) =>
    step(`dirty(${i})`, (m) =>
      end(m, i, (l) => {
        if (m.held.has(l)) return;
        try {
          l.value.dirty = true;
        } catch { /* it was released already */ }
        l.release();
      }), holding)
  ),
  fc.nat(20).map((i) =>
    step(`detach(${i})`, (model, rig) => {
      const lease = [...model.held.keys()][i % model.held.size];
      const thing = model.held.get(lease)!;
      if (thing.ended || [...model.held.values()].filter((t) => t === thing).length > 1) {
        assert.throws(() => lease.detach(), TypeError);
        return;
      }
      model.held.delete(lease);
      assert.equal(lease.detach(), thing);
      lease.release();
      model.detached.add(thing);
      assert.ok(rig.plant.alive.has(thing));
    }, holding)
  ),
  fc.nat(20).map((i) =>
    step(`created(${i})`, (_, { plant }) => {
      if (plant.creations.length > 0) plant.finishCreation(i % plant.creations.length);
    })
  ),
  fc.nat(20).map((i) =>
    step(`createFailed(${i})`, (_, { plant }) => {
      if (plant.creations.length > 0) {
        plant.failCreation(new Error("refused"), i % plant.creations.length);
      }
    })
  ),
  fc.tuple(fc.nat(20), fc.boolean()).map(([i, good]) =>
    step(`checked(${i}, ${good})`, (_, { plant }) => {
      if (plant.checks.length > 0) plant.finishCheck(good, i % plant.checks.length);
    })
  ),
  fc.integer({ min: 1, max: 700 }).map((ms) =>
    step(`advance(${ms})`, async (model, rig) => {
      // One ms at a time, so that what happens in between is judged at its own moment.
      for (let i = 0; i < ms; i += 7) {
        await rig.clock.advance(Math.min(7, ms - i));
        await judge(model, rig);
      }
    })
  ),
  fc.integer({ min: 1, max: 6 }).map((n) =>
    step(`maxSize(${n})`, (model, rig) => {
      model.ceiling = Math.max(model.ceiling, n, rig.pool.stats.size);
      model.maxSize = n;
      rig.pool.reconfigure({ maxSize: n });
    })
  ),
  fc.constantFrom<"lifo" | "fifo">("lifo", "fifo").map((order) =>
    step(`order(${order})`, (_, rig) => rig.pool.reconfigure({ order }))
  ),
  fc.integer({ min: 1, max: 4 }).map((n) =>
    step(`maxUses(${n})`, (_, rig) => rig.pool.reconfigure({ maxUses: n === 4 ? Infinity : n }))
  ),
  fc.boolean().map((on) =>
    step(
      `maintenance(${on})`,
      (_, rig) => on ? rig.pool.startMaintenance() : rig.pool.stopMaintenance(),
    )
  ),
  fc.constant(step("maintain", (_, rig) => rig.pool.maintain())),
  fc.constant(step("evict", (_, rig) => rig.pool.evict())),
  fc.integer({ min: 0, max: 4 }).map((n) =>
    step(`warm(${n})`, (_, rig) => void rig.pool.warm(n).catch(() => {}))
  ),
];

const close: fc.Arbitrary<Step> = fc.constant(step("close", (model, rig) => {
  model.closed = true;
  rig.closing = rig.pool.close();
  rig.closing.then(() => rig.drained = true);
}, (model) => !model.closed));

const RUNS = Number(process.env.POOL_MODEL_RUNS ?? 2_000);

async function explore(checks: boolean, capacity: number, runs: number): Promise<void> {
  console.log(`model: seed ${seed}, ${runs} runs, checks ${checks}, capacity ${capacity}`);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.commands([...commands, ...commands, close], { maxCommands: 60, size: "max" }),
      async (maxSize, steps) => {
        const rig = new Rig(checks, capacity, { maxSize });
        const model: Model = {
          maxSize,
          ceiling: maxSize,
          waiters: [],
          held: new Map(),
          closed: false,
          detached: new Set(),
        };
        await fc.asyncModelRun(() => ({ model, real: rig }), steps);
        model.closed = true;
        rig.closing ??= rig.pool.close().then(() => void (rig.drained = true));
        await judge(model, rig);
        for (const lease of model.held.keys()) lease.release();
        model.held.clear();
        await judge(model, rig);
        assert.equal(rig.drained, true, "close did not end");
        assert.deepEqual(rig.plant.alive, model.detached, "leaked");
        assert.equal(rig.clock.timers.size, 0, "a timer is left");
        // What arrives late is ended as well.
        while (rig.plant.creations.length > 0) rig.plant.finishCreation();
        await settle();
        assert.deepEqual(rig.plant.alive, model.detached, "leaked a late one");
      },
    ),
    { numRuns: runs, seed },
  );
}

describe("a pool and its model", () => {
  it("agree on every interleaving of exclusive leases", () => explore(false, 1, RUNS));
  it("agree while checks are slow, fail or hang", () => explore(true, 1, RUNS * 0.6));
  it("agree when resources are shared", () => explore(false, 3, RUNS * 0.6));
  it("agree when shared resources are checked", () => explore(true, 3, RUNS * 0.3));
});
