/** Multicast messages of any protocol, as they are. */

import { bytes } from "./codec/words.ts";
import { NetlinkError } from "./error.ts";
import { pinned } from "./namespace.ts";
import { NetlinkConnection } from "./netlink_connection.ts";
import { Protocol } from "./protocol.ts";
import { type RawMessage, rawMessage } from "./raw.ts";
import { bad, integer } from "./check.ts";
import { checkOptions, EVENTS } from "./options.ts";
import type { WatchOptions } from "./watch.ts";
import { Feed, receiveBuffer } from "./watch_feed.ts";
import { feedSource } from "./watch_feed_source.ts";
import { Watch } from "./watch_stream.ts";

const ESTALE = 116;

/** What {@linkcode NetlinkConnection.watch} gives. */
export type RawEvent =
  | (RawMessage & {
    /** Tells it from a resync. */
    readonly kind: "event";
  })
  | {
    /** Events were lost: more came than the receive buffer holds, and what it held is gone as well. */
    readonly kind: "resync";
  };

/** How {@linkcode NetlinkConnection.watch} listens. */
export type RawWatchOptions = Pick<WatchOptions, "signal" | "receiveBuffer">;

/** Listens to groups of a connection's protocol, in its namespace. */
export async function watchRaw(
  { channel, netns, protocol }: NetlinkConnection,
  groups: number | readonly number[],
  options: RawWatchOptions,
): Promise<Watch<RawEvent>> {
  const { adapter } = channel, operation = `watch protocol ${protocol}`;
  channel.check({ operation });
  checkOptions("a watch over a connection", options, EVENTS);
  const numbers = typeof groups === "number" ? [groups] : groups;
  if (!Array.isArray(numbers) || numbers.length === 0) {
    throw bad("groups", "a number or numbers", groups);
  }
  numbers.forEach((group) => integer("groups", group, 1, 0x7fffffff));
  options.signal?.throwIfAborted();
  receiveBuffer(options.receiveBuffer);
  return await pinned(adapter.libc, netns, async (netns) => {
    // The name may mean another namespace by now.
    await using other = await NetlinkConnection.open(protocol, { adapter, netns });
    if (other.channel.namespace !== channel.namespace) {
      const what = "the connection's network namespace has lost its name";
      throw new NetlinkError(what, { errno: ESTALE, operation });
    }
    const feed = new Feed(adapter, { ...options, protocol, groups: numbers, netns });
    const text = protocol === Protocol.uevent;
    const source = feedSource<RawEvent>(feed, {
      take: (w, at, size) => ({
        kind: "event",
        ...text ? { type: 0, flags: 0, body: bytes(w, at << 2, size) } : rawMessage(w, at),
      }),
      resync() {
        feed.drain();
        return Promise.resolve({ kind: "resync" });
      },
    });
    return new Watch(adapter, source, options.signal);
  });
}
