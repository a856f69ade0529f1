/** The state of the kernel at one point of a feed's stream of events. */

import type { Words } from "./codec/words.ts";
import type { Connection } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { NLM_F_DUMP } from "./protocol.ts";
import type { Link } from "./route/link.ts";
import type { Feed } from "./watch_feed.ts";
import type { KindSpec, WatchItems, WatchKind } from "./watch_kinds.ts";
import { Pauses } from "./watch_pause.ts";
import { concerns, Table, type TableChange } from "./watch_table.ts";

/** The kinds that are watched. */
export type Specs = ReadonlyMap<WatchKind, KindSpec<object>>;
/** What is known of each kind. */
export type Tables = Map<WatchKind, Table<object>>;
/** What is known of each kind, as plain lists. */
export type WatchState<K extends WatchKind> = { readonly [P in K]: readonly WatchItems[P][] };

/** Items of a dump between two looks at the feed, whose buffer must not overflow meanwhile. */
const STRIDE = 512;

const RTM_NEWLINK = 16, IFLA_EXT_MASK = 29, RTEXT_FILTER_MRP = 16; // linux/rtnetlink.h

/** A message that was copied out of the receive buffer. */
export function copied(w: Words, at: number): Words {
  return w.slice(at, at + ((w[at] + 3) >>> 2));
}

/**
 * Forgets what the feed has queued up, lists everything, and applies what happened meanwhile: events
 * that the feed gives from then on come after the state, never from before it. While events overrun
 * the receive buffer, or interrupt the lists, it tries again: with a larger buffer, and after longer
 * and longer pauses of up to 250 ms, until it gets through or the signal ends it.
 *
 * @throws {NetlinkError} when listing fails otherwise
 */
export async function snapshot(
  feed: Feed,
  connection: Connection,
  specs: Specs,
  signal: AbortSignal,
): Promise<Tables> {
  const pauses = new Pauses(signal);
  for (;;) {
    feed.drain();
    const events: Words[] = [];
    let overrun = false;
    const keep = (w: Words, at: number) => void events.push(copied(w, at));
    const collect = () => {
      for (let found; !overrun && (found = feed.read(keep)) !== "nothing";) {
        overrun = found === "overrun";
      }
      return !overrun;
    };
    const tables: Tables = new Map();
    // Routes after what they may go with, or else nothing would tell that they have.
    const ordered = [...specs].sort(([a], [b]) => Number(a === "route") - Number(b === "route"));
    for (const [name, spec] of ordered) {
      const table = await list(connection, name, spec, { collect, pauses, signal });
      if (table === undefined) break;
      tables.set(name, table);
    }
    signal.throwIfAborted();
    if (collect()) {
      for (const w of events) apply(tables, specs, w);
      if (!uncounted(tables, specs)) return tables;
    } else feed.grow();
    await pauses.pause();
  }
}

/** Whether it is unknown how many there are of what may be there more than once. */
function uncounted(tables: Tables, specs: Specs): boolean {
  return [...specs].some(([kind, { repeats }]) => repeats && tables.get(kind)!.unsure);
}

/** What a message has done to one of several tables. */
export type Applied = TableChange<object> & { readonly kind: WatchKind };

/** Does to the tables what the message at the start of `w` says, which becomes theirs. */
export function apply(tables: Tables, specs: Specs, w: Words): Applied | undefined {
  for (const [kind, spec] of specs) {
    if (!concerns(spec, w, 0)) continue;
    const change = tables.get(kind)!.apply(w, 0);
    if (change === undefined) return undefined;
    const applied = { kind, ...change }, routes = tables.get("route");
    if (routes !== undefined && takesRoutesAlong(applied)) routes.unsure = true;
    return applied;
  }
  return undefined;
}

/** Whether the kernel drops or changes routes with this without a word. */
function takesRoutesAlong({ kind, action, item, before }: Applied): boolean {
  if (kind === "address" || kind === "nexthop") return action === "delete";
  if (kind !== "link") return false;
  return action === "delete" || ((before as Link | undefined)?.up === true && !(item as Link).up);
}

/** How a list is read while events come: `collect` takes them in and tells whether all were there. */
interface Listing {
  readonly collect: () => boolean;
  readonly pauses: Pauses;
  readonly signal: AbortSignal;
}

/** Everything of one kind, or nothing if events were lost meanwhile. */
async function list(
  connection: Connection,
  name: WatchKind,
  spec: KindSpec<object>,
  { collect, pauses, signal }: Listing,
): Promise<Table<object> | undefined> {
  const ask = () => ({
    type: spec.type + 2,
    flags: NLM_F_DUMP,
    operation: `list every ${name}`,
    write: (writer: { word(value: number): void }) => {
      for (let i = 0; i < spec.header; i++) writer.word(0);
      // Else the kernel ends the list of links in front of one beyond 32 KiB, as if that were all.
      if (spec.type === RTM_NEWLINK) {
        writer.word((IFLA_EXT_MASK << 16) | 8);
        writer.word(RTEXT_FILTER_MRP);
      }
    },
  });
  while (collect()) {
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
      if (!(error instanceof NetlinkError)) throw error;
      const cut = error.code === "EMSGSIZE" && connection.intact; // it fits from now on
      if (!error.isInterrupted && !cut) throw error;
    }
    // What changed while it was listed, or was cut: all of it is listed again.
    await pauses.pause();
  }
  return undefined;
}

/** Plain lists. */
export function stateOf<K extends WatchKind>(tables: Tables): WatchState<K> {
  const lists = [...tables].map(([name, table]) => [name, [...table]]);
  return Object.fromEntries(lists) as WatchState<K>;
}
