/** A network link as the kernel describes it. */

import { hexText } from "../codec/address.ts";
import { Codec } from "../codec/codec.ts";
import { EnumTable } from "../codec/enums.ts";
import { find, payloadLength, text, type Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-link.ts";
import { locate, string, u32 } from "./item.ts";

/** The codec of links. */
export const linkCodec: Codec = new Codec(spec);
const Full = linkCodec.message("getlink");

const SET = spec.sets["link-attrs"], INFO = spec.sets["linkinfo-attrs"];
const FLAGS = new EnumTable(spec.enums["ifinfo-flags"], true);
const START = 8; // words: nlmsghdr 4, ifinfomsg 4
const IFF_UP = 1;

/** RFC 2863 states, IF_OPER_* of linux/if.h. */
const OPER_STATES: readonly OperState[] = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
];

/** A link's operational state (RFC 2863). */
export type OperState =
  | "unknown"
  | "not-present"
  | "down"
  | "lower-layer-down"
  | "testing"
  | "dormant"
  | "up";

/**
 * A network link. Properties are read from the kernel's message when they are asked for
 * (linux/if_link.h, linux/rtnetlink.h).
 */
export class Link {
  readonly #w: Words;
  readonly #at: number;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#w = w;
    this.#at = at;
  }

  /** The index, unique in the namespace. */
  get index(): number {
    return this.#w[this.#at + 5];
  }

  /** The name. */
  get name(): string {
    return string(this.#w, this.#at, START, SET.ifname.id) ?? "";
  }

  /** What made it: "veth", "bridge", ...; undefined for hardware and loopback. */
  get kind(): string | undefined {
    return this.#info(INFO.kind.id);
  }

  /** What it is a port of: "bridge", "bond", ... */
  get portKind(): string | undefined {
    return this.#info(INFO.slaveKind.id);
  }

  #info(id: number): string | undefined {
    const w = this.#w, info = locate(w, this.#at, START, SET.linkinfo.id);
    if (info < 0) return undefined;
    const i = find(w, info + 1, (info << 2) + (w[info] & 0xffff), id);
    return i < 0 ? undefined : text(w, (i + 1) << 2, payloadLength(w, i));
  }

  /** Largest packet, in bytes. */
  get mtu(): number {
    return u32(this.#w, this.#at, START, SET.mtu.id) ?? 0;
  }

  /** The hardware address, "" if it has none. */
  get address(): string {
    const i = locate(this.#w, this.#at, START, SET.address.id);
    return i < 0 ? "" : hexText(this.#w, (i + 1) << 2, payloadLength(this.#w, i), ":");
  }

  /** Whether it is switched on. */
  get up(): boolean {
    return (this.#w[this.#at + 6] & IFF_UP) !== 0;
  }

  /** Names of the flags that are set (net_device_flags of linux/if.h). */
  get flags(): readonly string[] {
    return FLAGS.list(this.#w[this.#at + 6] >>> 0) as readonly string[];
  }

  /** Whether packets can pass. */
  get operState(): OperState {
    const i = locate(this.#w, this.#at, START, SET.operstate.id);
    return OPER_STATES[i < 0 ? 0 : this.#w[i + 1] & 0xff] ?? "unknown";
  }

  /** Index of the link that it is a port of. */
  get master(): number | undefined {
    return u32(this.#w, this.#at, START, SET.master.id);
  }

  /** Index of the link below, or of a veth's other end. */
  get parent(): number | undefined {
    return u32(this.#w, this.#at, START, SET.link.id);
  }

  /** Packets that wait to be sent at most. */
  get txQueueLength(): number {
    return u32(this.#w, this.#at, START, SET.txqlen.id) ?? 0;
  }

  /** The administrator's note on it. */
  get alias(): string | undefined {
    return string(this.#w, this.#at, START, SET.ifalias.id);
  }

  /** The further names. */
  get altNames(): readonly string[] {
    return this.attributes.propList?.altIfname ?? [];
  }

  /** Everything that the kernel said, named as in the kernel's specification. */
  get attributes(): Families["rt-link"]["getlink"]["do"]["reply"] {
    return new Full(this.#w, this.#at) as unknown as Families["rt-link"]["getlink"]["do"]["reply"];
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    const { index, name, kind, mtu, address, up, flags, operState, master, parent } = this;
    return {
      index,
      name,
      kind,
      mtu,
      address,
      up,
      flags,
      operState,
      master,
      parent,
      portKind: this.portKind,
      txQueueLength: this.txQueueLength,
      alias: this.alias,
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
