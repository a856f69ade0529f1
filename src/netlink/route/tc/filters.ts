/** Filters: listing, adding, replacing, deleting. */

import type { RequestOptions } from "../../exchange.ts";
import type { Values } from "../../codec/encode.ts";
import type { Connection } from "../../connection.ts";
import type { Dump, DumpOptions } from "../../dump.ts";
import { NetlinkError } from "../../error.ts";
import { integer } from "../../check.ts";
import { kindName, type LinkRef } from "../input.ts";
import type { Links } from "../links.ts";
import { Mode, pick, Requests } from "../requests.ts";
import { checkOptions } from "../shape.ts";
import { type All, FILTER, LIST, REQUEST } from "../shapes.ts";
import { actionValues, readActions } from "./actions.ts";
import { ethertype, filterInfo, readInfo } from "./ethertype.ts";
import { filterData, filterOptions, filterValues } from "./filter_kinds.ts";
import type { CommonFilterOptions, FilterOptions } from "./filter_options.ts";
import { type Parent, parentText, parentValue, u32Handle } from "./handle.ts";
import { tcCodec, TcObject } from "./tc_object.ts";

const ENOENT = 2;

/** Which filters of which link. */
export interface FilterRef {
  /** The link, by name or index. */
  link: LinkRef;
  /**
   * Where they hang: at a queueing discipline, at a class, or at the hooks of clsact.
   *
   * @default "root"
   */
  parent?: Parent;
  /**
   * Filters are tried in the order of their priorities, 1 to 65535, lowest first.
   *
   * @default one that the kernel chooses, for a new filter
   */
  priority?: number;
  /**
   * Type of packets: "ip", "ipv6", "arp", "802.1q", "all" or an ethertype.
   *
   * @default "all", for a new filter
   */
  protocol?: string | number;
  /**
   * Number of the chain; 0 is tried first.
   *
   * @default 0, for a new filter
   */
  chain?: number;
  /**
   * Number of one filter among those of a priority; of kind u32 also in tc's form, "800::801", and
   * "2:" for a hash table. Of kind fw it is the mark.
   *
   * @default one that the kernel chooses, for a new filter
   */
  handle?: number | string;
}

/** A filter to be added. */
export type NewFilter =
  & FilterRef
  & {
    /** Attributes of its options as the kernel's specification has them. */
    data?: Values;
  }
  & (
    | { [K in keyof FilterOptions]: { kind: K; options?: FilterOptions[K] } }[keyof FilterOptions]
    | { kind: string; options?: CommonFilterOptions }
  );

/** Which filters a list shall have; the kernel lists those of one link and parent. */
export interface FilterFilter extends DumpOptions {
  /** The link, by name or index. */
  link: LinkRef;
  /**
   * Where they hang.
   *
   * @default "root"
   */
  parent?: Parent;
  /** Only those of this chain. */
  chain?: number;
}

/**
 * A filter (struct tcmsg of linux/rtnetlink.h, linux/pkt_cls.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.qdiscs.replace({ link: "lo", kind: "htb", handle: "1:" });
 * const parent = "1:", options = { class: "1:10", keys: [] };
 * await nl.filters.add({ link: "lo", parent, kind: "u32", priority: 9, protocol: "ip", options });
 * const [filter] = await nl.filters.list({ link: "lo", parent }).toArray();
 * console.log(filter.kind, filter.priority, filter.protocol, filter.chain); // u32 9 ip 0
 * console.log(filter.options); // { keys: [ { offset: 0, value: 0, mask: 0 } ], class: "1:10" }
 * ```
 */
export class Filter extends TcObject {
  /** Where it hangs: "root", "ingress", "egress", or a handle. */
  get parent(): Parent {
    return parentText(this.attributes.header.parent);
  }

  /** Filters are tried in the order of their priorities, 1 to 65535, lowest first. */
  get priority(): number {
    return readInfo(this.attributes.header.info).priority;
  }

  /** Type of packets: "ip", "ipv6", "arp", "802.1q", "all", or an ethertype. */
  get protocol(): string | number {
    return readInfo(this.attributes.header.info).protocol;
  }

  /** Number of the chain; 0 is tried first (TCA_CHAIN). */
  get chain(): number {
    return this.attributes.chain ?? 0;
  }

  /** Its number among the filters of its priority; 0x80000801 is "800::801" of u32. */
  get handle(): number {
    return this.attributes.header.handle;
  }

  /**
   * Its options in plain units, as {@linkcode FilterOptions} has them; undefined for a kind that is
   * not among those.
   */
  get options(): CommonFilterOptions | undefined {
    const values = (this.values ?? {}) as Values;
    const own = filterOptions(this.kind, values);
    const actions = readActions(values.act as Values[] | undefined);
    return own && actions ? { ...own, actions } : own;
  }

  /**
   * The attributes of its options, named as in the kernel's specification, that tell more than
   * `options` has properties for; undefined if there are none. {@linkcode Filters.add} takes them back.
   */
  get data(): Values | undefined {
    const { kind, values, options } = this;
    if (values === undefined || values instanceof Uint8Array) return undefined;
    const type = ethertype("protocol", this.protocol);
    return filterData(kind, values, options, type);
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    return pick(this, [
      "link",
      "kind",
      "parent",
      "priority",
      "protocol",
      "chain",
      "handle",
      "options",
      "data",
    ]);
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

const LISTED: All<FilterFilter> = {
  ...LIST,
  link: "text or number",
  parent: "text",
  chain: "number",
};
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Filter(w, at);

/**
 * The filters of the links of a connection's namespace (RTM_*TFILTER of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge" });
 * await nl.qdiscs.add({ link: "br0", kind: "htb", handle: "1:" });
 * await nl.classes.add({
 *   link: "br0",
 *   handle: "1:10",
 *   kind: "htb",
 *   options: { rateBytesPerSecond: 125_000 },
 * });
 * await nl.filters.add({
 *   link: "br0",
 *   parent: "1:",
 *   priority: 1,
 *   protocol: "ip",
 *   kind: "u32",
 *   options: { class: "1:10", keys: [{ offset: 16, value: 0x0a000001, mask: 0xffffffff }] },
 * });
 * for await (const { kind, options } of nl.filters.list({ link: "br0", parent: "1:" })) {
 *   console.log(kind, options);
 * }
 * ```
 */
export class Filters {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, tcCodec);
    this.#links = links;
  }

  /**
   * The filters of a link and parent in the order in which they are tried, and the hash tables of u32
   * that somebody made.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: FilterFilter): Dump<Filter> {
    checkOptions("a list of filters", filter, LISTED);
    return this.#list(filter, isFilter);
  }

  #list(filter: FilterFilter, keep: (filter: Filter) => boolean): Dump<Filter> {
    const { link, parent = "root", chain, ...options } = filter;
    return this.#requests.list(
      "gettfilter",
      `list the filters of ${link}`,
      async () => ({
        header: {
          ifindex: await this.#links.index(link, "link", filter),
          parent: parentNumber(parent),
        },
        chain: chainNumber(chain),
      }),
      make,
      { ...options, keep },
    );
  }

  /**
   * One filter, by everything that tells it from others.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async get(
    ref: FilterRef & { kind: string; priority: number; handle: number | string },
    options?: RequestOptions,
  ): Promise<Filter> {
    if (!(ref instanceof Filter)) checkOptions("a filter", ref, FILTER);
    const values = { ...await this.#reference(ref, options, "all"), kind: kindName(ref.kind) };
    const words = `get filter ${ref.kind} of ${ref.link}`;
    return await this.#requests.get("gettfilter", words, values, make, options);
  }

  /**
   * Adds a filter.
   *
   * @throws {NetlinkError} `EEXIST` when there is one of that number, `ENOENT` for a kind that this kernel lacks
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(filter: NewFilter, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, filter, options);
  }

  /**
   * Adds a filter, or replaces the one of the same priority and number.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `EINVAL` when nothing to hang at is
   * there
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(filter: NewFilter, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.create, filter, options);
  }

  /**
   * Deletes the filters that have everything named; all of a parent, of all its chains, if nothing is.
   * The kernel has no request for filters of no one chain or priority: they are listed first then.
   *
   * @throws {NetlinkError} `ENOENT` when there is none of what is named, `EBUSY` for a hash table of u32
   * that a filter points to, or pointed to a moment ago
   */
  async delete(ref: FilterRef & { kind?: string }, options?: RequestOptions): Promise<void> {
    if (options !== undefined) checkOptions("a request", options, REQUEST);
    if (!(ref instanceof Filter)) checkOptions("a filter", ref, FILTER);
    const { link, priority, chain } = ref, words = `delete filters of ${link}`;
    if (ref.kind !== undefined) kindName(ref.kind);
    const targets = priority !== undefined && chain !== undefined
      ? [ref]
      : await this.#targets(ref, options);
    if (targets.length === 0) {
      throw new NetlinkError("there is none", { errno: ENOENT, operation: words });
    }
    const all = await Promise.all(
      targets.map(async (t) => ({ ...await this.#reference(t, options), kind: t.kind })),
    );
    // Sent in one turn: a batch takes them for one operation then.
    await Promise.all(
      all.map((values) => this.#requests.change("deltfilter", 0, words, values, options)),
    );
  }

  /** What the kernel can be asked to delete, to delete all that is named. */
  async #targets(ref: FilterRef & { kind?: string }, options?: RequestOptions) {
    const { priority, protocol, chain, kind, handle: one } = ref;
    const { header } = await this.#reference(ref, options);
    const { ifindex, handle, info } = header as { ifindex: number; handle: number; info: number };
    const at = { link: ifindex, parent: ref.parent, chain };
    // The kernel announces each priority by a message of its own, without a handle.
    const found = await this.#list(
      { ...options, ...at },
      (f) =>
        f.handle === handle && (priority === undefined || f.priority === priority) &&
        (protocol === undefined || f.protocol === readInfo(info).protocol) &&
        (kind === undefined || f.kind === kind),
    ).toArray();
    if ((priority ?? protocol ?? kind ?? one) === undefined) {
      const chains = new Set([chain ?? 0, ...found.map((f) => f.chain)]);
      return [...chains].map((chain) => ({ ...at, chain, kind }));
    }
    return found.map(({ kind, priority, protocol, chain }) => {
      return { ...at, handle, kind, priority, protocol, chain };
    });
  }

  async #send(verb: string, flags: number, filter: NewFilter, options?: RequestOptions) {
    checkOptions("a filter", filter, FILTER);
    const { link, kind, data } = filter;
    kindName(kind);
    const type = ethertype("protocol", filter.protocol ?? "all");
    const own = filterValues(kind, filter.options ?? {}, type);
    const act = await actionValues(
      filter.options?.actions,
      (ref, parameter) => this.#links.index(ref, parameter, options),
    );
    const values = {
      ...await this.#reference(filter, options, "all"),
      kind,
      options: { ...own, act, ...data },
    };
    await this.#requests.change(
      "newtfilter",
      flags,
      `${verb} filter ${kind} of ${link}`,
      values,
      options,
    );
  }

  /** `usual` is the type of packets where none is told. */
  async #reference(ref: FilterRef, options?: RequestOptions, usual?: string): Promise<Values> {
    const { link, parent = "root", priority = 0, protocol = usual, chain, handle = 0 } = ref;
    const type = protocol === undefined ? 0 : ethertype("protocol", protocol);
    const info = filterInfo(integer("priority", priority, 0, 65535), type);
    return {
      header: {
        parent: parentNumber(parent),
        handle: typeof handle === "string"
          ? u32Handle("handle", handle)
          : integer("handle", handle, 0, 0xffffffff),
        info,
        ifindex: await this.#links.index(link, "link", options),
      },
      chain: chainNumber(chain),
    };
  }
}

/**
 * The kernel announces each priority by a message of its own, and the hash table that u32 makes for it,
 * of one bucket and with a number from 800 on.
 */
function isFilter({ kind, handle, attributes: { options } }: Filter): boolean {
  const divisor = kind === "u32"
    ? (options as { divisor?: number } | undefined)?.divisor
    : undefined;
  return handle !== 0 && options !== undefined && (divisor !== 1 || handle >>> 31 === 0);
}

function chainNumber(chain: number | undefined): number | undefined {
  return chain === undefined ? undefined : integer("chain", chain, 0, 0x0fffffff);
}

/** The root's filters are asked for without a parent. */
function parentNumber(parent: Parent): number {
  return parent === "root" ? 0 : parentValue("parent", parent, true);
}
