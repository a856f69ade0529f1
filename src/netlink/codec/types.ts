/**
 * Types that the generated definitions share.
 *
 * @module
 */

/**
 * What every decoded message and nest offers besides its own attributes.
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const { attributes } = await nl.links.get("lo");
 * console.log(attributes.ifname, attributes.raw(3)); // lo Uint8Array [ 108, 111, 0 ]: IFLA_IFNAME
 * console.log(attributes.toJSON().ifname); // lo
 * ```
 */
export interface View {
  /** The payload of the first attribute numbered `id`, known or not, as a copy. */
  raw(id: number): Uint8Array | undefined;
  /**
   * A plain copy that holds no datagram in memory. Bytes become hexadecimal text and integers beyond
   * 2^53 decimal text, so that it is JSON; unknown attributes stand under their number, as do those that
   * stand several times where one belongs, from the second on. The encoder takes it back.
   */
  toJSON(): Record<string, unknown>;
}

/** One element of an indexed array. */
export type Element<T> = T & {
  /** The element's index on the wire; counts from 1 if omitted in a request. */
  readonly $index?: number;
};

/**
 * `struct nla_bitfield32` of linux/netlink.h: the bits that `selector` marks take their value from
 * `value`.
 */
export interface Bitfield32 {
  /** The bits: 1 for what is on, of those that count. */
  readonly value: number;
  /** Which bits count; the others stay as they are. */
  readonly selector: number;
}

/**
 * What a request may carry where a reply has `T`: everything optional, bytes also as hexadecimal
 * text, large integers also as decimal text.
 */
export type Input<T> = T extends Uint8Array ? Uint8Array | string
  : T extends bigint ? bigint | string
  : T extends readonly (infer E)[] ? readonly Input<E>[]
  : T extends object ? { [K in keyof T as K extends keyof View ? never : K]?: Input<T[K]> }
  : T;
