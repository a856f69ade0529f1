/** What a plan consists of. */

import type { Desired } from "./desired.ts";
import type { Item } from "./section.ts";

/** One step from what is to what shall be. */
export interface Change {
  /** "replace" deletes and creates, where the kernel cannot change in place. */
  readonly action: "create" | "set" | "replace" | "delete";
  /** The sort of object: "link", "address", "neighbour", "route", "rule", ... */
  readonly object: string;
  /** Which one, in words. */
  readonly key: string;
  /** It as it is; undefined if it is created. */
  readonly before?: Readonly<Record<string, unknown>>;
  /** It as it shall be; undefined if it is deleted. */
  readonly after?: Readonly<Record<string, unknown>>;
  /** The properties that differ, of one that is set or replaced. */
  readonly differences: readonly string[];
}

const SIGNS = { create: "+", set: "~", replace: "±", delete: "-" };

/**
 * What {@linkcode plan} found, in the order in which {@linkcode apply} does it.
 *
 * @example
 * ```ts
 * import { plan, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const changes = await plan(nl, { routes: [{ destination: "10.12.0.0/16", link: "lo" }] });
 * console.log(changes.empty, String(changes)); // false + route 10.12.0.0/16 table 254 ...
 * for (const { action, object, after } of changes.changes) console.log(action, object, after);
 * ```
 */
export class Plan {
  /** The changes; none if everything is as it shall be. */
  readonly changes: readonly Change[];
  /** What was asked for. */
  readonly desired: Desired;

  /** @internal */
  constructor(desired: Desired, changes: readonly Change[]) {
    this.desired = desired;
    this.changes = changes;
  }

  /** Whether everything is as it shall be. */
  get empty(): boolean {
    return this.changes.length === 0;
  }

  /** A line for each change: "+ address eth0 10.0.0.1/24". */
  toString(): string {
    return this.changes.map(({ action, object, key, before, after, differences }) => {
      const line = `${SIGNS[action]} ${object} ${key}`;
      if (differences.length === 0) return line;
      const parts = differences.map((name) =>
        `${name} ${shown(before?.[name], after?.[name])} → ${shown(after?.[name])}`
      );
      return `${line}: ${parts.join(", ")}`;
    }).join("\n");
  }

  /** The changes as plain data. */
  toJSON(): readonly Change[] {
    return this.changes;
  }
}

/** A value as JSON; of an object, what the other side says something about. */
function shown(value: unknown, other: unknown = value): string {
  const isObject = (v: unknown): v is Item => typeof v === "object" && v !== null;
  const part = isObject(value) && isObject(other) && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(other).map((name) => [name, value[name]]))
    : value;
  return part === Infinity ? "forever" : JSON.stringify(part) ?? "unset";
}
