/** Any family that the kernel specifies, typed. */

import type { Ask, RequestOptions } from "./exchange.ts";
import type { Watch } from "./watch_stream.ts";
import type { FamilyEvent, FamilyWatchOptions } from "./watch_family.ts";
import { Codec } from "./codec/codec.ts";
import { Encoder, type Values } from "./codec/encode.ts";
import type { FamilySpec } from "./codec/spec.ts";
import type { Families } from "./spec/mod.ts";
import type { Connection } from "./connection.ts";
import type { Dump, DumpOptions } from "./dump.ts";
import { CHANGE, checkOptions, DO, FAMILY_EVENTS, LIST, REQUEST, requestOf } from "./options.ts";
import { Transaction } from "./transaction.ts";
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  Protocol,
} from "./protocol.ts";

/** Names of the operations that have a plain request, or a dump; what brackets a transaction is none. */
export type With<O, Mode extends "do" | "dump"> = {
  [K in keyof O]: K extends `batch-${string}` ? never
    : O[K] extends { [M in Mode]: unknown } ? K
    : never;
}[keyof O];

/** What an operation's request carries. */
export type RequestOf<O, K extends keyof O, Mode extends "do" | "dump"> = O[K] extends
  { [M in Mode]: { request: infer R } } ? R : never;
/**
 * What an operation's reply carries. A plain request that changes something may have none: the kernel
 * acknowledges it alone, as ethtool's `features-set` under the flag `omit-reply`.
 */
export type ReplyOf<O, K extends keyof O, Mode extends "do" | "dump"> = O[K] extends
  { [M in Mode]: { reply: infer R } }
  ? Mode extends "do" ? K extends `${string}get${string}` ? R : R | undefined : R
  : never;

/** Names of the operations that change something and answer nothing. */
export type Changes<O> = {
  [K in keyof O]: K extends `batch-${string}` ? never
    : O[K] extends { do: { reply: undefined } } ? K
    : never;
}[keyof O];

/** Adds a change to a transaction. */
export type AddChange<O> = <K extends Changes<O> & string>(
  operation: K,
  values?: RequestOf<O, K, "do">,
  options?: Pick<DoOptions, "flags">,
) => void;

/** How a request is made. */
export interface DoOptions extends RequestOptions {
  /**
   * What an operation that makes or changes an object does about one that is there, or not there: the
   * NLM_F_* of linux/netlink.h.
   *
   * @default none
   */
  flags?: readonly ("create" | "exclusive" | "replace" | "append")[];
}

const FLAGS = {
  create: NLM_F_CREATE,
  exclusive: NLM_F_EXCL,
  replace: NLM_F_REPLACE,
  append: NLM_F_APPEND,
};

/**
 * A family over a connection. Names are those of the kernel's specification, attributes in camel
 * case.
 *
 * @example
 * ```ts
 * import { GenericConnection } from "@x/pool/netlink";
 *
 * await using nl = await GenericConnection.open();
 * const control = await nl.family("nlctrl");
 * for await (const family of control.dump("getfamily")) console.log(family.familyName);
 * ```
 */
export class Family<O> {
  /** The number that messages carry, for generic netlink as the kernel assigned it. */
  readonly id: number;
  /** Numbers of the multicast groups by name. */
  readonly groups: ReadonlyMap<string, number>;
  readonly #connection: Connection;
  readonly #codec: Codec;
  readonly #encoder: Encoder;

  /** @internal Use `family` of a connection. */
  constructor(
    connection: Connection,
    spec: FamilySpec,
    id: number,
    groups: ReadonlyMap<string, number>,
  ) {
    this.#connection = connection;
    this.#codec = new Codec(spec);
    this.#encoder = new Encoder(this.#codec, true);
    this.id = id;
    this.groups = groups;
  }

  /** The family's name. */
  get name(): string {
    return this.#codec.spec.name;
  }

  /**
   * One request. The reply, the first one if there are several, or undefined where there is none.
   * {@linkcode NetlinkConnection.request} gives all of them, as bytes.
   *
   * @throws {NetlinkError} when the kernel refuses; `EMSGSIZE` when the reply of a request that changes
   * something was cut, for that is not sent again
   * @throws {TypeError} for an operation, an attribute or flags that the family or operation does not have
   *
   * @example
   * ```ts
   * import { NetlinkConnection } from "@x/pool/netlink";
   *
   * await using nl = await NetlinkConnection.open("route");
   * const links = await nl.family("rt-link");
   * const { mtu, linkinfo } = await links.do("getlink", { ifname: "lo" });
   * console.log(mtu, linkinfo?.kind); // 65536 undefined
   * ```
   */
  async do<K extends With<O, "do"> & string>(
    operation: K,
    values?: RequestOf<O, K, "do">,
    options?: DoOptions,
  ): Promise<ReplyOf<O, K, "do">> {
    const spec = this.#codec.operation(operation);
    if (spec.do === undefined || operation.startsWith("batch-")) {
      throw lacks(this.name, operation, "plain request");
    }
    const [request, reply] = spec.do;
    checkOptions("a request of a family", options, DO);
    const flags = NLM_F_ACK | this.#bits(operation, options?.flags);
    const how = options && requestOf(options);
    const ask = this.#ask(request, flags, operation, "request", values as Values);
    if (reply === undefined) {
      if (!this.#transacts) await this.#connection.change(ask, how);
      else {
        const transaction = new Transaction();
        transaction.add(ask);
        await transaction.commit(this.#connection, how);
      }
      return undefined as ReplyOf<O, K, "do">;
    }
    const View = this.#codec.message(operation);
    const make = (w: Int32Array<ArrayBufferLike>, at: number) => new View(w, at);
    ask.changes = !operation.includes("get");
    return await this.#connection.get(ask, make, false, how) as ReplyOf<O, K, "do">;
  }

  /** nftables takes changes in transactions only; a single one becomes one of its own. */
  get #transacts(): boolean {
    return Object.hasOwn(this.#codec.spec.operations, "batch-begin");
  }

  /**
   * Changes that are made all together or not at all, for families that have transactions: nftables.
   *
   * @param build adds the changes, in their order, each as its values are then; what is added after it has
   * ended is refused
   * @throws {NetlinkError} the first refusal, with the number of the change where there are several;
   * nothing was changed then
   * @throws {TypeError} for a family without transactions, an operation or a value that it has not
   *
   * @example
   * ```ts
   * import { NetlinkConnection } from "@x/pool/netlink";
   *
   * await using nl = await NetlinkConnection.open("netfilter");
   * const nftables = await nl.family("nftables");
   * const header = { nfgenFamily: 1 }; // NFPROTO_INET
   * await nftables.transaction((add) => {
   *   add("newtable", { header, name: "filter" }, { flags: ["create"] });
   *   add("newchain", { header, table: "filter", name: "input" }, { flags: ["create"] });
   * });
   * await nftables.do("deltable", { header, name: "filter" });
   * ```
   */
  async transaction(
    build: O extends { "batch-begin": unknown } ? (add: AddChange<O>) => void | Promise<void>
      : never,
    options: RequestOptions = {},
  ): Promise<void> {
    if (!this.#transacts) throw lacks(this.name, "transactions", "batch-begin");
    if (typeof build !== "function") {
      throw new TypeError(
        `Cannot begin a transaction of ${this.name}: build must be a function, ` +
          `current value is ${build}`,
      );
    }
    checkOptions("a transaction", options, REQUEST);
    const transaction = new Transaction();
    let ended = false;
    const add: AddChange<O> = (operation, values, how) => {
      if (ended) {
        throw new TypeError(
          `Cannot add ${operation} to a transaction of ${this.name}: it has ended`,
        );
      }
      const { do: plain } = this.#codec.operation(operation);
      if (plain?.length !== 1 || operation.startsWith("batch-")) {
        throw lacks(this.name, operation, "plain change");
      }
      checkOptions("a change of a transaction", how, CHANGE);
      const flags = this.#bits(operation, how?.flags);
      transaction.add(this.#ask(plain[0], flags, operation, "request", values as Values));
    };
    await Promise.resolve(build(add)).finally(() => ended = true);
    await transaction.commit(this.#connection, options);
  }

  /**
   * Listens to multicast groups of this family, on a socket of its own in the connection's namespace.
   *
   * @param groups one or more of {@linkcode groups}
   * @throws {TypeError} for a group that the family does not have
   * @throws {NetlinkError} `ENOENT` when the name of the connection's namespace is gone, `ESTALE` when it
   * means another by now, `EBADF` when the connection is closed
   *
   * @example
   * ```ts
   * import { GenericConnection } from "@x/pool/netlink";
   *
   * await using nl = await GenericConnection.open();
   * const ethtool = await nl.family("ethtool");
   * await using events = await ethtool.watch("monitor");
   * setTimeout(() => events.close(), 10);
   * for await (const event of events) {
   *   if (event.kind === "event" && event.operation === "features-ntf") console.log(event.message);
   * }
   * ```
   */
  async watch<S = undefined>(
    groups: string | readonly string[],
    options: Omit<FamilyWatchOptions<O, S>, "netns" | "adapter"> = {},
  ): Promise<Watch<FamilyEvent<O, S>>> {
    // Here, because watches are made of connections and connections of families.
    const { listen } = await import("./watch_family.ts");
    const { channel, netns } = this.#connection;
    channel.check({ operation: `watch family ${this.name}` });
    checkOptions("a watch over a connection", options, FAMILY_EVENTS);
    return await listen(this.name as keyof Families, groups, {
      ...options as unknown as FamilyWatchOptions<Families[keyof Families], S>,
      adapter: channel.adapter,
      netns,
    }, channel.namespace) as unknown as Watch<FamilyEvent<O, S>>;
  }

  /**
   * A list: the kernel's reply for each object.
   *
   * @throws {TypeError} for an operation or attribute that the family does not have
   * @throws {NetlinkError} while it is iterated: what the kernel refused
   */
  dump<K extends With<O, "dump"> & string>(
    operation: K,
    values?: RequestOf<O, K, "dump">,
    options?: DumpOptions,
  ): Dump<ReplyOf<O, K, "dump">> {
    const spec = this.#codec.operation(operation);
    if (spec.dump === undefined) throw lacks(this.name, operation, "dump");
    checkOptions("a list", options, LIST);
    const [request] = spec.dump;
    const View = this.#codec.message(operation);
    return this.#connection.list(
      () => this.#ask(request, NLM_F_DUMP, operation, "dump", values as Values),
      (w, at) => new View(w, at) as ReplyOf<O, K, "dump">,
      options,
    );
  }

  #bits(operation: string, flags: DoOptions["flags"] = []): number {
    let bits = 0;
    if (!Array.isArray(flags as unknown)) {
      throw new TypeError(
        `Cannot use flags of ${operation}: must be an array, current value is ${flags}`,
      );
    }
    for (const flag of flags) {
      if (!Object.hasOwn(FLAGS, flag)) {
        const all = Object.keys(FLAGS).join(", ");
        throw new TypeError(`Cannot use flag ${flag} of ${operation}: the flags are ${all}`);
      }
      bits |= FLAGS[flag];
    }
    // There, the same bits ask for a list, or for everything alike to be deleted.
    if (bits !== 0 && /get|del/.test(operation)) {
      throw new TypeError(
        `Cannot use flag ${flags[0]} of ${operation} of ${this.name}: it makes or changes nothing`,
      );
    }
    return bits;
  }

  #ask(command: number, flags: number, operation: string, verb: string, values: Values = {}): Ask {
    const { protocol, version } = this.#codec.spec;
    const generic = protocol === Protocol.generic;
    return {
      type: generic ? this.id : command,
      flags,
      operation: `${verb} ${operation} of ${this.name}`,
      layout: this.#codec.message(operation),
      write: (writer) => {
        if (generic) writer.word(command | (version << 8));
        this.#encoder.request(writer, operation, values);
      },
    };
  }
}

function lacks(family: string, operation: string, mode: string): TypeError {
  return new TypeError(`Cannot use ${operation} of ${family}: it has no ${mode}`);
}
