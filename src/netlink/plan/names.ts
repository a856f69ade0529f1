/** Names of links change hands. */

import type { Change } from "./change.ts";
import { peerName } from "./links.ts";
import type { Context, Item } from "./section.ts";

/**
 * Takes from links the names that they shall not have any more, before others get them, and gives
 * other ends of pairs theirs.
 */
export async function freeNames(context: Context, changes: readonly Change[]): Promise<void> {
  const { nl, links, options } = context;
  for (const { key, before, after, differences } of changes) {
    if (!differences.includes("altNames")) continue;
    const wanted = after!.altNames as string[], had = (before!.altNames ?? []) as string[];
    const gone = had.filter((name) => !wanted.includes(name));
    if (gone.length > 0) await nl.links.deleteAltNames(key, gone, options);
  }
  const renamed = changes.filter(({ differences, after }) =>
    differences.includes("peer") && peerName(after!) !== undefined
  ).map(({ before, after }) => ({ from: peerName(before!)!, name: peerName(after!)! }));
  const index = (from: string) => links.find(({ name }) => name === from)!.index;
  // Names that change hands in a circle are free for a moment.
  for (const { from } of renamed.filter(({ from }) => renamed.some((r) => r.name === from))) {
    await nl.links.set(index(from), { name: `~${index(from)}` }, options);
  }
  for (const { from, name } of renamed) await nl.links.set(index(from), { name }, options);
}

// A link that the kernel does not accept before others are there that come after it.
const LATER = ["primary", "activePort"];

/** A change of a link, and the part of it that needs other links to be ports already. */
export function twoParts(change: Change): readonly [now: Change, later?: Change] {
  const { action, after, key, object } = change, now: Record<string, unknown> = { ...after };
  const told = (name: string) =>
    after![name] !== undefined && (action !== "set" || change.differences.includes(name));
  const later: Record<string, unknown> = {};
  for (const name of LATER.filter(told)) {
    later[name] = after![name];
    delete now[name];
  }
  const { backupPort, ...port } = (told("bridgePort") ? after!.bridgePort : {}) as Item;
  if (backupPort !== undefined) {
    later.bridgePort = { backupPort };
    if (Object.keys(port).length > 0) now.bridgePort = port;
    else delete now.bridgePort;
  }
  const names = Object.keys(later);
  if (names.length === 0) return [change];
  const differences = change.differences.filter((name) => now[name] !== undefined);
  const item = { name: key, kind: after!.kind, ...later };
  return [
    { ...change, after: now, differences },
    { action: "set", object, key, before: {}, after: item, differences: names },
  ];
}
