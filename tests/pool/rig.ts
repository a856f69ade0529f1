import { type Lease, Pool, type PoolOptions } from "../../src/pool/mod.ts";
import { FakeClock } from "./fake_clock.ts";
import type { Plant, Thing } from "./plant.ts";

/** A pool of a plant's things, and the clock that it goes by. */
export function rig(
  plant: Plant,
  options: PoolOptions = {},
): { pool: Pool<Thing>; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, pool: new Pool(plant, { clock, ...options }) };
}

/** So many leases at once. */
export function borrow(pool: Pool<Thing>, n: number): Promise<Lease<Thing>[]> {
  return Promise.all(Array.from({ length: n }, () => pool.acquire()));
}

/** Leaves so many things idle. */
export async function fill(pool: Pool<Thing>, n: number): Promise<void> {
  for (const lease of await borrow(pool, n)) lease.release();
}
