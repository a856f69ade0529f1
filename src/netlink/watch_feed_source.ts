/** What the messages of a feed come to. */

import type { Words } from "./codec/words.ts";
import type { Feed } from "./watch_feed.ts";
import type { Source } from "./watch_stream.ts";

/** Makes events of messages. */
export interface Maker<E> {
  /** Takes one message of the feed, of `size` bytes; undefined where it makes no event. */
  take(w: Words, at: number, size: number): E | undefined;
  /** Tells of the state after an overrun, or at the start. */
  resync(reason: "start" | "overrun", signal: AbortSignal): Promise<E>;
  /** Ends. */
  close?(): void;
}

/** The events that `maker` makes of a feed; `initial` whether it tells of the state first. */
export function feedSource<E>(feed: Feed, maker: Maker<E>, initial = false): Source<E> {
  let ready: E[] = [];
  const take = (w: Words, at: number, size: number) => {
    const event = maker.take(w, at, size);
    if (event !== undefined) ready.push(event);
  };
  return {
    start: initial ? (signal) => maker.resync("start", signal) : undefined,
    read(signal) {
      const found = feed.read(take);
      if (found === "nothing") return undefined;
      if (found === "overrun") return maker.resync("overrun", signal).then((event) => [event]);
      const events = ready;
      ready = [];
      return events;
    },
    readable: (signal) => feed.readable(signal),
    close() {
      maker.close?.();
      feed.close();
    },
  };
}
