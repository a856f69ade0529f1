/** What changed between two tables of one kind. */

import type { BaseView } from "./codec/view.ts";
import { NLMSG_HEADER } from "./protocol.ts";
import type { Table, TableChange } from "./watch_table.ts";
import type { Turn } from "./turn.ts";

/** Items that are compared between two looks at the clock. */
const STRIDE = 128;

/**
 * Compares two tables: first what is gone, then what has changed or is new. An item has changed if
 * its plain copy has; the kernel's counters and ages are not part of that.
 */
export async function difference<T extends object>(
  old: Table<T>,
  now: Table<T>,
  turn: Turn,
): Promise<TableChange<T>[]> {
  const gone: TableChange<T>[] = [], changes: TableChange<T>[] = [];
  let n = 0;
  const rest = () => ++n % STRIDE === 0 && turn.over ? turn.next() : undefined;
  for (const key of old.keys()) {
    if (now.at(key).length === 0) {
      for (const item of old.at(key)) gone.push({ action: "delete", item });
    }
    await rest();
  }
  for (const key of now.keys()) {
    compare(old.at(key), now.at(key), now, gone, changes);
    await rest();
  }
  return [...gone, ...changes];
}

/** Compares what shares a key: like with like, and what is left one by one. */
function compare<T extends object>(
  old: readonly T[],
  now: readonly T[],
  table: Table<T>,
  gone: TableChange<T>[],
  changes: TableChange<T>[],
): void {
  const left = [...old], fresh: T[] = [];
  for (const item of now) {
    const i = now.length + old.length > 2 ? left.findIndex((other) => table.alike(other, item)) : 0;
    const [before] = i < 0 ? [] : left.splice(i, 1);
    if (before === undefined) fresh.push(item);
    else if (!same(before, item)) changes.push({ action: "change", item, before });
  }
  for (const item of fresh) {
    const before = left.shift();
    changes.push(before ? { action: "change", item, before } : { action: "add", item });
  }
  for (const item of left) gone.push({ action: "delete", item });
}

/** Most items are the same to the byte; counters and ages are all that differs in others. */
function same(a: object, b: object): boolean {
  return sameBytes(a as Viewed, b as Viewed) ||
    JSON.stringify(a, lasting) === JSON.stringify(b, lasting);
}

/** What passes by itself. */
const PASSING = new Set(["expires", "validLifetime", "preferredLifetime"]);

function lasting(name: string, value: unknown): unknown {
  return PASSING.has(name) ? undefined : value;
}

interface Viewed {
  readonly attributes: unknown;
}

function sameBytes(a: Viewed, b: Viewed): boolean {
  const one = a.attributes as BaseView, two = b.attributes as BaseView;
  const w = one._w, v = two._w, at = one._at, other = two._at;
  if (w[at] !== v[other]) return false;
  const words = (w[at] + 3) >>> 2;
  for (let i = NLMSG_HEADER >> 2; i < words; i++) if (w[at + i] !== v[other + i]) return false;
  return true;
}
