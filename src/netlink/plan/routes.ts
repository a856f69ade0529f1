/** Routes of a plan. */

import { bad, integer } from "../check.ts";
import { protocolName, protocolValue, scopeName, scopeValue } from "../route/names.ts";
import { AF_INET6 } from "../route/item.ts";
import { routeFamily } from "../route/route_change.ts";
import type { NewRoute } from "../route/route_settings.ts";
import {
  metricValues,
  readMetrics,
  type RouteHop,
  type RouteMetrics,
} from "../route/route_details.ts";
import type { DesiredRoute, RouteScope } from "./desired.ts";
import { checkTos, HOP, KERNEL, normalHop, protocol, sameHop } from "./route_parts.ts";
import {
  alike,
  canonicalIp,
  canonicalPrefix,
  gone,
  inside,
  type Item,
  type Section,
  tidy,
  unlike,
  without,
} from "./section.ts";

const DEFAULT6 = 1024; // IP6_RT_PRIO_USER

/** Refuses what would mean nothing; the rest of the next hop. */
function checkRoute(item: Item, six: boolean): Item {
  if (item.nexthop !== undefined) without(item, [...HOP, "nexthops"], "with nexthop");
  if (item.nexthops !== undefined) without(item, HOP, "with nexthops");
  if (NOWHERE.includes(item.type as string)) {
    without(item, [...HOP, "nexthop", "nexthops"], `with type ${item.type}`);
  } else if (leads(item) === "direct" && item.link === undefined) {
    throw bad("link", "given, or gateway, nexthops or nexthop", undefined);
  }
  const { tos, realms } = item, some = { tos: tos || undefined, realms: realms || undefined };
  if (["unspec", "nat"].includes(item.type as string)) {
    throw bad("type", "another one, or absent", item.type);
  }
  if (!six && item.scope !== undefined) checkScope(item);
  if (!six && item.type === "local" && item.scope === undefined) {
    without(item, ["gateway", "nexthops"], "with type local");
  }
  if (item.nexthop !== undefined) without(some, ["realms"], "with nexthop");
  if (item.nexthops !== undefined) without(some, ["realms"], "with nexthops");
  if (six) without(some, ["tos", "realms"], "with IPv6");
  else without(item, ["preference", "expires"], "with IPv4");
  // IPv6 takes the loopback link for nowhere, and forgets these.
  if (six && nowhere(item) && item.type !== "local") {
    without(item, ["preference", "expires"], "of what leads nowhere");
  }
  if (six && protocol(item) === "unspec") {
    throw bad("protocol", "of someone, with IPv6", item.protocol);
  }
  checkTos(item);
  // The kernel would make it less.
  if (item.mtu !== undefined) integer("mtu", item.mtu as number, 0, 65520);
  const { advertisedSegmentSize: size } = (item.metrics ?? {}) as RouteMetrics;
  if (size !== undefined) integer("metrics.advertisedSegmentSize", size, 0, 65495);
  return normalHop(item, six);
}

const [LINK, HOST, NO_SCOPE] = [253, 254, 255]; // RT_SCOPE_*
/** The widest scopes of types that have not any: fib_props of net/ipv4/fib_semantics.c. */
const WIDEST: { readonly [type: string]: number } = { local: HOST, broadcast: LINK, anycast: LINK };

function checkScope(item: Item): void {
  const { scope, type, nexthops } = item;
  const value = scopeValue("scope", scope as string), hops = (nexthops ?? []) as readonly Item[];
  if (value === NO_SCOPE) throw bad("scope", "another one, or absent", scope);
  if (value < WIDEST[type as string]) {
    throw bad(
      "scope",
      `no wider than ${scopeName(WIDEST[type as string])}, with type ${type}`,
      scope,
    );
  }
  if (far(item) && value >= LINK) throw bad("scope", "wider than link, with a gateway", scope);
  if (hops.length > 1 && value === HOST) {
    throw bad("scope", "another one than host, with several nexthops", scope);
  }
}

const NOWHERE = ["blackhole", "unreachable", "prohibit", "throw"];

/** Whether IPv6 takes a route for one that leads nowhere, or to this machine. */
function nowhere({ type, link }: Item): boolean {
  return NOWHERE.includes(type as string) || link === "lo";
}

/** Next hops as the kernel's list says them, checked. */
function normalHops(hops: readonly RouteHop[], six: boolean): Item[] {
  const out = hops.map((hop, i) =>
    inside(`nexthops[${i}].`, () => {
      const { gateway } = hop;
      if (six && !gateway?.includes(":")) throw bad("gateway", "an IPv6 address", gateway);
      return normalHop(hop as unknown as Item, six);
    })
  );
  // IPv6 has each of them once, whatever its weight.
  const twice = out.findIndex((hop, i) =>
    six &&
    out.some((other, j) =>
      j < i && hop.link === other.link && sameHop({ ...hop, weight: other.weight }, other)
    )
  );
  if (twice >= 0) throw bad(`nexthops[${twice}]`, "another one than before", hops[twice]);
  return out;
}

/** Routes. */
export const routes: Section = {
  name: "routes",
  object: "route",
  normal(item) {
    const six = routeFamily(item as unknown as NewRoute) === AF_INET6;
    const given = canonicalPrefix(
      "destination",
      item.destination === "default" ? (six ? "::/0" : "0.0.0.0/0") : item.destination,
    );
    const hops = item.nexthops as readonly RouteHop[] | undefined;
    const from = item.from === undefined ? undefined : canonicalPrefix("from", item.from);
    if (from !== undefined && !six && !from.endsWith("/0")) {
      throw bad("from", "absent, with IPv4", item.from);
    }
    if (item.nexthop !== undefined && !from?.endsWith("/0")) {
      without(item, ["from"], "with nexthop");
    }
    const hop = checkRoute(item, six);
    return tidy({
      ...hop,
      destination: given.endsWith("/0") ? "default" : given,
      family: six ? 6 : 4,
      from: from?.endsWith("/0") ? undefined : from,
      tos: item.tos || undefined,
      realms: item.realms || undefined,
      table: item.table ?? 254,
      priority: (item.priority as number | undefined) || (six ? DEFAULT6 : 0),
      source: item.source === undefined ? undefined : canonicalIp("source", item.source),
      scope: item.scope === undefined
        ? undefined
        : scopeName(scopeValue("scope", item.scope as string)),
      protocol: protocol(item),
      metrics: item.metrics && readMetrics(metricValues(item.metrics as RouteMetrics)),
      nexthops: hops && normalHops(hops, six),
    });
  },
  // IPv6 has a route into the link for each link, and keeps what leads nowhere on the loopback link.
  key: (item) => {
    const out = item.family === 6 && leads(item) === "direct" && !nowhere(item)
      ? ` dev ${item.link}`
      : "";
    return `${place(item)}${out}${(item as Marked)[APART] ? ` by ${item.protocol}` : ""}`;
  },
  async read({ nl, desired, nameOf, options }) {
    const out: Item[] = [];
    for await (const r of nl.routes.list(options)) {
      if (r.family === undefined || r.attributes.header.rtmFlags & RTM_F_CLONED) continue;
      const { family, destination, from, table, priority, source, type, scope, protocol } = r;
      const own = r.nexthop === undefined;
      out.push(tidy({
        family,
        destination,
        from,
        table,
        priority,
        source,
        // What a nexthop object does is none of the route's.
        type: own || type !== "blackhole" ? type : undefined,
        scope,
        protocol,
        tos: r.tos || undefined,
        mtu: r.mtu,
        metrics: r.metrics,
        nexthop: r.nexthop,
        gateway: own ? r.gateway : undefined,
        // IPv6 shows the loopback link with routes that lead nowhere.
        link: own && !NOWHERE.includes(type) ? nameOf(r.link) : undefined,
        onlink: own && r.onlink ? true : undefined,
        encapsulation: own ? r.encapsulation : undefined,
        nexthops: own ? r.nexthops?.map((h) => ({ ...h, link: nameOf(h.link) })) : undefined,
        preference: r.preference,
        realms: r.realms,
        expires: r.expires,
      }));
    }
    return amongOthers(out, desired.routes as readonly Item[] | undefined);
  },
  differs(declared, current) {
    const names = [
      "mtu",
      "source",
      "protocol",
      "realms",
      ...declared.family === 4 ? ["scope"] : [],
    ];
    const none = { mtu: 0, source: declared.family === 6 ? "::" : "0.0.0.0" };
    const out = unlike(declared, { ...none, ...current }, names);
    if ((declared.type ?? "unicast") !== (current.type ?? "unicast")) out.push("type");
    if ((declared.preference ?? "medium") !== (current.preference ?? "medium")) {
      if (declared.preference !== undefined) out.push("preference");
    }
    const metrics = (declared.metrics ?? {}) as Item, has = (current.metrics ?? {}) as Item;
    // The kernel forgets what is 0.
    const same = (name: string) => alike(metrics[name] || undefined, has[name] || undefined);
    if (!Object.keys(metrics).every(same)) out.push("metrics");
    const { expires } = declared, left = current.expires as number | undefined;
    if (expires !== undefined && !(left !== undefined && left <= (expires as number))) {
      out.push("expires");
    }
    if (declared.nexthop !== current.nexthop) out.push("nexthop");
    else if (!NOWHERE.includes(declared.type as string) && !sameWay(declared, current)) {
      out.push(declared.nexthops ? "nexthops" : "gateway");
    }
    return out;
  },
  inPlace(declared, differences, current) {
    if (isKernels(current, declared)) {
      const why = `the kernel made it (${current.protocol}), with another ${
        differences.join(", ")
      }`;
      throw new TypeError(`Cannot plan route ${routes.key(declared)}: ${why}`);
    }
    // The kernel would replace the first of several, and keep some of several next hops.
    return !(current as Marked)[BESIDE] &&
      (declared.family === 4 || !(current.nexthops || declared.nexthops));
  },
  async create({ nl, options }, item) {
    const route = named(item);
    try {
      await nl.routes.add(route, options);
    } catch (error) {
      if (!(error as { isExists?: boolean }).isExists) throw error;
      // One that leads elsewhere stays; to the kernel only a first one is new.
      if (item.family === 6) return await nl.routes.append(route, options);
      const { table } = route;
      const all = await nl.routes.list({ ...options, family: 4, table }).toArray();
      const same = all.filter((r) => place(r as unknown as Item) === place(item));
      if (!same.every((r) => KERNEL.includes(r.protocol as string))) throw error;
      await nl.routes.prepend(route, options);
    }
  },
  set({ nl, options }, item, current, differences) {
    // Out by another link, which the kernel finds.
    const way = differences.includes("link") ? { ...current, link: undefined } : current;
    return nl.routes.replace(named(completed(item, way)), options);
  },
  async swap(context, item, current) {
    await gone(routes.remove(context, current));
    await routes.create(context, completed(item, current));
  },
  async remove({ nl, options }, item) {
    const { destination, table, priority, from, tos, type, protocol, nexthop } = named(item);
    const ref = { destination, table, priority, from, tos, protocol, nexthop };
    if (item.family === 4) {
      // There may be several of one key, of which the first that has what is named goes.
      const { gateway, link, source, scope, nexthops } = item;
      const exact = { ...ref, type, gateway, link, source, scope, nexthops } as DesiredRoute;
      return await nl.routes.delete(exact, options);
    }
    if (nexthop !== undefined) return await nl.routes.delete(ref, options);
    // IPv6 deletes the first one that fits, whatever its type, of a gateway only that next hop.
    for (const { gateway = "::", link = LOOPBACK } of hopsOf(item)) {
      await nl.routes.delete({ ...ref, gateway, link } as DesiredRoute, options);
    }
  },
  pruned: (item, prune) => prune.routes?.some((scope) => inScope(item, scope)) ?? false,
  own: (item) => !KERNEL.includes(item.protocol as string) && item.table !== 255,
  // Gateways are reached by what leads into links, those of nexthop objects too.
  rank: (item) => ({ direct: 2.5, nexthop: 5, gateway: 6 })[leads(item)],
};

const RTM_F_CLONED = 0x200;

// What is no property of a route, but of where it was found.
const BESIDE = Symbol("beside"), APART = Symbol("apart");

interface Marked {
  readonly [BESIDE]?: boolean;
  readonly [APART]?: boolean;
}

/** Where the kernel looks for a route; all of a place are of one version. */
function place({ family, table, destination, from, tos, priority }: Item): string {
  const to = destination === "default" && family === 6 ? "default6" : destination;
  const rest = `${from ? ` from ${from}` : ""}${tos ? ` tos ${tos}` : ""}`;
  return `${to}${rest} table ${table} priority ${priority}`;
}

/** Whether a route names a gateway. */
function far(item: Item): boolean {
  return hopsOf(item).some(({ gateway }) => gateway !== undefined);
}

/** Whether a route leads to gateways, or by a nexthop object, or else to neighbours or nowhere. */
function leads(item: Item): "gateway" | "nexthop" | "direct" {
  if (item.nexthop !== undefined) return "nexthop";
  return item.gateway === undefined && item.nexthops === undefined ? "direct" : "gateway";
}

/**
 * Marks what shares its place with others so that no request by place alone finds it, and what the
 * kernel made that stands apart from what is declared.
 */
function amongOthers(items: readonly Item[], declared: readonly Item[] = []): Item[] {
  const wanted = new Map(
    declared.map((entry) => routes.normal(entry)).map((item) => [routes.key(item), item]),
  );
  const first = new Map<string, Item>(), shared = new Set<string>();
  for (const item of items) {
    const at = place(item);
    if (first.has(at)) shared.add(at);
    else first.set(at, item);
  }
  return items.map((item) => {
    const at = place(item), six = item.family === 6, wish = wanted.get(routes.key(item));
    return {
      ...item,
      [BESIDE]: shared.has(at) && (six || first.get(at) !== item),
      // IPv6 has no two that lead to the same, and makes one of those by gateways.
      [APART]: wish !== undefined && isKernels(item, wish) &&
        routes.differs(wish, item).length > 0 && !(six && leads(wish) === leads(item)),
    };
  });
}

/** Whether the kernel made a route, and not someone who says to be the kernel. */
function isKernels({ protocol }: Item, declared: Item): boolean {
  return KERNEL.includes(protocol as string) && declared.protocol !== protocol;
}

/** Whether routes lead to the same. */
function sameWay(wanted: Item, is: Item): boolean {
  if (wanted.nexthop !== is.nexthop) return false;
  const hops = hopsOf(wanted), others = hopsOf(is);
  return hops.length === others.length &&
    hops.every((hop) => others.some((other) => sameHop(hop, other)));
}

/** A declared route with what else the present one has: what is not told, the kernel resets. */
function completed(item: Item, current: Item): Item {
  const { source, mtu, metrics, realms, preference, protocol, scope, expires } = current;
  if ((item.type ?? "unicast") !== (current.type ?? "unicast")) return { protocol, ...item };
  const { gateway, link, onlink, encapsulation, nexthops } = current;
  const way = sameWay(item, current) ? { gateway, link, onlink, encapsulation, nexthops } : {};
  return tidy({
    ...{ source, mtu, realms, preference, protocol, expires },
    // Gateways are farther than links.
    scope: leads(item) === leads(current) && far(item) === far(current) ? scope : undefined,
    ...item,
    ...way,
    metrics: metrics && { ...metrics, ...item.metrics as Item } || item.metrics,
  });
}

/** A route as a method takes it. */
function named(item: Item): DesiredRoute {
  const all = item.family === 6 ? "::/0" : "0.0.0.0/0";
  const destination = item.destination === "default" ? all : item.destination;
  return { ...item, destination } as unknown as DesiredRoute;
}

const LOOPBACK = 1; // its index in every namespace

function hopsOf(item: Item): readonly Item[] {
  return item.nexthops as readonly Item[] | undefined ?? [{ ...item, weight: 1 }];
}

function inScope(item: Item, { table = 254, family, link, protocol }: RouteScope): boolean {
  return item.table === table && (family === undefined || item.family === family) &&
    (link === undefined || item.link === link) &&
    (protocol === undefined
      ? !KERNEL.includes(item.protocol as string)
      : item.protocol === protocolName(protocolValue("prune.routes.protocol", protocol)));
}
