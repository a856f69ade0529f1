/** What the kinds of actions have in common on the wire. */

import type { Values } from "../../codec/encode.ts";
import { integer } from "../../check.ts";
import type { Action } from "./action_options.ts";
import { type Verdict, verdict, verdictText } from "./verdict.ts";

/** An action of one kind. */
export type ActionOf<K> = Extract<Action, { kind: K }>;

/** What was read of an action's attributes. */
export type ReadAction = Record<string, unknown> & {
  /** The attributes that the properties tell completely. */
  readonly told: readonly string[];
};

/** How one kind's own properties are written and read. */
export interface ActionCodec<A> {
  /** `path` is for errors. */
  write(action: A, path: string): Record<string, unknown>;
  read(values: Values): ReadAction;
}

/** The number of what becomes of the packet then; `usual` where nothing is said. */
export function thenValue(value: Verdict | undefined, path: string, usual: number): number {
  return value === undefined ? usual : verdict(`${path}verdict`, value);
}

/** What becomes of the packet then, unless it is what usually does. */
export function thenTold(value: number, usual: number): { verdict?: Verdict } {
  return value === usual ? {} : { verdict: verdictText(value) };
}

/** An integer that may be left out. */
export const optional = (name: string, value: number | undefined, high: number) =>
  value === undefined ? undefined : integer(name, value, 0, high);

/** A struct of integers. */
export function bytesOf(...integers: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(integers).buffer);
}

/** The integers of a struct. */
export function integersOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.slice(0, bytes.length & ~3).buffer);
}
