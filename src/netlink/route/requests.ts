/** Requests of one family of rtnetlink, by the names of its operations. */

import type { Make, RequestOptions } from "../exchange.ts";
import type { Codec, MessageClass } from "../codec/codec.ts";
import { Encoder, type Values } from "../codec/encode.ts";
import type { Connection } from "../connection.ts";
import { NetlinkError } from "../error.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from "../protocol.ts";

/** What becomes of an object that is there, or is not. */
export const Mode = {
  /** It must not be there. */
  add: NLM_F_CREATE | NLM_F_EXCL,
  /** It is made or changed. */
  replace: NLM_F_CREATE | NLM_F_REPLACE,
  /** It is made or overwritten, where the kernel needs no flag for that. */
  create: NLM_F_CREATE,
  /** It must be there. */
  change: 0,
  /** It joins what is there. */
  append: NLM_F_CREATE | NLM_F_APPEND,
} as const;

/** Sends them over a connection. */
export class Requests {
  readonly #nl: Connection;
  readonly #codec: Codec;
  readonly #encoder: Encoder;

  constructor(connection: Connection, codec: Codec) {
    this.#nl = connection;
    this.#codec = codec;
    this.#encoder = new Encoder(codec);
  }

  /** Sends what the kernel only acknowledges; `words` say what, after "Cannot". */
  change(
    operation: string,
    flags: number,
    words: string,
    values: Values,
    options?: RequestOptions,
  ): Promise<void> {
    return this.#nl.change({
      type: this.#codec.operation(operation).do![0],
      flags: flags | NLM_F_ACK,
      operation: words,
      layout: this.layout(operation),
      write: (writer) => this.#encoder.request(writer, operation, values),
    }, options);
  }

  /** Asks for one object. */
  async get<T>(
    operation: string,
    words: string,
    values: Values,
    make: Make<T>,
    options?: RequestOptions,
  ): Promise<T> {
    return await this.#nl.get(
      {
        type: this.#codec.operation(operation).do![0],
        flags: 0,
        operation: words,
        layout: this.layout(operation),
        write: (writer) => this.#encoder.request(writer, operation, values),
      },
      make,
      true,
      options,
    ) as T;
  }

  /** Asks for a list; `values` select what the kernel gives. */
  list<T>(
    operation: string,
    words: string,
    values: () => Promise<Values>,
    make: Make<T>,
    options?: DumpOptions & { keep?: (item: T) => boolean },
  ): Dump<T> {
    const { dump, do: plain } = this.#codec.operation(operation);
    return this.#nl.list(
      async () => {
        const filter = await values();
        return {
          type: (dump ?? plain)![0],
          flags: NLM_F_DUMP,
          operation: words,
          layout: this.layout(operation),
          write: (writer) => this.#encoder.request(writer, operation, filter),
        };
      },
      make,
      options,
    );
  }

  /** How messages of an operation are read. */
  layout(operation: string): MessageClass {
    return this.#codec.message(operation);
  }
}

/** Deletes one after the other, whoever else does so meanwhile; resolves with how many they were. */
export async function deleteAll<T>(
  items: readonly T[],
  remove: (item: T) => Promise<void>,
): Promise<number> {
  for (const item of items) {
    try {
      await remove(item);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.isNotFound)) throw error;
    }
  }
  return items.length;
}

/** A plain copy of the named properties that are defined. */
export function pick<T extends object>(from: T, names: readonly (keyof T & string)[]) {
  const out: Record<string, unknown> = {};
  for (const name of names) if (from[name] !== undefined) out[name] = from[name];
  return out;
}

/** A plain copy of those of the named properties that are true. */
export function pickTrue<T extends object>(from: T, names: readonly (keyof T & string)[]) {
  const out: Record<string, true> = {};
  for (const name of names) if (from[name] === true) out[name] = true;
  return out;
}
