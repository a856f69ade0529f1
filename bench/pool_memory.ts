/**
 * Bytes for each waiter and each idle resource, in a process of its own:
 *
 *     deno run -A bench/pool_memory.ts ours | bun bench/pool_memory.ts ours
 */
import { Pool } from "../src/pool/mod.ts";
import { MinimalPool } from "./minimal_pool.ts";
import { collect } from "../tests/collect.ts";

const N = 100_000;

function used(): number {
  for (let i = 0; i < 4; i++) collect();
  return process.memoryUsage().heapUsed;
}

const mine = process.argv[2] === "ours";
const make = { create: () => Promise.resolve({ id: 1 }), destroy: () => {} };
const kept: unknown[] = new Array(N).fill(undefined);

const queue = mine ? new Pool(make, { maxSize: 1 }) : new MinimalPool([{ id: 1 }]);
kept[0] = await queue.acquire();
for (let i = 1; i < 1_000; i++) kept[i] = queue.acquire();
const few = used();
for (let i = 1_000; i < N; i++) kept[i] = queue.acquire();
const waiter = (used() - few) / (N - 1_000);

const empty = used();
let idle: unknown;
if (mine) {
  const pool = new Pool(make, { maxSize: N });
  await pool.warm(N);
  idle = pool;
} else idle = new MinimalPool(Array.from({ length: N }, () => ({ id: 1 })));
const resource = (used() - empty) / N;

console.log(JSON.stringify({ waiter, resource, alive: [queue, idle, kept].length }));
process.exit(0);
