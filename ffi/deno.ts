/** The adapter for Deno: libc through `Deno.dlopen`. */

import { type Adapter, type Libc, type OffThreadCall, PlatformError } from "./adapter.ts";
import type { Dialer } from "./dial.ts";
import { dialer } from "./deno_dial.ts";
import { EventLoop } from "./deno_loop.ts";
import { openLibc, wrapLibc } from "./libc.ts";
import { Reactor } from "./reactor.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // ssize_t fits in 32 bits for every buffer used here, and a 64-bit result may be a bigint.
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  mkdir: { parameters: ["buffer", "u32"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  mount: { parameters: ["buffer", "buffer", "buffer", "u32", "pointer"], result: "i32" },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  // Off the JavaScript thread, so their errno is out of reach.
  pollOffThread: {
    name: "poll",
    parameters: ["buffer", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  sendmsgOffThread: {
    name: "sendmsg",
    parameters: ["i32", "buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
  recvmsgOffThread: {
    name: "recvmsg",
    parameters: ["i32", "buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** As many calls may keep threads waiting: the rest of the 32 that Deno has is for its files and names. */
const MOST = 8;

const SOL_SOCKET = 1, SO_ERROR = 4, EAGAIN = 11; // asm-generic/socket.h, asm-generic/errno-base.h

/** The error that a socket's next call would tell, as `-errno`, or 0. */
function socketError(libc: Libc, fd: number): number {
  const value = new Uint8Array(new ArrayBuffer(4));
  const result = libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value);
  return result < 0 ? result : -new DataView(value.buffer).getInt32(0, true);
}

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

function open(name: string): Library {
  try {
    return Deno.dlopen(name, SYMBOLS);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new PlatformError(
      "permission",
      "Cannot load libc: Deno has no FFI permission, run with --allow-ffi " +
        "(--allow-ffi=libc.so.6 does not cover a library that is loaded by name)",
      { cause },
    );
  }
}

class DenoAdapter implements Adapter {
  readonly dialer: Dialer = dialer;
  #library?: Library;
  #libc?: Libc;
  #reactor?: Reactor;
  #loop?: EventLoop;

  get libc(): Libc {
    if (this.#libc !== undefined) return this.#libc;
    const { symbols } = this.#library ??= openLibc(open);
    const errno = new Deno.UnsafePointerView(symbols.__errno_location()!);
    return this.#libc = wrapLibc(
      symbols,
      () => errno.getInt32(),
      (buffer) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer))),
    );
  }

  readable(fd: number, options?: { signal?: AbortSignal }): Promise<void> {
    this.#reactor ??= new Reactor(this.libc, (epoll) => this.#pollOffThread(epoll));
    return this.#reactor.readable(fd, options?.signal);
  }

  async #pollOffThread(epoll: number): Promise<void> {
    const POLLIN = 1;
    const pollfd = new Uint8Array(new Int32Array([epoll, POLLIN]).buffer);
    await this.#library!.symbols.pollOffThread(pollfd, 1, -1);
  }

  async offThread(
    call: OffThreadCall,
    fd: number,
    header: Uint8Array<ArrayBuffer>,
    flags: number,
  ): Promise<number> {
    const { libc } = this, { symbols } = this.#library!;
    if (this.#calls >= MOST) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#calls++;
    try {
      if (call === "sendmsg") {
        const result = await symbols.sendmsgOffThread(fd, header, flags);
        // Why it failed only a second attempt can tell; what fails does not block.
        return result < 0 ? libc.sendmsg(fd, header, flags) : result;
      }
      // A second receive could block, and the first takes the socket's error away: that is asked for here.
      const error = socketError(libc, fd);
      if (error < 0) return error;
      const result = await symbols.recvmsgOffThread(fd, header, flags);
      return result < 0 ? -EAGAIN : result;
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#calls--;
      else next(); // which takes this one's place
    }
  }

  #calls = 0;
  readonly #queue: (() => void)[] = [];

  breathe(): Promise<void> {
    this.#loop ??= this.#openLoop();
    return this.#loop.breathe();
  }

  #openLoop(): EventLoop {
    const { libc } = this, { readlink } = this.#library!.symbols;
    return new EventLoop({
      poll: libc.poll,
      readlink: (path, into) => readlink(path, into, into.length),
    });
  }
}

/** Deno's adapter; loads nothing by itself. */
export const adapter: Adapter = new DenoAdapter();
