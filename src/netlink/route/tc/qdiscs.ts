/** Queueing disciplines: listing, adding, changing, replacing, deleting. */

import type { RequestOptions } from "../../exchange.ts";
import type { Values } from "../../codec/encode.ts";
import type { Connection } from "../../connection.ts";
import type { Dump, DumpOptions } from "../../dump.ts";
import { kindName, type LinkRef } from "../input.ts";
import type { Links } from "../links.ts";
import { Mode, pick, Requests } from "../requests.ts";
import { checkOptions } from "../shape.ts";
import { type All, LIST, TOLD_QDISC } from "../shapes.ts";
import {
  type Handle,
  handleText,
  INGRESS_HANDLE,
  type Parent,
  parentText,
  parentValue,
  qdiscHandle,
} from "./handle.ts";
import { qdiscOptions, qdiscValues } from "./qdisc_kinds.ts";
import type { QdiscOptions } from "./qdisc_options.ts";
import { tcCodec, TcObject } from "./tc_object.ts";

/** Which queueing discipline of which link. */
export interface QdiscRef {
  /** The link, by name or index. */
  link: LinkRef;
  /**
   * Where it hangs.
   *
   * @default "root"; "ingress" or "clsact" for those kinds
   */
  parent?: Parent;
  /** Its own handle, "1:", which has nothing behind the colon. */
  handle?: Handle;
}

/** A queueing discipline to be added. */
export type NewQdisc =
  & QdiscRef
  & {
    /** Attributes of its options as the kernel's specification has them. */
    data?: Values;
  }
  & (
    | { [K in keyof QdiscOptions]: { kind: K; options?: QdiscOptions[K] } }[keyof QdiscOptions]
    | { kind: string; options?: undefined }
  );

/** Which queueing disciplines a list shall have. */
export interface QdiscFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
}

/**
 * A queueing discipline (struct tcmsg of linux/rtnetlink.h, linux/pkt_sched.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const options = { rateBytesPerSecond: 125_000, burstBytes: 10_000, latencyMs: 50 };
 * await nl.qdiscs.replace({ link: "lo", kind: "tbf", handle: "1:", options });
 * const [qdisc] = await nl.qdiscs.list({ link: "lo" }).toArray();
 * console.log(qdisc.handle, qdisc.parent); // 1: root
 * console.log(qdisc.options); // { rateBytesPerSecond: 125000, burstBytes: 10000, ... }
 * ```
 */
export class Qdisc extends TcObject {
  /** Its handle; "0:" for one that the kernel chose. */
  get handle(): Handle {
    return handleText(this.attributes.header.handle);
  }

  /** Where it hangs: "root", "ingress", "clsact", or the handle of a class. */
  get parent(): Parent {
    return this.kind === "clsact" ? "clsact" : parentText(this.attributes.header.parent);
  }

  /**
   * Its options in plain units, as {@linkcode QdiscOptions} has them; undefined for a kind that is
   * not among those.
   */
  get options(): object | undefined {
    return qdiscOptions(this.kind, this.values);
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    return pick(this, ["link", "kind", "handle", "parent", "options", "statistics"]);
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

const FILTER: All<QdiscFilter> = { ...LIST, link: "text or number" };
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Qdisc(w, at);

/**
 * The queueing disciplines of the links of a connection's namespace (RTM_*QDISC of
 * linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge" });
 * await nl.qdiscs.replace({
 *   link: "br0",
 *   kind: "tbf",
 *   options: { rateBytesPerSecond: 1_250_000, burstBytes: 16_384, latencyMs: 50 },
 * });
 * for await (const { kind, options } of nl.qdiscs.list({ link: "br0" })) console.log(kind, options);
 * ```
 */
export class Qdiscs {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, tcCodec);
    this.#links = links;
  }

  /**
   * All queueing disciplines that were set, and those that the kernel chose.
   *
   * @throws {TypeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: QdiscFilter = {}): Dump<Qdisc> {
    checkOptions("a list of queueing disciplines", filter, FILTER);
    const { link, ...options } = filter;
    let ifindex = 0;
    return this.#requests.list(
      "getqdisc",
      "list queueing disciplines",
      async () => {
        ifindex = link === undefined ? 0 : await this.#links.index(link, "link", filter);
        return { header: { ifindex } };
      },
      make,
      // The kernel lists those of all links, whatever link the request names.
      { ...options, keep: (item) => ifindex === 0 || item.link === ifindex },
    );
  }

  /**
   * Adds a queueing discipline where there is none that was set.
   *
   * @throws {NetlinkError} `EEXIST` when there is one, `ENOENT` for a kind that this kernel lacks
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(qdisc: NewQdisc, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, qdisc, options);
  }

  /**
   * Sets a queueing discipline, whatever is there. One of the same kind and handle is changed and
   * keeps its packets.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `ENOENT` for a kind that this kernel
   * lacks
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(qdisc: NewQdisc, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.replace, qdisc, options);
  }

  /**
   * Changes options of a queueing discipline, of which the kind stays and the packets too.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async change(qdisc: NewQdisc, options?: RequestOptions): Promise<void> {
    await this.#send("change", Mode.change, qdisc, options);
  }

  /**
   * Deletes a queueing discipline, with its classes and filters; the kernel's default takes its
   * place.
   *
   * @throws {NetlinkError} `ENOENT` when there is none that was set
   */
  async delete(ref: QdiscRef, options?: RequestOptions): Promise<void> {
    if (!(ref instanceof Qdisc)) checkOptions("a queueing discipline", ref, TOLD_QDISC);
    const { link, parent = "root", handle } = ref;
    const header = {
      parent: parentValue("parent", parent),
      handle: handle === undefined ? 0 : qdiscHandle("handle", handle),
      ifindex: await this.#links.index(link, "link", options),
    };
    const words = `delete the queueing discipline of ${link}`;
    await this.#requests.change("delqdisc", 0, words, { header }, options);
  }

  async #send(verb: string, flags: number, qdisc: NewQdisc, options?: RequestOptions) {
    checkOptions("a queueing discipline", qdisc, TOLD_QDISC);
    const { link, kind, handle } = qdisc;
    kindName(kind);
    const entry = kind === "ingress" || kind === "clsact";
    const parent = entry ? kind : qdisc.parent ?? "root";
    const values = qdiscValues(kind, qdisc.options ?? {}, qdisc.data);
    const header = {
      parent: parentValue("parent", parent),
      handle: entry ? INGRESS_HANDLE : handle === undefined ? 0 : qdiscHandle("handle", handle),
      ifindex: await this.#links.index(link, "link", options),
    };
    const words = `${verb} ${kind} of ${link}`;
    await this.#requests.change(
      "newqdisc",
      flags,
      words,
      { header, kind, options: values },
      options,
    );
  }
}
