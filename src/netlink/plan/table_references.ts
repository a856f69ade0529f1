/** The priorities and hash tables that filters of a plan stand in and point to. */

import { u32BucketText, u32Handle } from "../route/tc/handle.ts";
import { filters } from "./filters.ts";
import type { Context, Item, Section } from "./section.ts";
import { isTable, tablesOf } from "./u32_tables.ts";

/**
 * Refuses filters that the kernel would refuse half-way, or list elsewhere: a priority is of one kind
 * and protocol, and a hash table of one priority.
 *
 * @param wanted what is declared, by section and key
 * @param lost links that go, with everything on them
 * @throws {TypeError} that names the filter
 */
export async function checkTables(
  context: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
): Promise<void> {
  const declared = wanted.get(filters)!;
  checkPriorities(declared);
  const refuse = (key: string, why: string) => {
    throw new TypeError(`Cannot plan filter ${key}: ${why}`);
  };
  const tables = await tablesAfter(context, declared, lost);
  for (const [key, item] of declared) {
    const { options, handle, kind } = item, { table, nextTable } = (options ?? {}) as Item;
    if (kind !== "u32") continue;
    const find = (name: unknown) => {
      const text = u32BucketText(u32Handle("table", String(name)) & ~0xfffff);
      return tables.get(`${tablesOf(item)} ${text}`) ??
        refuse(key, `hash table ${text} is neither declared nor there`);
    };
    if (isTable(item)) {
      const own = find(u32BucketText(handle as number));
      if (own !== item) refuse(key, `that hash table is of priority ${own!.priority} already`);
    }
    if (nextTable !== undefined) find(nextTable);
    if (table === undefined) continue;
    const at = find(table)!, bucket = (handle as number) >>> 12 & 0xff;
    if (placeOf(at) !== placeOf(item)) refuse(key, `its hash table is of ${placeOf(at)}`);
    const { divisor } = at.options as { divisor: number };
    if (bucket >= divisor) refuse(key, `its hash table has ${divisor} buckets`);
  }
}

const placeOf = ({ link, parent, chain, priority }: Item) =>
  `${link} ${parent} chain ${chain} priority ${priority}`;

function checkPriorities(declared: ReadonlyMap<string, Item>): void {
  const first = new Map<string, Item>();
  for (const [key, item] of declared) {
    const other = first.get(placeOf(item)) ?? item;
    first.set(placeOf(item), other);
    const name = ["kind", "protocol"].find((name) => item[name] !== other[name]);
    if (name === undefined) continue;
    const why = `others of its priority are of ${name} ${other[name]}, and not ${item[name]}`;
    throw new TypeError(`Cannot plan filter ${key}: ${why}`);
  }
}

/** The hash tables that there will be, by queueing discipline and number. */
async function tablesAfter(
  context: Context,
  declared: ReadonlyMap<string, Item>,
  lost: ReadonlySet<string>,
): Promise<Map<string, Item>> {
  const { prune = {} } = context.desired, out = new Map<string, Item>();
  const put = (item: Item) => {
    const name = `${tablesOf(item)} ${u32BucketText(item.handle as number)}`;
    if (isTable(item) && !out.has(name)) out.set(name, item);
  };
  const used = [...declared.values()].some(({ kind, handle, options }) =>
    kind === "u32" &&
    (handle !== undefined || (options as Item | undefined)?.nextTable !== undefined)
  );
  for (const item of used ? await filters.read(context) : []) {
    const gone = lost.has(String(item.link)) || filters.pruned(item, prune);
    if (!gone && !declared.has(filters.key(item))) put(item);
  }
  for (const item of declared.values()) put(item);
  return out;
}
