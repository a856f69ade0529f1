/** A change of a route: what is to be done, checked and in numbers, and its message. */

import { Encoder, type Values } from "../codec/encode.ts";
import type { Writer } from "../codec/writer.ts";
import type { Ask } from "../exchange.ts";
import { spec } from "../spec/rt-route.ts";
import { bad, integer } from "../check.ts";
import {
  address,
  familyNumber,
  isNetwork,
  type LinkRef,
  linkRef,
  type Prefix,
  prefix,
} from "./input.ts";
import { AF_INET } from "./item.ts";
import {
  COMPAT,
  MAIN,
  protocolValue,
  type RouteType,
  RTNH_F_ONLINK,
  scopeValue,
  typeValue,
} from "./names.ts";
import { routeCodec } from "./route.ts";
import {
  checkDetails,
  detailValues,
  gatewayValues,
  hasDetails,
  hopLinks,
  hopsFamily,
  mixed,
  withoutHop,
} from "./route_details.ts";
import type { NewRoute } from "./route_settings.ts";
import { checkOptions, type Shape } from "./shape.ts";
import { ROUTE } from "./shapes.ts";

const encoder = new Encoder(routeCodec);
const layout = routeCodec.message("getroute");
const SET = spec.sets["route-attrs"], MTU = spec.sets.metrics.mtu.id;

const STATIC = 4, UNICAST = 1; // RTPROT_STATIC, RTN_UNICAST
// Scope 255 matches any when deleting; 0 would miss routes of scope link.
const GLOBAL = 0, LINK = 253, HOST = 254, NOWHERE = 255;
const LOCAL_TYPES: readonly RouteType[] = ["local", "nat"];
const LINK_TYPES: readonly RouteType[] = ["broadcast", "multicast", "anycast"];

/**
 * The message to add, replace or delete a route. Everything is checked when it is made, so that it is
 * sent as a whole or not at all; one object without closures, since there may be a great many.
 */
export class RouteChange implements Ask {
  /** Whether it has what the generic encoder writes, which {@linkcode resolve} prepares. */
  readonly detailed: boolean;
  readonly #route: NewRoute;
  readonly #verb: string;
  readonly #dst?: Prefix;
  readonly #gateway?: Prefix;
  readonly #source?: Prefix;
  // The words of struct rtmsg.
  readonly #lengths: number;
  readonly #kind: number;
  readonly #bits: number;
  readonly #table: number;
  readonly #priority?: number;
  readonly #mtu?: number;
  readonly #destination: string;
  readonly #link?: LinkRef;
  #oif?: number;
  #values?: Values;

  /**
   * @param fresh whether it is about a new route: what is not said then has a default, else it matches
   * anything
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  constructor(
    readonly type: number,
    readonly flags: number,
    verb: string,
    route: NewRoute,
    fresh: boolean,
  ) {
    checkNames(route);
    if (route.nexthop !== undefined) route = withoutHop(route);
    const { destination, table = MAIN, type: kind, scope, protocol, priority, mtu, link } = route;
    const dst = network(destination);
    const gateway = route.gateway === undefined ? undefined : address("gateway", route.gateway);
    const source = route.source === undefined ? undefined : address("source", route.source);
    const family = dst !== undefined && route.family === undefined
      ? dst.family
      : routeFamily(route, dst);
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
    // The kernel takes no notice of it.
    if (from && family === AF_INET) throw bad("from", "of an IPv6 route", route.from);
    if (route.tos !== undefined) integer("tos", route.tos, 0, 255);
    this.detailed = foreign || from !== undefined || hasDetails(route);
    if (this.detailed) checkDetails(route, family);
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
        kind,
        gateway !== undefined || route.nexthops !== undefined || route.nexthop !== undefined,
      )
      : NOWHERE;
    const rtmType = kind !== undefined ? typeValue("type", kind) : fresh ? UNICAST : 0;
    this.#route = route;
    this.#destination = destination;
    this.#link = link;
    this.#verb = verb;
    this.#dst = dst;
    this.#gateway = gateway;
    this.#source = source;
    this.#lengths = family | ((dst?.length ?? 0) << 8) | ((from?.length ?? 0) << 16) |
      ((route.tos ?? 0) << 24);
    this.#kind = (table < 256 ? table : COMPAT) | (rtmProtocol << 8) | (rtmScope << 16) |
      (rtmType << 24);
    this.#bits = route.onlink ? RTNH_F_ONLINK : 0;
    this.#table = table;
    this.#priority = priority;
    this.#mtu = mtu;
    this.#oif = typeof link === "number" ? link : undefined;
  }

  get operation(): string {
    return `${this.#verb} route ${this.#destination}`;
  }

  get layout(): typeof layout {
    return layout;
  }

  /** The link, where only it has to be looked up. */
  get named(): string | undefined {
    return !this.detailed && typeof this.#link === "string" ? this.#link : undefined;
  }

  /** Links that it names. */
  links(): LinkRef[] {
    const link = this.#link;
    return [...link === undefined ? [] : [link], ...hopLinks(this.#route)];
  }

  /** Takes the indexes of its links; needed where it is detailed or names its link. */
  resolve(index: (link: LinkRef) => number): void {
    if (this.#link !== undefined) this.#oif = index(this.#link);
    if (this.detailed) this.#values = this.#detailed(index);
  }

  #detailed(index: (link: LinkRef) => number): Values {
    const route = this.#route, lengths = this.#lengths, kind = this.#kind;
    const { gateway, from, source } = route, destination = this.#destination;
    const family = lengths & 0xff;
    return {
      header: {
        rtmFamily: family,
        rtmDstLen: (lengths >>> 8) & 0xff,
        rtmSrcLen: (lengths >>> 16) & 0xff,
        rtmTos: lengths >>> 24,
        rtmTable: kind & 0xff,
        rtmProtocol: (kind >>> 8) & 0xff,
        rtmScope: (kind >>> 16) & 0xff,
        rtmType: kind >>> 24,
        rtmFlags: this.#bits,
      },
      dst: destination === "default" ? undefined : destination.split("/")[0],
      src: from?.split("/")[0],
      ...gateway === undefined ? {} : gatewayValues("gateway", gateway, family),
      prefsrc: source,
      priority: this.#priority,
      table: this.#table > 255 ? this.#table : undefined,
      oif: this.#oif,
      ...detailValues(route, family, index, this.#mtu),
    };
  }

  write(w: Writer): void {
    if (this.#values !== undefined) return encoder.request(w, "newroute", this.#values);
    w.word(this.#lengths);
    w.word(this.#kind);
    w.word(this.#bits);
    if (this.#dst) w.ip(SET.dst.id, this.#dst.words);
    if (this.#gateway) w.ip(SET.gateway.id, this.#gateway.words);
    if (this.#source) w.ip(SET.prefsrc.id, this.#source.words);
    if (this.#oif !== undefined) w.small(SET.oif.id, this.#oif, 4);
    if (this.#priority !== undefined) w.small(SET.priority.id, this.#priority, 4);
    if (this.#table > 255) w.small(SET.table.id, this.#table, 4);
    if (this.#mtu !== undefined) {
      const at = w.nest(SET.metrics.id);
      w.small(MTU, this.#mtu, 4);
      w.close(at);
    }
  }
}

/**
 * The IP version: the destination's, which that of nothing else may contradict but a gateway's; for
 * "default" the one that is said, else that of the first address.
 */
export function routeFamily(
  route: NewRoute,
  dst: Prefix | undefined = network(route.destination),
): number {
  const said = familyNumber("family", route.family);
  if (dst !== undefined) {
    if (said !== 0 && said !== dst.family) {
      throw bad("family", "the destination's IP version", route.family);
    }
    return dst.family;
  }
  if (said !== 0) return said;
  const { gateway, source, from } = route;
  if (gateway !== undefined) return address("gateway", gateway).family;
  if (source !== undefined) return address("source", source).family;
  if (from !== undefined) return prefix("from", from).family;
  return hopsFamily(route) ?? AF_INET;
}

function network(destination: string): Prefix | undefined {
  return destination === "default" ? undefined : prefix("destination", destination);
}

/** Names whose values are checked where they are used. */
const PLAIN = new Set(
  Object.keys(ROUTE).filter((name) => {
    const shape: Shape = ROUTE[name as keyof NewRoute];
    return typeof shape === "string" && shape !== "boolean";
  }),
);

/** As `checkOptions` does, but quick with a route that has only what needs no look here. */
function checkNames(route: NewRoute): void {
  if (typeof route !== "object" || route === null) checkOptions("a route", route, ROUTE);
  for (const name in route) {
    if (name === "destination" || name === "gateway" || name === "link") continue;
    if (!PLAIN.has(name)) return checkOptions("a route", route, ROUTE);
  }
}

/** The scope that `ip route add` gives an IPv4 route. */
function impliedScope(type: RouteType | undefined, gateway: boolean): number {
  if (type === undefined || type === "unicast") return gateway ? GLOBAL : LINK;
  return LOCAL_TYPES.includes(type) ? HOST : LINK_TYPES.includes(type) ? LINK : GLOBAL;
}
