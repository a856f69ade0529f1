/** What netlink needs of the runtime. */

import type { Libc, OffThreadCall } from "../../ffi/adapter.ts";

/** What a connection needs of the runtime; a part of what the adapters of Deno and Bun offer. */
export interface KernelAccess {
  /** libc. */
  readonly libc: Libc;
  /** Waits until `fd` has something to read; consumes nothing. */
  readable(fd: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** Makes a call by another thread; resolves with its result or `-errno`. For `offload` alone. */
  offThread?(
    call: OffThreadCall,
    fd: number,
    header: Uint8Array<ArrayBuffer>,
    flags: number,
  ): Promise<number>;
  /** Gives timers and sockets one turn. */
  breathe(): Promise<void>;
}
