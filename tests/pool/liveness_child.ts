/** What liveness.test.ts runs in a process of its own, without any permission. */
import { Lease, Pool, type PoolError } from "../../src/pool/mod.ts";
import { collect } from "../collect.ts";

const sleep = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms));

const things = {
  create: (): Promise<{ bytes: Uint8Array }> => Promise.resolve({ bytes: new Uint8Array(10) }),
  destroy: (): void => {},
  check: (): Promise<boolean> => Promise.resolve(true),
};

const modes: Record<string, () => Promise<void>> = {
  async idle() {
    const pool = new Pool(things, { minIdle: 2, idleTimeout: 60_000 });
    await pool.warm();
    (await pool.acquire()).release();
    console.log("idle", pool.stats.idle);
  },

  async served() {
    const pool = new Pool(things, { maxSize: 1, acquireTimeout: 60_000 });
    const lease = await pool.acquire();
    const next = pool.acquire();
    lease.release();
    (await next).release();
    console.log("served");
  },

  async pending() {
    const pool = new Pool(things, { maxSize: 1, acquireTimeout: 300 });
    await pool.acquire();
    try {
      await pool.acquire();
    } catch (error) {
      console.log((error as PoolError).code);
    }
  },

  async retrying() {
    let tries = 0;
    const pool = new Pool({
      create: () => ++tries < 3 ? Promise.reject(new Error("refused")) : Promise.resolve(tries),
      destroy: () => {},
    }, { createRetryDelay: 30, acquireTimeout: Infinity });
    console.log("created by try", (await pool.acquire()).value);
  },

  async collected() {
    for (const leakAfter of [Infinity, 60_000]) {
      let report = "";
      const pool = new Pool(things, {
        maxSize: 1,
        maintenanceInterval: 20,
        leakAfter,
        observer: { leaked: ({ how, stack }) => report = `${how} ${/forget/.test(stack ?? "")}` },
      });
      const forget = async function forget(): Promise<void> {
        await pool.acquire();
      };
      await forget();
      for (let i = 0; i < 100 && report === ""; i++) {
        await sleep(20);
        collect();
      }
      const { destroyed } = pool.stats.totals;
      const lease = await pool.acquire({ timeout: 20_000 });
      console.log(report, destroyed.leaked, lease instanceof Lease);
      // A lease that is held is none of the collector's business, however long it is watched.
      for (let i = 0; i < 5; i++) {
        await sleep(25);
        collect();
      }
      console.log(lease.value.bytes.length, pool.stats.totals.leaked);
      lease.release();
    }
  },
};

modes.released = async () => {
  const pool = new Pool(things, { maxSize: 1, maintenanceInterval: 20 });
  await (async () => {
    const watched = await pool.acquire();
    await sleep(100);
    watched.release();
  })();
  const lease = await pool.acquire();
  for (let i = 0; i < 10; i++) {
    await sleep(10);
    collect();
  }
  console.log(pool.stats.totals.leaked, pool.stats.leased);
  lease.release();
};

// Not awaited: a runtime waits for an awaited module even if no timer holds the process.
modes[globalThis.process.argv[2]]().catch((error) => {
  console.error(error);
  globalThis.process.exit(1);
});
