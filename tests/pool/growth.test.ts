import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyedPool, type Lease, Pool } from "../../src/pool/mod.ts";
import { settle } from "./fake_clock.ts";
import { Plant, type Thing } from "./plant.ts";
import { borrow } from "./rig.ts";

const N = 2_000;

/** How many items of lists are gone through while `work` runs. */
async function looks(work: () => unknown): Promise<number> {
  const { filter, slice } = Array.prototype;
  let count = 0;
  const counted = <A extends unknown[], R>(method: (...args: A) => R) =>
    function (this: unknown[], ...args: A): R {
      count += this.length;
      return method.apply(this, args);
    };
  Array.prototype.filter = counted(filter) as typeof filter;
  Array.prototype.slice = counted(slice);
  try {
    await work();
  } finally {
    Object.assign(Array.prototype, { filter, slice });
  }
  return count;
}

/** One lease of each of many things that can all carry another one. */
async function spread(): Promise<{ pool: Pool<Thing>; leases: Lease<Thing>[] }> {
  const plant = new Plant();
  plant.capacity = () => 2;
  const pool = new Pool(plant, { maxSize: N, order: "fifo" });
  await pool.warm(N);
  const leases = await borrow(pool, N);
  assert.equal(pool.stats.leased, N);
  return { pool, leases };
}

describe("each step costs the same, however many resources there are:", () => {
  for (const how of ["discard", "detach"] as const) {
    it(`${how} of shared resources`, async () => {
      const { pool, leases } = await spread();
      const seen = await looks(() => leases.forEach((lease) => lease[how]()));
      assert.ok(seen < 20 * N, `${seen} looks for ${N} resources`);
      assert.equal(pool.stats.size, 0);
      await pool.close();
    });
  }

  it("an idle resource gives way to another key", async () => {
    const pool = new KeyedPool(() => new Plant(), { maxSize: N, maxTotal: N });
    await pool.warm("a", N);
    const seen = await looks(async () => {
      for (let i = 0; i < N; i++) await pool.acquire("b");
    });
    assert.ok(seen < 20 * N, `${seen} looks for ${N} resources`);
    assert.equal(pool.statsOf("b")?.leased, N);
    await pool.close({ signal: AbortSignal.abort() });
  });
});

it("a shared resource that has left the pool is not lent where it stood", async () => {
  const plant = new Plant();
  plant.capacity = () => 2;
  const pool = new Pool(plant, { maxSize: 8, minIdle: 8, order: "fifo" });
  await pool.warm();
  const leases = await borrow(pool, 8);
  const gone = [leases[3].value, leases[5].value];
  leases[3].detach();
  leases[5].discard();
  assert.equal(pool.stats.size, 6);
  const others = await borrow(pool, 6);
  assert.ok(others.every(({ value }) => !gone.includes(value)));
  assert.equal(pool.stats.size, 6, "the others could carry one more each");
  pool.maintain();
  await settle();
  assert.equal(pool.stats.idle, 2, "as many as there is room for are made");
  for (const lease of [...leases, ...others]) lease.release();
  await pool.close();
});
