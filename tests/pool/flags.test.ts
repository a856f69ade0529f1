import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseArgs } from "node:util";
import {
  formatDuration,
  formatOptions,
  optionsFromArgs,
  optionsFromEnv,
  parseDuration,
  Pool,
  poolFlags,
} from "../../src/pool/mod.ts";
import { defaults, defined } from "../../src/pool/options.ts";
import { isDuration } from "../../src/pool/rules.ts";
import "../seed.ts";

const fromArgs = (args: string[]): unknown =>
  optionsFromArgs(parseArgs({ args, options: { ...poolFlags } }).values);
const fromLine = (line: string): unknown => fromArgs(line.split(" "));

describe("options from outside", () => {
  it("come from the flags of a command line", () => {
    const line =
      "--max-connections-per-endpoint 20 --max-idle-time 2m --max-connection-lifetime 1h " +
      "--max-connection-uses unlimited --connect-timeout 5s --connect-retry-count 3 " +
      "--connect-retry-delay 250ms --order fifo --leak-after never --max-connections 100 " +
      "--pool-name db --check-after 0";
    assert.deepEqual(fromLine(line), {
      name: "db",
      maxTotal: 100,
      maxSize: 20,
      maxUses: Infinity,
      idleTimeout: 120_000,
      maxLifetime: 3_600_000,
      createTimeout: 5_000,
      createRetries: 3,
      createRetryDelay: 250,
      checkAfter: 0,
      leakAfter: Infinity,
      order: "fifo",
    });
  });

  it("come from the environment, where an empty variable counts as unset", async () => {
    const options = optionsFromEnv({
      POOL_MAX_IDLE_TIME: "90s",
      POOL_MIN_IDLE: "",
      POOL_NAME: "x",
    });
    assert.deepEqual(options, { idleTimeout: 90_000, name: "x" });
    const factory = { create: () => Promise.resolve(1), destroy: () => {} };
    await new Pool(factory, options).close();
    assert.deepEqual(optionsFromEnv({ DB_ORDER: "lifo", POOL_ORDER: "fifo" }, "DB_"), {
      order: "lifo",
    });
  });

  it("are refused with the name of the flag or variable and the value", () => {
    const bad: [string, RegExp][] = [
      ["--max-idle-time 5", /--max-idle-time: it must be .*, current value is "5"$/],
      ["--max-idle-time soon", /--max-idle-time.*"soon"$/],
      ["--max-connections-per-endpoint 0", /--max-connections-per-endpoint.*0$/],
      ["--max-connections-per-endpoint unlimited", /--max-connections-per-endpoint.*Infinity$/],
      ["--max-connections-per-endpoint ten", /--max-connections-per-endpoint.*"ten"$/],
      ["--connect-retry-count 1.5", /--connect-retry-count.*1\.5$/],
      ["--order random", /--order.*"random"$/],
    ];
    for (const [line, message] of bad) assert.throws(() => fromLine(line), { message });
    assert.throws(() => optionsFromEnv({ POOL_ORDER: "up" }), /POOL_ORDER.*"up"$/);
  });

  it("are printed with their defaults as lines that give them again", () => {
    const text = formatOptions({ maxSize: 4, leakAfter: 1_500, maxWaiting: undefined });
    assert.match(text, /^--max-connections-per-endpoint=4$/m);
    assert.match(text, /^--leak-after=1500ms$/m);
    assert.match(text, /^--max-idle-time=5m$/m);
    assert.match(text, /^--max-waiting=unlimited$/m);
    const { clock: _, maintenance: __, ...all } = defaults;
    const count = (min: number) => fc.integer({ min, max: Number.MAX_SAFE_INTEGER });
    const unlimited = (min: number) => fc.oneof(count(min), fc.constant(Infinity));
    const ms = fc.oneof(unlimited(1), fc.double({ min: 1, max: 1e9, noNaN: true }));
    const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
    const durations = Object.keys(all).filter(isDuration).concat("maintenanceInterval");
    const property = fc.property(
      fc.record({
        ...Object.fromEntries(durations.map((name) => [name, maybe(ms)])),
        name: maybe(
          fc.string({ unit: "binary" }).filter((name) =>
            name === name.trim() && !name.includes("\n")
          ),
        ),
        order: maybe(fc.constantFrom("lifo" as const, "fifo" as const)),
        maxSize: maybe(count(1)),
        minIdle: maybe(count(0)),
        maxWaiting: maybe(unlimited(0)),
        maxUses: maybe(unlimited(1)),
        createRetries: maybe(unlimited(0)),
        maxTotal: maybe(unlimited(1)),
      }, { requiredKeys: [] }),
      (options) => {
        const expected = { ...all, maxTotal: Infinity, ...defined(options) };
        assert.deepEqual(fromArgs(formatOptions(options).split("\n")), expected);
      },
    );
    fc.assert(property);
  });

  it("write and read durations", () => {
    for (
      const [text, ms] of [["250ms", 250], ["5s", 5_000], ["2m", 120_000], ["1.5h", 5_400_000]]
    ) {
      assert.equal(parseDuration(text as string), ms);
    }
    for (const text of ["", "5", "-1s", "1 s", "s", "1e3ms", "NaN"]) {
      assert.equal(parseDuration(text), undefined, text);
    }
    for (const ms of [0, 1, 999, 1_000, 61_000, 90_000, 3_600_000, 86_400_000, Infinity]) {
      assert.equal(parseDuration(formatDuration(ms)), ms);
    }
  });
});
