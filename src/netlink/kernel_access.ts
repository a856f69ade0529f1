/** What netlink needs of the runtime. */

import type { Libc } from "../../ffi/adapter.ts";

/** What a connection needs of the runtime; a part of what the adapters of Deno and Bun offer. */
export interface KernelAccess {
  /** libc. */
  readonly libc: Libc;
  /** Waits until `fd` has something to read; consumes nothing. */
  readable(fd: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** Sends a message by another thread; resolves with 0 or `-errno`. Needed for `offload` alone. */
  sendOffThread?(fd: number, message: Uint8Array<ArrayBuffer>): Promise<number>;
  /** Gives timers and sockets one turn. */
  breathe(): Promise<void>;
}
