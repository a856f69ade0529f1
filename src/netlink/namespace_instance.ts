/** Which namespace a name stands for just now. */

import type { Libc } from "../../ffi/adapter.ts";
import type { MountWatch } from "./mount_watch.ts";
import { type NamespaceTarget, targetPath } from "./namespace.ts";

const AT_FDCWD = -100, AT_STATX_DONT_SYNC = 0x4000; // linux/fcntl.h
// Words of struct statx.
const SIZE = 256, INO = 8, DEVICE = 34;

/** Compares what a name means with what it meant: names are reused, inodes of live namespaces are not. */
export class NamespaceInstance {
  readonly #libc: Libc;
  /** Undefined where the target is no name. */
  readonly #path?: Uint8Array<ArrayBuffer>;
  /** Of a name: the generation of mounts that was last looked at, and the identity then. */
  readonly #mounts?: MountWatch;
  #generation = -1;
  #last?: string;
  readonly #stat = new Uint8Array(new ArrayBuffer(SIZE));
  readonly #words = new Uint32Array(this.#stat.buffer);

  constructor(libc: Libc, target: NamespaceTarget | undefined, mounts: MountWatch) {
    this.#libc = libc;
    const name = typeof target === "string" ? !target.includes("/") : "name" in Object(target);
    if (name) this.#mounts = mounts;
    if (target === undefined || "fd" in Object(target)) return;
    const text = new TextEncoder().encode(`${targetPath(target)}\0`);
    this.#path = new Uint8Array(new ArrayBuffer(text.length));
    this.#path.set(text);
  }

  /** What tells the namespace from all others, as long as somebody is in it. */
  identity(): string | undefined {
    if (this.#path === undefined) return undefined;
    if (this.#mounts !== undefined) {
      // Asked before the file is: what changes in between is seen the next time.
      const generation = this.#mounts.generation(this.#libc);
      if (generation === this.#generation) return this.#last;
      this.#generation = generation;
      return this.#last = this.#ask(this.#path);
    }
    return this.#ask(this.#path);
  }

  #ask(path: Uint8Array<ArrayBuffer>): string | undefined {
    const result = this.#libc.statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, this.#stat);
    if (result < 0) return undefined;
    const w = this.#words;
    return `${w[DEVICE]}:${w[DEVICE + 1]}:${w[INO + 1]}:${w[INO]}`;
  }

  /** Whether the name still stands for `identity`. */
  is(identity: string | undefined): boolean {
    return this.#path === undefined || (identity !== undefined && this.identity() === identity);
  }
}
