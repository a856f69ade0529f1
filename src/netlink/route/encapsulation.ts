/** Lightweight tunnels that a route or a nexthop puts packets into (linux/lwtunnel.h). */

import { ipBytes, ipv4Text, ipv6Text, parseIpv6 } from "../codec/address.ts";
import type { Values } from "../codec/encode.ts";
import { byte, next, swap16, swap32, typeOf, type Words } from "../codec/words.ts";
import { NESTED, Writer } from "../codec/writer.ts";
import { bad, integer } from "../check.ts";
import { address } from "./input.ts";
import { AF_INET } from "./item.ts";
import { checkOptions } from "./shape.ts";
import { TUNNELS } from "./shapes.ts";

/**
 * IP in IP, or in what the link's tunnel uses: the outer header's fields (LWTUNNEL_IP_* and
 * LWTUNNEL_IP6_* of linux/lwtunnel.h).
 */
export interface IpEncapsulation {
  /** "ip" with IPv4 outside, "ip6" with IPv6. */
  type: "ip" | "ip6";
  /** Outer source address. */
  source?: string;
  /** Outer destination address. */
  destination?: string;
  /** Tunnel id, such as a VXLAN's network identifier. */
  id?: number;
  /** Time to live, or hop limit. */
  ttl?: number;
  /** Type of service, or traffic class. */
  tos?: number;
  /**
   * Whether the tunnel's header holds the id as its key (TUNNEL_KEY of net/ip_tunnels.h).
   *
   * @default false
   */
  key?: boolean;
  /**
   * Whether it holds a checksum (TUNNEL_CSUM).
   *
   * @default false
   */
  checksum?: boolean;
  /**
   * Whether it holds a sequence number (TUNNEL_SEQ).
   *
   * @default false
   */
  sequence?: boolean;
}

/** MPLS labels (linux/mpls_iptunnel.h). */
export interface MplsEncapsulation {
  /** MPLS. */
  type: "mpls";
  /** The labels, outermost first. */
  labels: readonly number[];
  /**
   * Time to live in the labels; 0 for the packet's own.
   *
   * @default as the namespace has it (net.mpls.ip_ttl_propagate)
   */
  ttl?: number;
}

/** An IPv6 segment routing header (linux/seg6_iptunnel.h). */
export interface Seg6Encapsulation {
  /** Segment routing. */
  type: "seg6";
  /**
   * Whether the header goes into the packet, around it, or around its frame; ".red" leaves the first
   * segment out of it.
   */
  mode: "inline" | "encap" | "l2encap" | "encap.red" | "l2encap.red";
  /** The segments in the order of travel. */
  segments: readonly string[];
}

/** Any other, as the kernel tells it: seg6local, bpf, rpl, ioam6, xfrm, ip with options of the tunnel. */
export interface OtherEncapsulation {
  /** None of those that have a name here. */
  type: "other";
  /** Its number (LWTUNNEL_ENCAP_*): 7 for seg6local, 6 for bpf. */
  number: number;
  /** The bytes of its attributes (RTA_ENCAP). */
  data: readonly number[];
}

/** How a route or a nexthop encapsulates packets (RTA_ENCAP; LWTUNNEL_ENCAP_* of linux/lwtunnel.h). */
export type Encapsulation =
  | IpEncapsulation
  | MplsEncapsulation
  | Seg6Encapsulation
  | OtherEncapsulation;

const TYPES = { mpls: 1, ip: 2, ip6: 4, seg6: 5 } as const; // LWTUNNEL_ENCAP_*
// LWTUNNEL_IP_*, LWTUNNEL_IP6_*
const ID = 1, DST = 2, SRC = 3, TTL = 4, TOS = 5, FLAGS = 6, IP_PAD = 7;
const IP_FLAGS = { checksum: 1, key: 4, sequence: 8 } as const; // TUNNEL_* of net/ip_tunnels.h
const LABELS = 1, LABELS_TTL = 2; // MPLS_IPTUNNEL_*
const SRH = 1; // SEG6_IPTUNNEL_SRH
const MODES = ["inline", "encap", "l2encap", "encap.red", "l2encap.red"] as const; // SEG6_IPTUN_MODE_*

/**
 * RTA_ENCAP_TYPE and RTA_ENCAP, or the like of nexthops, by the numbers of those two; `path` is where
 * the encapsulation stands.
 */
export function encapsulationValues(
  encap: Encapsulation | undefined,
  typeId: number,
  id: number,
  path = "encapsulation.",
): Values {
  if (encap === undefined) return {};
  if (encap === null || !Object.hasOwn(TUNNELS, encap.type)) {
    throw bad(`${path}type`, `one of ${Object.keys(TUNNELS).join(", ")}`, encap?.type);
  }
  checkOptions(`encapsulation ${encap.type}`, encap, TUNNELS[encap.type], path);
  const type = encap.type === "other"
    ? integer(`${path}number`, encap.number, 1, 0xffff)
    : TYPES[encap.type];
  return {
    [typeId]: Uint8Array.of(type & 0xff, type >>> 8),
    [id | NESTED]: encap.type === "other" ? octets(encap, path) : content(encap, path),
  };
}

function octets({ data }: OtherEncapsulation, path: string): Uint8Array {
  if (!Array.isArray(data)) throw bad(`${path}data`, "a list of bytes", data);
  return Uint8Array.from(data, (value, i) => integer(`${path}data[${i}]`, value, 0, 255));
}

function content(encap: Exclude<Encapsulation, OtherEncapsulation>, path: string): Uint8Array {
  const w = new Writer(256);
  if (encap.type === "mpls") {
    const { labels, ttl } = encap;
    if (!Array.isArray(labels) || labels.length === 0) {
      throw bad(`${path}labels`, "one label or more", labels);
    }
    const at = w.open(LABELS);
    labels.forEach((label, i) => {
      integer(`${path}labels[${i}]`, label, 0, 0xfffff);
      const bottom = i + 1 === labels.length ? 0x100 : 0;
      w.word(swap32((label << 12) | bottom));
    });
    w.close(at);
    if (ttl !== undefined) w.small(LABELS_TTL, integer(`${path}ttl`, ttl, 0, 255), 1);
  } else if (encap.type === "seg6") segments(w, encap, path);
  else outer(w, encap, path);
  return w.bytes.slice(0, w.length);
}

function outer(w: Writer, encap: IpEncapsulation, path: string): void {
  const four = encap.type === "ip";
  const { id, ttl, tos } = encap;
  if (id !== undefined) {
    integer(`${path}id`, id, 0, Number.MAX_SAFE_INTEGER);
    const at = w.open(ID);
    w.word(swap32(Math.floor(id / 2 ** 32)));
    w.word(swap32(id | 0));
    w.close(at);
  }
  for (const [name, type] of [["destination", DST], ["source", SRC]] as const) {
    const value = encap[name];
    if (value === undefined) continue;
    const { family, words } = address(path + name, value);
    if ((family === AF_INET) !== four) {
      throw bad(path + name, `an IPv${four ? 4 : 6} address`, value);
    }
    w.ip(type, words);
  }
  if (ttl !== undefined) w.small(TTL, integer(`${path}ttl`, ttl, 0, 255), 1);
  if (tos !== undefined) w.small(TOS, integer(`${path}tos`, tos, 0, 255), 1);
  let flags = 0;
  for (const name of FLAG_NAMES) if (encap[name]) flags |= IP_FLAGS[name];
  if (flags !== 0) w.small(FLAGS, swap16(flags), 2);
}

const FLAG_NAMES = Object.keys(IP_FLAGS) as (keyof typeof IP_FLAGS)[];
const ALL_FLAGS = FLAG_NAMES.reduce((all, name) => all | IP_FLAGS[name], 0);

/** `struct seg6_iptunnel_encap`: the mode and a segment routing header, segments backwards. */
function segments(w: Writer, { mode, segments }: Seg6Encapsulation, path: string): void {
  const number = MODES.indexOf(mode);
  if (number < 0) throw bad(`${path}mode`, `one of ${MODES.join(", ")}`, mode);
  if (!Array.isArray(segments) || segments.length === 0 || segments.length > 64) {
    throw bad(`${path}segments`, "1 to 64 addresses", segments);
  }
  const list = segments.map((text, i) => {
    const words = typeof text === "string" ? parseIpv6(text) : undefined;
    if (!words) throw bad(`${path}segments[${i}]`, "an IPv6 address", text);
    return ipBytes(words);
  });
  // An inserted header leaves its first segment free for the packet's own destination.
  if (number === 0) list.push(new Uint8Array(16));
  const last = list.length - 1;
  const at = w.open(SRH);
  w.word(number);
  w.append(Uint8Array.of(0, list.length * 2, 4, last, last, 0, 0, 0));
  for (const segment of list.reverse()) w.append(segment);
  w.close(at);
}

/** The encapsulation that the payloads of RTA_ENCAP_TYPE and RTA_ENCAP describe. */
export function readEncapsulation(
  type: number | undefined,
  payload: Uint8Array | undefined,
): Encapsulation | undefined {
  if (type === undefined || payload === undefined) return undefined;
  const other = (): OtherEncapsulation => ({ type: "other", number: type, data: [...payload] });
  if (!(Object.values(TYPES) as number[]).includes(type)) return other();
  const bytes = new Uint8Array((payload.length + 3) & ~3);
  bytes.set(payload);
  const w: Words = new Int32Array(bytes.buffer), end = payload.length;
  const found = new Map<number, number>();
  for (let i = 0; i << 2 < end; i = next(w, i, end)) found.set(typeOf(w[i]), i);
  const at = (id: number) => found.get(id);
  const octet = (id: number) => found.has(id) ? w[at(id)! + 1] & 0xff : undefined;
  if (type === TYPES.mpls) {
    const i = at(LABELS) ?? 0, count = ((w[i] & 0xffff) - 4) >> 2;
    const labels = Array.from({ length: count }, (_, k) => swap32(w[i + 1 + k]) >>> 12);
    return defined({ type: "mpls", labels, ttl: octet(LABELS_TTL) });
  }
  if (type === TYPES.seg6) {
    const srh = at(SRH);
    if (srh === undefined) return undefined;
    const start = (srh + 1) << 2;
    const mode = MODES[w[start >> 2]], last = byte(w, start + 8);
    // A mode that is newer than this, or a signature behind the segments.
    if (mode === undefined || byte(w, start + 5) !== (last + 1) * 2) return other();
    const list: string[] = [];
    for (let k = last; k >= (mode === "inline" ? 1 : 0); k--) {
      list.push(ipv6Text(w, start + 12 + 16 * k));
    }
    return { type: "seg6", mode, segments: list };
  }
  const four = type === TYPES.ip, place = at(FLAGS);
  const flags = place === undefined ? 0 : swap16(w[place + 1] & 0xffff);
  // What has no name here, such as a tunnel's options, is not left out.
  if ((flags & ~ALL_FLAGS) !== 0 || Math.max(...found.keys()) > IP_PAD) return other();
  const text = (id: number) => {
    const i = at(id);
    if (i === undefined) return undefined;
    const ip = (four ? ipv4Text : ipv6Text)(w, (i + 1) << 2);
    return ip === "0.0.0.0" || ip === "::" ? undefined : ip;
  };
  const id = at(ID);
  const number = id === undefined
    ? 0
    : (swap32(w[id + 1]) >>> 0) * 2 ** 32 + (swap32(w[id + 2]) >>> 0);
  return defined({
    type: four ? "ip" : "ip6",
    source: text(SRC),
    destination: text(DST),
    id: number || undefined,
    ttl: octet(TTL) || undefined,
    tos: octet(TOS) || undefined,
    ...Object.fromEntries(
      FLAG_NAMES.filter((name) => (flags & IP_FLAGS[name]) !== 0).map((name) => [name, true]),
    ),
  });
}

function defined(value: Encapsulation): Encapsulation {
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries) as unknown as Encapsulation;
}
