/** Routes: listing, adding, deleting. */

import type { Ask, RequestOptions } from "../exchange.ts";
import { Encoder } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump } from "../dump.ts";
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from "../protocol.ts";
import { integer } from "../check.ts";
import { address, familyNumber, type LinkRef } from "./input.ts";
import { AF_INET } from "./item.ts";
import type { Links } from "./links.ts";
import type { NewRoute, RouteFilter, RouteFlush, RouteLookup, RouteRef } from "./route_settings.ts";
import { protocolValue, typeValue } from "./names.ts";
import { spec } from "../spec/rt-route.ts";
import { Route, routeCodec } from "./route.ts";
import { RouteChange } from "./route_change.ts";
import { mixed } from "./route_details.ts";
import { flushed } from "./route_flush.ts";
import { requestOf } from "../options.ts";
import { deleteAll } from "./requests.ts";
import { checkOptions } from "./shape.ts";
import { type All, REQUEST, ROUTE_FILTER } from "./shapes.ts";

export type { NewRoute, RouteFilter, RouteFlush, RouteLookup, RouteRef };

const { operations } = routeCodec.spec;
const NEW = operations.newroute.do![0], DELETE = operations.delroute.do![0];
const GET = operations.getroute.dump![0];
const encoder = new Encoder(routeCodec);
const layout = routeCodec.message("getroute");
const SET = spec.sets["route-attrs"];
const LOOKUP: All<RouteLookup> = {
  ...REQUEST,
  from: "text",
  link: "text or number",
  incoming: "text or number",
  mark: "number",
  user: "number",
  ipProtocol: "number",
  sourcePort: "number",
  destinationPort: "number",
  tos: "number",
  match: "boolean",
};
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Route(w, at);

const ENOENT = 2;
const RTM_F_LOOKUP_TABLE = 0x1000, RTM_F_FIB_MATCH = 0x2000; // linux/rtnetlink.h

/**
 * The routes of a connection's namespace (RTM_*ROUTE of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.routes.add({ destination: "10.6.0.0/16", link: "lo", table: 100 });
 * await nl.routes.replace({ destination: "10.6.0.0/16", type: "blackhole", table: 100 });
 * for await (const { destination, type } of nl.routes.list({ table: 100 })) {
 *   console.log(destination, type); // 10.6.0.0/16 blackhole
 * }
 * console.log((await nl.routes.lookup("127.0.0.1")).type); // local
 * ```
 */
export class Routes {
  readonly #nl: Connection;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#nl = connection;
    this.#links = links;
  }

  /**
   * All routes of all tables and both IP versions, or those that the kernel selects. A route that
   * takes more than 32 KiB, as one with 2,000 next hops does, fits into no list: `EMSGSIZE`; where
   * `family` is given, the kernel ends the list in front of it in silence. A table that is not there
   * has no routes.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: RouteFilter = {}): Dump<Route> {
    checkOptions("a list of routes", filter, ROUTE_FILTER);
    const { family, table, link, type, protocol } = filter;
    const af = familyNumber("family", family);
    const number = type === undefined ? 0 : typeValue("type", type);
    const origin = protocol === undefined ? 0 : protocolValue("protocol", protocol);
    if (table !== undefined) integer("table", table, 1, 0xffffffff);
    const ask = (oif?: number): Ask => ({
      type: GET,
      flags: NLM_F_DUMP,
      operation: "list routes",
      layout,
      // The kernel says so where one IP version is asked for, else it lists nothing.
      empty: table === undefined ? undefined : ENOENT,
      write(writer) {
        // struct rtmsg
        writer.word(af);
        writer.word((number << 24) | (origin << 8));
        writer.word(0);
        if (table !== undefined) writer.small(SET.table.id, table, 4);
        if (oif !== undefined) writer.small(SET.oif.id, oif, 4);
      },
    });
    // 0, which is the number of "unspec", is any to the kernel.
    const unspec = (type !== undefined && number === 0) || (protocol !== undefined && origin === 0);
    const keep = (route: Route) =>
      (type === undefined || typeValue("type", route.type) === number) &&
      (protocol === undefined || protocolValue("protocol", route.protocol) === origin);
    return this.#nl.list(
      () => link === undefined ? ask() : this.#links.index(link, "link", filter).then(ask),
      make,
      unspec ? { ...filter, keep } : filter,
    );
  }

  /**
   * Adds a route.
   *
   * @throws {NetlinkError} `EEXIST` when there is one, `ENETUNREACH` when the gateway is on no link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  add(route: NewRoute, options?: RequestOptions): Promise<void> {
    const mode = route?.replace ? NLM_F_REPLACE : NLM_F_EXCL;
    return this.#send(NEW, NLM_F_ACK | NLM_F_CREATE | mode, "add", route, options);
  }

  /**
   * Adds a route, or changes the one to the same network, with the same priority.
   *
   * @throws {NetlinkError} `ENETUNREACH` when the gateway is on no link, `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  replace(route: NewRoute, options?: RequestOptions): Promise<void> {
    return this.#send(
      NEW,
      NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
      "replace",
      route,
      options,
    );
  }

  /**
   * Adds a route behind those to the same network; IPv6 makes next hops of one route of them.
   *
   * @throws {NetlinkError} `ENETUNREACH` when the gateway is on no link, `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  append(route: NewRoute, options?: RequestOptions): Promise<void> {
    return this.#send(NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, "append", route, options);
  }

  /**
   * Adds a route in front of those to the same network with the same priority, which stay; to IPv6
   * it is the same as {@linkcode append}.
   *
   * @throws {NetlinkError} `ENETUNREACH` when the gateway is on no link, `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  prepend(route: NewRoute, options?: RequestOptions): Promise<void> {
    return this.#send(NEW, NLM_F_ACK | NLM_F_CREATE, "prepend", route, options);
  }

  /**
   * The route that packets to an address take, as the kernel would choose it now.
   *
   * @throws {NetlinkError} `ENETUNREACH` when there is none, `EHOSTUNREACH`, `EACCES` or `EINVAL` for
   * one of the types unreachable, prohibit and blackhole
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async lookup(destination: string, options: RouteLookup = {}): Promise<Route> {
    checkOptions("a look-up", options, LOOKUP);
    const { from, link, incoming, mark, user, ipProtocol, sourcePort, destinationPort } = options;
    const { tos, match = false } = options;
    const to = address("destination", destination);
    const source = from === undefined ? undefined : address("from", from);
    if (source && source.family !== to.family) throw mixed("from", from);
    const number = (name: keyof RouteLookup & string, value: number | undefined, high: number) =>
      value === undefined ? undefined : integer(name, value, 0, high);
    const values = {
      header: {
        rtmFamily: to.family,
        rtmDstLen: to.length,
        rtmSrcLen: source?.length ?? 0,
        rtmTos: number("tos", tos, 255),
        // IPv6 tells the table unasked, and refuses to be asked.
        rtmFlags: (to.family === AF_INET ? RTM_F_LOOKUP_TABLE : 0) |
          (match ? RTM_F_FIB_MATCH : 0),
      },
      dst: destination,
      src: from,
      mark: number("mark", mark, 0xffffffff),
      uid: number("user", user, 0xfffffffe),
      ipProto: number("ipProtocol", ipProtocol, 255),
      sport: number("sourcePort", sourcePort, 65535),
      dport: number("destinationPort", destinationPort, 65535),
      oif: link === undefined ? undefined : await this.#links.index(link, "link", options),
      iif: incoming === undefined
        ? undefined
        : await this.#links.index(incoming, "incoming", options),
    };
    return await this.#nl.get(
      {
        type: operations.getroute.do![0],
        flags: 0,
        operation: `look up the route to ${destination}`,
        layout,
        write: (writer) => encoder.request(writer, "getroute", values),
      },
      make,
      true,
      requestOf(options),
    ) as Route;
  }

  /**
   * Deletes the first route that has everything named. A type of service that is left out is 0, as it
   * is to `ip route del`: the kernel looks up IPv4 routes by destination, table and type of service, so
   * that each type has routes of its own.
   *
   * @throws {NetlinkError} `ESRCH` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  delete(route: RouteRef, options?: RequestOptions): Promise<void> {
    return this.#send(DELETE, NLM_F_ACK, "delete", route, options);
  }

  /**
   * Deletes all routes of the main table, or of another or of all, that have everything named, as
   * `ip route flush` does; where no IP version is named, of both.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays deleted
   * @throws {TypeError | RangeError} for a filter that no kernel would accept, and when nothing is
   * named but an IP version
   */
  async flush(filter: RouteFlush): Promise<number> {
    const { list, keep } = flushed(filter);
    const doomed = (await this.list(list).toArray()).filter(keep);
    return await deleteAll(
      doomed,
      (route) => this.delete(route.toJSON() as unknown as NewRoute, requestOf(list)),
    );
  }

  #send(
    type: number,
    flags: number,
    verb: string,
    route: NewRoute,
    options?: RequestOptions,
  ): Promise<void> {
    // Not an async function: many changes at once then cost no promise each.
    let change: RouteChange;
    try {
      change = new RouteChange(type, flags, verb, route, type !== DELETE);
    } catch (error) {
      return Promise.reject(error);
    }
    const { named } = change;
    if (named !== undefined) {
      return this.#links.index(named, "link", options).then((oif) => {
        change.resolve(() => oif);
        return this.#nl.change(change, options);
      });
    }
    if (!change.detailed) return this.#nl.change(change, options);
    return this.#resolve(change, options).then(() => this.#nl.change(change, options));
  }

  /** Looks up the links that a change names. */
  async #resolve(change: RouteChange, options?: RequestOptions): Promise<void> {
    const indexes = new Map<LinkRef, number>();
    for (const link of change.links()) {
      indexes.set(link, await this.#links.index(link, "link", options));
    }
    change.resolve((link) => indexes.get(link)!);
  }
}
