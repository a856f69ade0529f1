/** Forwarding tables of bridges and VXLANs: listing, adding, changing, deleting. */

import type { RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { bad, integer } from "../check.ts";
import { address, type LinkRef, mac } from "./input.ts";
import { AF_BRIDGE } from "./item.ts";
import type { Links } from "./links.ts";
import { FdbEntry, type FdbLifetime, neighbourCodec } from "./neighbour.ts";
import { requestOf } from "../options.ts";
import { deleteAll, Mode, Requests } from "./requests.ts";
import { checkOptions } from "./shape.ts";
import { type All, FDB_ENTRY, LIST } from "./shapes.ts";

/** Which entry of which forwarding table. */
export interface FdbRef {
  /** The bridge's port, or the bridge or VXLAN itself. */
  link: LinkRef;
  /** The MAC address. */
  mac: string;
  /**
   * Whose table: the link's own, or that of the bridge which the link is a port of.
   *
   * @default "self" for an entry with a remote, else "master"
   */
  table?: "self" | "master";
  /** The VLAN, 1 to 4094 (NDA_VLAN). */
  vlan?: number;
  /** The tunnel's other end, of a VXLAN. */
  remote?: string;
  /**
   * UDP port of the other end (NDA_PORT).
   *
   * @default the VXLAN's own
   */
  port?: number;
  /**
   * Network identifier at the other end (NDA_VNI).
   *
   * @default the VXLAN's own
   */
  vni?: number;
  /** The network identifier that the entry is for, of a VXLAN that serves many. */
  sourceVni?: number;
  /** The link that tunnel packets go out by. */
  via?: LinkRef;
}

/** An entry to be added to a forwarding table (struct ndmsg and NDA_* of linux/neighbour.h). */
export interface NewFdbEntry extends FdbRef {
  /**
   * How long it stays.
   *
   * @default "static" with a master's table, else "permanent"
   */
  lifetime?: FdbLifetime;
  /** Id of a nexthop object, in place of a remote. */
  nexthop?: number;
  /**
   * Whether it may not move to another port (NTF_STICKY).
   *
   * @default false
   */
  sticky?: boolean;
  /**
   * Whether something else than the bridge keeps it up to date (NTF_EXT_LEARNED).
   *
   * @default false
   */
  externallyLearned?: boolean;
  /**
   * Whether the other end is a router, of a VXLAN that answers for it (`routeShortCircuit`; NTF_ROUTER).
   *
   * @default false
   */
  router?: boolean;
}

/** Which entry is looked up. */
export type FdbLookup = Pick<FdbRef, "link" | "mac" | "table" | "vlan" | "sourceVni">;

/** Which entries a list shall have; the kernel selects them. */
export interface FdbFilter extends DumpOptions {
  /** Only those of this port. */
  link?: LinkRef;
  /** Only those of this bridge. */
  bridge?: LinkRef;
}

/** Which entries are flushed: those of a link or of a bridge that have everything named. */
export interface FdbFlush extends FdbFilter {
  /** Only those of this VLAN. */
  vlan?: number;
  /** Only those that stay so long. */
  lifetime?: FdbLifetime;
  /**
   * Whether permanent ones go too, among which are a port's own; `lifetime` says so as well.
   *
   * @default false
   */
  permanent?: boolean;
}

// VXLANs take "noarp" beside another state alone, bridges either way.
const STATES: Record<FdbLifetime, readonly string[]> = {
  permanent: ["permanent"],
  static: ["noarp", "reachable"],
  dynamic: ["reachable"],
};
/** What VXLANs alone keep. */
const OF_TUNNELS = ["remote", "port", "vni", "sourceVni", "via", "nexthop"] as const;
const FILTER: All<FdbFilter> = { ...LIST, link: "text or number", bridge: "text or number" };
const DOOMED: All<FdbFlush> = {
  ...FILTER,
  vlan: "number",
  lifetime: "text",
  permanent: "boolean",
};
/** With what the kernel tells of one, which may be told back. */
const READ = {
  ...FDB_ENTRY,
  bridge: "number",
  flags: "anything",
  attributes: "anything",
} as const;
const LOOKUP: All<FdbLookup> = {
  link: "text or number",
  mac: "text",
  table: "text",
  vlan: "number",
  sourceVni: "number",
};
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new FdbEntry(w, at);

/**
 * The forwarding tables of bridges and VXLANs in a connection's namespace (RTM_*NEIGH of
 * linux/rtnetlink.h with AF_BRIDGE).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "vx0", kind: "vxlan", id: 7 });
 * await nl.fdb.add({ link: "vx0", mac: "02:00:00:00:00:07", remote: "192.0.2.7" });
 * for await (const { mac, remote } of nl.fdb.list({ link: "vx0" })) console.log(mac, remote);
 * ```
 */
export class Fdb {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, neighbourCodec);
    this.#links = links;
  }

  /**
   * All entries, or those that the kernel selects.
   *
   * @throws {TypeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: FdbFilter = {}): Dump<FdbEntry> {
    checkOptions("a list of forwarding entries", filter, FILTER);
    const { link, bridge, ...options } = filter;
    return this.#requests.list(
      "getneigh",
      "list forwarding entries",
      async () => ({
        header: {
          ndmFamily: AF_BRIDGE,
          ndmIfindex: link === undefined ? 0 : await this.#links.index(link, "link", filter),
        },
        master: bridge === undefined
          ? undefined
          : await this.#links.index(bridge, "bridge", filter),
      }),
      make,
      options,
    );
  }

  /**
   * One entry; of one with several remotes the first.
   *
   * @throws {NetlinkError} `ENOENT` when there is none, `EINVAL` when the link is no port of a bridge,
   * `EOPNOTSUPP` when its own table can only be listed
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async get(ref: FdbLookup, options?: RequestOptions): Promise<FdbEntry> {
    checkOptions("a look-up", ref, LOOKUP);
    const { header, lladdr, vlan, srcVni } = await this.#reference(ref, options);
    // What the entry is for is told in another place than when it is added.
    const values = { header, lladdr, vlan, vni: srcVni };
    return await this.#requests.get("getneigh", `get entry ${ref.mac}`, values, make, options);
  }

  /**
   * Adds an entry.
   *
   * @throws {NetlinkError} `EEXIST` when it is there, `EOPNOTSUPP` when the link has no such table,
   * `EPERM` for a dynamic one of a bridge's port that is switched off
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(entry: NewFdbEntry, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, entry, options);
  }

  /**
   * Adds an entry, or changes the one that is there.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `EOPNOTSUPP` or `EINVAL` when it has
   * no such table
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(entry: NewFdbEntry, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.replace, entry, options);
  }

  /**
   * Adds a further remote to an entry of a VXLAN, for a multicast address or 00:00:00:00:00:00, which is
   * all that are not known. To an entry for one host the kernel adds none, and says nothing.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `EOPNOTSUPP` or `EINVAL` when it has
   * no such table
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async append(entry: NewFdbEntry, options?: RequestOptions): Promise<void> {
    await this.#send("append", Mode.append, entry, options);
  }

  /**
   * Deletes an entry.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async delete(ref: FdbRef, options?: RequestOptions): Promise<void> {
    const { header, ...rest } = await this.#reference(ref, options);
    // Links that are neither bridge nor VXLAN want to be told that it is permanent; those do not look.
    const values = { header: { ...header, ndmState: STATES.permanent }, ...rest };
    await this.#requests.change("delneigh", 0, `delete entry ${ref.mac}`, values, options);
  }

  /**
   * Deletes all entries of a bridge, its port or a VXLAN that have everything named, but permanent ones
   * unless it is told to.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays deleted
   * @throws {TypeError | RangeError} for a value that no kernel would accept, and when neither a link
   * nor a bridge is named
   */
  async flush(filter: FdbFlush): Promise<number> {
    checkOptions("a flush of forwarding entries", filter, DOOMED);
    const { vlan, lifetime, permanent = lifetime === "permanent", ...rest } = filter;
    if (rest.link === undefined && rest.bridge === undefined) {
      throw bad("a flush of forwarding entries", "told a link or a bridge", filter);
    }
    if (vlan !== undefined) integer("vlan", vlan, 1, 4094);
    if (lifetime !== undefined) checkLifetime(lifetime);
    // Of other links, what stands in their own tables are the addresses that they listen to.
    const forwards = ({ bridge, remote, nexthop }: FdbEntry) =>
      (bridge ?? remote ?? nexthop) !== undefined;
    const doomed = (await this.list(rest).toArray()).filter((entry) =>
      forwards(entry) &&
      (vlan === undefined || entry.vlan === vlan) &&
      (lifetime === undefined || entry.lifetime === lifetime) &&
      (permanent || entry.lifetime !== "permanent")
    );
    return await deleteAll(doomed, (entry) => {
      // A bridge is a port of none: its own entries are its own table's to those who delete.
      const own = entry.link === entry.bridge;
      return this.delete(
        own ? { ...entry.toJSON() as unknown as FdbRef, table: "self" } : entry,
        requestOf(rest),
      );
    });
  }

  async #send(verb: string, flags: number, entry: NewFdbEntry, options?: RequestOptions) {
    checkOptions("a forwarding entry", entry, READ);
    const own = tableOf(entry);
    const { lifetime = own === "master" ? "static" : "permanent" } = entry;
    checkLifetime(lifetime);
    const reference = await this.#reference(entry, options);
    const values = {
      ...reference,
      header: {
        ...reference.header,
        ndmState: STATES[lifetime],
        ndmFlags: [
          own,
          ...entry.sticky ? ["sticky"] : [],
          ...entry.externallyLearned ? ["ext-learned"] : [],
          ...entry.router ? ["router"] : [],
        ],
      },
      nhId: entry.nexthop === undefined
        ? undefined
        : integer("nexthop", entry.nexthop, 1, 0xffffffff),
    };
    const words = `${verb} entry ${entry.mac} of ${entry.link}`;
    await this.#requests.change("newneigh", flags, words, values, options);
  }

  async #reference(ref: FdbRef, options?: RequestOptions): Promise<Values & { header: Values }> {
    checkOptions("a forwarding entry", ref, READ);
    const { vlan, remote, port, vni, sourceVni, via } = ref;
    mac("mac", ref.mac);
    if (vlan !== undefined) integer("vlan", vlan, 1, 4094);
    if (remote !== undefined) address("remote", remote);
    if (port !== undefined) integer("port", port, 1, 65535);
    if (vni !== undefined) integer("vni", vni, 0, 0xffffff);
    if (sourceVni !== undefined) integer("sourceVni", sourceVni, 0, 0xffffff);
    // A bridge takes no notice of them.
    if (tableOf(ref) === "master") {
      for (const name of OF_TUNNELS) {
        const value = (ref as NewFdbEntry)[name];
        if (value !== undefined) throw bad(name, "of an entry of table self", value);
      }
    }
    return {
      header: {
        ndmFamily: AF_BRIDGE,
        ndmIfindex: await this.#links.index(ref.link, "link", options),
        ndmFlags: [tableOf(ref)],
      },
      lladdr: ref.mac,
      vlan,
      dst: remote,
      port,
      vni,
      srcVni: sourceVni,
      ifindex: via === undefined ? undefined : await this.#links.index(via, "via", options),
    };
  }
}

function checkLifetime(lifetime: FdbLifetime): void {
  if (Object.hasOwn(STATES, lifetime)) return;
  throw bad("lifetime", `one of ${Object.keys(STATES).join(", ")}`, lifetime);
}

function tableOf(entry: NewFdbEntry): "self" | "master" {
  const { table } = entry;
  if (table === undefined) {
    return entry.remote !== undefined || entry.nexthop !== undefined ? "self" : "master";
  }
  if (table !== "self" && table !== "master") throw bad("table", "self or master", table);
  return table;
}
