/** What queueing disciplines, classes and filters have in common. */

import { Codec } from "../../codec/codec.ts";
import type { Values } from "../../codec/encode.ts";
import type { Words } from "../../codec/words.ts";
import type { Families } from "../../spec/mod.ts";
import { spec } from "../../spec/tc.ts";

/** The codec of traffic control. */
export const tcCodec: Codec = new Codec(spec);
const Full = tcCodec.message("getqdisc");

/** What a queue has counted (struct gnet_stats_basic and gnet_stats_queue of linux/gen_stats.h). */
export interface TcStatistics {
  /** Bytes sent. */
  bytes: number;
  /** Packets sent. */
  packets: number;
  /** Packets dropped. */
  drops: number;
  /** Times that the rate was exceeded. */
  overlimits: number;
  /** Packets that had to be sent again. */
  requeues: number;
  /** Packets that wait. */
  queuedPackets: number;
  /** Bytes that wait. */
  queuedBytes: number;
}

/**
 * What queueing disciplines, classes and filters have in common (struct tcmsg of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.qdiscs.replace({ link: "lo", kind: "pfifo", options: { limitPackets: 100 } });
 * const [qdisc] = await nl.qdiscs.list({ link: "lo" }).toArray();
 * console.log(qdisc.link, qdisc.kind); // 1 pfifo
 * console.log(qdisc.statistics?.bytes, qdisc.statistics?.drops); // 0 0
 * ```
 */
export class TcObject {
  /** Everything that the kernel said, named as in the kernel's specification. */
  readonly attributes: Families["tc"]["getqdisc"]["dump"]["reply"];

  /** @internal */
  constructor(w: Words, at: number) {
    this.attributes = new Full(w, at) as unknown as this["attributes"];
  }

  /** The link's index. */
  get link(): number {
    return this.attributes.header.ifindex;
  }

  /** Its kind, such as "htb" or "u32" (TCA_KIND). */
  get kind(): string {
    return this.attributes.kind ?? "";
  }

  /** What it has counted; undefined for one that counts nothing (TCA_STATS2). */
  get statistics(): TcStatistics | undefined {
    const { stats2 } = this.attributes;
    if (stats2 === undefined) return undefined;
    const { basic, queue, pkt64 } = stats2;
    return {
      bytes: Number(basic?.bytes ?? 0),
      packets: Number(pkt64 ?? basic?.packets ?? 0),
      drops: queue?.drops ?? 0,
      overlimits: queue?.overlimits ?? 0,
      requeues: queue?.requeues ?? 0,
      queuedPackets: queue?.qlen ?? 0,
      queuedBytes: queue?.backlog ?? 0,
    };
  }

  /** @internal The attributes of its options. */
  protected get values(): Values | undefined {
    return this.attributes.options as unknown as Values | undefined;
  }
}
