/** What both adapters share: the `-errno` convention over a runtime's raw libc symbols. */

import { type Libc, PlatformError } from "./adapter.ts";

/** glibc's name, then musl's. */
const NAMES = ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/**
 * Opens libc by the first name that `open` accepts.
 *
 * @throws {PlatformError} where there is none; one that `open` throws is passed on
 */
export function openLibc<L>(open: (name: string) => L): L {
  if (process.platform !== "linux") {
    throw new PlatformError(
      "platform",
      "Cannot call libc: netlink and network namespaces need Linux, this system is " +
        `${process.platform}; pools of TCP, TLS and Unix sockets work here`,
    );
  }
  let cause: unknown;
  for (const name of NAMES) {
    try {
      return open(name);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      cause ??= error;
    }
  }
  throw new PlatformError("library", `Cannot load libc: tried ${NAMES.join(", ")}`, { cause });
}

/** linux/stat.h. */
const STATX_BASIC_STATS = 0x7ff;

type Buffer = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** The raw symbols, as a runtime's FFI gives them: -1 and errno on failure. */
export interface RawLibc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  getsockname(fd: number, address: Buffer, length: Buffer): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number;
  sendmsg(fd: number, header: Buffer, flags: number): number;
  recvmsg(fd: number, header: Buffer, flags: number): number;
  close(fd: number): number;
  open(path: Buffer, flags: number, mode: number): number;
  mkdir(path: Buffer, mode: number): number;
  unlink(path: Buffer): number;
  statx(fd: number, path: Buffer, flags: number, mask: number, into: Buffer): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  mount(source: Buffer, target: Buffer, type: Buffer, flags: number, data: null): number;
  umount2(target: Buffer, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  poll(fds: Buffer, count: number, timeout: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Buffer): number;
  epoll_wait(epoll: number, events: Buffer, count: number, timeout: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, into: Buffer, length: number): number;
  write(fd: number, bytes: Buffer, length: number): number;
}

/**
 * Wraps raw symbols. `errno` is read in the same synchronous turn as the call that failed, so
 * nothing else on this thread can have changed it.
 */
export function wrapLibc(c: RawLibc, errno: () => number, address: Libc["address"]): Libc {
  const result = (value: number): number => value < 0 ? -errno() : value;
  // socklen_t in and out of getsockname and getsockopt; used within one call only.
  const length = new Uint32Array(new ArrayBuffer(4));
  const sized = (value: number): number => value < 0 ? -errno() : length[0];
  const event = new Uint8Array(new ArrayBuffer(16));
  const eventWords = new DataView(event.buffer);
  return {
    socket: (domain, type, protocol) => result(c.socket(domain, type, protocol)),
    bind: (fd, name) => result(c.bind(fd, name, name.length)),
    getsockname(fd, name) {
      length[0] = name.length;
      return sized(c.getsockname(fd, name, length));
    },
    setsockopt: (fd, level, name, value) =>
      result(c.setsockopt(fd, level, name, value, value.length)),
    getsockopt(fd, level, name, value) {
      length[0] = value.length;
      return sized(c.getsockopt(fd, level, name, value, length));
    },
    sendmsg: (fd, header, flags) => result(c.sendmsg(fd, header, flags)),
    recvmsg: (fd, header, flags) => result(c.recvmsg(fd, header, flags)),
    close: (fd) => result(c.close(fd)),
    open: (path, flags, mode = 0) => result(c.open(cString(path), flags, mode)),
    mkdir: (path, mode) => result(c.mkdir(cString(path), mode)),
    unlink: (path) => result(c.unlink(cString(path))),
    statx: (fd, path, flags, into) => result(c.statx(fd, path, flags, STATX_BASIC_STATS, into)),
    setns: (fd, type) => result(c.setns(fd, type)),
    unshare: (flags) => result(c.unshare(flags)),
    mount: (source, target, type, flags) =>
      result(c.mount(cString(source), cString(target), cString(type), flags, null)),
    umount2: (target, flags) => result(c.umount2(cString(target), flags)),
    fcntl: (fd, command, argument) => result(c.fcntl(fd, command, argument)),
    poll: (fds, timeout) => result(c.poll(fds, fds.length >>> 3, timeout)),
    epollCreate: (flags) => result(c.epoll_create1(flags)),
    epollControl(epoll, operation, fd, events) {
      eventWords.setUint32(0, events, true);
      eventWords.setInt32(EPOLL_EVENT.data, fd, true);
      return result(c.epoll_ctl(epoll, operation, fd, event));
    },
    epollWait: (epoll, events, timeout) =>
      result(c.epoll_wait(epoll, events, Math.floor(events.length / EPOLL_EVENT.size), timeout)),
    eventfd: (initial, flags) => result(c.eventfd(initial, flags)),
    read: (fd, into) => result(c.read(fd, into, into.length)),
    write: (fd, bytes) => result(c.write(fd, bytes, bytes.length)),
    address,
  };
}

/** `struct epoll_event` is packed on x86-64 alone (linux/eventpoll.h). */
export const EPOLL_EVENT: { readonly size: number; readonly data: number } = process.arch === "x64"
  ? { size: 12, data: 4 }
  : { size: 16, data: 8 };

function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`Cannot pass a NUL byte to libc: current value is ${JSON.stringify(text)}`);
  }
  const bytes = new Uint8Array(new ArrayBuffer(text.length * 3 + 1));
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}
