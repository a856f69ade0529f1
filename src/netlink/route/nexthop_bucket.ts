/** A bucket of a resilient nexthop group as the kernel describes it. */

import type { Words } from "../codec/words.ts";
import { nexthopCodec } from "./nexthop.ts";

const Full = nexthopCodec.message("getnexthopbucket");

interface Attributes {
  readonly header: { flags: readonly string[] };
  readonly id?: number;
  readonly resBucket?: { index?: number; idleTime?: number | bigint; nhId?: number };
}

/**
 * A bucket of a resilient nexthop group: flows whose hash falls into it go to its member (NHA_RES_BUCKET
 * of linux/nexthop.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.nexthops.add({ id: 5, link: "lo" });
 * await nl.nexthops.add({ id: 6, group: [{ id: 5 }], resilient: { buckets: 4 } });
 * const { group, index, nexthop, idleTime } = await nl.nexthops.bucket(6, 3);
 * console.log(group, index, nexthop, idleTime); // 6 3 5 0
 * ```
 */
export class NexthopBucket {
  readonly #a: Attributes;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#a = new Full(w, at) as unknown as Attributes;
  }

  /** Id of the group (NHA_ID). */
  get group(): number {
    return this.#a.id ?? 0;
  }

  /** Its number in the group, from 0. */
  get index(): number {
    return this.#a.resBucket?.index ?? 0;
  }

  /** Id of the member that its flows go to. */
  get nexthop(): number {
    return this.#a.resBucket?.nhId ?? 0;
  }

  /** Milliseconds since a packet went through it, or since it moved to its member; a multiple of 10. */
  get idleTime(): number {
    return Number(this.#a.resBucket?.idleTime ?? 0) * 10;
  }

  /** Names of the flags that are set, such as "offload" or "trap" (RTNH_F_* of linux/rtnetlink.h). */
  get flags(): readonly string[] {
    return this.#a.header.flags;
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    const { group, index, nexthop, idleTime, flags } = this;
    return { group, index, nexthop, idleTime, flags };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
