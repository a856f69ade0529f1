/** Events of any specified family, generic netlink's first of all. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { Codec } from "./codec/codec.ts";
import type { FamilySpec } from "./codec/spec.ts";
import { bytes, type Words } from "./codec/words.ts";
import { NetlinkError } from "./error.ts";
import type { Family } from "./family.ts";
import { pinned } from "./namespace.ts";
import { NetlinkConnection } from "./netlink_connection.ts";
import { checkOptions, FAMILY_WATCH } from "./options.ts";
import { Protocol } from "./protocol.ts";
import { type Families, families } from "./spec/mod.ts";
import type { WatchOptions } from "./watch.ts";
import { Feed, receiveBuffer } from "./watch_feed.ts";
import { feedSource } from "./watch_feed_source.ts";
import { copied } from "./watch_snapshot.ts";
import { Watch } from "./watch_stream.ts";

const ESTALE = 116;
/** How often a list is made anew because events came while it was made. */
const ATTEMPTS = 5;

/** What a family's notifications are: those with a name carry what the specification says. */
export type FamilyNotice<O> =
  | {
    [K in keyof O]: {
      /** Tells it from a resync. */
      readonly kind: "event";
      /** The notification, or the operation whose reply has the same form. */
      readonly operation: K;
      /** Its number. */
      readonly command: number;
      /** What it says. */
      readonly message: O[K] extends { event: infer E } ? E
        : O[K] extends { do: { request: infer Q; reply: infer R } } ? R extends undefined ? Q : R
        : O[K] extends { dump: { reply: infer R } } ? R
        : never;
    };
  }[keyof O]
  | {
    /** Tells it from a resync. */
    readonly kind: "event";
    /** One that the specification does not know. */
    readonly operation: undefined;
    /** Its number. */
    readonly command: number;
    /** The whole netlink message. */
    readonly message: Uint8Array;
  };

/** What {@linkcode watchFamily} gives. */
export type FamilyEvent<O, S> = FamilyNotice<O> | {
  /** Events were lost. */
  readonly kind: "resync";
  /**
   * What `list` gave after that. If events come while it is made, it is made anew, up to five times;
   * those that come during the last one are told after it, be they older than the state or not.
   */
  readonly state: S;
};

/** How {@linkcode watchFamily} listens. */
export interface FamilyWatchOptions<O, S> extends Omit<WatchOptions, "initial"> {
  /** Asks for everything anew after events were lost. */
  list?: (family: Family<O>) => Promise<S>;
}

/**
 * Listens to multicast groups of a family, by the names that the kernel gives them.
 *
 * @throws {NetlinkError} `ENOENT` when this kernel does not have the family
 * @throws {TypeError} for a family or a group that does not exist
 *
 * @example
 * ```ts
 * import { watchFamily } from "@x/pool/netlink";
 *
 * await using events = await watchFamily("ethtool", ["monitor"]);
 * setTimeout(() => events.close(), 10);
 * for await (const event of events) {
 *   if (event.kind === "event" && event.operation === "features-ntf") console.log(event.message);
 * }
 * ```
 */
export async function watchFamily<N extends keyof Families, S = undefined>(
  name: N,
  groups: string | readonly string[],
  options: FamilyWatchOptions<Families[N], S> = {},
): Promise<Watch<FamilyEvent<Families[N], S>>> {
  checkOptions("a watch of a family", options, FAMILY_WATCH);
  return await listen(name, groups, options);
}

/** The same; `namespace` is what `netns` has to mean, as the socket of a connection tells it. */
export async function listen<N extends keyof Families, S>(
  name: N,
  groups: string | readonly string[],
  options: FamilyWatchOptions<Families[N], S>,
  namespace?: string,
): Promise<Watch<FamilyEvent<Families[N], S>>> {
  type Event = FamilyEvent<Families[N], S>;
  const { signal, list } = options;
  signal?.throwIfAborted();
  receiveBuffer(options.receiveBuffer);
  const names = typeof groups === "string" ? [groups] : groups;
  if (!Array.isArray(names as unknown)) {
    throw new TypeError(
      `Cannot watch family ${name}: groups must be a name or names, current value is ${groups}`,
    );
  }
  if (names.length === 0) {
    throw new TypeError(`Cannot watch family ${name}: groups must name at least one`);
  }
  const adapter = options.adapter ?? await loadAdapter();
  return await pinned(adapter.libc, options.netns, async (netns) => {
    const spec = Object.hasOwn(families, name) ? await families[name]() : undefined;
    const protocol = spec?.protocol ?? Protocol.generic;
    const connection = await NetlinkConnection.open(protocol, { adapter, netns });
    try {
      const family = await connection.family(name);
      signal?.throwIfAborted();
      const numbers = names.map((group) => numberOf(family, group));
      same(connection.channel.namespace, namespace, name);
      const feed = new Feed(adapter, { ...options, protocol, groups: numbers, netns });
      const read = reader(spec!, family.id);
      const source = feedSource<Event>(feed, {
        take: (w, at) => read(w, at) as Event | undefined,
        async resync() {
          for (let attempt = 1;; attempt++) {
            feed.drain();
            const state = await list?.(family) as S;
            if (list && attempt < ATTEMPTS && feed.read(() => {}) !== "nothing") continue;
            return { kind: "resync", state };
          }
        },
        close: () => connection.close(),
      });
      return new Watch(adapter, source, signal);
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

function same(found: string | undefined, wanted: string | undefined, family: string): void {
  if (wanted === undefined || found === wanted) return;
  throw new NetlinkError("the connection's network namespace has lost its name", {
    errno: ESTALE,
    operation: `watch family ${family}`,
  });
}

function numberOf(family: Pick<Family<unknown>, "groups" | "name">, group: string): number {
  const found = family.groups.get(group);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot watch family ${family.name}: its groups are ${[...family.groups.keys()].join(", ")}, ` +
      `current value is ${JSON.stringify(group)}`,
  );
}

/** Reads notifications by their number. */
function reader(spec: FamilySpec, id: number): (w: Words, at: number) => unknown {
  const codec = new Codec(spec), generic = spec.protocol === Protocol.generic;
  const operations = new Map<number, string>();
  const entries = Object.entries(spec.operations);
  for (const [name, { do: plain, dump }] of entries) {
    for (const number of [dump?.[1], plain?.[1]]) {
      if (number !== undefined && !operations.has(number)) operations.set(number, name);
    }
  }
  // The older families tell of a change by its own message.
  for (const [name, { do: plain }] of generic ? [] : entries) {
    if (plain?.length === 1) operations.set(plain[0], name);
  }
  for (const [name, { event }] of entries) if (event !== undefined) operations.set(event, name);
  return (w, at) => {
    const type = w[at + 1] & 0xffff;
    if (generic && type !== id) return undefined;
    const command = generic ? w[at + 4] & 0xff : type;
    const operation = operations.get(command), own = copied(w, at);
    const message = operation === undefined
      ? bytes(own, 0, own[0])
      : new (codec.message(operation))(own, 0);
    return { kind: "event", operation, command, message };
  };
}
