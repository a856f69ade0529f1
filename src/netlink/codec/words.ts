/**
 * Loads from a datagram as 32-bit words. Attributes are aligned to words, so that one load gives an
 * attribute's length and type. Every system that Deno or Bun runs on is little-endian.
 */

import { MalformedError } from "./malformed.ts";

/** A datagram, or a part of one, whose byte length is a multiple of four. */
export type Words = Int32Array<ArrayBufferLike>;

const TYPE_MASK = 0x3fff;

/** `nla_type` without its flags, of an attribute's first word. */
export function typeOf(header: number): number {
  return (header >>> 16) & TYPE_MASK;
}

/** Index of the word after the attribute at word `i`; checks that it ends at or before byte `end`. */
export function next(w: Words, i: number, end: number): number {
  const length = w[i] & 0xffff;
  if (length < 4 || (i << 2) + length > end) throw malformed(w, i, end);
  return i + ((length + 3) >>> 2);
}

/** Index of the first attribute numbered `id` from word `i` to byte `end`, or -1. */
export function find(w: Words, i: number, end: number, id: number): number {
  while (i << 2 < end) {
    const header = w[i];
    const length = header & 0xffff;
    if (length < 4 || (i << 2) + length > end) throw malformed(w, i, end);
    if (((header >>> 16) & TYPE_MASK) === id) return i;
    i += (length + 3) >>> 2;
  }
  return -1;
}

function malformed(w: Words, i: number, end: number): MalformedError {
  const header = w[i] ?? 0;
  return new MalformedError(
    `attribute ${typeOf(header)} claims ${header & 0xffff} bytes where ${end - (i << 2)} are left`,
    i << 2,
  );
}

/** Byte length of the payload of the attribute at word `i`. */
export function payloadLength(w: Words, i: number): number {
  return (w[i] & 0xffff) - 4;
}

/** Fails unless the attribute at word `i` carries at least `size` bytes. */
export function need(w: Words, i: number, size: number): void {
  if ((w[i] & 0xffff) < size + 4) {
    throw new MalformedError(
      `attribute ${typeOf(w[i])} has ${payloadLength(w, i)} bytes instead of ${size}`,
      i << 2,
    );
  }
}

/** The byte at byte offset `at`. */
export function byte(w: Words, at: number): number {
  return (w[at >> 2] >>> ((at & 3) << 3)) & 0xff;
}

/** The 16 bits at the even byte offset `at`. */
export function half(w: Words, at: number): number {
  return (w[at >> 2] >>> ((at & 2) << 3)) & 0xffff;
}

/** Reverses the bytes of 16 bits. */
export function swap16(v: number): number {
  return ((v & 0xff) << 8) | ((v >>> 8) & 0xff);
}

/** Reverses the bytes of 32 bits; the result is signed. */
export function swap32(v: number): number {
  return (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);
}

/** An unsigned 64-bit integer of two words: a number where that is exact, a bigint beyond. */
export function unsigned64(low: number, high: number): number | bigint {
  if (high >>> 21 === 0) return high * 4294967296 + (low >>> 0);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A signed 64-bit integer of two words: a number where that is exact, a bigint beyond. */
export function signed64(low: number, high: number): number | bigint {
  if (high >= -0x200000 && high < 0x200000) return high * 4294967296 + (low >>> 0);
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** A copy of `length` bytes from byte offset `at`. */
export function bytes(w: Words, at: number, length: number): Uint8Array {
  return new Uint8Array(w.buffer, w.byteOffset + at, length).slice();
}

const utf8 = new TextDecoder();

/** Text up to the first NUL, or `length` bytes. */
export function text(w: Words, at: number, length: number): string {
  let out = "";
  // For short ASCII, which names are, this beats TextDecoder by far.
  const short = length < 24 ? length : 0;
  for (let i = 0; i < short; i++) {
    const c = byte(w, at + i);
    if (c === 0) return out;
    if (c > 127) return long(w, at, length);
    out += String.fromCharCode(c);
  }
  return short === length ? out : long(w, at, length);
}

function long(w: Words, at: number, length: number): string {
  const view = new Uint8Array(w.buffer, w.byteOffset + at, length);
  const nul = view.indexOf(0);
  return utf8.decode(nul < 0 ? view : view.subarray(0, nul));
}
