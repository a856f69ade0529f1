import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AcquireOptions,
  endpointOptions,
  formatDuration,
  formatOptions,
  KeyedPool,
  optionsFromArgs,
  optionsFromEnv,
  Pool,
  type PoolOptions,
} from "../../mod.ts";
import { type Forbidden, refused } from "../refused.ts";
import { failure, settle } from "./fake_clock.ts";

/** Nothing of these is an object of options, a function or a count. */
const JUNK: unknown[] = [null, NaN, -1, 1.5, "x", true, Symbol("s"), 1n, []];
/** What is a limit as well: no number. */
const WORDS = JUNK.filter((value) => typeof value !== "number");

const factory = { create: () => Promise.resolve({}), destroy: () => {} };

describe("a pool refuses before it does anything", () => {
  it("options that are none, and names that nobody reads", async () => {
    for (const junk of JUNK as Forbidden[]) {
      await refused("options", () => new Pool(factory, junk));
      await refused("options", () => new KeyedPool(() => factory, junk));
      await refused("factory", () => new Pool(junk));
      await refused("factoryOf", () => new KeyedPool(junk));
      await refused("options", () => formatOptions(junk));
      await refused("options", () => endpointOptions(junk));
      await refused("values", () => optionsFromArgs(junk));
      await refused("env", () => optionsFromEnv(junk));
      if (junk !== "x") await refused("prefix", () => optionsFromEnv({}, junk));
    }
    const misspelt: Forbidden = JSON.parse('{"maxSize": 2, "mx": 5}');
    const pool = new Pool(factory), keyed = new KeyedPool(() => factory);
    await refused("mx", () => new Pool(factory, misspelt));
    await refused("mx", () => new KeyedPool(() => factory, misspelt));
    await refused("mx", () => pool.reconfigure(misspelt));
    await refused("mx", () => keyed.reconfigure(misspelt));
    await refused("mx", () => formatOptions(misspelt));
    await refused("maxTotal", () => new Pool(factory, { maxTotal: 5 } as PoolOptions));
    assert.throws(() => new Pool(factory, misspelt), /the options of a pool are name, maxSize, /);
    await new Pool(factory, { mx: undefined } as PoolOptions).close();
    await Promise.all([pool.close(), keyed.close()]);
  });

  it("does not show what stands under a name that it does not know", () => {
    const options = { password: "secret" } as PoolOptions;
    assert.throws(() => new Pool(factory, options), (error) => !/secret/.test(String(error)));
  });

  it("takes options that another object lends", async () => {
    const pool = new Pool(factory, Object.create({ maxSize: 1 }));
    const lease = await pool.acquire();
    assert.equal((await failure(pool.acquire({ timeout: 0 }))).code, "WAIT_TIMEOUT");
    lease.release();
    await pool.close();
  });

  it("a value of the wrong type for each option", async () => {
    for (const name of ["maxSize", "minIdle", "maxUses", "idleTimeout", "maintenanceInterval"]) {
      for (const junk of WORDS) await refused(name, () => new Pool(factory, { [name]: junk }));
    }
    for (const name of ["name", "observer", "onError", "clock", "order", "maintenance"]) {
      for (const junk of JUNK) {
        if (name === "name" && junk === "x" || name === "maintenance" && junk === true) continue;
        await refused(name, () => new Pool(factory, { [name]: junk }));
      }
    }
    await refused("clock.now", () => new Pool(factory, { clock: {} } as Forbidden));
    await refused(
      "observer.leaked",
      () => new Pool(factory, { observer: { leaked: 5 } } as Forbidden),
    );
    for (const name of ["maxTotal", "identify", "optionsFor"]) {
      for (const junk of WORDS) {
        await refused(name, () => new KeyedPool(() => factory, { [name]: junk }));
      }
    }
  });

  it("a factory whose parts are no functions", async () => {
    for (const name of ["create", "destroy", "usable", "check", "capacity", "retryable"]) {
      for (const junk of JUNK) {
        await refused(`factory.${name}`, () => new Pool({ ...factory, [name]: junk } as Forbidden));
      }
    }
  });

  it("bad options of an acquire, whether it would have to wait or not", async () => {
    const pool = new Pool(factory, { maxSize: 1 });
    const keyed = new KeyedPool(() => factory, { maxSize: 1 });
    for (let full = 0; full < 2; full++) {
      const leases = full ? [await pool.acquire(), await keyed.acquire("k")] : [];
      for (const junk of JUNK as Forbidden[]) {
        if (!Array.isArray(junk)) await refused("options", () => pool.acquire(junk));
        for (const name of ["timeout", "priority", "signal", "timeoutMs"]) {
          if (name === "timeout" && junk === 1.5) continue;
          await refused(name, () => pool.acquire({ [name]: junk } as AcquireOptions));
          await refused(name, () => keyed.acquire("k", { [name]: junk } as AcquireOptions));
        }
      }
      const { signal } = new AbortController();
      const given = failure(pool.acquire(signal as AcquireOptions));
      assert.match((await given).message, /the options of an acquire are signal, /);
      assert.equal(pool.stats.waiting + keyed.stats.waiting, 0);
      for (const lease of leases) lease.release();
    }
    await Promise.all([pool.close(), keyed.close()]);
  });

  it("a use without a function, or with a judgement that is none", async () => {
    const pool = new Pool(factory);
    for (const junk of JUNK as Forbidden[]) {
      await refused("fn", () => pool.use(junk));
      if (junk === true) continue;
      await refused("discardOnError", () => pool.use(() => {}, { discardOnError: junk }));
    }
    assert.equal(pool.stats.totals.created, 0);
    await pool.close();
  });

  it("numbers that are none", async () => {
    const pool = new Pool(factory), keyed = new KeyedPool((_: string) => factory);
    for (const junk of JUNK as Forbidden[]) {
      await refused("n", () => pool.warm(junk));
      await refused("n", () => keyed.warm("k", junk));
      if (junk !== 1.5) await refused("ms", () => formatDuration(junk));
    }
    assert.deepEqual(keyed.keys(), []);
    await Promise.all([pool.close(), keyed.close()]);
  });

  it("a close with what does not abort, and goes on", async () => {
    const pool = new Pool(factory), keyed = new KeyedPool(() => factory);
    for (const junk of JUNK as Forbidden[]) {
      await refused("options", () => pool.close(junk));
      await refused("signal", () => pool.close({ signal: junk }));
      await refused("signal", () => keyed.close({ signal: junk }));
    }
    for (const lease of [await pool.acquire(), await keyed.acquire("k")]) lease.release();
    await Promise.all([pool.close(), keyed.close()]);
  });

  it("a key's factory and options that are none, by a rejection", async () => {
    for (const junk of JUNK as Forbidden[]) {
      const keyed = new KeyedPool(() => junk);
      await refused("factory", () => keyed.acquire("k"));
      await refused("factory", () => keyed.use("k", () => {}));
      await refused("factory", () => keyed.warm("k"));
      const odd = new KeyedPool(() => factory, { optionsFor: () => junk });
      await refused("options", () => odd.acquire("k"));
      await Promise.all([keyed.close(), odd.close()]);
    }
    for (const options of [{ mx: 5 }, { clock: { now: () => 0 } }] as Forbidden[]) {
      const odd = new KeyedPool(() => factory, { optionsFor: () => options });
      await refused(Object.keys(options)[0], () => odd.acquire("k"));
      await odd.close();
    }
    const thrown = new Error("no such key");
    const broken = (): never => {
      throw thrown;
    };
    const keyed = new KeyedPool(broken);
    const acquired = keyed.acquire("k"), warm = keyed.warm("k");
    await settle();
    assert.deepEqual([await failure(acquired), await failure(warm)], [thrown, thrown]);
    await keyed.close();
  });
});
