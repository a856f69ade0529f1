/** Routes whose gateway is behind another link than theirs. */

import { swap32 } from "../codec/words.ts";
import { address, type Prefix, prefix } from "../route/input.ts";
import type { Item } from "./section.ts";

/**
 * Whether a route goes out by a link that its gateway's network left for another one: the kernel keeps
 * it there, where nobody answers.
 *
 * @param all the routes there are
 */
export function strays(all: readonly Item[]): (route: Item) => boolean {
  const direct = all.filter(({ gateway, nexthops, link, destination }) =>
    gateway === undefined && nexthops === undefined && link !== undefined &&
    destination !== "default"
  ).map((item) => ({ item, network: prefix("destination", String(item.destination)) }));
  const around = new Map<unknown, Item[]>();
  return ({ gateway, link, table, onlink }) => {
    if (gateway === undefined || onlink) return false;
    const at = address("gateway", String(gateway));
    const near = around.get(gateway) ??
      direct.filter(({ network }) => holds(network, at)).map(({ item }) => item);
    around.set(gateway, near);
    return near.every((item) => item.link !== link) &&
      near.some((item) => item.table === table || item.table === MAIN);
  };
}

const MAIN = 254; // RT_TABLE_MAIN

function holds({ words, length }: Prefix, other: Prefix): boolean {
  return words.length === other.words.length && Array.from(words).every((word, i) => {
    const bits = Math.min(Math.max(length - i * 32, 0), 32);
    return bits === 0 || (swap32(word) ^ swap32(other.words[i])) >>> (32 - bits) === 0;
  });
}
