/** How one sort of objects is read, compared and changed. */

import type { RequestOptions } from "../exchange.ts";
import { ipv4Text, ipv6Text } from "../codec/address.ts";
import { bad, under } from "../check.ts";
import { address, type LinkRef, mac, prefix } from "../route/input.ts";
import type { Link } from "../route/link.ts";
import type { RouteConnection } from "../route_connection.ts";
import type { Desired, Prune } from "./desired.ts";

/** An object in the form in which it is declared, links by name. */
export type Item = Readonly<Record<string, unknown>>;

/** The kernel's state as far as it was read. */
export interface Context {
  /** The connection. */
  readonly nl: RouteConnection;
  /** What is wanted. */
  readonly desired: Desired;
  /** The links there are. */
  readonly links: readonly Link[];
  /** How requests are made. */
  readonly options?: RequestOptions;
  /** Name of a link. */
  nameOf(link: LinkRef | undefined): string | undefined;
}

/** One sort of objects. */
export interface Section {
  /** Its name in the declaration. */
  readonly name: Exclude<keyof Desired, "prune">;
  /** One of it, in words. */
  readonly object: string;
  /** Checks a declared item, and gives it the form that the kernel's items have. */
  normal(item: Item): Item;
  /** What identifies an item. */
  key(item: Item): string;
  /** What the kernel has. */
  read(context: Context): Promise<Item[]>;
  /** Names of the declared properties that differ. */
  differs(declared: Item, current: Item): string[];
  /** Whether the differences can be changed in place. */
  inPlace(declared: Item, differences: readonly string[], current: Item): boolean;
  /** Makes an item. */
  create(context: Context, item: Item): Promise<void>;
  /** Changes an item in place. */
  set(context: Context, item: Item, current: Item, differences: readonly string[]): Promise<void>;
  /** Deletes an item. */
  remove(context: Context, item: Item): Promise<void>;
  /** Deletes an item and makes it as it shall be; `remove` and `create` by default. */
  swap?(context: Context, item: Item, current: Item): Promise<void>;
  /** Whether an undeclared item is in a scope that shall be pruned. */
  pruned(item: Item, prune: Prune): boolean;
  /** Whether an item can be made again when something else took it along. */
  own(item: Item): boolean;
  /** Changes of lower rank are made first, and undone last. */
  rank(item: Item): number;
}

/** Whether a name is in a list of names, of which some may end in "*". */
export function matches(names: readonly string[] | undefined, name: unknown): boolean {
  return names?.some((pattern) =>
    pattern.endsWith("*") ? String(name).startsWith(pattern.slice(0, -1)) : pattern === name
  ) ?? false;
}

/** Milliseconds that go over the wire as USER_HZ, or are kept in ticks. */
const HUNDREDTHS = new Set([
  "forwardDelay",
  "helloTime",
  "maxAge",
  "ageingTime",
  "multicastQueryInterval",
  "multicastMembershipInterval",
  "multicastStartupQueryInterval",
  "multicastQueryResponseInterval",
  "multicastQuerierInterval",
  "multicastLastMemberInterval",
  "idleTimeout",
  "unbalancedTimeout",
  "refillDelayMs",
]);

/** Whether two plain values are alike. Times and bursts that a clock tick rounds count as alike. */
export function alike(a: unknown, b: unknown, name = ""): boolean {
  if (a === b) return true;
  if (typeof a === "number" && typeof b === "number") {
    // Set in hundredths of a second and kept in the kernel's own ticks, which may be coarser than that.
    if (HUNDREDTHS.has(name)) return Math.abs(a - b) <= 10;
    if (name.endsWith("Ms")) return Math.abs(a - b) <= 0.0025 + 0.001 * Math.abs(a);
    // A tick of 64 nanoseconds at a gigabyte per second is 64 bytes.
    if (/urstBytes$/.test(name)) return Math.abs(a - b) <= 2 + 0.02 * Math.abs(a);
    return false;
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) =>
    alike((a as Item)[key], (b as Item)[key], Array.isArray(a) ? name : key)
  );
}

/** Names of the declared properties that the kernel has otherwise, of those listed. */
export function unlike(declared: Item, current: Item, names: readonly string[]): string[] {
  return names.filter((name) =>
    declared[name] !== undefined && !alike(declared[name], current[name], name)
  );
}

/** An address in the form of RFC 5952. */
export function canonicalIp(parameter: string, text: unknown): string {
  const { words } = address(parameter, text as string), w = Int32Array.from(words);
  return words.length === 1 ? ipv4Text(w, 0) : ipv6Text(w, 0);
}

/** A MAC address as the kernel writes it. */
export function canonicalMac(parameter: string, text: unknown): string {
  return mac(parameter, text as string).toLowerCase().replaceAll("-", ":");
}

/** An address with its prefix length. */
export function canonicalPrefix(parameter: string, text: unknown): string {
  const { words, length } = prefix(parameter, text as string), w = Int32Array.from(words);
  return `${words.length === 1 ? ipv4Text(w, 0) : ipv6Text(w, 0)}/${length}`;
}

/** Does something with what stands at `path` inside an item, which its errors are told. */
export function inside<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw under(path, error as Error) ?? error;
  }
}

/** Whether an address stands for none. */
export function isNowhere(address: unknown): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** An address, undefined for the one that stands for none. */
export function someIp(parameter: string, text: unknown): string | undefined {
  const address = text === undefined ? undefined : canonicalIp(parameter, text);
  return isNowhere(address) ? undefined : address;
}

/** Refuses what has no meaning in an item of some sort, which the kernel would ignore or refuse. */
export function without(item: Item, names: readonly string[], why: string): void {
  for (const name of names) {
    const value = item[name];
    if (value !== undefined && value !== false) throw bad(name, `absent, ${why}`, value);
  }
}

/** A copy without what is undefined. */
export function tidy(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
}

/** Waits for a deletion; what is to go may have gone with something that was deleted before. */
export async function gone(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error as { isNotFound?: boolean }).isNotFound) throw error;
  }
}

/** Checks a link's name. */
export function linkText(item: Item): string {
  const { link } = item;
  if (typeof link === "string" && link !== "") return link;
  throw bad("link", "a link's name", link);
}
