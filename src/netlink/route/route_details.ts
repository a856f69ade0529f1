/** What few routes have: metrics, several next hops, nexthop objects, encapsulation. */

import { ipBytes } from "../codec/address.ts";
import type { Values } from "../codec/encode.ts";
import { next, typeOf, type Words } from "../codec/words.ts";
import { Writer } from "../codec/writer.ts";
import { spec } from "../spec/rt-route.ts";
import { type Encapsulation, encapsulationValues, readEncapsulation } from "./encapsulation.ts";
import {
  decodeFields,
  encodeFields,
  type Field,
  type Fields,
  scaled,
  text,
  whole,
  yesNo,
} from "./fields.ts";
import { bad, integer } from "../check.ts";
import { address, type LinkRef, linkRef } from "./input.ts";
import { AF_INET, AF_INET6, ipAt } from "./item.ts";
import { RTNH_F_ONLINK } from "./names.ts";

/** A route's metrics (RTAX_* of linux/rtnetlink.h). Times are milliseconds. */
export interface RouteMetrics {
  /** Largest window that a connection announces, in bytes. */
  window?: number;
  /** Round trip time to begin with, in milliseconds. */
  rtt?: number;
  /** Its variation, in milliseconds. */
  rttVariation?: number;
  /** Slow start threshold, in segments. */
  slowStartThreshold?: number;
  /** Largest congestion window, in segments. */
  congestionWindow?: number;
  /** Segment size to announce, in bytes. */
  advertisedSegmentSize?: number;
  /** Segments that may be out of order. */
  reordering?: number;
  /** Hop limit of packets that this machine sends, up to 255; 0 is what the link has (RTAX_HOPLIMIT). */
  hopLimit?: number;
  /** Congestion window to begin with, in segments. */
  initialCongestionWindow?: number;
  /** Window to announce at first, in segments. */
  initialReceiveWindow?: number;
  /** Least time until a segment is sent again, in milliseconds. */
  minRetransmission?: number;
  /** Whether acknowledgements are sent at once. */
  quickAck?: boolean;
  /** Name of the congestion control algorithm, such as "bbr" (RTAX_CC_ALGO). */
  congestionControl?: string;
  /** Whether TCP Fast Open needs no cookie (RTAX_FASTOPEN_NO_COOKIE). */
  fastOpenNoCookie?: boolean;
  /** What TCP does towards the destination whatever the namespace has (RTAX_FEATURES). */
  features?: readonly RouteFeature[];
  /** Which of these, and of the MTU, stay whatever the network says (RTAX_LOCK). */
  lock?: readonly LockableMetric[];
}

/** What TCP may do (RTAX_FEATURE_* of linux/rtnetlink.h). */
export type RouteFeature = "ecn" | "sack" | "timestamp" | "allfrag" | "tcp_usec_ts";

/** A metric that can be locked. */
export type LockableMetric = "mtu" | Exclude<keyof RouteMetrics, "lock">;

/** One of several next hops (struct rtnexthop of linux/rtnetlink.h). */
export interface RouteHop {
  /** The next hop's address. */
  gateway?: string;
  /** The link that it goes out by. */
  link?: LinkRef;
  /**
   * Its share of the packets against the others', 1 to 256.
   *
   * @default 1
   */
  weight?: number;
  /**
   * Whether the gateway is taken to be on the link though no address says so.
   *
   * @default false
   */
  onlink?: boolean;
  /** How packets are encapsulated. */
  encapsulation?: Encapsulation;
}

/** One of several next hops as the kernel describes it (struct rtnexthop of linux/rtnetlink.h). */
export interface ListedHop extends RouteHop {
  /** Index of the link. */
  link: number;
  /** Its share of the packets against the others', 1 to 256. */
  weight: number;
}

/**
 * What a route may have besides: metrics, several next hops, a nexthop object, an encapsulation
 * (RTA_* of linux/rtnetlink.h).
 */
export interface RouteDetails {
  /** Metrics besides the MTU. */
  metrics?: RouteMetrics;
  /** Several next hops, in place of gateway and link. */
  nexthops?: readonly RouteHop[];
  /**
   * Id of a nexthop object, in place of gateway and link. What the kernel shows of the object besides,
   * as in the plain copy of a route, is taken no notice of.
   */
  nexthop?: number;
  /** How packets are encapsulated. */
  encapsulation?: Encapsulation;
  /**
   * Which of equal routers is taken, IPv6 (RFC 4191).
   *
   * @default "medium"
   */
  preference?: "low" | "medium" | "high";
  /**
   * Seconds until it is removed, IPv6 (RTA_EXPIRES, RTA_CACHEINFO).
   *
   * @default never
   */
  expires?: number;
  /** Realms: from << 16 | to, IPv4; not 0. */
  realms?: number;
}

const SET = spec.sets["route-attrs"];
const PREFERENCES = { medium: 0, high: 1, low: 3 } as const; // ICMPV6_ROUTER_PREF_*

const FEATURES: { readonly [K in RouteFeature]: number } = {
  ecn: 1,
  sack: 2,
  timestamp: 4,
  allfrag: 8,
  tcp_usec_ts: 16,
};

const AX = spec.sets.metrics;
const LOCKS: { readonly [K in LockableMetric]: number } = {
  mtu: 1 << AX.mtu.id,
  window: 1 << AX.window.id,
  rtt: 1 << AX.rtt.id,
  rttVariation: 1 << AX.rttvar.id,
  slowStartThreshold: 1 << AX.ssthresh.id,
  congestionWindow: 1 << AX.cwnd.id,
  advertisedSegmentSize: 1 << AX.advmss.id,
  reordering: 1 << AX.reordering.id,
  hopLimit: 1 << AX.hoplimit.id,
  initialCongestionWindow: 1 << AX.initcwnd.id,
  features: 1 << AX.features.id,
  minRetransmission: 1 << AX.rtoMin.id,
  initialReceiveWindow: 1 << AX.initrwnd.id,
  quickAck: 1 << AX.quickack.id,
  congestionControl: 1 << AX.ccAlgo.id,
  fastOpenNoCookie: 1 << AX.fastopenNoCookie.id,
};

/** Names of the bits that are set in a number. */
function bits<T extends string>(
  attribute: string,
  table: { readonly [K in T]: number },
): Field<readonly T[]> {
  const known = Object.keys(table) as T[];
  return {
    write(out, parameter, names) {
      if (!Array.isArray(names) || !names.every((name) => known.includes(name))) {
        throw bad(parameter, `a list of some of ${known.join(", ")}`, names);
      }
      out[attribute] = (names as T[]).reduce((all, name) => all | table[name], 0);
    },
    read(from) {
      const value = Number(from[attribute] ?? 0);
      const names = known.filter((name) => (value & table[name]) !== 0);
      return names.length > 0 ? names : undefined;
    },
  };
}

const metricFields: Fields<RouteMetrics> = {
  window: whole("window"),
  rtt: scaled("rtt", 8),
  rttVariation: scaled("rttvar", 4),
  slowStartThreshold: whole("ssthresh"),
  congestionWindow: whole("cwnd"),
  advertisedSegmentSize: whole("advmss"),
  reordering: whole("reordering"),
  hopLimit: whole("hoplimit", 255),
  initialCongestionWindow: whole("initcwnd"),
  initialReceiveWindow: whole("initrwnd"),
  minRetransmission: whole("rtoMin"),
  quickAck: yesNo("quickack"),
  congestionControl: text("ccAlgo", 15),
  fastOpenNoCookie: yesNo("fastopenNoCookie"),
  features: bits("features", FEATURES),
  lock: bits("lock", LOCKS),
};

/** Whether a route needs more than addresses, link and priority. */
export function hasDetails(route: RouteDetails): boolean {
  return route.metrics !== undefined || route.nexthops !== undefined ||
    route.nexthop !== undefined || route.encapsulation !== undefined ||
    route.preference !== undefined || route.expires !== undefined || route.realms !== undefined;
}

/** What the kernel shows of a nexthop object, and refuses beside its id. */
const SHOWN = {
  gateway: undefined,
  link: undefined,
  onlink: undefined,
  nexthops: undefined,
  encapsulation: undefined,
};

/** A route that uses a nexthop object, without what is that object's. */
export function withoutHop<T extends RouteDetails>(route: T): T {
  const plain = "toJSON" in route ? (route as unknown as { toJSON(): T }).toJSON() : route;
  return { ...plain, ...SHOWN };
}

/** Links that the next hops name. */
export function hopLinks(route: RouteDetails): LinkRef[] {
  return (route.nexthops ?? []).flatMap(({ link }) => link === undefined ? [] : [link]);
}

/** The IP version of the first next hop that has a gateway; undefined if none has. */
export function hopsFamily({ nexthops = [] }: RouteDetails): number | undefined {
  const i = nexthops.findIndex(({ gateway }) => gateway !== undefined);
  return i < 0 ? undefined : address(`nexthops[${i}].gateway`, nexthops[i].gateway!).family;
}

/** Checks everything before names of links are looked up; `family` is the destination's. */
export function checkDetails(route: RouteDetails, family: number): void {
  const { nexthops, preference, expires, realms } = route;
  if (preference !== undefined && !Object.hasOwn(PREFERENCES, preference)) {
    throw bad("preference", "low, medium or high", preference);
  }
  // The kernel takes no notice of these.
  if (family === AF_INET) {
    if (preference !== undefined) throw bad("preference", "of an IPv6 route", preference);
    if (expires !== undefined) throw bad("expires", "of an IPv6 route", expires);
  } else if (realms !== undefined) throw bad("realms", "of an IPv4 route", realms);
  if (nexthops?.length === 0) throw bad("nexthops", "one next hop or more", nexthops);
  nexthops?.forEach(({ link }, i) => {
    if (link !== undefined) linkRef(`nexthops[${i}].link`, link);
  });
  detailValues(route, family, () => 1, undefined);
}

/** The attributes. */
export function detailValues(
  route: RouteDetails,
  family: number,
  index: (link: LinkRef) => number,
  mtu: number | undefined,
): Values {
  const { metrics, nexthop, nexthops, preference, expires, realms } = route;
  const some = metrics === undefined && mtu === undefined
    ? undefined
    : { mtu, ...metricValues(metrics ?? {}) };
  return {
    metrics: some,
    nhId: nexthop === undefined ? undefined : integer("nexthop", nexthop, 1, 0xffffffff),
    multipath: nexthops === undefined ? undefined : hops(nexthops, family, index),
    pref: preference === undefined ? undefined : PREFERENCES[preference],
    expires: expires === undefined ? undefined : integer("expires", expires, 1, 0x7fffffff),
    flow: realms === undefined ? undefined : integer("realms", realms, 1, 0xffffffff),
    ...encapsulationValues(route.encapsulation, SET.encapType.id, SET.encap.id),
  };
}

/** The error for an address of another IP version than the destination's. */
export function mixed(parameter: string, value: string | undefined): TypeError {
  return bad(parameter, "of the destination's IP version", value);
}

/** RTA_GATEWAY, or RTA_VIA where the gateway's IP version is not the destination's. */
export function gatewayValues(parameter: string, gateway: string, family: number): Values {
  const via = address(parameter, gateway);
  if (via.family === family) return { gateway };
  if (family !== AF_INET) throw mixed(parameter, gateway);
  return { via: Uint8Array.of(AF_INET6, 0, ...ipBytes(via.words)) };
}

/** `struct rtnexthop` for each, attributes behind it. */
function hops(
  list: readonly RouteHop[],
  family: number,
  index: (link: LinkRef) => number,
): Uint8Array {
  const w = new Writer(256);
  list.forEach((hop, i) => {
    const { gateway, link, weight = 1, onlink, encapsulation } = hop, path = `nexthops[${i}].`;
    integer(`${path}weight`, weight, 1, 256);
    const start = w.length;
    w.word(0);
    w.word(link === undefined ? 0 : index(link));
    if (gateway !== undefined) {
      const { via } = gatewayValues(`${path}gateway`, gateway, family);
      if (via !== undefined) w.blob(SET.via.id, via as Uint8Array);
      else w.ip(SET.gateway.id, address(`${path}gateway`, gateway).words);
    }
    const { encapType, encap } = SET;
    const tunnel = encapsulationValues(
      encapsulation,
      encapType.id,
      encap.id,
      `${path}encapsulation.`,
    );
    for (const [type, bytes] of Object.entries(tunnel)) w.blob(Number(type), bytes as Uint8Array);
    const flags = onlink ? RTNH_F_ONLINK : 0;
    w.words[start >> 2] = (w.length - start) | flags << 16 | (weight - 1) << 24;
  });
  return w.bytes.slice(0, w.length);
}

/** The next hops in RTA_MULTIPATH. */
export function readHops(payload: Uint8Array | undefined): ListedHop[] | undefined {
  if (payload === undefined) return undefined;
  const w: Words = new Int32Array(payload.slice().buffer), out: ListedHop[] = [];
  for (let at = 0; at + 8 <= payload.length;) {
    const length = w[at >> 2] & 0xffff;
    if (length < 8 || at + length > payload.length) break;
    const flags = (w[at >> 2] >>> 16) & 0xff, weight = (w[at >> 2] >>> 24) + 1;
    const hop: ListedHop = { link: w[(at >> 2) + 1], weight };
    let type: number | undefined, content: Uint8Array | undefined;
    for (let i = (at >> 2) + 2, end = at + length; i << 2 < end; i = next(w, i, end)) {
      const from = (i + 1) << 2, to = (i << 2) + (w[i] & 0xffff);
      if (typeOf(w[i]) === SET.gateway.id) hop.gateway = ipAt(w, i);
      if (typeOf(w[i]) === SET.via.id) hop.gateway = viaText(payload.slice(from, to));
      if (typeOf(w[i]) === SET.encapType.id) type = w[i + 1] & 0xffff;
      if (typeOf(w[i]) === SET.encap.id) content = payload.slice(from, to);
    }
    const encapsulation = readEncapsulation(type, content);
    if (encapsulation) hop.encapsulation = encapsulation;
    if (flags & RTNH_F_ONLINK) hop.onlink = true;
    out.push(hop);
    at += (length + 3) & ~3;
  }
  return out;
}

/** The address in `struct rtvia`, whose family stands in front. */
export function viaText(via: Uint8Array): string | undefined {
  if (via.length !== 18) return undefined;
  return ipAt(new Int32Array([20, ...new Int32Array(via.slice(2).buffer)]), 0);
}

/** The attributes of metrics. */
export function metricValues(metrics: RouteMetrics): Values {
  return encodeFields(metricFields, metrics, "metrics.");
}

/** The metrics; undefined if there are none. */
export function readMetrics(values: Values | undefined): RouteMetrics | undefined {
  if (values === undefined) return undefined;
  const metrics = decodeFields(metricFields, values);
  return Object.keys(metrics).length > 0 ? metrics : undefined;
}

/** "high" for 1. */
export function preferenceName(value: number | undefined): RouteDetails["preference"] {
  return value === PREFERENCES.high ? "high" : value === PREFERENCES.low ? "low" : undefined;
}
