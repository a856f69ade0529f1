/** Notices when a name may have come to mean another namespace: names of namespaces are mounts. */

import type { Libc } from "../../ffi/adapter.ts";

const O_CLOEXEC = 0o2000000; // asm-generic/fcntl.h
const POLLERR = 8; // asm-generic/poll.h

let changedHere = 0;

/** Told by what mounts or unmounts a namespace in this process. */
export function mountsChanged(): void {
  changedHere++;
}

/**
 * Counts the changes of this process's mounts, for a third of what asking for a file costs. What other
 * processes change is noticed within a millisecond: a lease costs next to nothing then.
 */
export class MountWatch {
  readonly #request = new Int32Array(new ArrayBuffer(8));
  readonly #bytes = new Uint8Array(this.#request.buffer);
  #libc?: Libc;
  #fd = -1;
  #generation = 0;
  #asked = 0;
  #changedHere = 0;

  /** Another number once something was mounted or unmounted. */
  generation(libc: Libc): number {
    const now = Date.now();
    if (now === this.#asked && changedHere === this.#changedHere) return this.#generation;
    this.#asked = now;
    this.#changedHere = changedHere;
    if (this.#libc === undefined) {
      this.#libc = libc;
      this.#fd = libc.open("/proc/self/mountinfo", O_CLOEXEC);
      this.#request[0] = this.#fd;
      this.#request[1] = 0; // POLLERR is told without being asked for
    }
    // Where there is no such file, everything may have changed at any time.
    if (this.#fd < 0 || libc.poll(this.#bytes, 0) < 0) return ++this.#generation;
    if ((this.#request[1] >>> 16) & POLLERR) this.#generation++;
    return this.#generation;
  }

  /** Closes what it looks at. */
  close(): void {
    if (this.#fd >= 0) this.#libc!.close(this.#fd);
    this.#fd = -1;
  }
}
