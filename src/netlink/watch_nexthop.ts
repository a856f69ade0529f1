/** Nexthop objects, as events tell of them (linux/nexthop.h). */

import type { Words } from "./codec/words.ts";
import { ip, locate, u32, version } from "./route/item.ts";

const NHA_ID = 1, NHA_GROUP = 2, NHA_BLACKHOLE = 4, NHA_OIF = 5, NHA_GATEWAY = 6, NHA_FDB = 11;
const START = 6; // words: nlmsghdr 4, nhmsg 2

/** A nexthop object, which routes refer to by its number. */
export class NexthopObject {
  readonly #w: Words;
  readonly #at: number;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#w = w;
    this.#at = at;
  }

  /** Its number. */
  get id(): number {
    return u32(this.#w, this.#at, START, NHA_ID) ?? 0;
  }

  /** IP version; undefined for groups. */
  get family(): 4 | 6 | undefined {
    return version(this.#w[this.#at + 4] & 0xff);
  }

  /** Index of the link that it leads out by. */
  get link(): number | undefined {
    return u32(this.#w, this.#at, START, NHA_OIF);
  }

  /** The next hop's address. */
  get gateway(): string | undefined {
    return ip(this.#w, this.#at, START, NHA_GATEWAY);
  }

  /** Whether packets are dropped. */
  get blackhole(): boolean {
    return locate(this.#w, this.#at, START, NHA_BLACKHOLE) >= 0;
  }

  /** Whether it serves a bridge's forwarding table instead of routes. */
  get fdb(): boolean {
    return locate(this.#w, this.#at, START, NHA_FDB) >= 0;
  }

  /** Of a group: the nexthops in it, with their weights. */
  get group(): readonly { id: number; weight: number }[] | undefined {
    const i = locate(this.#w, this.#at, START, NHA_GROUP);
    if (i < 0) return undefined;
    // struct nexthop_grp: id, weight - 1, and three bytes that do not matter here.
    const count = ((this.#w[i] & 0xffff) - 4) >> 3;
    return Array.from({ length: count }, (_, k) => ({
      id: this.#w[i + 1 + 2 * k] >>> 0,
      weight: (this.#w[i + 2 + 2 * k] & 0xff) + 1,
    }));
  }

  /** A plain copy. */
  toJSON(): Record<string, unknown> {
    const { id, family, link, gateway, blackhole, fdb, group } = this;
    return { id, family, link, gateway, blackhole, fdb, group };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
