/** Hash tables of u32 in a plan. */

import { bad, integer } from "../check.ts";
import type { RequestOptions } from "../exchange.ts";
import type { Filter } from "../route/tc/filters.ts";
import { type Parent, u32BucketText, u32Handle } from "../route/tc/handle.ts";
import { type Context, gone, type Item } from "./section.ts";

const U32_ROOT = 0x800; // tables from this one on are numbered by the kernel

/** The text of a handle: "2:" of a hash table, "2:5:1" of what stands in one. */
export function u32Text(handle: number): string {
  const node = handle & 0xfff, bucket = u32BucketText(handle & ~0xfff);
  return node === 0 ? bucket : `${/:.+:/.test(bucket) ? bucket : `${bucket}:`}${node.toString(16)}`;
}

/**
 * What a declared filter says of hash tables: the number of its handle, and options that have the
 * bucket which follows from that.
 *
 * @throws {TypeError | RangeError} for a handle that does not fit the options
 */
export function inTables(item: Item): { handle?: number; options?: Item } {
  const { handle } = item, options = item.options as Item | undefined;
  const { divisor, table } = options ?? {};
  if (handle === undefined) {
    if (divisor !== undefined) throw bad("handle", "given, such as 2:, for a hash table", handle);
    if (table !== undefined) throw bad("handle", "given, such as 2:5:1, in a hash table", handle);
    return { options };
  }
  const number = typeof handle === "string"
    ? u32Handle("handle", handle)
    : integer("handle", handle as number, 0, 0xffffffff);
  const own = number >>> 20, bucket = u32BucketText(number & ~0xfff);
  const isOwn = own > 0 && own < U32_ROOT;
  if (!isOwn || (divisor === undefined) !== ((number & 0xfff) !== 0)) {
    const form = divisor === undefined ? "one in a hash table, such as 2:5:1" : "such as 2:";
    throw bad("handle", `${form}, of a table from 1: to 7ff:`, handle);
  }
  if (divisor !== undefined) {
    if ((number & 0xfffff) !== 0) throw bad("handle", "such as 2:, of a hash table", handle);
    return { handle: number, options };
  }
  if (table !== undefined && u32Handle("options.table", table as string) >>> 12 !== number >>> 12) {
    throw bad("options.table", `${bucket}, that of the handle`, table);
  }
  return { handle: number, options: { ...options, table: bucket } };
}

/** Whether an item is a hash table. */
export function isTable({ kind, options }: Item): boolean {
  return kind === "u32" && "divisor" in ((options ?? {}) as Item);
}

/** The queueing discipline whose hash tables a filter can use. */
export function tablesOf({ link, parent }: Item): string {
  const major = String(parent).split(":")[0];
  return `${link} ${["ingress", "egress"].includes(major) ? "ingress" : major}`;
}

/** What points to a hash table, and what stands in it after that. */
export function usersOf(table: Item, all: readonly Item[]): Item[] {
  const number = table.handle as number,
    near = all.filter((item) => item.kind === "u32" && tablesOf(item) === tablesOf(table));
  const points = near.filter(({ options }) =>
    (options as Item | undefined)?.nextTable === u32BucketText(number)
  );
  const stands = near.filter((item) =>
    !isTable(item) && (item.handle as number ?? 0) >>> 20 === number >>> 20 &&
    !points.includes(item)
  );
  return [...points, ...stands];
}

/** Whether what used a hash table has its place in one of another size. */
export function fits({ handle }: Item, table: Item): boolean {
  const number = handle as number ?? 0, own = table.handle as number;
  const { divisor } = table.options as { divisor: number };
  return number >>> 20 !== own >>> 20 || (number >>> 12 & 0xff) < divisor;
}

/**
 * Deletes a filter of u32, a hash table or what stands in one; of the priority's own table all. Other
 * tables of the priority stay.
 */
export async function removeU32({ nl, options }: Context, item: Item): Promise<void> {
  const { link, parent, priority, protocol, chain, handle } = item as unknown as U32Ref;
  const kind = "u32", at = { link, parent, priority, protocol, chain };
  const list = async (options?: RequestOptions) => {
    const all = await nl.filters.list({ ...options, link, parent, chain }).toArray();
    return all.filter((f) => f.priority === priority && f.kind === kind);
  };
  const before = await list(options), tables = before.filter(hasBuckets);
  if (tables.length === 0) return await nl.filters.delete(at, options);
  if (handle !== undefined) {
    await patiently(() => nl.filters.delete({ ...at, kind, handle }, options));
  } else {
    const root = tableOf(await nl.filters.get({ ...at, kind, handle: ROOT_TABLE }, options));
    for (const { handle } of before.filter((f) => tableOf(f) === root)) {
      await nl.filters.delete({ ...at, kind, handle }, options);
    }
  }
  // With its last filter the kernel deletes a priority: no interruption comes before its tables are back.
  const calm = { ...options, signal: undefined }, left = await list(calm);
  for (const { handle: own, options } of tables) {
    if (own === handle || left.some((f) => f.handle === own)) continue;
    await nl.filters.add({ ...at, kind, handle: own, options }, calm);
  }
  // An empty one would keep its protocol from others.
  if (left.length === 0 && tables.every((table) => table.handle === handle)) {
    await gone(nl.filters.delete(at, calm));
  }
}

interface U32Ref {
  link: string;
  parent: Parent;
  priority: number;
  protocol: string | number;
  chain: number;
  handle?: number;
}

function hasBuckets({ options }: Filter): boolean {
  return options !== undefined && "divisor" in options;
}

const PATIENCE = 100, PAUSE = 10; // tries, and milliseconds between them

/** Deletes what the kernel holds to be in use a while after that is gone which used it. */
async function patiently(remove: () => Promise<void>): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return await remove();
    } catch (error) {
      if (!(error as { isBusy?: boolean }).isBusy || tries === PATIENCE) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** A filter where it was listed. */
export interface Listed {
  filter: Filter;
  link: string;
  parent: Parent;
  /** The queueing discipline that the parent belongs to. */
  qdisc: string;
  /** Whether it is a hash table of u32 that somebody made, or in one. */
  inTable?: boolean;
}

const ROOT_TABLE = 0xfff00000; // TC_U32_ROOT
const tableOf = ({ handle }: Filter) => handle >>> 20;

/**
 * Without those of elsewhere: u32 keeps the hash tables of a queueing discipline together, and lists
 * all of one priority with each parent and chain that has it. Tables that somebody made are those of
 * the first.
 */
export async function ownOf({ nl, options }: Context, found: readonly Listed[]): Promise<Listed[]> {
  const groups = new Map<string, Map<string, Listed[]>>();
  for (const entry of found) {
    const { filter, link, parent, qdisc } = entry;
    if (filter.kind !== "u32") continue;
    const group = `${link} ${qdisc} ${filter.priority}`, place = `${parent} ${filter.chain}`;
    const places = groups.get(group) ?? new Map<string, Listed[]>();
    const entries = places.get(place) ?? [];
    groups.set(group, places.set(place, entries));
    entries.push(entry);
  }
  const strangers = new Set<Listed>();
  for (const places of groups.values()) {
    const roots = new Map<string, number>();
    for (const [place, entries] of places) {
      const tables = new Set(entries.map(({ filter }) => tableOf(filter)));
      const made = entries.some(({ filter }) => filter.options && "divisor" in filter.options);
      if (places.size === 1 && tables.size === 1 && !made) continue;
      const { filter: { link, priority, protocol, chain, kind }, parent } = entries[0];
      const ref = { link, parent, priority, protocol, chain, kind, handle: ROOT_TABLE };
      roots.set(place, tableOf(await nl.filters.get(ref, options)));
    }
    const all = new Set(roots.values()), [firstPlace] = places.keys();
    for (const [place, root] of roots) {
      for (const entry of places.get(place)!) {
        const table = tableOf(entry.filter);
        if (table === root) continue;
        if (!all.has(table) && place === firstPlace) entry.inTable = true;
        else strangers.add(entry);
      }
    }
  }
  return found.filter((entry) => !strangers.has(entry));
}
