/** A change of an address: what is to be done, checked and in numbers, and its message. */

import type { Writer } from "../codec/writer.ts";
import type { Ask } from "../exchange.ts";
import { spec } from "../spec/rt-addr.ts";
import { addressCodec, FLAGS } from "./address.ts";
import { bad, integer, outside } from "../check.ts";
import { address, addressLabel, type LinkRef, linkRef, type Prefix, prefix } from "./input.ts";
import { AF_INET } from "./item.ts";
import { addressProtocolValue, scopeValue } from "./names.ts";
import { checkOptions } from "./shape.ts";
import { ADDRESS } from "./shapes.ts";

/** Which address of which link. */
export interface AddressRef {
  /** The link, by name or index. */
  link: LinkRef;
  /** The address with its prefix length, as in "10.0.0.1/24"; without one it stands alone. */
  address: string;
  /** The other end of a point-to-point link. */
  peer?: string;
}

/** An address to be added (struct ifaddrmsg and IFA_* of linux/if_addr.h). */
export interface NewAddress extends AddressRef {
  /** The broadcast address, of an IPv4 address. */
  broadcast?: string;
  /** A label of up to 15 bytes, of an IPv4 address. */
  label?: string;
  /**
   * How far it is valid.
   *
   * @default "global"
   */
  scope?: string | number;
  /**
   * Seconds until it is removed, from 1.
   *
   * @default Infinity
   */
  validLifetime?: number;
  /**
   * Seconds until no new connection uses it, up to `validLifetime`.
   *
   * @default `validLifetime`
   */
  preferredLifetime?: number;
  /**
   * Metric of the route to its network (IFA_RT_PRIORITY).
   *
   * @default 0 for IPv4, 256 for IPv6
   */
  metric?: number;
  /**
   * Who made it: a number of one's own, or as the kernel says of its own "kernel_lo", "kernel_ra" or
   * "kernel_ll"; Linux 5.18 (IFA_PROTO).
   *
   * @default "unspec"
   */
  protocol?: string | number;
  /** Flags to set, such as "nodad" or "noprefixroute" (IFA_F_* of linux/if_addr.h). */
  flags?: readonly string[];
  /**
   * Whether an address that is there already is changed instead of refused.
   *
   * @default false
   */
  replace?: boolean;
}

/** With what the kernel tells of one, which may be told back. */
const READ = { ...ADDRESS, family: "number" } as const;
const layout = addressCodec.message("getaddr");
const SET = spec.sets["addr-attrs"];
const FOREVER = 0xffffffff; // INFINITY_LIFE_TIME of net/addrconf.h

/**
 * The message to add, replace or delete an address. Everything is checked when it is made, so that it
 * is sent as a whole or not at all; one object without closures, since there may be a great many.
 */
export class AddressChange implements Ask {
  /** Index of the link; to be set where the link is named. */
  index: number;
  readonly #address: string;
  readonly #link: LinkRef;
  readonly #verb: string;
  // The first word of struct ifaddrmsg.
  readonly #header: number;
  readonly #local: Prefix;
  readonly #peer: Prefix;
  readonly #broadcast?: Prefix;
  readonly #label?: string;
  readonly #metric?: number;
  readonly #protocol: number;
  readonly #flags: number;
  readonly #lifetimes?: readonly [preferred: number, valid: number];

  /** @throws {TypeError | RangeError} for a value that no kernel would accept */
  constructor(readonly type: number, readonly flags: number, verb: string, entry: NewAddress) {
    checkOptions("an address", entry, READ);
    const { label, metric, validLifetime: valid, preferredLifetime: preferred } = entry;
    linkRef("link", entry.link);
    const local = prefix("address", entry.address);
    const peer = entry.peer === undefined ? local : address("peer", entry.peer);
    if (peer.family !== local.family) {
      throw bad("peer", "of the same IP version as the address", entry.peer);
    }
    const broadcast = entry.broadcast === undefined
      ? undefined
      : address("broadcast", entry.broadcast);
    if (broadcast && (local.family !== AF_INET || broadcast.family !== AF_INET)) {
      throw bad("broadcast", "an IPv4 address, of an IPv4 address", entry.broadcast);
    }
    if (label !== undefined) {
      addressLabel("label", label);
      // The kernel takes no notice of it.
      if (local.family !== AF_INET) throw bad("label", "of an IPv4 address", label);
    }
    if (metric !== undefined) integer("metric", metric, 0, 0xffffffff);
    this.#protocol = entry.protocol === undefined
      ? 0
      : addressProtocolValue("protocol", entry.protocol);
    const scope = entry.scope === undefined ? 0 : scopeValue("scope", entry.scope);
    this.index = typeof entry.link === "number" ? entry.link : 0;
    this.#address = entry.address;
    this.#link = entry.link;
    this.#verb = verb;
    this.#header = local.family | (local.length << 8) | (scope << 24);
    this.#local = local;
    this.#peer = peer;
    this.#broadcast = broadcast;
    this.#label = label;
    this.#metric = metric;
    this.#flags = entry.flags === undefined ? 0 : flagBits(entry.flags);
    this.#lifetimes = valid === undefined && preferred === undefined
      ? undefined
      : lifetimes(preferred ?? valid, valid);
  }

  get operation(): string {
    const preposition = this.#verb === "add" ? "to" : "of";
    return `${this.#verb} address ${this.#address} ${preposition} ${this.#link}`;
  }

  get layout(): typeof layout {
    return layout;
  }

  write(w: Writer): void {
    w.word(this.#header);
    w.word(this.index);
    w.ip(SET.local.id, this.#local.words);
    w.ip(SET.address.id, this.#peer.words);
    if (this.#broadcast) w.ip(SET.broadcast.id, this.#broadcast.words);
    if (this.#label !== undefined) w.string(SET.label.id, this.#label);
    if (this.#metric !== undefined) w.small(SET.rtPriority.id, this.#metric, 4);
    if (this.#flags !== 0) w.small(SET.flags.id, this.#flags, 4);
    if (this.#protocol !== 0) w.small(SET.proto.id, this.#protocol, 1);
    if (this.#lifetimes) w.ip(SET.cacheinfo.id, [...this.#lifetimes, 0, 0]);
  }
}

function flagBits(flags: readonly string[]): number {
  let bits = 0;
  for (const flag of flags) {
    const bit = FLAGS.value(flag);
    if (bit === undefined) throw bad("flags", `names out of ${FLAGS.names.join(", ")}`, flag);
    bits |= bit;
  }
  return bits;
}

/** Both as the kernel has them. */
function lifetimes(preferred?: number, valid?: number): readonly [number, number] {
  const both = [seconds("preferredLifetime", preferred), seconds("validLifetime", valid)] as const;
  if (both[1] === 0) throw outside("validLifetime", 1, FOREVER - 1, valid);
  if (both[0] > both[1]) throw bad("preferredLifetime", "at most validLifetime", preferred);
  return both;
}

function seconds(parameter: string, value: number | undefined): number {
  if (value === undefined || value === Infinity) return FOREVER;
  return integer(parameter, value, 0, FOREVER - 1);
}
