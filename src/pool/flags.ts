import { formatDuration, parseDuration } from "./duration.ts";
import type { KeyedPoolOptions } from "./keyed.ts";
import { defaults, defined, type PoolOptions } from "./options.ts";
import { assertOptions, isDuration, keyedRules, object, text } from "./rules.ts";

/** How one option is given on a command line: a descriptor for `parseArgs` of `node:util`. */
export interface PoolFlag {
  /** All values are text; {@linkcode optionsFromArgs} reads them. */
  readonly type: "string";
  /** What the option does, for a help text. */
  readonly description: string;
}

type Settable = Exclude<
  keyof KeyedPoolOptions<unknown>,
  "observer" | "onError" | "clock" | "maintenance" | "identify" | "optionsFor"
>;

const TABLE: readonly (readonly [flag: string, option: Settable, description: string])[] = [
  ["pool-name", "name", "name of the pool in errors and metrics"],
  ["max-connections", "maxTotal", "most connections to all endpoints together"],
  ["max-connections-per-endpoint", "maxSize", "most connections to one endpoint"],
  ["min-idle", "minIdle", "idle connections kept ready"],
  ["max-waiting", "maxWaiting", "most requests waiting for a connection"],
  ["max-connection-uses", "maxUses", "how often a connection is used"],
  ["max-idle-time", "idleTimeout", "how long a connection may be idle"],
  ["max-connection-lifetime", "maxLifetime", "how old a connection may grow"],
  ["acquire-timeout", "acquireTimeout", "how long a request may wait for a connection"],
  ["connect-timeout", "createTimeout", "how long connecting may take"],
  ["connect-retry-count", "createRetries", "how often a failed connect is tried again"],
  ["connect-retry-delay", "createRetryDelay", "pause after a first failed connect; it doubles"],
  ["connect-retry-max-delay", "createRetryMaxDelay", "longest pause between connects"],
  ["check-timeout", "checkTimeout", "how long a health check may take"],
  ["check-after", "checkAfter", "idle time after which a connection is checked before use"],
  ["close-timeout", "destroyTimeout", "how long closing a connection may take"],
  ["leak-after", "leakAfter", "holding time after which a leak is reported"],
  ["order", "order", "which idle connection is used: lifo or fifo"],
  ["age-after", "ageAfter", "waiting time that counts as one priority"],
  ["maintenance-interval", "maintenanceInterval", "pause between two rounds of maintenance"],
];

/**
 * Every option that a command line can set, for `options` of `parseArgs` in `node:util`.
 *
 * @example
 * ```ts
 * import { parseArgs } from "node:util";
 * import { optionsFromArgs, poolFlags } from "@x/pool";
 *
 * const { values } = parseArgs({ args: ["--max-idle-time", "2m"], options: poolFlags });
 * console.log(optionsFromArgs(values)); // { idleTimeout: 120000 }
 * ```
 */
export const poolFlags: Readonly<Record<string, PoolFlag>> = Object.fromEntries(
  TABLE.map(([flag, , description]) => [flag, { type: "string", description }]),
);

function read(option: Settable, text: string, label: string): unknown {
  if (option === "name" || option === "order") return text;
  const [value, form] = isDuration(option)
    ? [parseDuration(text), "a duration such as 250ms, 5s, 2m or never"]
    : [text === "unlimited" ? Infinity : Number(text || NaN), "a whole number, or unlimited"];
  if (value !== undefined && !Number.isNaN(value)) return value;
  throw new RangeError(`Cannot use ${label}: it must be ${form}, current value is "${text}"`);
}

function collect(
  lookUp: (flag: string) => [label: string, value: unknown],
): KeyedPoolOptions<unknown> {
  const options: Record<string, unknown> = {};
  for (const [flag, option] of TABLE) {
    const [label, value] = lookUp(flag);
    if (value === undefined) continue;
    options[option] = read(option, String(value).trim(), label);
    keyedRules[option](label, options[option]);
  }
  return options;
}

/**
 * Options from the `values` that `parseArgs` gives for {@linkcode poolFlags}; other values are left
 * alone. Counts are whole numbers or `unlimited`, durations as {@linkcode parseDuration} reads them.
 *
 * @throws {TypeError | RangeError} naming the flag and its value
 *
 * @example
 * ```ts
 * import { parseArgs } from "node:util";
 * import { optionsFromArgs, Pool, poolFlags } from "@x/pool";
 *
 * const args = ["--max-connections-per-endpoint", "4", "--acquire-timeout", "1500ms"];
 * const options = optionsFromArgs(parseArgs({ args, options: poolFlags }).values);
 * console.log(options); // { maxSize: 4, acquireTimeout: 1500 }
 * await using pool = new Pool({ create: () => Promise.resolve({}), destroy: () => {} }, options);
 * console.log(pool.stats.size); // 0
 * ```
 */
export function optionsFromArgs(
  values: Readonly<Record<string, unknown>>,
): KeyedPoolOptions<unknown> {
  object("values", values);
  return collect((flag) => [`--${flag}`, values[flag]]);
}

/**
 * Options from environment variables: the flag `max-idle-time` is `POOL_MAX_IDLE_TIME`. An empty
 * variable counts as unset.
 *
 * @example
 * ```ts
 * import { optionsFromEnv } from "@x/pool";
 *
 * console.log(optionsFromEnv({ DB_CONNECT_TIMEOUT: "5s" }, "DB_")); // { createTimeout: 5000 }
 * ```
 *
 * @throws {TypeError | RangeError} naming the variable and its value
 */
export function optionsFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  prefix = "POOL_",
): KeyedPoolOptions<unknown> {
  object("env", env);
  text("prefix", prefix);
  return collect((flag) => {
    const name = prefix + (flag.startsWith("pool-") ? flag.slice(5) : flag)
      .toUpperCase().replaceAll("-", "_");
    return [name, env[name] || undefined];
  });
}

/**
 * The options that are in force, defaults included, one argument to a line. `parseArgs` takes the
 * lines back as they are, spaces and all; only a name that has line breaks or begins or ends with a
 * space comes back as another.
 *
 * @throws {TypeError | RangeError} naming the bad option and its value
 *
 * @example
 * ```ts
 * import { parseArgs } from "node:util";
 * import { formatOptions, optionsFromArgs, poolFlags } from "@x/pool";
 *
 * const lines = formatOptions({ name: "my db", maxSize: 4 }); // --pool-name=my db ...
 * const { values } = parseArgs({ args: lines.split("\n"), options: poolFlags });
 * console.log(optionsFromArgs(values).maxSize); // 4
 * ```
 */
export function formatOptions(options: PoolOptions & { maxTotal?: number } = {}): string {
  assertOptions("a keyed pool", options, keyedRules);
  const all: Record<string, unknown> = { maxTotal: Infinity, ...defaults, ...defined(options) };
  return TABLE.flatMap(([flag, option]) => {
    const value = all[option];
    if (value === undefined) return [];
    if (isDuration(option)) return [`--${flag}=${formatDuration(value as number)}`];
    return [`--${flag}=${value === Infinity ? "unlimited" : value}`];
  }).join("\n");
}
