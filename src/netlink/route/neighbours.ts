/** Neighbours: looking up, listing, adding, changing, deleting. */

import type { RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { bad } from "../check.ts";
import { address, familyNumber, type LinkRef, mac } from "./input.ts";
import type { Links } from "./links.ts";
import { protocolValue } from "./names.ts";
import { Neighbour, neighbourCodec, type NeighbourState } from "./neighbour.ts";
import { deleteAll, Mode, Requests } from "./requests.ts";
import { requestOf } from "../options.ts";
import { checkOptions } from "./shape.ts";
import { type All, LIST, NEIGHBOUR } from "./shapes.ts";

/** Which neighbour of which link. */
export interface NeighbourRef {
  /** The link, by name or index. */
  link: LinkRef;
  /** The IP address. */
  address: string;
  /**
   * Whether the entry says that this machine answers for the address.
   *
   * @default false
   */
  proxy?: boolean;
}

/** A neighbour to be added (struct ndmsg and NDA_* of linux/neighbour.h). */
export interface NewNeighbour extends NeighbourRef {
  /**
   * The hardware address, as in "02:00:00:00:00:01". A new entry of a link that has one needs it, but
   * with the states "none", "incomplete" and "failed" (NDA_LLADDR).
   */
  mac?: string;
  /**
   * How far the entry is trusted.
   *
   * @default "none" with `managed`, else "permanent"
   */
  state?: NeighbourState;
  /**
   * Whether it is a router (NTF_ROUTER).
   *
   * @default false
   */
  router?: boolean;
  /**
   * Whether something else than the kernel keeps it up to date (NTF_EXT_LEARNED).
   *
   * @default false
   */
  externallyLearned?: boolean;
  /**
   * Whether the kernel asks for the hardware address at once and keeps it fresh by itself; not of a
   * permanent entry; Linux 5.16 (NTF_EXT_MANAGED).
   *
   * @default false
   */
  managed?: boolean;
  /** Who made it, by name or number (NDA_PROTOCOL, RTPROT_*). */
  protocol?: string | number;
}

/** Which neighbours a list shall have; the kernel selects by link, IP version and proxy. */
export interface NeighbourFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
  /** Only those on ports of this bridge or bond. */
  master?: LinkRef;
  /** Only those of this IP version. */
  family?: 4 | 6;
  /**
   * Whether the entries for which this machine answers are listed, instead of the others.
   *
   * @default false
   */
  proxy?: boolean;
}

const STATES: readonly NeighbourState[] = [
  "none",
  "incomplete",
  "reachable",
  "stale",
  "delay",
  "probe",
  "failed",
  "noarp",
  "permanent",
];
const FILTER: All<NeighbourFilter> = {
  ...LIST,
  link: "text or number",
  master: "text or number",
  family: "number",
  proxy: "boolean",
};
const DOOMED = { ...FILTER, permanent: "boolean" } as const;
/** With what the kernel tells of one, which may be told back. */
const READ = { ...NEIGHBOUR, family: "number", flags: "anything", attributes: "anything" } as const;
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Neighbour(w, at);

/**
 * The neighbours in a connection's namespace: ARP and neighbour discovery (RTM_*NEIGH of
 * linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge", up: true });
 * await nl.neighbours.add({ link: "br0", address: "10.0.0.7", mac: "02:00:00:00:00:07" });
 * for await (const { address, mac, state } of nl.neighbours.list({ link: "br0", family: 4 })) {
 *   console.log(address, mac, state);
 * }
 * ```
 */
export class Neighbours {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, neighbourCodec);
    this.#links = links;
  }

  /**
   * All neighbours, or those that the filter selects.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: NeighbourFilter = {}): Dump<Neighbour> {
    checkOptions("a list of neighbours", filter, FILTER);
    const { link, master, family, proxy, ...options } = filter;
    const ndmFamily = familyNumber("family", family);
    return this.#requests.list(
      "getneigh",
      "list neighbours",
      async () => ({
        header: { ndmFamily, ndmFlags: proxy ? ["proxy"] : [] },
        ifindex: link === undefined ? undefined : await this.#links.index(link, "link", filter),
        master: master === undefined
          ? undefined
          : await this.#links.index(master, "master", filter),
      }),
      make,
      // Without a family the kernel adds what bridges forward.
      { ...options, keep: (item) => item.family !== undefined },
    );
  }

  /**
   * One neighbour.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async get(ref: NeighbourRef, options?: RequestOptions): Promise<Neighbour> {
    const values = await this.#reference(ref, options);
    return this.#requests.get("getneigh", `get neighbour ${ref.address}`, values, make, options);
  }

  /**
   * Adds a neighbour.
   *
   * @throws {NetlinkError} `EEXIST` when the link has it
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(neighbour: NewNeighbour, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, neighbour, options);
  }

  /**
   * Adds a neighbour, or changes the one that is there.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(neighbour: NewNeighbour, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.replace, neighbour, options);
  }

  /**
   * Deletes a neighbour.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async delete(ref: NeighbourRef, options?: RequestOptions): Promise<void> {
    const values = await this.#reference(ref, options);
    await this.#requests.change("delneigh", 0, `delete neighbour ${ref.address}`, values, options);
  }

  /**
   * Deletes what the filter selects, permanent and unneeded entries excepted as `ip` does; with
   * `permanent` the former as well.
   *
   * @returns how many they were
   * @throws {NetlinkError} `ENODEV` when there is no such link; what was deleted by then stays
   * deleted
   */
  async flush(filter: NeighbourFilter & { permanent?: boolean } = {}): Promise<number> {
    checkOptions("a flush of neighbours", filter, DOOMED);
    const { permanent = false, ...rest } = filter;
    const all = await this.list(rest).toArray();
    const kept = permanent ? ["noarp"] : ["permanent", "noarp"];
    const doomed = all.filter((n) => rest.proxy || !kept.includes(n.state));
    return await deleteAll(
      doomed,
      ({ link, address, proxy }) => this.delete({ link, address, proxy }, requestOf(rest)),
    );
  }

  async #send(
    verb: string,
    flags: number,
    neighbour: NewNeighbour,
    options?: RequestOptions,
  ): Promise<void> {
    checkOptions("a neighbour", neighbour, READ);
    const { proxy, router, externallyLearned, managed, protocol } = neighbour;
    const { state = managed ? "none" : "permanent" } = neighbour;
    if (!STATES.includes(state)) throw bad("state", `one of ${STATES.join(", ")}`, state);
    if (managed && (proxy || state === "permanent")) {
      throw bad("managed", "of no proxy and of no permanent entry", managed);
    }
    const lladdr = neighbour.mac === undefined ? undefined : mac("mac", neighbour.mac);
    const number = protocol === undefined ? undefined : protocolValue("protocol", protocol);
    const reference = await this.#reference(neighbour, options);
    const values = {
      ...reference,
      header: {
        ...reference.header,
        ndmState: state === "none" || proxy ? [] : [state],
        ndmFlags: [
          ...proxy ? ["proxy"] : [],
          ...router ? ["router"] : [],
          ...externallyLearned ? ["ext-learned"] : [],
        ],
      },
      lladdr,
      flagsExt: managed ? ["managed"] : undefined,
      protocol: number,
    };
    await this.#requests.change(
      "newneigh",
      flags,
      `${verb} neighbour ${neighbour.address} of ${neighbour.link}`,
      values,
      options,
    );
  }

  async #reference(
    ref: NeighbourRef,
    options?: RequestOptions,
  ): Promise<Values & { header: Values }> {
    checkOptions("a neighbour", ref, READ);
    const { family } = address("address", ref.address);
    return {
      header: {
        ndmFamily: family,
        ndmIfindex: await this.#links.index(ref.link, "link", options),
        ndmFlags: ref.proxy ? ["proxy"] : [],
      },
      dst: ref.address,
    };
  }
}
