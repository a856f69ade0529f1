/** Which names stand for a live network namespace: those that one is mounted on. */

import type { Libc } from "../../ffi/adapter.ts";
import { NetlinkError } from "./error.ts";
import { DIRECTORY } from "./namespace.ts";

const O_CLOEXEC = 0o2000000; // asm-generic/fcntl.h
const CHUNK = 64 * 1024;
/** Number of the mount, the namespace's inode, the path: proc_pid_mountinfo(5). */
const LINE = /^(\d+) \d+ \S+ net:\[(\d+)\] (\S+) /gm;

/** A namespace that is mounted. */
export interface Mounted {
  /** Its inode, as in `readlink /proc/self/ns/net`. */
  readonly inode: number;
  /** The mount's number: tells a name that was given away from one that stayed. */
  readonly mount: number;
}

/**
 * The live namespaces under /run/netns by name, in one look at this process's mounts.
 *
 * @throws {NetlinkError} where there is no /proc
 */
export function mountedNamespaces(libc: Libc): Map<string, Mounted> {
  const found = new Map<string, Mounted>();
  for (const [, mount, inode, path] of readMounts(libc).matchAll(LINE)) {
    const plain = path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
    if (!plain.startsWith(`${DIRECTORY}/`)) continue;
    found.set(plain.slice(DIRECTORY.length + 1), { inode: Number(inode), mount: Number(mount) });
  }
  return found;
}

// Through libc, because a runtime's own file calls may not be permitted to read /proc.
function readMounts(libc: Libc): string {
  const operation = "list network namespaces";
  const fd = libc.open("/proc/self/mountinfo", O_CLOEXEC);
  if (fd < 0) throw NetlinkError.fromCall(operation, "open", fd);
  try {
    const decoder = new TextDecoder(), chunk = new Uint8Array(new ArrayBuffer(CHUNK));
    for (let text = "";;) {
      const count = libc.read(fd, chunk);
      if (count < 0) throw NetlinkError.fromCall(operation, "read", count);
      if (count === 0) return text + decoder.decode();
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
  } finally {
    libc.close(fd);
  }
}
