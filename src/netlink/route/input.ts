/** Checks what callers pass before anything is sent. */

import { type IpWords, parseIp } from "../codec/address.ts";
import { swap32 } from "../codec/words.ts";
import { about, bad, integer } from "../check.ts";
import { AF_INET, AF_INET6 } from "./item.ts";

/** A link, by name (1 to 15 bytes), alternative name (up to 127 bytes) or index (from 1). */
export type LinkRef = string | number;

/** An address with a prefix length. */
export interface Prefix {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** The address. */
  readonly words: IpWords;
  /** Bits of the network part. */
  readonly length: number;
}

const utf8 = new TextEncoder();

/** How long a text is for the kernel, in bytes. */
export function byteLength(text: string): number {
  return utf8.encode(text).length;
}

/** Whether it is text that the kernel can be given: half of a surrogate pair has no bytes. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed() && !value.includes("\0");
}

/** Checks the name of a kind. */
export function kindName(kind: string): string {
  if (!isText(kind) || kind === "") throw bad("kind", "a name", kind);
  return kind;
}

/** Checks a new link's name as the kernel's dev_valid_name does. */
export function linkName(parameter: string, name: string): string {
  const good = isText(name) && /^[^\s/:]+$/.test(name) && name !== "." &&
    name !== ".." && byteLength(name) <= 15;
  if (!good) throw bad(parameter, "1 to 15 bytes without space, slash or colon", name);
  return name;
}

/** Checks an address's label. */
export function addressLabel(parameter: string, label: string): string {
  if (!isText(label) || label === "" || byteLength(label) > 15) {
    throw bad(parameter, "1 to 15 bytes", label);
  }
  return label;
}

/** Checks a note on a link; the bytes of it. */
export function aliasBytes(alias: string): Uint8Array {
  const bytes = isText(alias) ? utf8.encode(alias) : undefined;
  if (bytes === undefined || bytes.length > 255) {
    throw bad("alias", "text of up to 255 bytes without NUL", alias);
  }
  return bytes;
}

/** Checks a reference to a link, which may be an alternative name of up to 127 bytes. */
export function linkRef(parameter: string, ref: LinkRef): LinkRef {
  if (typeof ref === "number") return integer(parameter, ref, 1, 0x7fffffff);
  if (!isText(ref) || !/^[^\s/]+$/.test(ref) || byteLength(ref) > 127) {
    throw bad(parameter, "a link's name or index", ref);
  }
  return ref;
}

/** Checks an IPv4 or IPv6 address. */
export function address(parameter: string, value: string): Prefix {
  const words = typeof value === "string" ? parseIp(value) : undefined;
  if (words === undefined) throw bad(parameter, "an IPv4 or IPv6 address", value);
  return { family: familyOf(words), words, length: words.length * 32 };
}

/** Checks an address with a prefix length; without one it is the whole address. */
export function prefix(parameter: string, value: string): Prefix {
  const slash = typeof value === "string" ? value.indexOf("/") : 0;
  const words = slash === 0 ? undefined : parseIp(value, slash < 0 ? value.length : slash);
  if (words === undefined) {
    throw bad(parameter, "an address such as 10.0.0.1/24 or 2001:db8::1/64", value);
  }
  const most = words.length * 32, length = slash < 0 ? most : decimal(value, slash + 1);
  if (!(length <= most)) {
    const text = `prefix length must be 0 to ${most}, current value is ${JSON.stringify(value)}`;
    throw about(parameter, new RangeError(`Cannot use ${parameter}: ${text}`));
  }
  return { family: familyOf(words), words, length };
}

/** The digits from `start` to the end of a text as a number, NaN if they are none. */
function decimal(text: string, start: number): number {
  let value = start < text.length && text.length <= start + 3 ? 0 : NaN;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : NaN;
  }
  return value;
}

/** Whether no bit is set behind the network part. */
export function isNetwork({ words, length }: Prefix): boolean {
  for (let i = length >> 5; i < words.length; i++) {
    const bits = Math.max(0, length - i * 32);
    if ((swap32(words[i]) & (0xffffffff >>> bits)) !== 0) return false;
  }
  return true;
}

/** Whether a network, or an address, is a part of another. */
export function isWithin(inner: Prefix, outer: Prefix): boolean {
  const { words, length } = outer;
  if (inner.family !== outer.family || inner.length < length) return false;
  return words.every((word, i) => {
    const bits = Math.min(32, Math.max(0, length - i * 32));
    // A shift by 32 is none to JavaScript.
    return bits === 0 || (swap32(word) ^ swap32(inner.words[i])) >>> (32 - bits) === 0;
  });
}

/** AF_INET or AF_INET6 for 4 or 6; AF_UNSPEC if undefined. */
export function familyNumber(parameter: string, family: 4 | 6 | undefined): number {
  if (family === undefined) return 0;
  if (family !== 4 && family !== 6) throw bad(parameter, "4 or 6", family);
  return family === 4 ? AF_INET : AF_INET6;
}

function familyOf(words: IpWords): number {
  return words.length === 1 ? AF_INET : AF_INET6;
}

/** Checks a hardware address of six bytes. */
export function mac(parameter: string, value: string): string {
  if (typeof value !== "string" || !/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(value)) {
    throw bad(parameter, "a MAC address such as 02:00:00:00:00:01", value);
  }
  return value;
}
