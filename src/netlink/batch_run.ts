/** One commit of a batch. */

import type { BatchKind, BatchOptions, BatchResult, Operation } from "./batch.ts";
import { Chunk } from "./batch_chunk.ts";
import { bad } from "./check.ts";
import { Writer } from "./codec/writer.ts";
import type { Connection } from "./connection.ts";
import type { Ask, RequestOptions } from "./exchange.ts";
import type { LinkRef } from "./route/input.ts";
import type { RouteConnection } from "./route_connection.ts";
import { requestOf } from "./options.ts";
import { Turn } from "./turn.ts";

const DONE: BatchResult = Object.freeze({ status: "done" });
const SKIPPED: BatchResult = Object.freeze({ status: "skipped" });
/** What an operation is told that shall not be carried out any more. */
const STOPPED = Symbol("stopped");
/** Bytes of messages that are sent at once. */
const FULL = 32 * 1024;

type Methods = Record<string, (...told: unknown[]) => Promise<void>>;

/** Calls a method; what it throws at once is a failure of this operation alone. */
function attempt(objects: Methods, { method, first, second, third }: Operation): Promise<void> {
  try {
    return objects[method](first, second, third);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Calls the same methods that single changes are made by; over this stand-in for a connection their
 * messages go into chunks.
 */
export class BatchRun {
  readonly #connection: RouteConnection;
  readonly #options: BatchOptions & { chunk: number };
  readonly #writer = new Writer(FULL * 2);
  readonly #indexes = new Map<string, number>();
  #results: BatchResult[] = [];
  #chunk: Chunk;
  /** Operations whose messages are in the chunk. */
  #members: number[] = [];
  #current = 0;
  #wrote?: () => void;
  #failed = false;
  /** Whether something was sent since the last look at the clock. */
  #sent = false;
  /** What ends the whole batch. */
  #ended?: { readonly error: unknown };

  constructor(connection: RouteConnection, options: BatchOptions & { chunk: number }) {
    this.#connection = connection;
    this.#options = options;
    this.#chunk = this.#fresh();
  }

  #fresh(): Chunk {
    return new Chunk(this.#options.acknowledge !== "errors", this.#writer);
  }

  async run(operations: readonly Operation[]): Promise<BatchResult[]> {
    try {
      return await this.#run(operations);
    } finally {
      this.#chunk.ask.over!(); // of what was written and not sent
    }
  }

  async #run(operations: readonly Operation[]): Promise<BatchResult[]> {
    const { signal, onError, chunk } = this.#options;
    signal?.throwIfAborted();
    const objects = await this.#objects();
    this.#results = new Array(operations.length).fill(SKIPPED);
    const turn = new Turn(this.#connection.channel.adapter);
    let unsent = 0;
    for (let i = 0; i < operations.length; i++) {
      const { object } = operations[i];
      if (object === "links") this.#indexes.clear();
      this.#current = i;
      const over = attempt(objects[object], operations[i]);
      if (this.#members.at(-1) !== i) await this.#written(i, over);
      const stop = this.#failed && onError === "stop";
      if (this.#members.length >= chunk || this.#writer.length >= FULL || stop) {
        await this.#flush();
        if (this.#failed && onError === "stop") return this.#results;
      }
      // Look-ups send what came before them, and bad values send nothing: they take time as well.
      if (!this.#sent && (++unsent & 15) !== 0) continue;
      this.#sent = false;
      if (turn.over) await turn.next(signal);
    }
    await this.#flush();
    return this.#results;
  }

  /** Waits until an operation has written its message, or has failed before that. */
  async #written(index: number, over: Promise<void>): Promise<void> {
    const failure = await new Promise<{ error: unknown } | void>((resolve) => {
      this.#wrote = resolve;
      over.then(resolve, (error) => resolve({ error }));
    });
    if (failure === undefined || failure.error === STOPPED) return;
    this.#options.signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended.error;
    if (!this.#connection.intact) throw failure.error;
    this.#fail(index, failure.error);
  }

  #fail(index: number, error: unknown): void {
    this.#results[index] = { status: "failed", error: error as Error };
    this.#failed = true;
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk, members = this.#members;
    if (chunk.count === 0) return;
    const { channel } = this.#connection;
    this.#members = [];
    this.#sent = true;
    let handed = false;
    try {
      this.#options.signal?.throwIfAborted();
      chunk.seal();
      channel.sendRange(chunk, this.#options.offload);
      handed = true;
      if (!this.#options.offload) channel.read(chunk);
      if (!chunk.done) await channel.settle(chunk, this.#options);
      if (chunk.error !== undefined) throw chunk.error;
      for (let k = 0; k < members.length; k++) {
        const error = chunk.errors[k];
        if (error === undefined) this.#results[members[k]] = DONE;
        else this.#fail(members[k], error);
      }
    } catch (error) {
      this.#ended = { error };
      throw error;
    } finally {
      if (!handed) chunk.ask.over!();
      chunk.end();
      this.#chunk = this.#fresh();
    }
  }

  /** The objects of a connection, over one that only takes notes. */
  async #objects(): Promise<Record<BatchKind, Methods>> {
    const real = this.#connection, indexes = this.#indexes;
    const flush = async () => {
      if (this.#members.length > 0) await this.#flush();
      if (this.#failed && this.#options.onError === "stop") throw STOPPED;
    };
    const notes = {
      channel: real.channel,
      change: (ask: Ask, options?: RequestOptions): Promise<void> => this.#append(ask, options),
      get: async (...[ask, make, single, options]: Parameters<Connection["get"]>) => {
        await flush();
        return await real.get(ask, make, single, { ...requestOf(this.#options), ...options });
      },
      list: (...[ask, make, options]: Parameters<Connection["list"]>) =>
        real.list(() => flush().then(ask), make, options),
    } as unknown as Connection;
    const { Links, routeObjects } = await import("./route/objects.ts");
    const links = new class extends Links {
      override async index(link: LinkRef, parameter: string, options?: RequestOptions) {
        const known = indexes.get(link as string);
        if (known !== undefined) return known;
        const found = await super.index(link, parameter, options);
        if (typeof link === "string") indexes.set(link, found);
        return found;
      }
    }(notes);
    return routeObjects(notes, links) as unknown as Record<BatchKind, Methods>;
  }

  #append(ask: Ask, options?: RequestOptions): Promise<void> {
    try {
      if (options !== undefined) throw bad("options", "told to commit", options);
      this.#chunk.append(ask);
    } catch (error) {
      ask.over?.();
      return Promise.reject(error);
    }
    this.#members.push(this.#current);
    this.#wrote?.();
    return this.#chunk.over;
  }
}
