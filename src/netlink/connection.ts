/** A connection to one part of the kernel. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { Channel } from "./channel.ts";
import { type Ask, Exchange, type Make, type RequestOptions } from "./exchange.ts";
import type { Words } from "./codec/words.ts";
import { Dump, type DumpOptions } from "./dump.ts";
import { NetlinkError } from "./error.ts";
import { Family } from "./family.ts";
import { checkTimeout } from "./in_time.ts";
import type { FamilySpec } from "./codec/spec.ts";
import { type Families, families, type FamilyProtocols } from "./spec/mod.ts";
import type { KernelAccess } from "./kernel_access.ts";
import type { NamespaceTarget } from "./namespace.ts";
import { Protocol } from "./protocol.ts";
import { checkOptions, OPEN, REQUEST } from "./options.ts";

/** The number of nlctrl itself (GENL_ID_CTRL of linux/genetlink.h). */
const CONTROL = 16;

/** Where and how a connection is opened. */
export interface ConnectionOptions {
  /**
   * The network namespace.
   *
   * @default the caller's own
   */
  netns?: NamespaceTarget;
  /** Gives up before the socket is opened. */
  signal?: AbortSignal;
  /**
   * Milliseconds that a request waits for an answer, unless it says otherwise; `Infinity` for ever.
   *
   * @default 5000
   */
  timeout?: number;
  /**
   * How libc is called; for tests.
   *
   * @default the adapter of the runtime
   */
  adapter?: KernelAccess;
}

/** Names of the families that connections of a protocol have. */
export type FamilyOf<P extends number> = {
  [N in keyof Families]: P extends FamilyProtocols[N] ? N : number extends P ? N : never;
}[keyof Families];

class CollectExchange<T> extends Exchange<T> {
  readonly items: T[] = [];

  override data(w: Words, at: number): number {
    this.items.push(this.make!(w, at));
    return at + ((w[at] + 3) >>> 2);
  }
}

/**
 * What the connections of all protocols have in common: one netlink socket each, which many requests
 * may use at a time. Made by their `open`.
 *
 * @example
 * ```ts
 * import { GenericConnection } from "@x/pool/netlink";
 *
 * await using nl = await GenericConnection.open({ timeout: 1000 });
 * console.log(nl.protocol, nl.usable); // 16 true
 * const control = await nl.family("nlctrl");
 * console.log(control.id, control.groups.get("notify")); // 16 16
 * nl.close();
 * console.log(nl.closed, nl.usable); // true false
 * ```
 */
export class Connection<P extends number = number> implements AsyncDisposable {
  /** @internal */
  readonly channel: Channel;
  /** @internal Where it was opened. */
  readonly netns?: NamespaceTarget;
  /** @internal Which namespace that was, where a pool wants to know. */
  instance?: string;
  /** The netlink protocol number (NETLINK_* of linux/netlink.h). */
  readonly protocol: P;
  readonly #families = new Map<string, Promise<Family<unknown>>>();
  #control?: Promise<Family<Families["nlctrl"]>>;

  /** @internal Use `open`. */
  protected constructor(adapter: KernelAccess, protocol: P, options: ConnectionOptions) {
    this.protocol = protocol;
    this.channel = new Channel(adapter, protocol, options.netns);
    this.netns = options.netns;
    this.timeout = options.timeout;
  }

  /** @internal The adapter to open with; rejects if the caller has given up. */
  protected static async prepare(options: ConnectionOptions): Promise<KernelAccess> {
    checkOptions("a connection", options, OPEN);
    options.signal?.throwIfAborted();
    const adapter = options.adapter ?? await loadAdapter();
    options.signal?.throwIfAborted();
    return adapter;
  }

  /** The socket's port id, unique in its namespace (`nl_pid` of struct sockaddr_nl). */
  get portId(): number {
    return this.channel.portId;
  }

  /**
   * Milliseconds that a request waits for an answer, unless it says otherwise; 5000 if undefined.
   *
   * @throws {RangeError} when it is set to what is no time
   */
  get timeout(): number | undefined {
    return this.channel.timeout;
  }
  set timeout(timeout: number | undefined) {
    checkTimeout(timeout);
    this.channel.timeout = timeout;
  }

  /** Whether it is open and has answered everything: a pool lends no other. */
  get usable(): boolean {
    return this.channel.usable;
  }

  /** @internal Whether requests can be sent, be there others under way or not. */
  get intact(): boolean {
    return this.channel.intact;
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.channel.closed;
  }

  /**
   * A family of this connection's protocol, by the name of the kernel's specification. Loads the
   * definition; generic netlink also asks the kernel for the family's number, once.
   *
   * @throws {NetlinkError} `ENOENT` when this kernel does not have it
   * @throws {TypeError} for a name that is not specified, or not of this protocol
   */
  async family<N extends FamilyOf<P>>(name: N): Promise<Family<Families[N]>> {
    let found = this.#families.get(name);
    if (found === undefined) {
      found = this.#load(name);
      this.#families.set(name, found);
      // A module of the kernel may be loaded later.
      found.catch(() => this.#families.delete(name));
    }
    return await found as Family<Families[N]>;
  }

  async #load(name: keyof Families): Promise<Family<unknown>> {
    const load = Object.hasOwn(families, name) ? families[name] : undefined;
    if (load === undefined) {
      const all = Object.keys(families).join(", ");
      throw new TypeError(`Cannot use family ${name}: the specified ones are ${all}`);
    }
    const spec = await load();
    if (spec.protocol !== this.protocol) {
      throw new TypeError(
        `Cannot use family ${name}: it needs a connection of protocol ${spec.protocol}, ` +
          `this one's is ${this.protocol}`,
      );
    }
    return this.#resolve(spec);
  }

  /** A family whose definition is there; nlctrl tells the numbers of generic netlink's. */
  async #resolve(spec: FamilySpec): Promise<Family<unknown>> {
    if (spec.protocol !== Protocol.generic) {
      return new Family(this, spec, 0, new Map(Object.entries(spec.groups)));
    }
    this.#control ??= families.nlctrl().then((s) => new Family(this, s, CONTROL, new Map()));
    const control = await this.#control;
    const answer = await control.do("getfamily", { familyName: spec.name }).catch((cause) => {
      if (!(cause instanceof NetlinkError && cause.isNotFound)) throw cause;
      const { errno } = cause, operation = `use family ${spec.name}`;
      throw new NetlinkError("this kernel does not have it", { errno, operation, cause });
    });
    const groups = new Map(answer.mcastGroups?.map((g) => [g.name ?? "", g.id ?? 0]));
    return new Family(this, spec, answer.familyId ?? 0, groups);
  }

  /** @internal Sends a request that the kernel acknowledges. */
  change(ask: Ask, options?: RequestOptions): Promise<void> {
    return this.#run(new Exchange<void>(ask), options);
  }

  /**
   * @internal Sends a request that the kernel answers with one message.
   *
   * @param single whether nothing follows that message; an acknowledgement does otherwise
   */
  get<T>(
    ask: Ask,
    make: Make<T>,
    single: boolean,
    options?: RequestOptions,
  ): Promise<T | undefined> {
    const exchange = new Exchange(ask, make, single);
    const answer = this.#run(exchange, options);
    if (exchange.done && !exchange.cut) return answer;
    return answer.catch((error) => {
      if (!exchange.cut || ask.changes) throw error;
      return this.#run(new Exchange(ask, make, single), options); // it fits by now
    });
  }

  /** @internal Sends a request that the kernel answers with any number of messages. */
  protected collect<T>(
    ask: Ask,
    make: Make<T>,
    single: boolean,
    options?: RequestOptions,
  ): Promise<T[]> {
    const exchange = new CollectExchange(ask, make, single);
    return this.#run(exchange, options).then(() => exchange.items);
  }

  /** @internal A list. */
  list<T>(
    ask: () => Ask | Promise<Ask>,
    make: Make<T>,
    options: DumpOptions & { keep?: (item: T) => boolean } = {},
  ): Dump<T> {
    checkTimeout(options.timeout);
    return new Dump(this.channel, ask, make, options);
  }

  /** Most answers are there when sending returns: then no time goes into waiting for them. */
  #run<T>(exchange: Exchange<T>, options?: RequestOptions): Promise<T> {
    try {
      checkOptions("a request", options, REQUEST);
      options?.signal?.throwIfAborted();
      if (options?.offload || this.channel.aside) {
        this.channel.sendAside(exchange);
        return this.channel.settle(exchange, options).then(() => exchange.value!);
      }
      this.channel.send(exchange);
      exchange.ask.over?.();
      this.channel.read(exchange);
    } catch (error) {
      exchange.ask.over?.();
      return Promise.reject(error);
    }
    if (!exchange.done) return this.channel.settle(exchange, options).then(() => exchange.value!);
    return exchange.error === undefined
      ? this.channel.turns.give(exchange.value!)
      : this.channel.turns.give(undefined).then(() => Promise.reject(exchange.error));
  }

  /** Closes the socket; requests under way are rejected. Idempotent. */
  close(): void {
    this.channel.close();
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
