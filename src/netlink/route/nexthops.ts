/** Nexthop objects and groups: looking up, listing, adding, replacing, deleting. */

import type { RequestOptions } from "../exchange.ts";
import { Codec } from "../codec/codec.ts";
import type { Values } from "../codec/encode.ts";
import type { Words } from "../codec/words.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { type Encapsulation, encapsulationValues, readEncapsulation } from "./encapsulation.ts";
import { address, bad, familyNumber, integer, type LinkRef, linkRef } from "./input.ts";
import { AF_INET, version } from "./item.ts";
import type { Links } from "./links.ts";
import { protocolName, protocolValue, scopeName } from "./names.ts";
import { spec } from "./nexthop_spec.ts";
import { Mode, pick, Requests } from "./requests.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST, NEXTHOP } from "./shapes.ts";

/** One member of a nexthop group (struct nexthop_grp of linux/nexthop.h). */
export interface NexthopMember {
  /** Id of the nexthop. */
  id: number;
  /**
   * Its share of the packets against the other members', 1 to 65535; above 256 since Linux 6.12.
   *
   * @default 1
   */
  weight?: number;
}

/**
 * A nexthop to be added (NHA_* of linux/nexthop.h): a link with or without gateway, a black hole, or
 * a group.
 */
export interface NewNexthop {
  /**
   * Its id.
   *
   * @default one that the kernel chooses
   */
  id?: number;
  /** The link that it goes out by. */
  link?: LinkRef;
  /** The gateway's address. */
  gateway?: string;
  /**
   * IP version; not of a group.
   *
   * @default that of the gateway, else 4
   */
  family?: 4 | 6;
  /**
   * Whether packets are dropped.
   *
   * @default false
   */
  blackhole?: boolean;
  /**
   * Whether the gateway is taken to be on the link though no address says so.
   *
   * @default false
   */
  onlink?: boolean;
  /** How packets are encapsulated. */
  encapsulation?: Encapsulation;
  /**
   * Whether it serves a VXLAN's forwarding table, not routes.
   *
   * @default false
   */
  fdb?: boolean;
  /** The members, of a group. */
  group?: readonly NexthopMember[];
  /** Makes the group resilient: flows stay with their member as long as they can. */
  resilient?: ResilientOptions;
  /**
   * Who made it, by name or number.
   *
   * @default "static"
   */
  protocol?: string | number;
}

/**
 * A resilient group's settings (NHA_RES_GROUP_* of linux/nexthop.h). What is left out is as the
 * kernel has it by default.
 */
export interface ResilientOptions {
  /** Number of buckets that flows are spread over. */
  buckets?: number;
  /** Milliseconds without packets after which a bucket may move, rounded to 10. */
  idleTimeout?: number;
  /** Milliseconds of imbalance after which buckets are moved, rounded to 10; 0 never. */
  unbalancedTimeout?: number;
}

/** Which nexthops a list shall have; the kernel selects them. */
export interface NexthopFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
  /** Only those of links in this VRF. */
  master?: LinkRef;
  /**
   * Only groups.
   *
   * @default false
   */
  groups?: boolean;
  /**
   * Only those of VXLANs' forwarding tables, which the kernel does not select: all are read.
   *
   * @default false
   */
  fdb?: boolean;
}

/** The codec of nexthops. */
const nexthopCodec = new Codec(spec);
const Full = nexthopCodec.message("getnexthop");
const make = (w: Words, at: number) => new Nexthop(w, at);

interface Attributes {
  readonly header: { family: number; scope: number; protocol: number; flags: readonly string[] };
  readonly id?: number;
  readonly group?: readonly number[];
  readonly groupType?: number;
  readonly blackhole?: boolean;
  readonly oif?: number;
  readonly gateway?: string;
  readonly encapType?: number;
  readonly encap?: Uint8Array;
  readonly fdb?: boolean;
  readonly resGroup?: { buckets?: number; idleTimer?: number; unbalancedTimer?: number };
}

/**
 * A nexthop object (struct nhmsg and NHA_* of linux/nexthop.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.nexthops.add({ id: 5, link: "lo", family: 4 });
 * await nl.nexthops.add({ id: 6, group: [{ id: 5, weight: 3 }] });
 * console.log((await nl.nexthops.get(5)).protocol); // static
 * console.log((await nl.nexthops.get(6)).group); // [ { id: 5, weight: 3 } ]
 * ```
 */
export class Nexthop {
  readonly #a: Attributes;

  /** @internal */
  constructor(w: Words, at: number) {
    this.#a = new Full(w, at) as unknown as Attributes;
  }

  /** Its id. */
  get id(): number {
    return this.#a.id ?? 0;
  }

  /** IP version; undefined for a group. */
  get family(): 4 | 6 | undefined {
    return version(this.#a.header.family);
  }

  /** Index of the link that it goes out by. */
  get link(): number | undefined {
    return this.#a.oif;
  }

  /** The gateway's address; undefined without one (NHA_GATEWAY). */
  get gateway(): string | undefined {
    return this.#a.gateway;
  }

  /** Whether packets are dropped. */
  get blackhole(): boolean {
    return this.#a.blackhole === true;
  }

  /** Whether it serves a VXLAN's forwarding table. */
  get fdb(): boolean {
    return this.#a.fdb === true;
  }

  /** Whether the gateway is taken to be on the link though no address says so. */
  get onlink(): boolean {
    return this.#a.header.flags.includes("onlink");
  }

  /** Names of the flags that are set (RTNH_F_* of linux/rtnetlink.h). */
  get flags(): readonly string[] {
    return this.#a.header.flags;
  }

  /** How packets are encapsulated; undefined if they are not. */
  get encapsulation(): Encapsulation | undefined {
    return readEncapsulation(this.#a.encapType, this.#a.encap);
  }

  /** The members; undefined for one that is no group (NHA_GROUP). */
  get group(): Required<NexthopMember>[] | undefined {
    const { group } = this.#a;
    if (group === undefined) return undefined;
    return Array.from({ length: group.length >> 3 }, (_, k) => {
      const [a, b, c, d, low, high] = group.slice(k * 8);
      return { id: a + b * 256 + c * 65536 + d * 2 ** 24, weight: low + high * 256 + 1 };
    });
  }

  /** The settings of a resilient group; undefined for others (NHA_RES_GROUP). */
  get resilient(): ResilientOptions | undefined {
    const { resGroup } = this.#a;
    return resGroup && {
      buckets: resGroup.buckets,
      idleTimeout: (resGroup.idleTimer ?? 0) * 10,
      unbalancedTimeout: (resGroup.unbalancedTimer ?? 0) * 10,
    };
  }

  /** Who made it: "kernel", "static", ..., or a number (RTPROT_*). */
  get protocol(): string | number {
    return protocolName(this.#a.header.protocol);
  }

  /** How far it is: "global", "link", "host", or a number (RT_SCOPE_*). */
  get scope(): string | number {
    return scopeName(this.#a.header.scope);
  }

  /**
   * A plain copy, which holds no datagram in memory; {@linkcode NewNexthop} in shape, with the scope
   * and the flags, which adding it again takes no notice of.
   */
  toJSON(): Record<string, unknown> {
    return {
      ...pick(this, ["id", "family", "link", "gateway", "encapsulation", "group", "resilient"]),
      ...pick(this, ["protocol", "scope", "flags"]),
      ...this.blackhole ? { blackhole: true } : {},
      ...this.fdb ? { fdb: true } : {},
      ...this.onlink ? { onlink: true } : {},
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

const SET = spec.sets.nexthop;
const STATIC = 4; // RTPROT_STATIC
const FILTER: All<NexthopFilter> = {
  ...LIST,
  link: "text or number",
  master: "text or number",
  groups: "boolean",
  fdb: "boolean",
};

/**
 * The nexthop objects of a connection's namespace (RTM_*NEXTHOP of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge", up: true });
 * await nl.nexthops.add({ id: 1, link: "br0" });
 * await nl.nexthops.add({ id: 2, group: [{ id: 1 }] });
 * await nl.routes.add({ destination: "10.9.0.0/16", nexthop: 2 });
 * for await (const { id, link, group } of nl.nexthops.list()) console.log(id, link, group);
 * ```
 */
export class Nexthops {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, nexthopCodec);
    this.#links = links;
  }

  /**
   * All nexthops, or those that the kernel selects.
   *
   * @throws {TypeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: NexthopFilter = {}): Dump<Nexthop> {
    checkOptions("a list of nexthops", filter, FILTER);
    const { link, master, groups, fdb, ...options } = filter;
    return this.#requests.list(
      "getnexthop",
      "list nexthops",
      async () => ({
        oif: link === undefined ? undefined : await this.#links.index(link, "link", filter),
        master: master === undefined
          ? undefined
          : await this.#links.index(master, "master", filter),
        groups,
        fdb,
      }),
      make,
      // The kernel reads this part of the filter and takes no notice of it.
      fdb ? { ...options, keep: (nexthop) => nexthop.fdb } : options,
    );
  }

  /**
   * One nexthop.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async get(id: number, options?: RequestOptions): Promise<Nexthop> {
    integer("id", id, 1, 0xffffffff);
    return await this.#requests.get("getnexthop", `get nexthop ${id}`, { id }, make, options);
  }

  /**
   * Adds a nexthop.
   *
   * @throws {NetlinkError} `EEXIST` when the id is taken, `EINVAL` when a group's member is not there
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(nexthop: NewNexthop, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, nexthop, options);
  }

  /**
   * Adds a nexthop, or changes the one that is there; routes that use it follow.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `EINVAL` when a group's member is not
   * there
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(nexthop: NewNexthop, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.replace, nexthop, options);
  }

  /**
   * Deletes a nexthop, and with it the routes that use it.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async delete(id: number, options?: RequestOptions): Promise<void> {
    integer("id", id, 1, 0xffffffff);
    await this.#requests.change("delnexthop", 0, `delete nexthop ${id}`, { id }, options);
  }

  async #send(verb: string, flags: number, nexthop: NewNexthop, options?: RequestOptions) {
    const values = check(nexthop), { link } = nexthop;
    const oif = link === undefined ? undefined : await this.#links.index(link, "link", options);
    const words = `${verb} nexthop${nexthop.id === undefined ? "" : ` ${nexthop.id}`}`;
    await this.#requests.change("newnexthop", flags, words, { ...values, oif }, options);
  }
}

/** What one is told, and what its plain copy has besides. */
const KNOWN = { ...NEXTHOP, scope: "text or number", flags: ["text"] } as const;

function check(nexthop: NewNexthop): Values {
  checkOptions("a nexthop", nexthop, KNOWN);
  const { id, link, gateway, group, blackhole, fdb, resilient } = nexthop;
  if (id !== undefined) integer("id", id, 1, 0xffffffff);
  if (link !== undefined) linkRef("link", link);
  const via = gateway === undefined ? undefined : address("gateway", gateway);
  if (group !== undefined && (link !== undefined || via !== undefined || blackhole)) {
    throw bad("group", "given without link, gateway and blackhole", group);
  }
  if (resilient !== undefined && group === undefined) {
    throw bad("resilient", "given with group", resilient);
  }
  const family = familyNumber("family", nexthop.family);
  if (family !== 0 && group !== undefined) throw bad("family", "of no group", nexthop.family);
  if (family !== 0 && via !== undefined && via.family !== family) {
    throw bad("family", "the gateway's IP version", nexthop.family);
  }
  const time = (name: keyof ResilientOptions) => {
    const ms = resilient?.[name];
    return ms === undefined
      ? undefined
      : Math.round(integer(`resilient.${name}`, ms, 0, 0xffffffff) / 10);
  };
  return {
    header: {
      family: group ? 0 : via?.family ?? (family || AF_INET),
      protocol: nexthop.protocol === undefined
        ? STATIC
        : protocolValue("protocol", nexthop.protocol),
      flags: nexthop.onlink ? ["onlink"] : [],
    },
    id,
    gateway,
    blackhole,
    fdb,
    group: group === undefined ? undefined : members(group),
    groupType: resilient === undefined ? undefined : 1,
    resGroup: resilient === undefined ? undefined : {
      buckets: resilient.buckets === undefined
        ? undefined
        : integer("resilient.buckets", resilient.buckets, 1, 65535),
      idleTimer: time("idleTimeout"),
      unbalancedTimer: time("unbalancedTimeout"),
    },
    ...encapsulationValues(nexthop.encapsulation, SET.encapType.id, SET.encap.id),
  };
}

function members(group: readonly NexthopMember[]): number[] {
  if (!Array.isArray(group) || group.length === 0) throw bad("group", "one member or more", group);
  return group.flatMap(({ id, weight = 1 }, i) => {
    integer(`group[${i}].id`, id, 1, 0xffffffff);
    // struct nexthop_grp: id, weight - 1, its high byte, padding.
    const share = integer(`group[${i}].weight`, weight, 1, 65535) - 1;
    const number = [id & 255, (id >>> 8) & 255, (id >>> 16) & 255, id >>> 24];
    return [...number, share & 255, share >>> 8, 0, 0];
  });
}
