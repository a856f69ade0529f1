/** Nexthop objects and groups: looking up, listing, adding, replacing, deleting. */

import type { RequestOptions } from "../exchange.ts";
import type { Words } from "../codec/words.ts";
import type { Connection } from "../connection.ts";
import type { Dump } from "../dump.ts";
import { bad, integer } from "../check.ts";
import type { Links } from "./links.ts";
import { Nexthop, nexthopCodec } from "./nexthop.ts";
import { nexthopValues } from "./nexthop_change.ts";
import { NexthopBucket } from "./nexthop_bucket.ts";
import type {
  NewNexthop,
  NexthopBucketFilter,
  NexthopFilter,
  NexthopFlush,
} from "./nexthop_settings.ts";
import { protocolName, protocolValue } from "./names.ts";
import { requestOf } from "../options.ts";
import { deleteAll, Mode, Requests } from "./requests.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST } from "./shapes.ts";

const FILTER: All<NexthopFilter> = {
  ...LIST,
  link: "text or number",
  master: "text or number",
  groups: "boolean",
  fdb: "boolean",
};
const DOOMED: All<NexthopFlush> = { ...FILTER, protocol: "text or number" };
const BUCKETS: All<NexthopBucketFilter> = {
  ...LIST,
  group: "number",
  nexthop: "number",
  link: "text or number",
  master: "text or number",
};
const make = (w: Words, at: number) => new Nexthop(w, at);
const makeBucket = (w: Words, at: number) => new NexthopBucket(w, at);

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
   * The buckets of all resilient groups, or those that the kernel selects.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENOENT` when there is no such group, `EINVAL` when it
   * is not resilient, `ENODEV` when there is no such link
   */
  buckets(filter: NexthopBucketFilter = {}): Dump<NexthopBucket> {
    checkOptions("a list of buckets", filter, BUCKETS);
    const { group, nexthop, link, master, ...options } = filter;
    if (group !== undefined) integer("group", group, 1, 0xffffffff);
    if (nexthop !== undefined) integer("nexthop", nexthop, 1, 0xffffffff);
    return this.#requests.list(
      "getnexthopbucket",
      "list buckets",
      async () => ({
        id: group,
        resBucket: nexthop === undefined ? undefined : { nhId: nexthop },
        oif: link === undefined ? undefined : await this.#links.index(link, "link", filter),
        master: master === undefined
          ? undefined
          : await this.#links.index(master, "master", filter),
      }),
      makeBucket,
      options,
    );
  }

  /**
   * One bucket of a resilient group, by the group's id and its number from 0.
   *
   * @throws {NetlinkError} `ENOENT` when there is no such group or bucket, `EINVAL` when the group is
   * not resilient
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async bucket(group: number, index: number, options?: RequestOptions): Promise<NexthopBucket> {
    integer("group", group, 1, 0xffffffff);
    integer("index", index, 0, 65535);
    return await this.#requests.get(
      "getnexthopbucket",
      `get bucket ${index} of nexthop ${group}`,
      { id: group, resBucket: { index } },
      makeBucket,
      options,
    );
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

  /**
   * Deletes all nexthops that have everything named, and with them the routes that use them.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays deleted
   * @throws {TypeError | RangeError} for a filter that no kernel would accept, and when nothing is named
   */
  async flush(filter: NexthopFlush): Promise<number> {
    checkOptions("a flush of nexthops", filter, DOOMED);
    const { protocol, ...rest } = filter, { link, master, groups, fdb } = rest;
    // False is not to select by it.
    if (!groups && !fdb && (link ?? master ?? protocol) === undefined) {
      throw bad("a flush of nexthops", "told which", filter);
    }
    const origin = protocol === undefined
      ? undefined
      : protocolName(protocolValue("protocol", protocol));
    const doomed = (await this.list(rest).toArray()).filter((nexthop) =>
      origin === undefined || nexthop.protocol === origin
    );
    return await deleteAll(doomed, ({ id }) => this.delete(id, requestOf(rest)));
  }

  async #send(verb: string, flags: number, nexthop: NewNexthop, options?: RequestOptions) {
    const values = nexthopValues(nexthop), { link } = nexthop;
    const oif = link === undefined ? undefined : await this.#links.index(link, "link", options);
    const words = `${verb} nexthop${nexthop.id === undefined ? "" : ` ${nexthop.id}`}`;
    await this.#requests.change("newnexthop", flags, words, { ...values, oif }, options);
  }
}
