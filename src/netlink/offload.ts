/** Sending by another thread, while the kernel may be busy with somebody else. */

import type { Writer } from "./codec/writer.ts";
import type { KernelAccess } from "./kernel_access.ts";

const F_DUPFD_CLOEXEC = 1030; // linux/fcntl.h

/**
 * Sends what `writer` holds; resolves with 0 or `-errno`. The call has a descriptor of its own, because
 * the number of a closed one may be another file by the time that the call is made.
 */
export async function sendOffThread(
  access: KernelAccess,
  fd: number,
  writer: Writer,
): Promise<number> {
  if (access.sendOffThread === undefined) {
    throw new TypeError("Cannot offload a request: the adapter has no sendOffThread");
  }
  const own = access.libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return own;
  try {
    return await access.sendOffThread(own, writer.bytes.slice(0, writer.length));
  } finally {
    access.libc.close(own);
  }
}
