/** Checks a declaration before the kernel is asked for anything. */

import { Writer } from "../codec/writer.ts";
import type { Connection } from "../connection.ts";
import type { Ask } from "../exchange.ts";
import { routeObjects } from "../route/objects.ts";
import { about, bad, integer, under } from "../check.ts";
import { familyNumber } from "../route/input.ts";
import { kindData, kindOptionNames } from "../route/link_kinds.ts";
import { protocolValue } from "../route/names.ts";
import type { RouteConnection } from "../route_connection.ts";
import type { Desired } from "./desired.ts";
import type { Context, Item, Section } from "./section.ts";
import { checkShape, type Shapes } from "../route/shape.ts";
import { DESIRED } from "./shapes.ts";

/**
 * The declared items of each section by key, in the form that the kernel's have.
 *
 * @throws {TypeError | RangeError} that names the path to the first value that is wrong, and it
 */
export async function declared(
  sections: readonly Section[],
  desired: Desired,
): Promise<Map<Section, Map<string, Item>>> {
  checkShape("", desired, DESIRED as Shapes);
  checkScopes(desired);
  const context = rehearsal(desired), out = new Map<Section, Map<string, Item>>();
  for (const section of sections) {
    const items = new Map<string, Item>();
    const all = (desired[section.name] ?? []) as readonly Item[];
    for (const [i, entry] of all.entries()) {
      const path = `${section.name}[${i}]`;
      let key: string;
      try {
        checkPeer(entry);
        const item = section.normal(entry);
        await section.create(context, here(item));
        key = section.key(item);
        if (!items.has(key)) {
          items.set(key, item);
          continue;
        }
      } catch (error) {
        throw located(asDeclared(error as Error, entry), path, entry);
      }
      throw bad(path, `another one: ${section.object} ${key} is declared twice`, entry);
    }
    out.set(section, items);
  }
  return out;
}

/** Without the namespace of a peer, which would have to be opened. */
function here(item: Item): Item {
  const { peer } = item as { peer?: object | string };
  return typeof peer === "object" ? { ...item, peer: { ...peer, netns: undefined } } : item;
}

function checkPeer({ peer }: Item): void {
  const { netns } = (peer ?? {}) as { netns?: unknown };
  if (netns !== undefined && !isNamespace(netns)) {
    throw bad("peer.netns", "a name, or an object with name, path, pid or fd", netns);
  }
}

/** Whether a value says which namespace is meant. */
function isNamespace(value: unknown): boolean {
  if (typeof value === "string") return /^[^\0]+$/.test(value);
  const [[name, inner] = [], ...more] = Object.entries(Object(value));
  if (more.length > 0) return false;
  if (name === "pid" || name === "fd") return Number.isInteger(inner) && inner as number >= 0;
  return (name === "name" || name === "path") && typeof inner === "string" && isNamespace(inner);
}

function checkScopes({ prune = {} }: Desired): void {
  for (const name of ["nexthops", "rules"] as const) {
    const range = prune[name];
    if (range === undefined) continue;
    if (!(range.length === 2 && range[0] <= range[1])) {
      throw bad(`prune.${name}`, "[first, last] in order", range);
    }
    range.forEach((end, i) => integer(`prune.${name}[${i}]`, end, 0, 0xffffffff));
  }
  for (const [i, { table, family, protocol }] of (prune.routes ?? []).entries()) {
    const path = `prune.routes[${i}].`;
    if (table !== undefined) integer(`${path}table`, table, 1, 0xffffffff);
    if (protocol !== undefined) protocolValue(`${path}protocol`, protocol);
    familyNumber(`${path}family`, family);
  }
}

/** An error about an attribute of a link's kind, as one about the option that was declared for it. */
function asDeclared(error: Error, entry: Item): Error {
  const { parameter } = error as { parameter?: string };
  const attribute = /^linkinfo\.data\.([^.]+)$/.exec(parameter ?? "")?.[1],
    kind = String(entry?.kind);
  const option = attribute && kindOptionNames(kind).find((name) =>
    entry[name] !== undefined &&
    attribute in (kindData(kind, { [name]: entry[name] }, false).data ?? {})
  );
  if (!option) return error;
  const message = error.message.replace(parameter!, option);
  return about(option, new TypeError(message, { cause: error }));
}

/** An error with the path to the value in its message; `entry` is what was declared. */
function located(error: Error, path: string, entry: Item): Error {
  return under(`${path}.`, error) ??
    new TypeError(`${bad(path, "well-formed", entry).message} (${error.message})`, {
      cause: error,
    });
}

/** A context in which everything is written as if for the kernel, and nothing is sent. */
function rehearsal(desired: Desired): Context {
  const writer = new Writer(), there = { index: 1 };
  const connection = {
    change(ask: Ask): Promise<void> {
      writer.length = 0;
      ask.write(writer);
      return Promise.resolve();
    },
    get: () => Promise.resolve(there),
  } as unknown as Connection;
  const nl = routeObjects(connection) as unknown as RouteConnection;
  return { nl, desired, links: [], nameOf: () => undefined };
}
