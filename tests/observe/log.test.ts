import assert from "node:assert/strict";
import { it } from "node:test";
import { Pool } from "@x/pool";
import { type Logger, logObserver } from "@x/pool/observe";

function collector() {
  const lines: string[] = [];
  const details: unknown[] = [];
  const at = (level: string) => (message: string, detail?: unknown) => {
    lines.push(`${level} ${message}`);
    details.push(detail);
  };
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
  return { lines, details, logger };
}

it("what a pool does is logged with its name, in order", async () => {
  const { lines, logger } = collector();
  const pool = new Pool(
    { create: () => Promise.resolve({}), destroy: () => {} },
    { name: "db", maxSize: 1, observer: logObserver(logger) },
  );
  const lease = await pool.acquire();
  const control = new AbortController();
  const aborted = assert.rejects(pool.acquire({ signal: control.signal }));
  const timedOut = assert.rejects(pool.acquire({ timeout: 1 }));
  await timedOut;
  control.abort();
  await aborted;
  lease.release();
  await pool.close();
  assert.equal(lines[0], "debug db: an acquire waits");
  assert.deepEqual(lines.filter((line) => !line.startsWith("debug")), [
    "info db: created a resource",
    "warn db: an acquire timed out",
    "info db: destroyed a resource",
    "info db: closed",
  ]);
  for (const line of ["acquired", "an acquire waits", "an acquire was aborted", "released"]) {
    assert.ok(lines.includes(`debug db: ${line}`), line);
  }
});

it("errors are logged as they are", async () => {
  const { lines, details, logger } = collector();
  const down = new Error("down"), stuck = new Error("stuck");
  let calls = 0;
  const pool = new Pool({
    create: () => calls++ === 0 ? Promise.reject(down) : Promise.resolve({}),
    destroy: () => {
      throw stuck;
    },
  }, { observer: logObserver(logger), createRetryDelay: 1 });
  await pool.use(() => {});
  await pool.close();
  assert.equal(details[lines.indexOf("warn pool: cannot create a resource")], down);
  assert.equal(details[lines.indexOf("error pool: destroy failed")], stuck);
});

it("what lacks a method of a logger is refused, and the method named", () => {
  for (const bad of [undefined, null, 5, "x", {}, { ...console, warn: 5 }]) {
    assert.throws(() => logObserver(bad as Logger), /^TypeError: Cannot use logger(\.\w+)?: /);
  }
});

it("a logger that throws harms nothing", async () => {
  const broken = () => {
    throw new Error("disk full");
  };
  const errors: unknown[] = [];
  const pool = new Pool({ create: () => Promise.resolve({}), destroy: () => {} }, {
    observer: logObserver({ debug: broken, info: broken, warn: broken, error: broken }),
    onError: (error) => errors.push(error),
    maxSize: 1,
  });
  for (let i = 0; i < 10; i++) await pool.use(() => {});
  await pool.close();
  assert.ok(errors.length > 0);
  assert.equal(pool.stats.size, 0);
});
