/** Addresses: listing, adding, deleting. */

import type { Ask, RequestOptions } from "../exchange.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE } from "../protocol.ts";
import { Address, addressCodec } from "./address.ts";
import { AddressChange, type AddressRef, type NewAddress } from "./address_change.ts";
import { familyNumber, type LinkRef } from "./input.ts";
import type { Links } from "./links.ts";
import { scopeName, scopeValue } from "./names.ts";
import { deleteAll } from "./requests.ts";
import { requestOf } from "../options.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST } from "./shapes.ts";

export type { AddressRef, NewAddress };

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
const FILTER: All<AddressFilter> = { ...LIST, link: "text or number", family: "number" };
const DOOMED = { ...FILTER, scope: "text or number" } as const;
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
    checkOptions("a list of addresses", filter, FILTER);
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
    const mode = entry?.replace ? NLM_F_REPLACE : NLM_F_EXCL;
    return this.#send(NEW, NLM_F_ACK | NLM_F_CREATE | mode, "add", entry, options);
  }

  /**
   * Adds an address, or changes the one that is there: its lifetimes and protocol, which are as those of
   * a new one where they are left out, its metric, which IPv6 keeps where it is left out, and the flags
   * and the other end of an IPv6 address. The rest stays.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  replace(entry: NewAddress, options?: RequestOptions): Promise<void> {
    const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    return this.#send(NEW, flags, "replace", entry, options);
  }

  /**
   * Deletes all addresses that the filter selects.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays deleted
   */
  async flush(filter: AddressFilter & { scope?: string | number } = {}): Promise<number> {
    checkOptions("a flush of addresses", filter, DOOMED);
    const { scope: given, ...rest } = filter;
    const scope = given === undefined ? undefined : scopeName(scopeValue("scope", given));
    const all = await this.list(rest).toArray();
    const doomed = all.filter((a) => scope === undefined || a.scope === scope);
    // With the first address of a network the kernel deletes the others of it.
    return await deleteAll(
      doomed,
      ({ link, address, peer }) => this.delete({ link, address, peer }, requestOf(rest)),
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
    return this.#send(DELETE, NLM_F_ACK, "delete", entry, options);
  }

  #send(
    type: number,
    flags: number,
    verb: string,
    entry: NewAddress,
    options?: RequestOptions,
  ): Promise<void> {
    let change: AddressChange;
    try {
      change = new AddressChange(type, flags, verb, entry);
    } catch (error) {
      return Promise.reject(error);
    }
    const { link } = entry;
    if (typeof link === "number") return this.#nl.change(change, options);
    return this.#links.index(link, "link", options).then((index) => {
      change.index = index;
      return this.#nl.change(change, options);
    });
  }
}
