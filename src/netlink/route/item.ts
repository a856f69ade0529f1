/** Reads single attributes for the hand-written objects, whose hot getters look for nothing else. */

import { ipv4Text, ipv6Text } from "../codec/address.ts";
import { find, need, payloadLength, text, type Words } from "../codec/words.ts";

/** linux/socket.h. */
export const AF_INET = 2, AF_BRIDGE = 7, AF_INET6 = 10;

/** Word index of the attribute `id` of the message at word `at` whose attributes start at `start`. */
export function locate(w: Words, at: number, start: number, id: number): number {
  return find(w, at + start, (at << 2) + w[at], id);
}

/** An unsigned 32-bit attribute. */
export function u32(w: Words, at: number, start: number, id: number): number | undefined {
  const i = find(w, at + start, (at << 2) + w[at], id);
  if (i < 0) return undefined;
  need(w, i, 4);
  return w[i + 1] >>> 0;
}

/** A text attribute. */
export function string(w: Words, at: number, start: number, id: number): string | undefined {
  const i = find(w, at + start, (at << 2) + w[at], id);
  return i < 0 ? undefined : text(w, (i + 1) << 2, payloadLength(w, i));
}

/** An IPv4 or IPv6 address. */
export function ip(w: Words, at: number, start: number, id: number): string | undefined {
  const i = find(w, at + start, (at << 2) + w[at], id);
  return i < 0 ? undefined : ipAt(w, i);
}

/** The address that the attribute at word `i` holds. */
export function ipAt(w: Words, i: number): string {
  if ((w[i] & 0xffff) === 8) return ipv4Text(w, (i + 1) << 2);
  need(w, i, 16);
  return ipv6Text(w, (i + 1) << 2);
}

/** The number 4 or 6 of an address family, undefined for others. */
export function version(family: number): 4 | 6 | undefined {
  return family === AF_INET ? 4 : family === AF_INET6 ? 6 : undefined;
}
