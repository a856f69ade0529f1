import type { KeyedPoolOptions } from "./keyed.ts";
import type { Observer } from "./observer.ts";
import type { PoolOptions } from "./options.ts";
import { show } from "./show.ts";
import type { UseOptions } from "./types.ts";

/** Refuses a value that an option cannot have; `label` is what the user calls the option. */
export type Rule = (label: string, value: unknown) => void;

/** Rules by the name of the option. */
export type Rules = Readonly<Record<string, Rule>>;

const refusal = (label: string, form: string, value: unknown): string =>
  `Cannot use ${label}: it must be ${form}, current value is ${show(value)}`;

const number = (form: string, least: number, fits: (value: number) => boolean): Rule => {
  return (label, value) => {
    if (typeof value !== "number") throw new TypeError(refusal(label, form, value));
    if (value >= least && fits(value)) return;
    throw new RangeError(refusal(label, `${form}, at least ${least}`, value));
  };
};

const whole = Number.isSafeInteger;

/** A whole number. */
export const count = (least: number): Rule => number("a whole number", least, whole);

/** The same, or none. */
export const limit = (least: number): Rule =>
  number("a whole number", least, (value) => value === Infinity || whole(value));
const ms = (least: number): Rule => number("a number of ms", least, () => true);

/** Any number of milliseconds. */
export const duration: Rule = ms(0);

/** What is not of a kind is refused. */
export const kind = (form: string, is: (value: unknown) => boolean): Rule => (label, value) => {
  if (!is(value)) throw new TypeError(refusal(label, form, value));
};

const oneOf = (...values: unknown[]): Rule =>
  kind(values.map(show).join(" or "), (value) => values.includes(value));

/** Anything that can be called. */
export const callable: Rule = kind("of type function", (value) => typeof value === "function");

/** Text. */
export const text: Rule = kind("of type string", (value) => typeof value === "string");

/** True or false, and nothing that counts as one of them. */
export const flag: Rule = oneOf(true, false);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object, which a list is not. */
export const object: Rule = kind("an object", isObject);

/** An object that has the `required` methods, and may have the others. */
export const methods = (required: readonly string[], others: readonly string[] = []): Rule => {
  return (label, value) => {
    if (typeof value !== "function") object(label, value);
    const all = value as Record<string, unknown>;
    for (const name of required) callable(`${label}.${name}`, all[name]);
    for (const name of others) {
      if (all[name] !== undefined) callable(`${label}.${name}`, all[name]);
    }
  };
};

/** What aborts. */
export const signal: Rule = kind(
  "an AbortSignal",
  (value) => isObject(value) && typeof value.aborted === "boolean" && "reason" in value,
);

const HOOKS: Readonly<Record<keyof Observer, true>> = {
  created: true,
  createFailed: true,
  destroyed: true,
  acquired: true,
  released: true,
  waiting: true,
  timedOut: true,
  aborted: true,
  evicted: true,
  leaked: true,
  failed: true,
  closed: true,
};

const DURATIONS = {
  idleTimeout: ms(1),
  maxLifetime: ms(1),
  acquireTimeout: ms(0),
  createTimeout: ms(1),
  checkTimeout: ms(1),
  destroyTimeout: ms(1),
  checkAfter: ms(0),
  leakAfter: ms(1),
  ageAfter: ms(1),
  createRetryDelay: ms(0),
  createRetryMaxDelay: ms(0),
  maintenanceInterval: ms(1),
};

/** Whether the option is a number of milliseconds. */
export const isDuration = (name: string): boolean => Object.hasOwn(DURATIONS, name);

/** What the options of a pool must be. */
export const poolRules: Readonly<Record<keyof PoolOptions, Rule>> = {
  name: text,
  maxSize: count(1),
  minIdle: count(0),
  maxWaiting: limit(0),
  maxUses: limit(1),
  ...DURATIONS,
  order: oneOf("lifo", "fifo"),
  createRetries: limit(0),
  maintenance: flag,
  observer: methods([], Object.keys(HOOKS)),
  onError: callable,
  clock: methods(["now", "setTimeout", "clearTimeout"]),
};

/** What the options of a keyed pool must be. */
export const keyedRules: Readonly<Record<keyof KeyedPoolOptions<unknown>, Rule>> = {
  ...poolRules,
  maxTotal: limit(1),
  identify: callable,
  optionsFor: callable,
};

/** What the options of one acquire, or of one use, must be. */
export const useRules: Readonly<Record<keyof UseOptions, Rule>> = {
  signal,
  timeout: duration,
  priority: oneOf("critical", "high", "normal", "low"),
  discardOnError: kind(
    "true, false or a function",
    (value) => typeof value === "boolean" || typeof value === "function",
  ),
};

/** What may be told to close. */
export const closeRules: Rules = { signal };

/**
 * Refuses bad values and, as they would else do nothing, names that nobody reads. An option that is
 * undefined counts as left out. What stands under an unknown name is not shown: it may be secret.
 *
 * @throws {TypeError | RangeError} naming the option, after the `path` to it, and its value
 */
export function assertOptions(what: string, options: unknown, rules: Rules, path = ""): void {
  object(path.slice(0, -1) || "options", options);
  for (const name in options as object) {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (Object.hasOwn(rules, name)) rules[name](path + name, value);
    else {
      const names = Object.keys(rules).join(", ");
      throw new TypeError(`Cannot use ${path}${name}: the options of ${what} are ${names}`);
    }
  }
}
