/** A nexthop object as the kernel describes it. */

import { Codec } from "../codec/codec.ts";
import type { Words } from "../codec/words.ts";
import { type Encapsulation, readEncapsulation } from "./encapsulation.ts";
import { version } from "./item.ts";
import { protocolName, scopeName } from "./names.ts";
import type { NexthopMember, ResilientOptions } from "./nexthop_settings.ts";
import { spec } from "./nexthop_spec.ts";
import { pick, pickTrue } from "./requests.ts";

/** The codec of nexthops. */
export const nexthopCodec: Codec = new Codec(spec);
const Full = nexthopCodec.message("getnexthop");

interface Attributes {
  readonly header: { family: number; scope: number; protocol: number; flags: readonly string[] };
  readonly id?: number;
  readonly group?: readonly number[];
  readonly groupType?: number;
  readonly blackhole?: boolean;
  readonly oif?: number;
  readonly gateway?: string;
  readonly encapType?: number;
  readonly encap?: Uint8Array;
  readonly fdb?: boolean;
  readonly resGroup?: {
    buckets?: number;
    idleTimer?: number;
    unbalancedTimer?: number;
    unbalancedTime?: number | bigint;
  };
}

/**
 * A nexthop object (struct nhmsg and NHA_* of linux/nexthop.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.nexthops.add({ id: 5, link: "lo", family: 4 });
 * await nl.nexthops.add({ id: 6, group: [{ id: 5, weight: 3 }] });
 * console.log((await nl.nexthops.get(5)).protocol); // static
 * console.log((await nl.nexthops.get(6)).group); // [ { id: 5, weight: 3 } ]
 * ```
 */
export class Nexthop {
  readonly #a: Attributes;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#a = new Full(w, at) as unknown as Attributes;
  }

  /** Its id. */
  get id(): number {
    return this.#a.id ?? 0;
  }

  /** IP version; undefined for a group. */
  get family(): 4 | 6 | undefined {
    return version(this.#a.header.family);
  }

  /** Index of the link that it goes out by. */
  get link(): number | undefined {
    return this.#a.oif;
  }

  /** The gateway's address; undefined without one (NHA_GATEWAY). */
  get gateway(): string | undefined {
    return this.#a.gateway;
  }

  /** Whether packets are dropped. */
  get blackhole(): boolean {
    return this.#a.blackhole === true;
  }

  /** Whether it serves a VXLAN's forwarding table. */
  get fdb(): boolean {
    return this.#a.fdb === true;
  }

  /** Whether the gateway is taken to be on the link though no address says so. */
  get onlink(): boolean {
    return this.#a.header.flags.includes("onlink");
  }

  /** Names of the flags that are set (RTNH_F_* of linux/rtnetlink.h). */
  get flags(): readonly string[] {
    return this.#a.header.flags;
  }

  /** How packets are encapsulated; undefined if they are not. */
  get encapsulation(): Encapsulation | undefined {
    return readEncapsulation(this.#a.encapType, this.#a.encap);
  }

  /** The members; undefined for one that is no group (NHA_GROUP). */
  get group(): Required<NexthopMember>[] | undefined {
    const { group } = this.#a;
    if (group === undefined) return undefined;
    return Array.from({ length: group.length >> 3 }, (_, k) => {
      const [a, b, c, d, low, high] = group.slice(k * 8);
      return { id: a + b * 256 + c * 65536 + d * 2 ** 24, weight: low + high * 256 + 1 };
    });
  }

  /** The settings of a resilient group; undefined for others (NHA_RES_GROUP). */
  get resilient(): ResilientOptions | undefined {
    const { resGroup } = this.#a;
    return resGroup && {
      buckets: resGroup.buckets,
      idleTimeout: (resGroup.idleTimer ?? 0) * 10,
      unbalancedTimeout: (resGroup.unbalancedTimer ?? 0) * 10,
    };
  }

  /**
   * Milliseconds for which a resilient group has been out of balance, a multiple of 10; 0 in balance,
   * undefined for others.
   */
  get unbalancedTime(): number | undefined {
    const { resGroup } = this.#a;
    return resGroup && Number(resGroup.unbalancedTime ?? 0) * 10;
  }

  /** Who made it: "kernel", "static", ..., or a number (RTPROT_*). */
  get protocol(): string | number {
    return protocolName(this.#a.header.protocol);
  }

  /** How far it is: "global", "link", "host", or a number (RT_SCOPE_*). */
  get scope(): string | number {
    return scopeName(this.#a.header.scope);
  }

  /**
   * A plain copy, which holds no datagram in memory; {@linkcode NewNexthop} in shape, with the scope
   * and the flags, which adding it again takes no notice of.
   */
  toJSON(): Record<string, unknown> {
    return {
      ...pick(this, ["id", "family", "link", "gateway", "encapsulation", "group", "resilient"]),
      ...pick(this, ["protocol", "scope", "flags"]),
      ...pickTrue(this, ["blackhole", "fdb", "onlink"]),
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
