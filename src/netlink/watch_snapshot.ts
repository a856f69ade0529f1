/** The state of the kernel at one point of a feed's stream of events. */

import type { Words } from "./codec/words.ts";
import type { Connection } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { NLM_F_DUMP } from "./protocol.ts";
import type { Feed } from "./watch_feed.ts";
import type { KindSpec, WatchItems, WatchKind } from "./watch_kinds.ts";
import { concerns, Table } from "./watch_table.ts";

/** The kinds that are watched. */
export type Specs = ReadonlyMap<WatchKind, KindSpec<object>>;
/** What is known of each kind. */
export type Tables = Map<WatchKind, Table<object>>;
/** What is known of each kind, as plain lists. */
export type WatchState<K extends WatchKind> = { readonly [P in K]: readonly WatchItems[P][] };

const ENOBUFS = 105;
const ATTEMPTS = 20;
/** Items of a dump between two looks at the feed, whose buffer must not overflow meanwhile. */
const STRIDE = 512;

/** A message that was copied out of the receive buffer. */
export function copied(w: Words, at: number): Words {
  return w.slice(at, at + ((w[at] + 3) >>> 2));
}

/**
 * Forgets what the feed has queued up, lists everything, and applies what happened meanwhile: events
 * that the feed gives from then on come after the state, never from before it.
 *
 * @throws {NetlinkError} `ENOBUFS` when events overran the receive buffer each of 20 times
 */
export async function snapshot(
  feed: Feed,
  connection: Connection,
  specs: Specs,
  signal: AbortSignal,
): Promise<Tables> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    feed.drain();
    const events: Words[] = [];
    let overrun = false;
    const collect = () => {
      for (let found; !overrun && (found = feed.read((w, at) => events.push(copied(w, at))));) {
        if (found === "nothing") return;
        overrun = found === "overrun";
      }
    };
    const tables: Tables = new Map();
    for (const [name, spec] of specs) {
      if (overrun) break;
      tables.set(name, await list(connection, name, spec, collect, signal));
    }
    collect();
    signal.throwIfAborted();
    if (overrun) continue;
    for (const w of events) apply(tables, specs, w);
    return tables;
  }
  throw new NetlinkError(`events came faster than they were read, ${ATTEMPTS} times in a row`, {
    errno: ENOBUFS,
    operation: "watch",
  });
}

/** Does to the tables what a message says. */
function apply(tables: Tables, specs: Specs, w: Words): void {
  for (const [name, spec] of specs) {
    if (concerns(spec, w, 0)) tables.get(name)!.apply(w, 0);
  }
}

async function list(
  connection: Connection,
  name: WatchKind,
  spec: KindSpec<object>,
  collect: () => void,
  signal: AbortSignal,
): Promise<Table<object>> {
  const ask = () => ({
    type: spec.type + 2,
    flags: NLM_F_DUMP,
    operation: `list every ${name}`,
    write: (writer: { word(value: number): void }) => {
      for (let i = 0; i < spec.header; i++) writer.word(0);
    },
  });
  for (let attempt = 1;; attempt++) {
    const table = new Table(spec);
    const add = (w: Words, at: number) => {
      if (concerns(spec, w, at)) table.add(w, at);
    };
    try {
      let n = 0;
      for await (const _ of connection.list(ask, add, { whole: false, signal })) {
        if (++n % STRIDE === 0) collect();
      }
      return table;
    } catch (error) {
      // What changed while it was listed: all of it is listed again.
      const again = error instanceof NetlinkError && error.isInterrupted && attempt < ATTEMPTS;
      if (!again) throw error;
    }
    collect();
    await connection.channel.adapter.breathe();
  }
}

/** Plain lists. */
export function stateOf<K extends WatchKind>(tables: Tables): WatchState<K> {
  const lists = [...tables].map(([name, table]) => [name, [...table]]);
  return Object.fromEntries(lists) as WatchState<K>;
}
