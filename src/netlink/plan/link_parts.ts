/** Changes of links that are made in two steps. */

import type { Change } from "./change.ts";
import type { Item } from "./section.ts";

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
