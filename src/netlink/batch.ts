/** Many changes by few system calls. */

import { BatchRun } from "./batch_run.ts";
import type { RequestOptions } from "./exchange.ts";
import { BATCH, checkOptions } from "./options.ts";
import type { RouteConnection } from "./route_connection.ts";

/** What became of one operation of a batch. */
export type BatchResult =
  /** The kernel has done it. */
  | { readonly status: "done" }
  /** It was refused: a {@linkcode NetlinkError}, or a TypeError or RangeError for a bad value. */
  | { readonly status: "failed"; readonly error: Error }
  /** It was not sent, because an earlier one failed. */
  | { readonly status: "skipped" };

/** How a {@linkcode Batch} is committed. */
export interface BatchOptions extends RequestOptions {
  /**
   * What a failure means for the operations behind it. "stop" skips those that were not sent yet:
   * with the `chunk` of 1 that is its default, all of them.
   *
   * @default "continue"
   */
  onError?: "continue" | "stop";
  /**
   * Whether the kernel acknowledges every operation, or tells of failures alone. The results are
   * the same; the latter is faster.
   *
   * @default "all"
   */
  acknowledge?: "all" | "errors";
  /**
   * Operations that one system call carries at most, 1 to 200. 256 acknowledgements overflow a
   * receive buffer of the default size.
   *
   * @default 100, or 1 where a failure stops
   */
  chunk?: number;
}

/** Operations on objects of one kind; each returns the batch. */
export type BatchOf<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => Promise<void> ? K : never]: (
    ...args: T[K] extends (...args: infer A) => Promise<void>
      ? A extends [...infer Rest, options?: RequestOptions] ? Rest : A
      : never
  ) => Batch;
};

/** The name of a connection's objects of one kind. */
export type BatchKind =
  | "links"
  | "addresses"
  | "routes"
  | "nexthops"
  | "rules"
  | "neighbours"
  | "fdb"
  | "bridgeVlans"
  | "qdiscs"
  | "classes"
  | "filters";

/** Every method of any kind, none forgotten. */
const METHODS: {
  readonly [K in { [O in BatchKind]: keyof BatchOf<RouteConnection[O]> }[BatchKind]]: 1;
} = {
  add: 1,
  set: 1,
  replace: 1,
  change: 1,
  append: 1,
  prepend: 1,
  delete: 1,
  deleteCompared: 1,
  addAltNames: 1,
  deleteAltNames: 1,
};

/** An operation that waits to be committed. */
export interface Operation {
  readonly object: BatchKind;
  readonly method: string;
  /** What the method takes: one or two values. What stands behind them is refused. */
  readonly first: unknown;
  readonly second: unknown;
  readonly third: unknown;
}

/**
 * Collects changes, which are made when it is committed: in their order, each on its own. Made by
 * {@linkcode RouteConnection.batch}.
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const batch = nl.batch();
 * for (let i = 1; i < 4; i++) batch.addresses.add({ link: "lo", address: `10.10.0.${i}/32` });
 * console.log(batch.size); // 3
 * for (const result of await batch.commit()) {
 *   if (result.status === "failed") throw result.error;
 * }
 * ```
 */
export class Batch {
  /** Network links. */
  readonly links: BatchOf<RouteConnection["links"]> = this.#recorder("links");
  /** Addresses of links. */
  readonly addresses: BatchOf<RouteConnection["addresses"]> = this.#recorder("addresses");
  /** Routes. */
  readonly routes: BatchOf<RouteConnection["routes"]> = this.#recorder("routes");
  /** Nexthop objects and groups. */
  readonly nexthops: BatchOf<RouteConnection["nexthops"]> = this.#recorder("nexthops");
  /** Routing policy rules. */
  readonly rules: BatchOf<RouteConnection["rules"]> = this.#recorder("rules");
  /** Neighbours. */
  readonly neighbours: BatchOf<RouteConnection["neighbours"]> = this.#recorder("neighbours");
  /** Forwarding tables of bridges and VXLANs. */
  readonly fdb: BatchOf<RouteConnection["fdb"]> = this.#recorder("fdb");
  /** VLANs of bridge ports. */
  readonly bridgeVlans: BatchOf<RouteConnection["bridgeVlans"]> = this.#recorder("bridgeVlans");
  /** Queueing disciplines. */
  readonly qdiscs: BatchOf<RouteConnection["qdiscs"]> = this.#recorder("qdiscs");
  /** Classes of queueing disciplines. */
  readonly classes: BatchOf<RouteConnection["classes"]> = this.#recorder("classes");
  /** Filters of packets. */
  readonly filters: BatchOf<RouteConnection["filters"]> = this.#recorder("filters");

  readonly #connection: RouteConnection;
  #operations: Operation[] = [];

  /** @internal Use {@linkcode RouteConnection.batch}. */
  constructor(connection: RouteConnection) {
    this.#connection = connection;
  }

  /** How many operations wait to be committed. */
  get size(): number {
    return this.#operations.length;
  }

  #recorder<T>(object: BatchKind): BatchOf<T> {
    const recorder: Record<string, (first: unknown, second: unknown, third: unknown) => Batch> = {};
    for (const method in METHODS) {
      recorder[method] = (first, second, third) => {
        this.#operations.push({ object, method, first, second, third });
        return this;
      };
    }
    return recorder as unknown as BatchOf<T>;
  }

  /**
   * Makes the changes. Where one names a link that is not known yet, those before it are made first:
   * they may be what creates it.
   *
   * @returns a result for each operation, in order; the batch is empty again then
   * @throws {NetlinkError} when the connection fails or does not answer in time
   * @throws {unknown} the signal's reason; what was sent by then has been done
   * @throws {RangeError} for a `chunk` that is not 1 to 200, or a `timeout` that is no time
   * @throws {TypeError} for another option that is none of its values
   */
  async commit(options: BatchOptions = {}): Promise<BatchResult[]> {
    checkOptions("a commit", options, BATCH);
    const { onError = "continue", chunk = onError === "stop" ? 1 : 100 } = options;
    if (!Number.isInteger(chunk) || chunk < 1 || chunk > 200) {
      throw new RangeError(`Cannot commit: chunk must be 1 to 200, current value is ${chunk}`);
    }
    oneOf("onError", onError, ["continue", "stop"]);
    oneOf("acknowledge", options.acknowledge ?? "all", ["all", "errors"]);
    const operations = this.#operations;
    this.#operations = [];
    return await new BatchRun(this.#connection, { ...options, onError, chunk }).run(operations);
  }
}

function oneOf(name: string, value: string, values: readonly string[]): void {
  if (values.includes(value)) return;
  const all = values.join(" or ");
  throw new TypeError(`Cannot commit: ${name} must be ${all}, current value is ${value}`);
}
