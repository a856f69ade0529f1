/** Names for numbers. */

import type { EnumSpec } from "./spec.ts";

/** Turns values into names and back; what has no name stays a number. */
export class EnumTable {
  readonly #values: ReadonlyMap<string, number>;
  readonly #names: ReadonlyMap<number, string>;
  /** Flag words repeat: their lists are made once. */
  readonly #lists = new Map<number | bigint, readonly (string | number | bigint)[]>();

  /** @param bits the values are bits of a set, whatever the definition calls itself */
  constructor(spec: EnumSpec, bits: boolean) {
    const entries = Object.entries(spec.entries)
      .map(([name, v]) => [name, bits && !spec.flags ? 2 ** v : v] as const);
    this.#values = new Map(entries);
    this.#names = new Map(entries.map(([name, v]) => [v, name]));
  }

  /** The name of a value. */
  name(value: number | bigint): string | number | bigint {
    return this.#names.get(value as number) ?? value;
  }

  /** The names of the bits set, and the unnamed bits as one number. */
  list(value: number | bigint): readonly (string | number | bigint)[] {
    let list = this.#lists.get(value);
    if (list !== undefined) return list;
    const out: (string | number | bigint)[] = [];
    let rest = BigInt(value);
    for (const [name, mask] of this.#values) {
      const bit = BigInt(mask);
      if (bit !== 0n && (rest & bit) === bit) {
        out.push(name);
        rest &= ~bit;
      }
    }
    if (rest !== 0n) out.push(rest <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(rest) : rest);
    list = Object.freeze(out);
    if (this.#lists.size < 256) this.#lists.set(value, list);
    return list;
  }

  /** The value of a name, or undefined. */
  value(name: string): number | undefined {
    return this.#values.get(name);
  }

  /** All names. */
  get names(): string[] {
    return [...this.#values.keys()];
  }
}
