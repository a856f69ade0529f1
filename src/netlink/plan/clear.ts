/** Makes way for links: what stands in the way of one may come after it. */

import type { Change } from "./change.ts";
import { links, peerName } from "./links.ts";
import { type Context, gone } from "./section.ts";

/**
 * Takes from links what they shall not have any more, before others get it: their names, UDP ports,
 * MAC addresses and places. What is to be replaced goes.
 */
export async function clear(context: Context, changes: readonly Change[]): Promise<void> {
  const { nl, options } = context;
  // Ends of pairs that are to be made are set as well.
  const kept = changes.filter(({ action, before }) =>
    action === "set" && before!.name !== undefined
  );
  for (const { action, before } of changes) {
    options?.signal?.throwIfAborted();
    if (action === "replace") await gone(links.remove(context, before!));
  }
  const moves = kept.some(({ differences }) => differences.includes("link"));
  for (const { key, before, after, differences } of kept) {
    if (differences.includes("up") && after!.up === false) {
      await nl.links.set(key, { up: false }, options);
    }
    // What a port stood above may be to stand on it, or on what that stands on.
    if (moves && differences.includes("master") && before!.master !== null) {
      await nl.links.set(key, { master: null }, options);
    }
  }
  await freeAddresses(context, kept, changes);
  await freeNames(context, kept);
}

/** The kernel gives no macvlan an address that another one on its link has, up or down. */
async function freeAddresses(
  { nl, links, options }: Context,
  kept: readonly Change[],
  changes: readonly Change[],
): Promise<void> {
  const wanted = new Set(changes.map(({ after }) => after!.address));
  for (const { key, before, differences } of kept) {
    if (!differences.includes("address") || !wanted.has(before!.address)) continue;
    const { kind, index } = links.find(({ name }) => name === key)!;
    if (!kind?.startsWith("macv")) continue;
    const bytes = index.toString(16).padStart(8, "0").match(/../g)!;
    await nl.links.set(key, { address: `fe:ff:${bytes.join(":")}` }, options);
  }
}

/** Takes further names away, and gives other ends of pairs theirs. */
async function freeNames(context: Context, kept: readonly Change[]): Promise<void> {
  const { nl, links, options } = context;
  for (const { key, before, after, differences } of kept) {
    if (!differences.includes("altNames")) continue;
    const wanted = after!.altNames as string[], had = (before!.altNames ?? []) as string[];
    const gone = had.filter((name) => !wanted.includes(name));
    if (gone.length > 0) await nl.links.deleteAltNames(key, gone, options);
  }
  const renamed = kept.filter(({ differences, after }) =>
    differences.includes("peer") && peerName(after!) !== undefined
  ).map(({ before, after }) => ({ from: peerName(before!)!, name: peerName(after!)! }));
  const index = (from: string) => links.find(({ name }) => name === from)!.index;
  // Names that change hands in a circle are free for a moment.
  for (const { from } of renamed.filter(({ from }) => renamed.some((r) => r.name === from))) {
    await nl.links.set(index(from), { name: `~${index(from)}` }, options);
  }
  for (const { from, name } of renamed) await nl.links.set(index(from), { name }, options);
}
