/** The adapter for Bun: libc through `bun:ffi`. */

import { dlopen, ptr, read } from "bun:ffi";
import type { Adapter, Libc, OffThreadCall } from "./adapter.ts";
import type { Dialer } from "./dial.ts";
import { dialer } from "./bun_dial.ts";
import { Threads } from "./bun_threads.ts";
import { openLibc, type RawLibc, wrapLibc } from "./libc.ts";
import { Reactor } from "./reactor.ts";

declare const Bun: {
  connect(options: { fd: number; socket: { data(): void; close(): void } }): Promise<unknown>;
};

const SYMBOLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  // ssize_t fits in 32 bits for every buffer used here, and a 64-bit result may be a bigint.
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  mkdir: { args: ["ptr", "u32"], returns: "i32" },
  unlink: { args: ["ptr"], returns: "i32" },
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u32", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u32", "i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  eventfd: { args: ["u32", "i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "u32"], returns: "i32" },
  write: { args: ["i32", "ptr", "u32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

function open(name: string): Libc {
  const { symbols } = dlopen(name, SYMBOLS);
  const location = symbols.__errno_location();
  return wrapLibc(symbols as RawLibc, () => read.i32(location, 0), (buffer) => ptr(buffer));
}

class BunAdapter implements Adapter {
  readonly dialer: Dialer = dialer;
  #libc?: Libc;
  #reactor?: Reactor;
  #threads?: Threads;

  get libc(): Libc {
    return this.#libc ??= openLibc(open);
  }

  readable(fd: number, options?: { signal?: AbortSignal }): Promise<void> {
    this.#reactor ??= new Reactor(this.libc, (epoll) => this.#adopt(epoll));
    return this.#reactor.readable(fd, options?.signal);
  }

  /**
   * Bun watches a descriptor that it adopts as a socket. Reading an epoll descriptor is an error to
   * it (ENOTSOCK): it closes the duplicate it was given, and that is the wake-up.
   */
  #adopt(epoll: number): Promise<void> {
    const F_DUPFD_CLOEXEC = 1030;
    const fd = this.libc.fcntl(epoll, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
      return Promise.reject(
        new Error(`Cannot wait for a descriptor: fcntl failed with errno ${-fd}`),
      );
    }
    return new Promise((resolve, reject) => {
      Bun.connect({ fd, socket: { data() {}, close: () => resolve() } }).catch(reject);
    });
  }

  offThread(
    call: OffThreadCall,
    fd: number,
    header: Uint8Array<ArrayBuffer>,
    flags: number,
  ): Promise<number> {
    return (this.#threads ??= new Threads()).call({ call, fd, header: ptr(header), flags });
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Bun's adapter; loads nothing by itself. */
export const adapter: Adapter = new BunAdapter();
