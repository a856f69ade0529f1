/** A route as the kernel describes it. */

import { ipv4Network, ipv4Text, SLASH } from "../codec/address.ts";
import { Codec } from "../codec/codec.ts";
import { payloadLength, typeOf, type Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-route.ts";
import { ip, ipAt, locate, u32, version } from "./item.ts";
import { type Encapsulation, readEncapsulation } from "./encapsulation.ts";
import { pick } from "./requests.ts";
import {
  type ListedHop,
  preferenceName,
  readHops,
  readMetrics,
  type RouteDetails,
  type RouteMetrics,
  viaText,
} from "./route_details.ts";
import type { Values } from "../codec/encode.ts";
import { protocolName, ROUTE_TYPES, type RouteType, RTNH_F_ONLINK, scopeName } from "./names.ts";

/** The codec of routes. */
export const routeCodec: Codec = new Codec(spec);
const Full = routeCodec.message("getroute");

const SET = spec.sets["route-attrs"];
const DST = SET.dst.id, SRC = SET.src.id, GATEWAY = SET.gateway.id, OIF = SET.oif.id;
const PRIORITY = SET.priority.id, TABLE = SET.table.id, PREFSRC = SET.prefsrc.id;
const VIA = SET.via.id, METRICS = SET.metrics.id, CACHEINFO = SET.cacheinfo.id;
const START = 7; // words: nlmsghdr 4, rtmsg 3

/** A place that has to be looked for, or that holds what is rare. */
const FAR = 255;

/**
 * Where destination, gateway, link and priority of a message are, in words from its header: a byte
 * each, from the lowest on, 0 where there is none. One way through all attributes costs as much as
 * looking for two, and least while the message is in the processor's cache. The getters are that short
 * so that all four find room in the loop that reads them.
 */
function places(w: Words, at: number): number {
  const end = (at << 2) + w[at];
  let destination = 0, gateway = 0, link = 0, priority = 0;
  for (let i = at + START; i << 2 < end;) {
    const header = w[i], length = header & 0xffff, type = typeOf(header), place = i - at;
    // What is malformed or far away is for those who ask.
    if (length < 4 || (i << 2) + length > end || place >= FAR) return -1;
    if (type === DST) destination ||= place;
    else if (type === GATEWAY) gateway ||= place;
    else if (type === OIF) link ||= length === 8 ? place : FAR;
    else if (type === PRIORITY) priority ||= length === 8 ? place : FAR;
    else if (type === VIA) gateway ||= FAR;
    // A branch is guessed; a sum would have to wait for what was loaded.
    if (length === 8) i += 2;
    else i += (length + 3) >>> 2;
  }
  return destination | (gateway << 8) | (link << 16) | (priority << 24);
}

/** Word index of the attribute `id` by its place, or -1. */
function placed(w: Words, at: number, place: number, id: number): number {
  if (place === FAR) return locate(w, at, START, id);
  return place === 0 ? -1 : at + place;
}

/**
 * A route (struct rtmsg and RTA_* of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.routes.add({ destination: "10.5.0.0/16", link: "lo", priority: 50, mtu: 1400 });
 * const route = await nl.routes.lookup("10.5.6.7", { match: true });
 * console.log(route.destination, route.priority, route.mtu); // 10.5.0.0/16 50 1400
 * console.log(route.protocol, route.scope, route.table); // static link 254
 * ```
 */
export class Route {
  readonly #w: Words;
  readonly #at: number;
  /** Of what is read most: destination, gateway, link and priority. */
  readonly #places: number;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#w = w;
    this.#at = at;
    this.#places = places(w, at);
  }

  /** IP version; undefined for other families, such as MPLS. */
  get family(): 4 | 6 | undefined {
    return version(this.#w[this.#at + 4] & 0xff);
  }

  /** The network that it leads to, as in "10.0.0.0/24"; "default" for all. */
  get destination(): string {
    const w = this.#w, place = this.#places & 0xff, i = this.#at + place;
    return place !== 0 && place !== FAR && (w[i] & 0xffff) === 8
      ? ipv4Network(w, (i + 1) << 2, (w[this.#at + 4] >>> 8) & 0xff)
      : this.#destination(place);
  }

  #destination(place: number): string {
    const w = this.#w, i = placed(w, this.#at, place, DST);
    return i < 0 ? "default" : ipAt(w, i) + SLASH[(w[this.#at + 4] >>> 8) & 0xff];
  }

  /** The network that packets come from, where that matters. */
  get from(): string | undefined {
    const i = locate(this.#w, this.#at, START, SRC);
    return i < 0 ? undefined : ipAt(this.#w, i) + SLASH[(this.#w[this.#at + 4] >>> 16) & 0xff];
  }

  /** The next hop's address; undefined for a destination on the link (RTA_GATEWAY, RTA_VIA). */
  get gateway(): string | undefined {
    const w = this.#w, place = (this.#places >>> 8) & 0xff, i = this.#at + place;
    return place !== 0 && place !== FAR && (w[i] & 0xffff) === 8
      ? ipv4Text(w, (i + 1) << 2)
      : this.#gateway(place);
  }

  #gateway(place: number): string | undefined {
    const w = this.#w, i = placed(w, this.#at, place, GATEWAY);
    if (i >= 0) return ipAt(w, i);
    // An IPv4 route through an IPv6 neighbour: struct rtvia, its family in front.
    const via = place === 0 ? -1 : locate(w, this.#at, START, VIA);
    if (via < 0) return undefined;
    return viaText(
      new Uint8Array(w.buffer, w.byteOffset + ((via + 1) << 2), payloadLength(w, via)),
    );
  }

  /** Index of the link that it goes out by; undefined if by none, or by several (RTA_OIF). */
  get link(): number | undefined {
    const place = (this.#places >>> 16) & 0xff;
    if (place === FAR) return u32(this.#w, this.#at, START, OIF);
    return place === 0 ? undefined : this.#w[this.#at + place + 1] >>> 0;
  }

  /** Number of its table: 254 is the main one, 255 the local one (RTA_TABLE). */
  get table(): number {
    return u32(this.#w, this.#at, START, TABLE) ?? this.#w[this.#at + 5] & 0xff;
  }

  /**
   * Of routes to the same network the one with the lowest is taken; 0 is the best (RTA_PRIORITY).
   */
  get priority(): number {
    const place = this.#places >>> 24;
    if (place === FAR) return u32(this.#w, this.#at, START, PRIORITY) ?? 0;
    return place === 0 ? 0 : this.#w[this.#at + place + 1] >>> 0;
  }

  /** Preferred source address of packets that this machine sends (RTA_PREFSRC). */
  get source(): string | undefined {
    return ip(this.#w, this.#at, START, PREFSRC);
  }

  /** What happens to packets: "unicast" sends them on (RTN_*). */
  get type(): RouteType {
    return ROUTE_TYPES[this.#w[this.#at + 5] >>> 24] ?? "unspec";
  }

  /** How far the destination is: "global", "link", "host", or a number (RT_SCOPE_*). */
  get scope(): string | number {
    return scopeName((this.#w[this.#at + 5] >>> 16) & 0xff);
  }

  /** Who made it: "kernel", "boot", "static", "dhcp", ..., or a number (RTPROT_*). */
  get protocol(): string | number {
    return protocolName((this.#w[this.#at + 5] >>> 8) & 0xff);
  }

  /** The path's MTU in bytes, where it was set. */
  get mtu(): number | undefined {
    return locate(this.#w, this.#at, START, METRICS) < 0 ? undefined : this.attributes.metrics?.mtu;
  }

  /** The metrics besides the MTU, where some were set. */
  get metrics(): RouteMetrics | undefined {
    if (locate(this.#w, this.#at, START, METRICS) < 0) return undefined;
    return readMetrics(this.attributes.metrics as unknown as Values);
  }

  /** The next hops, where there are several; their links by index. */
  get nexthops(): readonly ListedHop[] | undefined {
    return readHops(this.attributes.multipath);
  }

  /** Id of the nexthop object that it uses, where it uses one (RTA_NH_ID). */
  get nexthop(): number | undefined {
    return u32(this.#w, this.#at, START, SET.nhId.id);
  }

  /** How packets are encapsulated. */
  get encapsulation(): Encapsulation | undefined {
    if (locate(this.#w, this.#at, START, SET.encap.id) < 0) return undefined;
    const { encapType, encap } = this.attributes;
    return readEncapsulation(encapType, encap);
  }

  /** Which of equal routers is taken, IPv6, where that is not medium (RFC 4191, RTA_PREF). */
  get preference(): RouteDetails["preference"] {
    return preferenceName(this.attributes.pref);
  }

  /** Type of service, IPv4; 0 for any. */
  get tos(): number {
    return this.#w[this.#at + 4] >>> 24;
  }

  /** Seconds until it is removed, IPv6, where it ever is (RTA_CACHEINFO). */
  get expires(): number | undefined {
    if (locate(this.#w, this.#at, START, CACHEINFO) < 0) return undefined;
    const hundredths = this.attributes.cacheinfo!.rtaExpires;
    return hundredths > 0 ? Math.ceil(hundredths / 100) : undefined;
  }

  /** Realms: from << 16 | to. */
  get realms(): number | undefined {
    return u32(this.#w, this.#at, START, SET.flow.id);
  }

  /** Whether the gateway is taken to be on the link though no address says so (RTNH_F_ONLINK). */
  get onlink(): boolean {
    return (this.#w[this.#at + 6] & RTNH_F_ONLINK) !== 0;
  }

  /** Everything that the kernel said, named as in the kernel's specification. */
  get attributes(): Families["rt-route"]["getroute"]["do"]["reply"] {
    return new Full(
      this.#w,
      this.#at,
    ) as unknown as Families["rt-route"]["getroute"]["do"]["reply"];
  }

  /** A plain copy, which holds no datagram in memory; {@linkcode NewRoute} in shape. */
  toJSON(): Record<string, unknown> {
    const { family, destination, from, gateway, link, table, priority, source, type } = this;
    const { scope, protocol, mtu } = this;
    return {
      family,
      destination,
      from,
      gateway,
      link,
      table,
      priority,
      source,
      type,
      scope,
      protocol,
      mtu,
      ...pick(this, ["metrics", "nexthops", "nexthop", "encapsulation", "preference", "expires"]),
      ...pick(this, ["realms"]),
      ...this.tos === 0 ? {} : { tos: this.tos },
      ...this.onlink ? { onlink: true } : {},
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
