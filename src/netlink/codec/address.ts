/** Addresses as text and as bytes. */

import { byte, swap16, swap32, type Words } from "./words.ts";

const OCTETS = Array.from({ length: 256 }, (_, i) => String(i));
const DOTTED = OCTETS.map((octet) => octet + ".");
/** "/24" and the like. */
export const SLASH: readonly string[] = Array.from({ length: 256 }, (_, i) => `/${i}`);
const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
// Beginnings of addresses, two bytes each, that were met last: joining strings is what costs.
const HEADS = 1024;
const heads = new Int32Array(HEADS), headText: string[] = new Array(HEADS).fill("0.0.");
// Whole addresses that were met last, as gateways are over and over, and ends with a prefix length;
// at first all are those whose bytes are zero.
const KNOWN = 1024;
const known = new Int32Array(KNOWN), knownText: string[] = new Array(KNOWN).fill("0.0.0.0");
const ENDS = 8192;
const ends = new Int32Array(ENDS), endText: string[] = new Array(ENDS).fill("0.0/0");

/** The IPv4 address at byte offset `at`, a multiple of four as that of all below. */
export function ipv4Text(w: Words, at: number): string {
  const v = w[at >> 2], slot = ((v >>> 24) ^ (v >>> 14)) & (KNOWN - 1);
  return known[slot] === v ? knownText[slot] : address(slot, v);
}

function address(slot: number, v: number): string {
  known[slot] = v;
  return knownText[slot] = head(v & 0xffff) + tail(v >>> 16);
}

/** The IPv4 address at byte offset `at` with a prefix length. */
export function ipv4Network(w: Words, at: number, length: number): string {
  const v = w[at >> 2], end = (v >>> 16) | (length << 16);
  // Neighbouring networks are listed one after the other: so do their texts stand.
  const slot = ((swap16(end) >>> (32 - length)) + (length << 8)) & (ENDS - 1);
  return head(v & 0xffff) + (ends[slot] === end ? endText[slot] : ending(slot, end));
}

function ending(slot: number, end: number): string {
  ends[slot] = end;
  return endText[slot] = tail(end & 0xffff) + SLASH[end >>> 16];
}

function head(v: number): string {
  const slot = ((v >>> 8) ^ (v << 2)) & (HEADS - 1);
  return heads[slot] === v ? headText[slot] : beginning(slot, v);
}

function beginning(slot: number, v: number): string {
  heads[slot] = v;
  return headText[slot] = DOTTED[v & 255] + DOTTED[v >>> 8];
}

function tail(v: number): string {
  return DOTTED[v & 255] + OCTETS[v >>> 8];
}

// As for IPv4: an exporter meets ::1 and its own prefixes over and over.
const KNOWN6 = 4096;
const known6 = new Int32Array(4 * KNOWN6), known6Text: string[] = new Array(KNOWN6).fill("::");

/** The IPv6 address at byte offset `at`, in the form of RFC 5952. */
export function ipv6Text(w: Words, at: number): string {
  const i = at >> 2, a = w[i], b = w[i + 1], c = w[i + 2], d = w[i + 3];
  const mixed = a ^ Math.imul(b, 31) ^ c ^ d;
  const slot = (mixed ^ (mixed >>> 12) ^ (mixed >>> 22)) & (KNOWN6 - 1), k = slot << 2;
  if (
    known6[k] === a && known6[k + 1] === b && known6[k + 2] === c && known6[k + 3] === d
  ) return known6Text[slot];
  known6[k] = a;
  known6[k + 1] = b;
  known6[k + 2] = c;
  known6[k + 3] = d;
  return known6Text[slot] = shortest(w, at);
}

const groups = new Uint16Array(8);

function shortest(w: Words, at: number): string {
  const start = at >> 2;
  // ::ffff:192.0.2.1 and no other form has a dotted tail (RFC 5952 section 5).
  if (w[start] === 0 && w[start + 1] === 0 && w[start + 2] === -0x10000) {
    return "::ffff:" + ipv4Text(w, at + 12);
  }
  for (let i = 0; i < 4; i++) {
    const word = swap32(w[start + i]);
    groups[2 * i] = word >>> 16;
    groups[2 * i + 1] = word;
  }
  let best = -1, run = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > run) [best, run] = [i, n];
    i += n;
  }
  let out = "";
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      out += "::";
      i += run - 1;
    } else out += (i === 0 || i === best + run ? "" : ":") + groups[i].toString(16);
  }
  return out;
}

/** Two hexadecimal digits a byte with `separator` between bytes. */
export function hexText(w: Words, at: number, length: number, separator = ""): string {
  let out = "";
  for (let i = 0; i < length; i++) out += (i > 0 ? separator : "") + HEX[byte(w, at + i)];
  return out;
}

/** An address as the words of its bytes: one for IPv4, four for IPv6. */
export type IpWords = readonly number[];

/** The IPv4 address from `from` to `end` of a text as one word, or undefined if it is none. */
export function parseIpv4(text: string, from = 0, end = text.length): IpWords | undefined {
  let word = 0, part = 0, digits = 0, shift = 0;
  for (let i = from; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) { // "."
      if (digits === 0 || shift === 24) return undefined;
      word |= part << shift;
      shift += 8;
      part = digits = 0;
      continue;
    }
    // A leading zero means octal to some programs and nothing to others.
    if (c < 48 || c > 57 || (digits > 0 && part === 0)) return undefined;
    part = part * 10 + c - 48;
    digits++;
    if (part > 255) return undefined;
  }
  return digits === 0 || shift !== 24 ? undefined : [word | (part << 24)];
}

/** The IPv6 address that a text is, without a zone, or undefined if it is none. */
export function parseIpv6(text: string): IpWords | undefined {
  const colon = text.lastIndexOf(":");
  let tail: IpWords | undefined;
  if (text.includes(".")) {
    tail = parseIpv4(text, colon + 1);
    if (tail === undefined) return undefined;
    text = text.slice(0, colon + 1) + "0:0";
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [front, back] = halves.map((h) => h === "" ? [] : h.split(":"));
  const count = front.length + (back?.length ?? 0);
  if (back === undefined ? count !== 8 : count > 7) return undefined;
  const groups = back === undefined
    ? front
    : [...front, ...Array<string>(8 - count).fill("0"), ...back];
  if (!groups.every((g) => /^[0-9a-f]{1,4}$/i.test(g))) return undefined;
  const values = groups.map((g) => swap16(parseInt(g, 16)));
  const words = [0, 2, 4, 6].map((i) => values[i] | (values[i + 1] << 16));
  if (tail !== undefined) words[3] = tail[0];
  return words;
}

/** The words of the IPv4 or IPv6 address in front of `end`, or undefined if it is neither. */
export function parseIp(text: string, end = text.length): IpWords | undefined {
  return parseIpv4(text, 0, end) ??
    (text.includes(":") ? parseIpv6(text.slice(0, end)) : undefined);
}

/** The bytes that words stand for. */
export function ipBytes(words: IpWords): Uint8Array {
  return new Uint8Array(Int32Array.from(words).buffer);
}

/** The bytes of hexadecimal text, with or without colons or hyphens, or undefined. */
export function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/[:-]/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined;
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}
