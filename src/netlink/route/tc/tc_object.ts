/** What queueing disciplines, classes and filters have in common. */

import { refuseUnknown } from "../fields.ts";
import { bad, under } from "../../check.ts";
import { Codec } from "../../codec/codec.ts";
import { Encoder, type Values } from "../../codec/encode.ts";
import { plain, StructView } from "../../codec/struct.ts";
import { BaseView } from "../../codec/view.ts";
import type { Words } from "../../codec/words.ts";
import { Writer } from "../../codec/writer.ts";
import type { Families } from "../../spec/mod.ts";
import { spec } from "../../spec/tc.ts";

/** The codec of traffic control. */
export const tcCodec: Codec = new Codec(spec);
const Full = tcCodec.message("getqdisc");
const encoder = new Encoder(tcCodec);

/** Options as a message of them is read. */
export function asRead(kind: string, options: Values): Values {
  const writer = new Writer();
  writer.zeros(16); // struct nlmsghdr
  encoder.request(writer, "newtfilter", { kind, options });
  writer.words[0] = writer.length;
  return (new Full(writer.words, 0) as unknown as { options: Values }).options;
}

/** The attributes of options that are not the same in `own`, nor among those of these names. */
export function untold(
  options: Values,
  own: Values,
  names: readonly string[],
): Values | undefined {
  if (!(options instanceof BaseView && own instanceof BaseView)) return undefined;
  const out: Record<string, unknown> = {}, fields = [...options._layout.fields.values()];
  for (const [name, value] of Object.entries(options.toJSON())) {
    const id = fields.find((field) => field.name === name)?.id;
    if (names.includes(name) || (id && sameBytes(options.raw(id)!, own.raw(id)))) continue;
    // A struct may go on behind what its view shows.
    const opaque = id && (options as unknown as Values)[name] instanceof StructView;
    if (opaque) out[id] = plain(options.raw(id));
    else out[name] = value;
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Checks names of options, and that none is null: what is left out has a default, what is null none.
 *
 * @throws {TypeError} that names the option
 */
export function checkNames(known: object, options: object, what: string): void {
  refuseUnknown(known, options, what);
  for (const [name, value] of Object.entries(options)) {
    if (value === null) throw bad(name, "given, or left out", value);
  }
}

/**
 * The options that `write` checks and writes, with where they are in its errors.
 *
 * @throws {TypeError | RangeError} that names an option as "options.limitPackets"
 */
export function inOptions<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    // The protocol is the filter's.
    const own = (error as { parameter?: string }).parameter !== "protocol";
    throw own && under("options.", error as Error) || error;
  }
}

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
