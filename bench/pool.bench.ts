/**
 * What the README claims about the pool: ratios to a minimal pool, which is the limit, and to the
 * npm pools, from interleaved runs. `--check` fails when a bar is missed; a letter in parentheses
 * runs the parts that have it in their title, alone.
 *
 *     deno run -A bench/pool.bench.ts [(a)] | bun bench/pool.bench.ts [(a)]
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Lease, Pool } from "../src/pool/mod.ts";
import { MinimalPool } from "./minimal_pool.ts";
import { claim, finish, interleave, ratio, type Work } from "./pool_measure.ts";
import { type Maker, minimal, ours, peers, type Subject } from "./pool_subjects.ts";

const deno = "Deno" in globalThis;
const bar = (onDeno: number, onBun: number): number => deno ? onDeno : onBun;
const factory = { create: () => Promise.resolve({ id: 1 }), destroy: () => {} };

const chosen = process.argv.slice(2).find((word) => word.startsWith("("));
/** Runs a part of the bench, unless another was asked for. */
async function part(letters: string, run: () => unknown): Promise<void> {
  if (chosen === undefined || letters.includes(chosen)) await run();
}

console.log(`${deno ? "Deno" : "Bun"}: ratios, 1 is as fast as what is compared with`);

type Drive = (subject: Subject, n: number) => Promise<unknown>;

/** What runs `n` operations on a pool of its own. */
async function work(
  name: string,
  make: Maker,
  size: number,
  n: number,
  drive: Drive,
): Promise<Work> {
  const subject = await make(size);
  return { name, ops: n, run: () => drive(subject, n) };
}

/** Compares with the minimal pool and every peer, which get fewer operations as they are slow. */
async function race(
  title: string,
  size: number,
  n: number,
  drive: Drive,
  leastOfMinimal: number,
  leastOfPeers: number,
): Promise<void> {
  const works = [
    await work("minimal", minimal, size, n, drive),
    await work("ours", ours(), size, n, drive),
  ];
  for (const [name, make] of Object.entries(peers)) {
    works.push(await work(name, make, size, n / 10, drive));
  }
  const times = await interleave(works, 40);
  claim(`${title}: of the minimal pool`, ratio(times[0], times[1]), leastOfMinimal);
  for (let i = 2; i < works.length; i++) {
    claim(`${title}: times ${works[i].name}`, ratio(times[i], times[1]), leastOfPeers);
  }
}

const tasks = (count: number) => (subject: Subject, n: number): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, () => subject.turns(n / count)));

await part(
  "(a)",
  () => race("(a) uncontended", 1, 50_000, (s, n) => s.pairs(n), bar(0.55, 0.75), 4),
);
await part(
  "(b)",
  () => race("(b) 1,000 tasks on 10", 10, 100_000, tasks(1_000), bar(0.8, 0.85), 1.6),
);

async function synchronous(): Promise<void> {
  const pool = new Pool(factory, { maxSize: 1 });
  await pool.warm(1);
  const least = new MinimalPool([{ id: 1 }]);
  const n = 300_000;
  const [a, b] = await interleave([
    {
      name: "minimal",
      ops: n,
      run() {
        for (let i = 0; i < n; i++) {
          const lease = least.acquireSync()!;
          lease.release();
        }
      },
    },
    {
      name: "ours",
      ops: n,
      run() {
        for (let i = 0; i < n; i++) {
          const lease = pool.tryAcquire()!;
          lease.release();
        }
      },
    },
  ], 40);
  claim("tryAcquire: of the minimal pool's synchronous form", ratio(a, b), 0.25);
}

await part("(a)", synchronous);

async function withOptions(): Promise<void> {
  const one = new Pool(factory, { maxSize: 1 });
  const ten = new Pool(factory, { maxSize: 10 });
  await Promise.all([one.warm(1), ten.warm(10)]);
  const { signal } = new AbortController();
  const n = 50_000;
  const signalled = { signal };
  const timed = { timeout: 5_000 };
  const plainTurn = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const lease = await ten.acquire();
      await undefined;
      lease.release();
    }
  };
  const timedTurn = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const lease = await ten.acquire(timed);
      await undefined;
      lease.release();
    }
  };
  const thousand = (turn: (count: number) => Promise<void>): Promise<unknown> =>
    Promise.all(Array.from({ length: 1_000 }, () => turn(n / 1_000)));
  const times = await interleave([
    {
      name: "plain",
      ops: n,
      async run() {
        for (let i = 0; i < n; i++) {
          const lease = await one.acquire();
          lease.release();
        }
      },
    },
    {
      name: "signal",
      ops: n,
      async run() {
        for (let i = 0; i < n; i++) {
          const lease = await one.acquire(signalled);
          lease.release();
        }
      },
    },
    { name: "contended", ops: n, run: () => thousand(plainTurn) },
    { name: "contended, timeout", ops: n, run: () => thousand(timedTurn) },
  ], 40);
  claim("(d) contended with a timeout: of the same without", ratio(times[2], times[3]), 0.9);
  claim("(d) uncontended with a signal: of the same without", ratio(times[0], times[1]), 0.9);
}

await part("(d)", withOptions);

/** Queues `n`, then lets all through one resource. */
async function drain(subject: Subject, n: number): Promise<void> {
  const end = await subject.take();
  const all = Array.from({ length: n }, () => subject.take().then((done) => done()));
  end();
  await Promise.all(all);
}

/** Queues `n` behind a resource that does not come back, until all have timed out. */
async function expire(make: Maker, n: number, timeout = 50): Promise<void> {
  const subject = await make(1, timeout);
  const end = await subject.take();
  let failed = 0;
  await Promise.all(Array.from({ length: n }, () => subject.take().catch(() => failed++)));
  if (failed !== n) throw new Error(`${failed} of ${n} timed out`);
  end();
  (await subject.take())();
}

async function abort(n: number, signals: number): Promise<void> {
  const pool = new Pool(factory, { maxSize: 1 });
  const lease = await pool.acquire();
  const aborts = Array.from({ length: signals }, () => new AbortController());
  let failed = 0;
  const all = Array.from({ length: n }, (_, i) => {
    const { signal } = aborts[i % signals];
    return pool.acquire({ signal }).catch(() => failed++);
  });
  for (const each of aborts) each.abort();
  await Promise.all(all);
  if (failed !== n || pool.stats.waiting !== 0) throw new Error(`${failed} of ${n} aborted`);
  lease.release();
  (await pool.acquire()).release();
}

/**
 * How the time grows with each doubling, from a quarter of `n` to four times `n`. Both ends do the
 * same work in all, so garbage collection weighs the same; one doubling alone may just meet a cache.
 */
async function doubled(
  title: string,
  n: number,
  rounds: number,
  run: (n: number) => Promise<void>,
  barred = true,
): Promise<void> {
  const [few, many] = await interleave([
    {
      name: "few at a time",
      ops: 1,
      async run() {
        for (let i = 0; i < 16; i++) await run(n / 4);
      },
    },
    { name: "many at a time", ops: 1, run: () => run(4 * n) },
  ], rounds);
  const each = 2 * ratio(many, few) ** (1 / 4);
  const range = `${(n / 4).toLocaleString("en")} to ${(4 * n).toLocaleString("en")}`;
  claim(`${title}, ${range}: time of twice as many`, each, undefined, barred ? 2.3 : undefined);
}

await part("(c)", async () => {
  const queueOfOne = await ours()(1);
  await doubled("(c) drained", 100_000, 7, (n) => drain(queueOfOne, n));
  const least = await minimal(1);
  await doubled("(c) drained by the minimal pool", 100_000, 7, (n) => drain(least, n), false);
  for (const [name, make] of Object.entries(peers)) {
    // Fewer for the peers: some need time in proportion to the square.
    const n = 20_000;
    const peer = await make(1);
    const [theirs, own] = await interleave([
      { name, ops: n, run: () => drain(peer, n) },
      { name: "ours", ops: n, run: () => drain(queueOfOne, n) },
    ], 3);
    claim(`(c) 20,000 drained: times ${name}`, ratio(theirs, own), 1);
  }
});
await part(
  "(d)",
  () => doubled("(d) aborted by one signal", 10_000, 60, (n) => abort(n, 1)),
);
await part("(e)", async () => {
  await doubled("(e) aborted, a signal each", 25_000, 9, (n) => abort(n, n));
  await doubled("(e) timed out at once", 25_000, 9, (n) => expire(ours(), n, 1));
  for (const [name, make] of Object.entries(peers)) {
    const n = name === "tarn" ? 5_000 : 20_000;
    try {
      const [theirs, own] = await interleave([
        { name, ops: n, run: () => expire(make, n) },
        { name: "ours", ops: n, run: () => expire(ours(), n) },
      ], 3);
      claim(`(e) ${n.toLocaleString("en")} timed out: times ${name}`, ratio(theirs, own), 1);
    } catch (error) {
      console.log(`  (e) ${name} did not survive its timeouts: ${(error as Error).message}`);
    }
  }
});

async function atRandom(): Promise<void> {
  const make = async (size: number): Promise<() => Promise<void>> => {
    const pool = new Pool(factory, { maxSize: size });
    await pool.warm(size);
    let random = 1;
    return async () => {
      // Many times in a row, so that each size is seen in its own steady state.
      for (let borrowed = 0; borrowed < 100_000; borrowed += size) {
        const leases: Lease<unknown>[] = [];
        for (let i = 0; i < size; i++) leases.push(await pool.acquire());
        while (leases.length > 0) {
          random = (random * 48_271) % 0x7fffffff;
          const i = random % leases.length;
          leases[i].release();
          leases[i] = leases[leases.length - 1];
          leases.pop();
        }
      }
    };
  };
  const [many, few] = [await make(10_000), await make(10)];
  const [a, b] = await interleave(
    [
      { name: "10,000", ops: 100_000, run: many },
      { name: "10", ops: 100_000, run: few },
    ],
    20,
  );
  claim(
    "(r) 10,000 released at random: time of each to that with 10",
    ratio(a, b),
    undefined,
    1.5,
  );
}

await part("(r)", atRandom);

/** Last, because code that has seen both kinds of pool is slower for both. */
async function judged(): Promise<void> {
  for (
    const [title, size, n, drive] of [
      ["(a) uncontended", 1, 50_000, (s: Subject, n: number) => s.pairs(n)],
      ["(b) 1,000 tasks on 10", 10, 100_000, tasks(1_000)],
    ] as const
  ) {
    const times = await interleave([
      await work("minimal", minimal, size, n, drive),
      await work("ours", ours(true), size, n, drive),
    ], 40);
    claim(`${title}, usable() asked: of the minimal pool`, ratio(times[0], times[1]), undefined);
  }
}

await part("(a) (b)", judged);

await part("(f)", () => {
  for (const name of ["ours", "minimal"]) {
    const file = fileURLToPath(new URL("./pool_memory.ts", import.meta.url));
    const flags = deno ? ["run", "-A"] : [];
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, file, name]);
    if (stdout.length === 0) throw new Error(String(stderr));
    const { waiter, resource } = JSON.parse(String(stdout));
    const most = (bytes: number): number | undefined => name === "ours" && deno ? bytes : undefined;
    claim(`(f) bytes for each waiter, ${name}`, waiter, undefined, most(350));
    claim(`(f) bytes for each idle resource, ${name}`, resource, undefined, most(180));
  }
});

finish();
