/** Builds messages in one buffer that is reused. */

import { Unfit } from "./unfit.ts";

const utf8 = new TextEncoder();
/** NLA_F_NESTED of linux/netlink.h. */
export const NESTED = 0x8000;

/** A growing buffer of aligned attributes. */
export class Writer {
  /** The buffer; replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes as words. */
  words: Int32Array<ArrayBuffer>;
  /** Bytes written, always a multiple of four. */
  length = 0;

  /** @param capacity bytes to start with, a multiple of four */
  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.words = new Int32Array(this.bytes.buffer);
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const wanted = this.length + size;
    if (wanted <= this.bytes.length) return;
    const old = this.bytes;
    let capacity = old.length * 2;
    while (capacity < wanted) capacity *= 2;
    this.bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.words = new Int32Array(this.bytes.buffer);
    this.bytes.set(old.subarray(0, this.length));
  }

  /** Appends one word. */
  word(value: number): void {
    if (this.length + 4 > this.bytes.length) this.reserve(4);
    this.words[this.length >> 2] = value;
    this.length += 4;
  }

  /** Appends an attribute whose payload is one word, of which `size` bytes count. */
  small(type: number, value: number, size: number): void {
    if (this.length + 8 > this.bytes.length) this.reserve(8);
    const at = this.length >> 2;
    this.words[at] = (type << 16) | (4 + size);
    this.words[at + 1] = value;
    this.length += 8;
  }

  /** Appends an attribute of whole words, such as an IP address. */
  ip(type: number, words: readonly number[]): void {
    this.word((type << 16) | (4 + words.length * 4));
    for (let i = 0; i < words.length; i++) this.word(words[i]);
  }

  /** Appends an attribute with a copy of `payload`. */
  blob(type: number, payload: Uint8Array): void {
    const at = this.open(type);
    this.append(payload);
    this.close(at, payload.length);
  }

  /** Appends an attribute with NUL-terminated text. */
  string(type: number, value: string): void {
    const at = this.open(type);
    this.reserve(value.length * 3 + 4);
    let i = 0;
    // As for reading: most names are short ASCII.
    for (; i < value.length; i++) {
      const c = value.charCodeAt(i);
      if (c > 127) break;
      this.bytes[this.length + i] = c;
    }
    if (i < value.length && !value.isWellFormed()) {
      throw new Unfit("must be text without lone surrogates", value);
    }
    if (i < value.length) i = utf8.encodeInto(value, this.bytes.subarray(this.length)).written;
    this.bytes[this.length + i] = 0;
    this.#advance(i + 1);
    this.close(at, i + 1);
  }

  /** Appends bytes and pads them with zeros to a word. */
  append(payload: Uint8Array): void {
    this.reserve(payload.length + 4);
    this.bytes.set(payload, this.length);
    this.#advance(payload.length);
  }

  /** Appends `size` zero bytes, a multiple of four, and returns where they start. */
  zeros(size: number): number {
    this.reserve(size);
    const at = this.length;
    this.bytes.fill(0, at, at + size);
    this.length += size;
    return at;
  }

  #advance(length: number): void {
    const end = (this.length + length + 3) & ~3;
    this.bytes.fill(0, this.length + length, end);
    this.length = end;
  }

  /** Starts an attribute; returns what {@linkcode close} wants. */
  open(type: number): number {
    const at = this.length;
    this.word(type << 16);
    return at;
  }

  /** Starts an attribute that holds attributes. */
  nest(type: number): number {
    return this.open(type | NESTED);
  }

  /** Ends an attribute that has `payload` bytes, by default all that were written since. */
  close(at: number, payload = this.length - at - 4): void {
    const length = payload + 4;
    if (length > 0xffff) throw new Unfit("must be at most 65531 bytes", payload, true);
    this.words[at >> 2] |= length;
  }
}
