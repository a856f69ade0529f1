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
import { Mode, Requests } from "./requests.ts";
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
}

/** Which entries a list shall have; the kernel selects them. */
export interface FdbFilter extends DumpOptions {
  /** Only those of this port. */
  link?: LinkRef;
  /** Only those of this bridge. */
  bridge?: LinkRef;
}

// VXLANs take "noarp" beside another state alone, bridges either way.
const STATES: Record<FdbLifetime, readonly string[]> = {
  permanent: ["permanent"],
  static: ["noarp", "reachable"],
  dynamic: ["reachable"],
};
const FILTER: All<FdbFilter> = { ...LIST, link: "text or number", bridge: "text or number" };
/** With what the kernel tells of one, which may be told back. */
const READ = {
  ...FDB_ENTRY,
  bridge: "number",
  flags: "anything",
  attributes: "anything",
} as const;
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
   * Adds an entry.
   *
   * @throws {NetlinkError} `EEXIST` when it is there, `EOPNOTSUPP` when the link has no such table
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
   * Adds a further remote to an entry of a VXLAN.
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
    const values = await this.#reference(ref, options);
    await this.#requests.change("delneigh", 0, `delete entry ${ref.mac}`, values, options);
  }

  async #send(verb: string, flags: number, entry: NewFdbEntry, options?: RequestOptions) {
    checkOptions("a forwarding entry", entry, READ);
    const own = tableOf(entry);
    const { lifetime = own === "master" ? "static" : "permanent" } = entry;
    if (!Object.hasOwn(STATES, lifetime)) {
      throw bad("lifetime", `one of ${Object.keys(STATES).join(", ")}`, lifetime);
    }
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

function tableOf(entry: NewFdbEntry): "self" | "master" {
  const { table } = entry;
  if (table === undefined) {
    return entry.remote !== undefined || entry.nexthop !== undefined ? "self" : "master";
  }
  if (table !== "self" && table !== "master") throw bad("table", "self or master", table);
  return table;
}
