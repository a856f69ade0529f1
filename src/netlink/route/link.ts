/** A network link as the kernel describes it. */

import { hexText } from "../codec/address.ts";
import { Codec } from "../codec/codec.ts";
import { EnumTable } from "../codec/enums.ts";
import type { Values } from "../codec/encode.ts";
import type { StructView } from "../codec/struct.ts";
import { find, payloadLength, text, type Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-link.ts";
import { locate, string, u32 } from "./item.ts";
import { kindOptions, portOptions } from "./link_kinds.ts";
import { type AddressGeneration, GENERATIONS } from "./address_generation.ts";

/** The codec of links. */
export const linkCodec: Codec = new Codec(spec);
const Full = linkCodec.message("getlink");

const SET = spec.sets["link-attrs"], INFO = spec.sets["linkinfo-attrs"];
const FLAGS = new EnumTable(spec.enums["ifinfo-flags"], true);
const START = 8; // words: nlmsghdr 4, ifinfomsg 4
// linux/if.h
const IFF_UP = 1,
  IFF_NOARP = 0x80,
  IFF_PROMISC = 0x100,
  IFF_ALLMULTI = 0x200,
  IFF_MULTICAST = 0x1000;

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
 * Counters of a link: packets, and bytes where the name says so (struct rtnl_link_stats64 of
 * linux/if_link.h, names in camel case).
 */
export type LinkStatistics =
  & {
    readonly [
      K in
        | "rxPackets"
        | "txPackets"
        | "rxBytes"
        | "txBytes"
        | "rxErrors"
        | "txErrors"
        | "rxDropped"
        | "txDropped"
        | "multicast"
        | "collisions"
    ]: number;
  }
  & { readonly [counter: string]: number };

/** What no specification describes comes as bytes. */
function bytesOrValues(value: unknown): Values | undefined {
  return value === undefined || value instanceof Uint8Array ? undefined : value as Values;
}

/**
 * A network link. Properties are read from the kernel's message when they are asked for
 * (linux/if_link.h, linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const { index, mtu, up, operState, statistics } = await nl.links.get("lo");
 * console.log(index, mtu, up, operState); // 1 65536 true unknown
 * console.log(statistics?.rxBytes, statistics?.txPackets);
 * ```
 */
export class Link {
  readonly #w: Words;
  readonly #at: number;
  /** Looked up while the message is in the cache: behind the statistics it is far from all else. */
  readonly #linkinfo: number;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#w = w;
    this.#at = at;
    this.#linkinfo = locate(w, at, START, SET.linkinfo.id);
  }

  /** The index, unique in the namespace; 1 is its loopback (`ifi_index`). */
  get index(): number {
    return this.#w[this.#at + 5];
  }

  /** The name, 1 to 15 bytes (IFLA_IFNAME). */
  get name(): string {
    return string(this.#w, this.#at, START, SET.ifname.id) ?? "";
  }

  /** What made it: "veth", "bridge", ...; undefined for hardware and loopback (IFLA_INFO_KIND). */
  get kind(): string | undefined {
    return this.#info(INFO.kind.id);
  }

  /**
   * What it is a port of: "bridge", "bond", ...; undefined if of nothing (IFLA_INFO_SLAVE_KIND).
   */
  get portKind(): string | undefined {
    return this.#info(INFO.slaveKind.id);
  }

  #info(id: number): string | undefined {
    const w = this.#w, info = this.#linkinfo;
    if (info < 0) return undefined;
    const i = find(w, info + 1, (info << 2) + (w[info] & 0xffff), id);
    return i < 0 ? undefined : text(w, (i + 1) << 2, payloadLength(w, i));
  }

  /** Largest packet, in bytes (IFLA_MTU). */
  get mtu(): number {
    return u32(this.#w, this.#at, START, SET.mtu.id) ?? 0;
  }

  /** The hardware address, as in "02:00:00:00:00:01"; "" if it has none (IFLA_ADDRESS). */
  get address(): string {
    const i = locate(this.#w, this.#at, START, SET.address.id);
    return i < 0 ? "" : hexText(this.#w, (i + 1) << 2, payloadLength(this.#w, i), ":");
  }

  /** Whether it is switched on (IFF_UP); whether packets can pass is {@linkcode Link.operState}. */
  get up(): boolean {
    return (this.#w[this.#at + 6] & IFF_UP) !== 0;
  }

  /** Names of the flags that are set (net_device_flags of linux/if.h). */
  get flags(): readonly string[] {
    return FLAGS.list(this.#w[this.#at + 6] >>> 0) as readonly string[];
  }

  /** Whether packets can pass (IFLA_OPERSTATE). Loopback and tun stay "unknown" though they can. */
  get operState(): OperState {
    const i = locate(this.#w, this.#at, START, SET.operstate.id);
    return OPER_STATES[i < 0 ? 0 : this.#w[i + 1] & 0xff] ?? "unknown";
  }

  /** Index of the link that it is a port of; undefined if of none (IFLA_MASTER). */
  get master(): number | undefined {
    return u32(this.#w, this.#at, START, SET.master.id);
  }

  /**
   * Index of the link below, or of a veth's other end (IFLA_LINK). If {@linkcode Link.attributes} has a
   * `linkNetnsid`, that link is in another namespace and the index counts there.
   */
  get parent(): number | undefined {
    return u32(this.#w, this.#at, START, SET.link.id);
  }

  /** The most packets that wait to be sent (IFLA_TXQLEN). */
  get txQueueLength(): number {
    return u32(this.#w, this.#at, START, SET.txqlen.id) ?? 0;
  }

  /** The administrator's note on it; undefined without one (IFLA_IFALIAS). */
  get alias(): string | undefined {
    return string(this.#w, this.#at, START, SET.ifalias.id);
  }

  /** The further names, by which it is found as well (IFLA_PROP_LIST). */
  get altNames(): readonly string[] {
    return this.attributes.propList?.altIfname ?? [];
  }

  /**
   * The options of its kind, as {@linkcode KindOptions} has them, or {@linkcode TunOptions}; links by
   * index.
   */
  get options(): Record<string, unknown> {
    const { kind, attributes: { linkinfo } } = this;
    return kind === undefined ? {} : kindOptions(kind, bytesOrValues(linkinfo?.data));
  }

  /** Its options as a port of a bridge, links by index; undefined if it is none. */
  get bridgePort(): Record<string, unknown> | undefined {
    return this.#port("bridge");
  }

  /** Its options as a port of a bond; undefined if it is none. */
  get bondPort(): Record<string, unknown> | undefined {
    return this.#port("bond");
  }

  #port(kind: string): Record<string, unknown> | undefined {
    if (this.portKind !== kind) return undefined;
    return portOptions(kind, bytesOrValues(this.attributes.linkinfo?.slaveData));
  }

  /** Whether it takes packets to any MAC address because it was told to (IFF_PROMISC). */
  get promiscuous(): boolean {
    return (this.#w[this.#at + 6] & IFF_PROMISC) !== 0;
  }

  /** Whether it takes packets to any multicast address because it was told to (IFF_ALLMULTI). */
  get allMulticast(): boolean {
    return (this.#w[this.#at + 6] & IFF_ALLMULTI) !== 0;
  }

  /** Whether it asks for MAC addresses by ARP and neighbour discovery (IFF_NOARP is not set). */
  get arp(): boolean {
    return (this.#w[this.#at + 6] & IFF_NOARP) === 0;
  }

  /** Whether it can send to many at once (IFF_MULTICAST). */
  get multicast(): boolean {
    return (this.#w[this.#at + 6] & IFF_MULTICAST) !== 0;
  }

  /** The hardware address that packets to all go to; "" if there is none (IFLA_BROADCAST). */
  get broadcast(): string {
    const i = locate(this.#w, this.#at, START, SET.broadcast.id);
    return i < 0 ? "" : hexText(this.#w, (i + 1) << 2, payloadLength(this.#w, i), ":");
  }

  /** Whether it has a carrier, which virtual links have while they are switched off too (IFLA_CARRIER). */
  get carrier(): boolean {
    const i = locate(this.#w, this.#at, START, SET.carrier.id);
    return i >= 0 && (this.#w[i + 1] & 0xff) === 1;
  }

  /** Whether a protocol keeps it without a carrier (IFLA_PROTO_DOWN). */
  get protoDown(): boolean {
    const i = locate(this.#w, this.#at, START, SET.protoDown.id);
    return i >= 0 && (this.#w[i + 1] & 0xff) === 1;
  }

  /** How IPv6 makes addresses of a prefix; undefined where there is no IPv6. */
  get addressGeneration(): AddressGeneration | undefined {
    return GENERATIONS[this.attributes.afSpec?.inet6?.addrGenMode ?? -1];
  }

  /** Bytes of the largest packet that is given to it whole (IFLA_GSO_MAX_SIZE). */
  get gsoMaxSize(): number | undefined {
    return u32(this.#w, this.#at, START, SET.gsoMaxSize.id);
  }

  /** Segments of such a packet (IFLA_GSO_MAX_SEGS). */
  get gsoMaxSegs(): number | undefined {
    return u32(this.#w, this.#at, START, SET.gsoMaxSegs.id);
  }

  /** Bytes of such a packet of IPv4; undefined before Linux 6.3 (IFLA_GSO_IPV4_MAX_SIZE). */
  get gsoIpv4MaxSize(): number | undefined {
    return u32(this.#w, this.#at, START, SET.gsoIpv4MaxSize.id);
  }

  /** Bytes of the largest packet that is made of those that it receives (IFLA_GRO_MAX_SIZE). */
  get groMaxSize(): number | undefined {
    return u32(this.#w, this.#at, START, SET.groMaxSize.id);
  }

  /** Bytes of such a packet of IPv4; undefined before Linux 6.3 (IFLA_GRO_IPV4_MAX_SIZE). */
  get groIpv4MaxSize(): number | undefined {
    return u32(this.#w, this.#at, START, SET.groIpv4MaxSize.id);
  }

  /** Number of the group that it is in; 0 by default (IFLA_GROUP). */
  get group(): number {
    return u32(this.#w, this.#at, START, SET.group.id) ?? 0;
  }

  /**
   * What it has counted since it was made (IFLA_STATS64); undefined where the kernel did not say.
   */
  get statistics(): LinkStatistics | undefined {
    const { stats64 } = this.attributes;
    if (stats64 === undefined) return undefined;
    const counts = Object.entries((stats64 as unknown as StructView).toJSON()).map((
      [name, n],
    ) => [name, Number(n)]);
    return Object.fromEntries(counts);
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
      options: this.options,
      bridgePort: this.bridgePort,
      bondPort: this.bondPort,
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
