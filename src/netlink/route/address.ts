/** An IP address of a link as the kernel describes it. */

import { Codec } from "../codec/codec.ts";
import { EnumTable } from "../codec/enums.ts";
import type { Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-addr.ts";
import { AF_INET, ip, string, u32 } from "./item.ts";
import { locate } from "./item.ts";
import { addressProtocolName, scopeName } from "./names.ts";

/** The codec of addresses. */
export const addressCodec: Codec = new Codec(spec);
const Full = addressCodec.message("getaddr");

const SET = spec.sets["addr-attrs"];
/** Names of address flags, IFA_F_*. */
export const FLAGS: EnumTable = new EnumTable(spec.enums["ifa-flags"], true);
const START = 6; // words: nlmsghdr 4, ifaddrmsg 2
const FOREVER = 0xffffffff;

/**
 * An IP address of a link (struct ifaddrmsg and IFA_* of linux/if_addr.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.addresses.add({ link: "lo", address: "10.2.0.1/24", validLifetime: 60 });
 * const [, found] = await nl.addresses.list({ link: "lo", family: 4 }).toArray();
 * console.log(found.address, found.ip, found.prefixLength, found.scope); // 10.2.0.1/24 10.2.0.1 24 global
 * console.log(found.validLifetime); // 60
 * ```
 */
export class Address {
  readonly #w: Words;
  readonly #at: number;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#w = w;
    this.#at = at;
  }

  /** The link's index (`ifa_index`). */
  get link(): number {
    return this.#w[this.#at + 5];
  }

  /** IP version. */
  get family(): 4 | 6 {
    return (this.#w[this.#at + 4] & 0xff) === AF_INET ? 4 : 6;
  }

  /** The address with its prefix length, as in "10.0.0.1/24". */
  get address(): string {
    return `${this.ip}/${this.prefixLength}`;
  }

  /** The address alone, as in "10.0.0.1" (IFA_LOCAL). */
  get ip(): string {
    // On a link with a peer, IFA_ADDRESS is the peer's.
    return ip(this.#w, this.#at, START, SET.local.id) ??
      ip(this.#w, this.#at, START, SET.address.id) ?? "";
  }

  /** Bits of the network part: 0 to 32, or to 128. */
  get prefixLength(): number {
    return (this.#w[this.#at + 4] >>> 8) & 0xff;
  }

  /** The other end of a point-to-point link; undefined elsewhere (IFA_ADDRESS). */
  get peer(): string | undefined {
    const local = ip(this.#w, this.#at, START, SET.local.id);
    const other = ip(this.#w, this.#at, START, SET.address.id);
    return local === undefined || local === other ? undefined : other;
  }

  /** The broadcast address; undefined where none was set (IFA_BROADCAST). */
  get broadcast(): string | undefined {
    return ip(this.#w, this.#at, START, SET.broadcast.id);
  }

  /** The label; undefined for an IPv6 address (IFA_LABEL). */
  get label(): string | undefined {
    return string(this.#w, this.#at, START, SET.label.id);
  }

  /** How far the address is valid: "global", "link", "host", or a number. */
  get scope(): string | number {
    return scopeName(this.#w[this.#at + 4] >>> 24);
  }

  /** Metric of the route to its network, where one was set (IFA_RT_PRIORITY). */
  get metric(): number | undefined {
    return u32(this.#w, this.#at, START, SET.rtPriority.id);
  }

  /**
   * Who made it, where that was said: "kernel_lo", "kernel_ra", "kernel_ll", or a number (IFA_PROTO).
   */
  get protocol(): string | number | undefined {
    const i = locate(this.#w, this.#at, START, SET.proto.id);
    return i < 0 ? undefined : addressProtocolName(this.#w[i + 1] & 0xff);
  }

  /** Names of the flags that are set (IFA_F_*). */
  get flags(): readonly string[] {
    const value = u32(this.#w, this.#at, START, SET.flags.id) ??
      (this.#w[this.#at + 4] >>> 16) & 0xff;
    return FLAGS.list(value) as readonly string[];
  }

  /**
   * Seconds until it is removed, as of when the kernel said it; Infinity if never (struct ifa_cacheinfo).
   */
  get validLifetime(): number {
    return this.#lifetime(1);
  }

  /** Seconds for which new connections use it; Infinity if for ever (struct ifa_cacheinfo). */
  get preferredLifetime(): number {
    return this.#lifetime(0);
  }

  #lifetime(member: number): number {
    const i = locate(this.#w, this.#at, START, SET.cacheinfo.id);
    const seconds = i < 0 ? FOREVER : this.#w[i + 1 + member] >>> 0;
    return seconds === FOREVER ? Infinity : seconds;
  }

  /** Everything that the kernel said, named as in the kernel's specification. */
  get attributes(): Families["rt-addr"]["getaddr"]["dump"]["reply"] {
    return new Full(
      this.#w,
      this.#at,
    ) as unknown as Families["rt-addr"]["getaddr"]["dump"]["reply"];
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    const { link, family, address, peer, broadcast, label, scope, flags, metric } = this;
    const { protocol, validLifetime, preferredLifetime } = this;
    return {
      ...{ link, family, address, peer, broadcast, label, scope, flags, metric, protocol },
      // What is for ever has no number in JSON.
      ...validLifetime < Infinity ? { validLifetime, preferredLifetime } : {},
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
