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

const fromLine = (line: string): unknown =>
  optionsFromArgs(parseArgs({ args: line.split(" "), options: { ...poolFlags } }).values);

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
      ["--max-connections-per-endpoint ten", /--max-connections-per-endpoint.*NaN$/],
      ["--connect-retry-count 1.5", /--connect-retry-count.*1\.5$/],
      ["--order random", /--order.*"random"$/],
    ];
    for (const [line, message] of bad) assert.throws(() => fromLine(line), { message });
    assert.throws(() => optionsFromEnv({ POOL_ORDER: "up" }), /POOL_ORDER.*"up"$/);
  });

  it("are printed with their defaults as a line that gives them again", () => {
    const text = formatOptions({ maxSize: 4, leakAfter: 1_500, maxLifetime: 90_000 });
    assert.match(text, /^--max-connections-per-endpoint 4$/m);
    assert.match(text, /^--leak-after 1500ms$/m);
    assert.match(text, /^--max-idle-time 5m$/m);
    assert.match(text, /^--max-waiting unlimited$/m);
    const again = fromLine(text.replaceAll("\n", " ")) as Record<string, unknown>;
    assert.equal(formatOptions(again), text);
    assert.equal(again.maxLifetime, 90_000);
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
