/** Addresses as text and as bytes. */

import { byte, type Words } from "./words.ts";

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const DECIMAL = Array.from({ length: 256 }, (_, i) => String(i));

/** The IPv4 address at byte offset `at`. */
export function ipv4Text(w: Words, at: number): string {
  const v = w[at >> 2];
  return DECIMAL[v & 255] + "." + DECIMAL[(v >>> 8) & 255] + "." + DECIMAL[(v >>> 16) & 255] + "." +
    DECIMAL[v >>> 24];
}

/** The IPv6 address at byte offset `at`, in the form of RFC 5952. */
export function ipv6Text(w: Words, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((byte(w, at + i) << 8) | byte(w, at + i + 1));
  // ::ffff:192.0.2.1 and no other form has a dotted tail (RFC 5952 section 5).
  if (groups[5] === 0xffff && groups.slice(0, 5).every((g) => g === 0)) {
    return "::ffff:" + ipv4Text(w, at + 12);
  }
  let best = -1, run = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > run) [best, run] = [i, n];
    i += n;
  }
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(":");
  if (best < 0) return hex(groups);
  return hex(groups.slice(0, best)) + "::" + hex(groups.slice(best + run));
}

/** Two hexadecimal digits a byte with `separator` between bytes. */
export function hexText(w: Words, at: number, length: number, separator = ""): string {
  let out = "";
  for (let i = 0; i < length; i++) out += (i > 0 ? separator : "") + HEX[byte(w, at + i)];
  return out;
}

/** The bytes of an IPv4 address, or undefined if `text` is none. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1);
  // A leading zero means octal to some programs and nothing to others.
  if (parts.some((p) => Number(p) > 255 || (p.length > 1 && p[0] === "0"))) return undefined;
  return Uint8Array.from(parts, Number);
}

/** The bytes of an IPv6 address, or undefined if `text` is none; a zone is none of its bytes. */
export function parseIpv6(text: string): Uint8Array | undefined {
  let tail: Uint8Array | undefined;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    tail = parseIpv4(dotted[2]);
    if (tail === undefined) return undefined;
    text = dotted[1] + "0:0";
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const parts = halves.map((h) => h === "" ? [] : h.split(":"));
  const count = parts[0].length + (parts[1]?.length ?? 0);
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined;
  const groups = parts[1] === undefined
    ? parts[0]
    : [...parts[0], ...Array<string>(8 - count).fill("0"), ...parts[1]];
  if (!groups.every((g) => /^[0-9a-f]{1,4}$/i.test(g))) return undefined;
  const out = new Uint8Array(16);
  groups.forEach((g, i) => out.set([parseInt(g, 16) >> 8, parseInt(g, 16) & 255], i * 2));
  if (tail !== undefined) out.set(tail, 12);
  return out;
}

/** The bytes of an IPv4 or IPv6 address, or undefined if `text` is neither. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
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
