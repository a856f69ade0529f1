/** Addresses: listing, adding, deleting. */

import type { Ask, RequestOptions } from "../exchange.ts";
import type { Writer } from "../codec/writer.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE } from "../protocol.ts";
import { spec } from "../spec/rt-addr.ts";
import { Address, addressCodec, FLAGS } from "./address.ts";
import {
  address,
  bad,
  familyNumber,
  integer,
  type LinkRef,
  linkRef,
  type Prefix,
  prefix,
} from "./input.ts";
import { AF_INET } from "./item.ts";
import type { Links } from "./links.ts";
import { scopeValue } from "./names.ts";
import { Change, deleteAll } from "./requests.ts";

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
   * Seconds until it is removed.
   *
   * @default Infinity
   */
  validLifetime?: number;
  /**
   * Seconds until no new connection uses it.
   *
   * @default Infinity
   */
  preferredLifetime?: number;
  /**
   * Metric of the route to its network (IFA_RT_PRIORITY).
   *
   * @default 0 for IPv4, 256 for IPv6
   */
  metric?: number;
  /** Flags to set, such as "nodad" or "noprefixroute" (IFA_F_* of linux/if_addr.h). */
  flags?: readonly string[];
  /**
   * Whether an address that is there already is changed instead of refused.
   *
   * @default false
   */
  replace?: boolean;
}

/** Which addresses a list shall have; the kernel selects them. */
export interface AddressFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
  /** Only those of this IP version. */
  family?: 4 | 6;
}

const { operations } = addressCodec.spec;
const NEW = operations.newaddr.do![0], DELETE = operations.deladdr.do![0];
const GET = operations.getaddr.dump![0];
const layout = addressCodec.message("getaddr");
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Address(w, at);

/**
 * The addresses of the links of a connection's namespace (RTM_*ADDR of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.addresses.add({ link: "lo", address: "10.3.0.1/24", flags: ["noprefixroute"] });
 * await nl.addresses.replace({ link: "lo", address: "10.3.0.1/24", validLifetime: 3600 });
 * for await (const { address, flags } of nl.addresses.list({ link: "lo" })) console.log(address, flags);
 * await nl.addresses.delete({ link: "lo", address: "10.3.0.1/24" });
 * ```
 */
export class Addresses {
  readonly #nl: Connection;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#nl = connection;
    this.#links = links;
  }

  /**
   * All addresses of both IP versions, or those that the kernel selects.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: AddressFilter = {}): Dump<Address> {
    const { link } = filter, family = familyNumber("family", filter.family);
    const ask = (index: number): Ask => ({
      type: GET,
      flags: NLM_F_DUMP,
      operation: "list addresses",
      layout,
      write(writer) {
        writer.word(family);
        writer.word(index);
      },
    });
    return this.#nl.list(
      () => link === undefined ? ask(0) : this.#links.index(link, "link", filter).then(ask),
      make,
      filter,
    );
  }

  /**
   * Adds an address to a link.
   *
   * @throws {NetlinkError} `EEXIST` when the link has it, `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  add(entry: NewAddress, options?: RequestOptions): Promise<void> {
    const flags = NLM_F_ACK | NLM_F_CREATE | (entry.replace ? NLM_F_REPLACE : NLM_F_EXCL);
    return this.#send(NEW, flags, "add", "to", entry, options);
  }

  /**
   * Adds an address, or changes lifetimes, flags and metric of the one that is there.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  replace(entry: NewAddress, options?: RequestOptions): Promise<void> {
    const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    return this.#send(NEW, flags, "replace", "of", entry, options);
  }

  /**
   * Deletes all addresses that the filter selects.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays deleted
   */
  async flush(filter: AddressFilter & { scope?: string | number } = {}): Promise<number> {
    const { scope, ...rest } = filter;
    const all = await this.list(rest).toArray();
    const doomed = all.filter((a) => scope === undefined || a.scope === scope);
    // With the first address of a network the kernel deletes the others of it.
    return await deleteAll(
      doomed,
      ({ link, address, peer }) => this.delete({ link, address, peer }, rest),
    );
  }

  /**
   * Deletes an address of a link. With the first IPv4 address of a network the kernel
   * deletes the others of it, unless `net.ipv4.conf.*.promote_secondaries` is set.
   *
   * @throws {NetlinkError} `EADDRNOTAVAIL` when the link does not have it
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  delete(entry: AddressRef, options?: RequestOptions): Promise<void> {
    return this.#send(DELETE, NLM_F_ACK, "delete", "of", entry, options);
  }

  #send(
    type: number,
    flags: number,
    verb: string,
    preposition: string,
    entry: NewAddress,
    options?: RequestOptions,
  ): Promise<void> {
    let plan: ReturnType<typeof check>;
    try {
      plan = check(entry);
    } catch (error) {
      return Promise.reject(error);
    }
    const { link, address } = entry;
    const describe = () => `${verb} address ${address} ${preposition} ${link}`;
    const change = (index: number) => {
      const put = (writer: Writer) => write(writer, plan, index);
      return this.#nl.change(new Change(type, flags, layout, describe, put), options);
    };
    return typeof link === "number"
      ? change(link)
      : this.#links.index(link, "link", options).then(change);
  }
}

/** An address that was checked, in numbers. */
interface Plan {
  /** The first word of `struct ifaddrmsg`. */
  readonly header: number;
  readonly local: Prefix;
  readonly peer: Prefix;
  readonly broadcast?: Prefix;
  readonly label?: string;
  readonly metric?: number;
  readonly flags: number;
  /** Seconds. */
  readonly lifetimes?: readonly [preferred: number, valid: number];
}

const SET = spec.sets["addr-attrs"];

function write(w: Writer, plan: Plan, index: number): void {
  w.word(plan.header);
  w.word(index);
  w.ip(SET.local.id, plan.local.words);
  w.ip(SET.address.id, plan.peer.words);
  if (plan.broadcast) w.ip(SET.broadcast.id, plan.broadcast.words);
  if (plan.label !== undefined) w.string(SET.label.id, plan.label);
  if (plan.metric !== undefined) w.small(SET.rtPriority.id, plan.metric, 4);
  if (plan.flags !== 0) w.small(SET.flags.id, plan.flags, 4);
  if (plan.lifetimes) w.ip(SET.cacheinfo.id, [...plan.lifetimes, 0, 0]);
}

/** Checks everything, so that a message is sent as a whole or not at all. */
function check(entry: NewAddress): Plan {
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
  if (label !== undefined && !/^[^\0]{1,15}$/.test(label)) {
    throw bad("label", "1 to 15 characters", label);
  }
  if (metric !== undefined) integer("metric", metric, 0, 0xffffffff);
  const scope = entry.scope === undefined ? 0 : scopeValue("scope", entry.scope);
  return {
    header: local.family | (local.length << 8) | (scope << 24),
    local,
    peer,
    broadcast,
    label,
    metric,
    flags: entry.flags === undefined ? 0 : flagBits(entry.flags),
    lifetimes: valid === undefined && preferred === undefined
      ? undefined
      : [seconds("preferredLifetime", preferred ?? valid), seconds("validLifetime", valid)],
  };
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

function seconds(parameter: string, value: number | undefined): number {
  if (value === undefined || value === Infinity) return 0xffffffff;
  return integer(parameter, value, 0, 0xfffffffe);
}
