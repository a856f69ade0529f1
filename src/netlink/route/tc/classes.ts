/** Classes of queueing disciplines: listing, adding, changing, deleting. */

import type { RequestOptions } from "../../exchange.ts";
import type { Values } from "../../codec/encode.ts";
import type { Connection } from "../../connection.ts";
import type { Dump, DumpOptions } from "../../dump.ts";
import { NetlinkError } from "../../error.ts";
import { whole } from "../fields.ts";
import { integer } from "../../check.ts";
import { kindName, type LinkRef } from "../input.ts";
import type { Links } from "../links.ts";
import { Mode, pick, Requests } from "../requests.ts";
import { checkOptions } from "../shape.ts";
import { type All, LIST, TOLD_QDISC } from "../shapes.ts";
import {
  type Handle,
  handleText,
  handleValue,
  type Parent,
  parentText,
  parentValue,
} from "./handle.ts";
import { FRAMING, type KindCodec, plain } from "./qdisc_kinds.ts";
import type { FramingOptions } from "./qdisc_options.ts";
import {
  burstBytes,
  burstTicks,
  mostBurst,
  rate,
  rate64,
  rateSpec,
  readFraming,
  readRate,
} from "./rate.ts";
import { checkNames, inOptions, tcCodec, TcObject } from "./tc_object.ts";

const ENOENT = 2;

/** A class of a hierarchical token bucket (TCA_HTB_* of linux/pkt_sched.h). */
export interface HtbClassOptions extends FramingOptions {
  /** Bytes per second that it is sure of. */
  rateBytesPerSecond: number;
  /**
   * Bytes per second that it may have while others leave them.
   *
   * @default the rate
   */
  ceilBytesPerSecond?: number;
  /**
   * Bytes that may be sent at once.
   *
   * @default 1600 and the bytes of one timer tick, as tc does; less at a rate below 6 bytes per second
   */
  burstBytes?: number;
  /**
   * Bytes that may be sent at once at the ceiling.
   *
   * @default as burstBytes
   */
  ceilBurstBytes?: number;
  /**
   * Bytes that it may send in its turn.
   *
   * @default its rate divided by the `rateToQuantum` of the queueing discipline
   */
  quantumBytes?: number;
  /**
   * Classes of a lower number, 0 to 7, are offered what others leave first.
   *
   * @default 0
   */
  priority?: number;
}

/** A class of deficit round robin (TCA_DRR_* of linux/pkt_sched.h). */
export interface DrrClassOptions {
  /** Bytes that it may send in its turn. */
  quantumBytes?: number;
}

/** What each kind's classes take. */
export interface ClassOptions {
  /** Hierarchical token bucket. */
  htb: HtbClassOptions;
  /** Deficit round robin. */
  drr: DrrClassOptions;
}

/** Which class of which link. */
export interface ClassRef {
  /** The link, by name or index. */
  link: LinkRef;
  /** Its handle, "1:10". */
  handle: Handle;
}

/** A class to be added. */
export type NewClass =
  & ClassRef
  & {
    /**
     * The class or queueing discipline above.
     *
     * @default the queueing discipline of the handle: "1:" for "1:10"
     */
    parent?: Parent;
    /** Attributes of its options as the kernel's specification has them. */
    data?: Values;
  }
  & (
    | { [K in keyof ClassOptions]: { kind: K; options?: ClassOptions[K] } }[keyof ClassOptions]
    | { kind: string; options?: undefined }
  );

/** Which classes a list shall have. */
export interface ClassFilter extends DumpOptions {
  /** The link; the kernel lists no more than one link's. */
  link: LinkRef;
  /**
   * Only those right below this class, or below this queueing discipline and no other class; "root"
   * for those below no class at all.
   */
  parent?: Parent;
}

const MTU = 1600, TIMER_HZ = 1e9; // what tc computes its default burst with

/** The burst of a rate; no more than the kernel can count the time of. */
function usualBurst(bytesPerSecond: number): number {
  return Math.min(Math.floor(bytesPerSecond / TIMER_HZ) + MTU, mostBurst(bytesPerSecond));
}

const htb: KindCodec<HtbClassOptions> = {
  known: {
    rateBytesPerSecond: 1,
    ceilBytesPerSecond: 1,
    burstBytes: 1,
    ceilBurstBytes: 1,
    quantumBytes: 1,
    priority: 1,
    ...FRAMING,
  },
  write(o) {
    const bps = rate("rateBytesPerSecond", o.rateBytesPerSecond);
    const ceil = rate("ceilBytesPerSecond", o.ceilBytesPerSecond ?? bps);
    const burst = o.burstBytes ?? usualBurst(bps);
    const ceilBurst = o.ceilBurstBytes ?? usualBurst(ceil);
    return {
      parms: {
        rate: rateSpec(bps, o),
        ceil: rateSpec(ceil, o),
        buffer: burstTicks("burstBytes", burst, bps),
        cbuffer: burstTicks("ceilBurstBytes", ceilBurst, ceil),
        quantum: o.quantumBytes === undefined
          ? 0
          : integer("quantumBytes", o.quantumBytes, 1, 0x7fffffff),
        prio: integer("priority", o.priority ?? 0, 0, 7),
      },
      rate64: rate64(bps),
      ceil64: rate64(ceil),
    };
  },
  read(values) {
    const { parms, rate64: longRate, ceil64 } = values as {
      parms?: {
        rate: { rate: number; overhead: number; mpu: number; linklayer: number };
        ceil: { rate: number };
        buffer: number;
        cbuffer: number;
        quantum: number;
        prio: number;
      };
      rate64?: number;
      ceil64?: number;
    };
    if (parms === undefined) return {};
    const bps = readRate(parms.rate, longRate) ?? 0, ceil = readRate(parms.ceil, ceil64) ?? 0;
    return {
      rateBytesPerSecond: bps,
      ceilBytesPerSecond: ceil,
      burstBytes: burstBytes(parms.buffer, bps),
      ceilBurstBytes: burstBytes(parms.cbuffer, ceil),
      quantumBytes: parms.quantum,
      priority: parms.prio,
      ...readFraming(parms.rate),
    };
  },
};

const kinds: { readonly [K in keyof ClassOptions]: KindCodec<ClassOptions[K]> } = {
  htb,
  drr: plain<DrrClassOptions>({ quantumBytes: whole("quantum", 0xffffffff, 1) }),
};

/** @internal The attributes of a class's options. */
export function classValues(kind: string, options: object, raw?: Values): Values | undefined {
  const codec = Object.hasOwn(kinds, kind)
    ? kinds[kind as keyof ClassOptions] as KindCodec<object>
    : undefined;
  const own = inOptions(() => {
    checkNames(codec?.known ?? {}, options, `a class of kind ${kind}`);
    return codec?.write(options);
  });
  return own === undefined ? raw : { ...own, ...raw };
}

/** @internal The options that attributes carry; undefined for a kind that has no table here. */
export function classOptions(kind: string, values: Values): object | undefined {
  return Object.hasOwn(kinds, kind) ? kinds[kind as keyof ClassOptions].read(values) : undefined;
}

/**
 * A class of a queueing discipline (struct tcmsg of linux/rtnetlink.h, linux/pkt_sched.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.qdiscs.replace({ link: "lo", kind: "htb", handle: "1:" });
 * const options = { rateBytesPerSecond: 125_000, priority: 2 };
 * await nl.classes.add({ link: "lo", kind: "htb", handle: "1:10", options });
 * const [found] = await nl.classes.list({ link: "lo" }).toArray();
 * console.log(found.handle, found.parent, found.statistics?.packets); // 1:10 root 0
 * console.log(found.options); // { rateBytesPerSecond: 125000, ceilBytesPerSecond: 125000, ... }
 * ```
 */
export class TrafficClass extends TcObject {
  /** Its handle, as in "1:10". */
  get handle(): Handle {
    return handleText(this.attributes.header.handle);
  }

  /** What it hangs under; "root" for one right below its queueing discipline. */
  get parent(): Parent {
    return parentText(this.attributes.header.parent);
  }

  /** Handle of the queueing discipline that its packets go to, where one was set. */
  get leaf(): Handle | undefined {
    const { info } = this.attributes.header;
    return info === 0 ? undefined : handleText(info);
  }

  /**
   * Its options in plain units, as {@linkcode ClassOptions} has them; undefined for a kind that is
   * not among those.
   */
  get options(): object | undefined {
    return classOptions(this.kind, this.values ?? {});
  }

  /** A plain copy, which holds no datagram in memory. */
  toJSON(): Record<string, unknown> {
    return pick(this, ["link", "kind", "handle", "parent", "leaf", "options", "statistics"]);
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

/** Whether a class is right below another one, or below a queueing discipline and no other class. */
function isBelow({ handle, parent }: TrafficClass, above: Parent): boolean {
  return parent === above || (parent === "root" && `${handle.split(":")[0]}:` === above);
}

const FILTER: All<ClassFilter> = { ...LIST, link: "text or number", parent: "text" };
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new TrafficClass(w, at);

/**
 * The classes of the links of a connection's namespace (RTM_*TCLASS of linux/rtnetlink.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge" });
 * await nl.qdiscs.add({ link: "br0", kind: "htb", handle: "1:", options: { defaultClass: 0x10 } });
 * await nl.classes.add({
 *   link: "br0",
 *   handle: "1:10",
 *   kind: "htb",
 *   options: { rateBytesPerSecond: 125_000, ceilBytesPerSecond: 1_250_000 },
 * });
 * for await (const { handle, options } of nl.classes.list({ link: "br0" })) {
 *   console.log(handle, options);
 * }
 * ```
 */
export class Classes {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, tcCodec);
    this.#links = links;
  }

  /**
   * The classes of a link.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such link
   */
  list(filter: ClassFilter): Dump<TrafficClass> {
    checkOptions("a list of classes", filter, FILTER);
    const { link, parent, ...options } = filter;
    const above = parent === undefined ? undefined : parentText(parentValue("parent", parent));
    return this.#requests.list(
      "gettclass",
      `list the classes of ${link}`,
      async () => ({ header: { ifindex: await this.#links.index(link, "link", filter) } }),
      make,
      // The kernel takes a parent for a queueing discipline of which it lists all classes.
      { ...options, keep: (item) => above === undefined || isBelow(item, above) },
    );
  }

  /**
   * One class.
   *
   * @throws {NetlinkError} `ENOENT` when there is none
   */
  async get(ref: ClassRef, options: DumpOptions = {}): Promise<TrafficClass> {
    checkOptions("a request", options, LIST);
    if (!(ref instanceof TrafficClass)) checkOptions("a class", ref, TOLD_QDISC);
    const { link, handle } = ref;
    const wanted = handleText(handleValue("handle", handle));
    // Newer kernels answer a request for one class with nothing.
    const all = await this.list({ link, ...options }).toArray();
    const found = all.find((each) => each.handle === wanted);
    if (found !== undefined) return found;
    const operation = `get class ${handle} of ${link}`;
    throw new NetlinkError("there is none", { errno: ENOENT, operation });
  }

  /**
   * Adds a class.
   *
   * @throws {NetlinkError} `EEXIST` when the handle is taken, `ENOENT` when there is no parent
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(entry: NewClass, options?: RequestOptions): Promise<void> {
    await this.#send("add", Mode.add, entry, options);
  }

  /**
   * Adds a class, or changes the one that is there.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `ENOENT` when there is no parent
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async replace(entry: NewClass, options?: RequestOptions): Promise<void> {
    await this.#send("replace", Mode.replace, entry, options);
  }

  /**
   * Deletes a class.
   *
   * @throws {NetlinkError} `ENOENT` when there is none, `EBUSY` when something is below it
   */
  async delete(ref: ClassRef, options?: RequestOptions): Promise<void> {
    if (!(ref instanceof TrafficClass)) checkOptions("a class", ref, TOLD_QDISC);
    const header = await this.#header(ref, options);
    const words = `delete class ${ref.handle} of ${ref.link}`;
    await this.#requests.change("deltclass", 0, words, { header }, options);
  }

  async #header({ link, handle }: ClassRef, options?: RequestOptions) {
    const number = handleValue("handle", handle);
    return { handle: number, ifindex: await this.#links.index(link, "link", options) };
  }

  async #send(verb: string, flags: number, entry: NewClass, options?: RequestOptions) {
    checkOptions("a class", entry, TOLD_QDISC);
    const { link, kind, handle } = entry;
    kindName(kind);
    handleValue("handle", handle);
    const values = classValues(kind, entry.options ?? {}, entry.data);
    const parent = entry.parent ?? `${handle.split(":")[0]}:`;
    const header = {
      ...await this.#header(entry, options),
      parent: parentValue("parent", parent),
    };
    const words = `${verb} class ${handle} of ${link}`;
    await this.#requests.change(
      "newtclass",
      flags,
      words,
      { header, kind, options: values },
      options,
    );
  }
}
