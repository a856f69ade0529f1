/** Routes: listing, adding, deleting. */

import type { Ask, RequestOptions } from "../exchange.ts";
import { Encoder, type Values } from "../codec/encode.ts";
import { swap16 } from "../codec/words.ts";
import type { Writer } from "../codec/writer.ts";
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
import {
  address,
  bad,
  familyNumber,
  integer,
  isNetwork,
  type LinkRef,
  linkRef,
  type Prefix,
  prefix,
} from "./input.ts";
import { AF_INET } from "./item.ts";
import type { Links } from "./links.ts";
import type { NewRoute, RouteFilter, RouteLookup, RouteRef } from "./route_settings.ts";
import { protocolValue, type RouteType, scopeValue, typeValue } from "./names.ts";
import { spec } from "../spec/rt-route.ts";
import { Change } from "./requests.ts";
import { Route, routeCodec } from "./route.ts";
import {
  checkDetails,
  detailValues,
  gatewayValues,
  hasDetails,
  hopLinks,
} from "./route_details.ts";

export type { NewRoute, RouteFilter, RouteLookup, RouteRef };

const { operations } = routeCodec.spec;
const NEW = operations.newroute.do![0], DELETE = operations.delroute.do![0];
const GET = operations.getroute.dump![0];
const encoder = new Encoder(routeCodec);
const layout = routeCodec.message("getroute");
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Route(w, at);

const MAIN = 254, COMPAT = 252; // RT_TABLE_MAIN, RT_TABLE_COMPAT
const RTNH_F_ONLINK = 4;
const RTM_F_LOOKUP_TABLE = 0x1000, RTM_F_FIB_MATCH = 0x2000; // linux/rtnetlink.h
const LOCAL_TYPES: readonly (RouteType | undefined)[] = ["local", "nat"];
const LINK_TYPES: readonly (RouteType | undefined)[] = ["broadcast", "multicast", "anycast"];

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
   * All routes of all tables and both IP versions, or those that the kernel selects.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: RouteFilter = {}): Dump<Route> {
    const { family, table, link, type, protocol } = filter;
    const af = familyNumber("family", family);
    const rest = (type === undefined ? 0 : typeValue("type", type) << 24) |
      (protocol === undefined ? 0 : protocolValue("protocol", protocol) << 8);
    if (table !== undefined) integer("table", table, 1, 0xffffffff);
    const ask = (oif?: number): Ask => ({
      type: GET,
      flags: NLM_F_DUMP,
      operation: "list routes",
      layout,
      write(writer) {
        // struct rtmsg
        writer.word(af);
        writer.word(rest);
        writer.word(0);
        if (table !== undefined) writer.small(SET.table.id, table, 4);
        if (oif !== undefined) writer.small(SET.oif.id, oif, 4);
      },
    });
    return this.#nl.list(
      () => link === undefined ? ask() : this.#links.index(link, "link", filter).then(ask),
      make,
      filter,
    );
  }

  /**
   * Adds a route.
   *
   * @throws {NetlinkError} `EEXIST` when there is one, `ENETUNREACH` when the gateway is on no link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  add(route: NewRoute, options?: RequestOptions): Promise<void> {
    const flags = NLM_F_ACK | NLM_F_CREATE | (route.replace ? NLM_F_REPLACE : NLM_F_EXCL);
    return this.#send(NEW, flags, "add", route, options);
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
   * The route that packets to an address take, as the kernel would choose it now.
   *
   * @throws {NetlinkError} `ENETUNREACH` when there is none, `EHOSTUNREACH`, `EACCES` or `EINVAL` for
   * one of the types unreachable, prohibit and blackhole
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async lookup(destination: string, options: RouteLookup = {}): Promise<Route> {
    const { from, link, incoming, mark, user, ipProtocol, sourcePort, destinationPort } = options;
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
        // IPv6 tells the table unasked, and refuses to be asked.
        rtmFlags: (to.family === AF_INET ? RTM_F_LOOKUP_TABLE : 0) |
          (options.match ? RTM_F_FIB_MATCH : 0),
      },
      dst: destination,
      src: from,
      mark: number("mark", mark, 0xffffffff),
      uid: number("user", user, 0xfffffffe),
      ipProto: number("ipProtocol", ipProtocol, 255),
      sport: sourcePort === undefined
        ? undefined
        : swap16(number("sourcePort", sourcePort, 65535)!),
      dport: destinationPort === undefined
        ? undefined
        : swap16(number("destinationPort", destinationPort, 65535)!),
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
      options,
    ) as Route;
  }

  /**
   * Deletes the first route that has everything named.
   *
   * @throws {NetlinkError} `ESRCH` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  delete(route: RouteRef, options?: RequestOptions): Promise<void> {
    return this.#send(DELETE, NLM_F_ACK, "delete", route, options);
  }

  async #values(route: NewRoute, plan: Plan, options?: RequestOptions): Promise<Values> {
    const { link } = route, indexes = new Map<LinkRef, number>();
    for (const each of [...link === undefined ? [] : [link], ...hopLinks(route)]) {
      indexes.set(each, await this.#links.index(each, "link", options));
    }
    return {
      ...rest(route, plan),
      oif: link === undefined ? undefined : indexes.get(link),
      ...detailValues(route, plan.header[0] & 0xff, (each) => indexes.get(each)!, plan.mtu),
    };
  }

  #send(
    type: number,
    flags: number,
    verb: "add" | "replace" | "append" | "delete",
    route: NewRoute,
    options?: RequestOptions,
  ): Promise<void> {
    // Not an async function: many changes at once then cost no promise each.
    let plan: Plan;
    try {
      plan = check(route, verb !== "delete");
    } catch (error) {
      return Promise.reject(error);
    }
    const { destination, link } = route, describe = () => `${verb} route ${destination}`;
    const change = (put: (writer: Writer) => void) =>
      this.#nl.change(new Change(type, flags, layout, describe, put), options);
    if (plan.detailed) {
      return this.#values(route, plan, options).then((values) =>
        change((writer) => encoder.request(writer, "newroute", values))
      );
    }
    return typeof link === "string"
      ? this.#links.index(link, "link", options).then((oif) => change((w) => write(w, plan, oif)))
      : change((writer) => write(writer, plan, link));
  }
}

/** What stands behind the header of a route that has details. */
function rest(route: NewRoute, { header, table, priority, source }: Plan): Values {
  const family = header[0] & 0xff;
  const { destination, gateway, from } = route;
  return {
    header: {
      rtmFamily: family,
      rtmDstLen: (header[0] >>> 8) & 0xff,
      rtmSrcLen: (header[0] >>> 16) & 0xff,
      rtmTos: header[0] >>> 24,
      rtmTable: header[1] & 0xff,
      rtmProtocol: (header[1] >>> 8) & 0xff,
      rtmScope: (header[1] >>> 16) & 0xff,
      rtmType: header[1] >>> 24,
      rtmFlags: header[2],
    },
    dst: destination === "default" ? undefined : destination.split("/")[0],
    src: from?.split("/")[0],
    ...gateway === undefined ? {} : gatewayValues("gateway", gateway, family),
    prefsrc: source === undefined ? undefined : route.source,
    priority,
    table: table > 255 ? table : undefined,
  };
}

/** A route that was checked, in numbers. */
interface Plan {
  /** The words of `struct rtmsg`. */
  readonly header: readonly [number, number, number];
  readonly dst?: Prefix;
  readonly gateway?: Prefix;
  readonly source?: Prefix;
  readonly table: number;
  readonly priority?: number;
  readonly mtu?: number;
  /** Whether it has what the generic encoder writes. */
  readonly detailed: boolean;
}

const SET = spec.sets["route-attrs"], MTU = spec.sets.metrics.mtu.id;

function write(w: Writer, plan: Plan, oif: number | undefined): void {
  for (const word of plan.header) w.word(word);
  if (plan.dst) w.ip(SET.dst.id, plan.dst.words);
  if (plan.gateway) w.ip(SET.gateway.id, plan.gateway.words);
  if (plan.source) w.ip(SET.prefsrc.id, plan.source.words);
  if (oif !== undefined) w.small(SET.oif.id, oif, 4);
  if (plan.priority !== undefined) w.small(SET.priority.id, plan.priority, 4);
  if (plan.table > 255) w.small(SET.table.id, plan.table, 4);
  if (plan.mtu !== undefined) {
    const at = w.nest(SET.metrics.id);
    w.small(MTU, plan.mtu, 4);
    w.close(at);
  }
}

/** Checks everything, so that a message is sent as a whole or not at all. */
function check(route: NewRoute, fresh: boolean): Plan {
  const { destination, table = MAIN, type, scope, protocol, priority, mtu, link } = route;
  const dst = destination === "default" ? undefined : prefix("destination", destination);
  const gateway = route.gateway === undefined ? undefined : address("gateway", route.gateway);
  const source = route.source === undefined ? undefined : address("source", route.source);
  const family = (dst ?? gateway ?? source)?.family ?? familyNumber("family", route.family ?? 4);
  const foreign = gateway !== undefined && gateway.family !== family;
  if (foreign && family !== AF_INET) throw mixed("gateway", route.gateway);
  if (source && source.family !== family) throw mixed("source", route.source);
  if (dst && !isNetwork(dst)) {
    throw bad("destination", `a network, with no bits set behind /${dst.length}`, destination);
  }
  integer("table", table, 1, 0xffffffff);
  if (link !== undefined) linkRef("link", link);
  if (priority !== undefined) integer("priority", priority, 0, 0xffffffff);
  if (mtu !== undefined) integer("mtu", mtu, 0, 0xffffffff);
  const from = route.from === undefined ? undefined : prefix("from", route.from);
  if (from && from.family !== family) throw mixed("from", route.from);
  if (route.tos !== undefined) integer("tos", route.tos, 0, 255);
  const detailed = foreign || from !== undefined || hasDetails(route);
  if (detailed) checkDetails(route, family);
  const rtmProtocol = protocol !== undefined
    ? protocolValue("protocol", protocol)
    : fresh
    ? STATIC
    : 0;
  const rtmScope = scope !== undefined
    ? scopeValue("scope", scope)
    : family !== AF_INET
    ? 0
    : fresh
    ? impliedScope(
      type,
      gateway !== undefined || route.nexthops !== undefined || route.nexthop !== undefined,
    )
    : NOWHERE;
  const rtmType = type !== undefined ? typeValue("type", type) : fresh ? UNICAST : 0;
  const rtmTable = table < 256 ? table : COMPAT;
  return {
    header: [
      family | ((dst?.length ?? 0) << 8) | ((from?.length ?? 0) << 16) | ((route.tos ?? 0) << 24),
      rtmTable | (rtmProtocol << 8) | (rtmScope << 16) | (rtmType << 24),
      route.onlink ? RTNH_F_ONLINK : 0,
    ],
    dst,
    gateway,
    source,
    table,
    priority,
    mtu,
    detailed,
  };
}

function mixed(parameter: string, value: string | undefined): TypeError {
  return bad(parameter, "of the destination's IP version", value);
}

const STATIC = 4, UNICAST = 1; // RTPROT_STATIC, RTN_UNICAST
// Scope 255 matches any when deleting; 0 would miss routes of scope link.
const GLOBAL = 0, LINK = 253, HOST = 254, NOWHERE = 255;

/** The scope that `ip route add` gives an IPv4 route. */
function impliedScope(type: RouteType | undefined, gateway: boolean): number {
  if (LOCAL_TYPES.includes(type)) return HOST;
  if (LINK_TYPES.includes(type)) return LINK;
  return (type ?? "unicast") === "unicast" && !gateway ? LINK : GLOBAL;
}
