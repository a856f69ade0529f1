/** Addresses: listing, adding, deleting. */

import type { Ask, RequestOptions } from "../channel.ts";
import { ipBytes } from "../codec/address.ts";
import { Encoder, type Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE } from "../protocol.ts";
import { Address, addressCodec } from "./address.ts";
import { address, bad, familyNumber, integer, type LinkRef, prefix } from "./input.ts";
import { AF_INET } from "./item.ts";
import type { Links } from "./links.ts";
import { scopeValue } from "./names.ts";

/** Which address of which link. */
export interface AddressRef {
  /** The link, by name or index. */
  link: LinkRef;
  /** The address with its prefix length, as in "10.0.0.1/24"; without one it stands alone. */
  address: string;
  /** The other end of a point-to-point link. */
  peer?: string;
}

/** An address to be added. */
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
  /** Metric of the route to its network. */
  metric?: number;
  /** Flags to set, such as "nodad" or "noprefixroute". */
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
const encoder = new Encoder(addressCodec);
const layout = addressCodec.message("getaddr");
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Address(w, at);

/** The addresses of the links of a connection's namespace. */
export class Addresses {
  readonly #nl: Connection;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#nl = connection;
    this.#links = links;
  }

  /** All addresses, or those that the kernel selects. */
  list(filter: AddressFilter = {}): Dump<Address> {
    const { link, family, ...options } = filter;
    const ifaFamily = familyNumber("family", family);
    return this.#nl.list(
      async () => {
        const ifaIndex = link === undefined ? 0 : await this.#links.index(link, "link");
        return {
          type: GET,
          flags: NLM_F_DUMP,
          operation: "list addresses",
          layout,
          write: (writer) =>
            encoder.request(writer, "getaddr", { header: { ifaFamily, ifaIndex } }),
        };
      },
      make,
      options,
    );
  }

  /**
   * Adds an address to a link.
   *
   * @throws {NetlinkError} `EEXIST` when the link has it, `ENODEV` when there is no such link
   * @throws {TypeError} for a value that no kernel would accept
   */
  async add(entry: NewAddress, options?: RequestOptions): Promise<void> {
    const flags = NLM_F_ACK | NLM_F_CREATE | (entry.replace ? NLM_F_REPLACE : NLM_F_EXCL);
    const { values, header, operation } = this.#identify("add", entry);
    const { validLifetime: valid, preferredLifetime: preferred } = entry;
    const more: Values = {
      broadcast: entry.broadcast === undefined
        ? undefined
        : ipv4("broadcast", entry.broadcast, header.ifaFamily),
      label: entry.label,
      rtPriority: entry.metric,
      flags: entry.flags,
      cacheinfo: valid === undefined && preferred === undefined ? undefined : {
        ifaValid: seconds("validLifetime", valid),
        ifaPrefered: seconds("preferredLifetime", preferred ?? valid),
      },
    };
    const ifaScope = scopeValue("scope", entry.scope ?? "global");
    await this.#send(NEW, flags, operation, entry.link, { ...header, ifaScope }, {
      ...values,
      ...more,
    }, options);
  }

  /**
   * Deletes an address of a link.
   *
   * @throws {NetlinkError} `EADDRNOTAVAIL` when the link does not have it
   */
  async delete(entry: AddressRef, options?: RequestOptions): Promise<void> {
    const { values, header, operation } = this.#identify("delete", entry);
    await this.#send(DELETE, NLM_F_ACK, operation, entry.link, header, values, options);
  }

  #identify(verb: string, entry: AddressRef) {
    const local = prefix("address", entry.address);
    const peer = entry.peer === undefined ? undefined : address("peer", entry.peer);
    if (peer && peer.family !== local.family) {
      throw bad("peer", "of the same IP version as the address", entry.peer);
    }
    return {
      values: { local: ipBytes(local.words), address: ipBytes((peer ?? local).words) },
      header: { ifaFamily: local.family, ifaPrefixlen: local.length },
      operation: `${verb} address ${entry.address} ${verb === "add" ? "to" : "of"} ${entry.link}`,
    };
  }

  async #send(
    type: number,
    flags: number,
    operation: string,
    link: LinkRef,
    header: Values,
    values: Values,
    options?: RequestOptions,
  ): Promise<void> {
    const ifaIndex = await this.#links.index(link, "link", options);
    const ask: Ask = {
      type,
      flags,
      operation,
      layout,
      write: (writer) =>
        encoder.request(writer, "newaddr", { header: { ...header, ifaIndex }, ...values }),
    };
    await this.#nl.change(ask, options);
  }
}

function seconds(parameter: string, value: number | undefined): number {
  if (value === undefined || value === Infinity) return 0xffffffff;
  return integer(parameter, value, 0, 0xfffffffe);
}

function ipv4(parameter: string, value: string, family: number): string {
  if (family !== AF_INET) throw bad(parameter, "left out for IPv6", value);
  address(parameter, value);
  return value;
}
