/**
 * The one interface between this package and the runtime it runs on, and the loader that picks the
 * adapter. Nothing is loaded, opened or asked for until {@linkcode loadAdapter} is called.
 *
 * @module
 */

import type { Dialer } from "./dial.ts";

/**
 * The libc calls that the netlink layer makes. Every result is the call's own non-negative value or
 * `-errno`; nothing here throws for a failing call.
 *
 * Buffers whose address the kernel keeps beyond a call (see {@linkcode Libc.address}) must come from
 * `new Uint8Array(new ArrayBuffer(n))` and stay referenced: Bun moves small typed arrays otherwise.
 */
export interface Libc {
  /** socket(2). */
  socket(domain: number, type: number, protocol: number): number;
  /** bind(2). */
  bind(fd: number, address: Uint8Array<ArrayBuffer>): number;
  /** getsockname(2): fills `address`, returns the number of bytes written. */
  getsockname(fd: number, address: Uint8Array<ArrayBuffer>): number;
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, name: number, value: Uint8Array<ArrayBuffer>): number;
  /** getsockopt(2): fills `value`, returns the number of bytes written. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array<ArrayBuffer>): number;
  /** sendmsg(2) of a `struct msghdr`, see `MessageHeader`. */
  sendmsg(fd: number, header: Uint8Array<ArrayBuffer>, flags: number): number;
  /** recvmsg(2) into a `struct msghdr`, see `MessageHeader`. */
  recvmsg(fd: number, header: Uint8Array<ArrayBuffer>, flags: number): number;
  /** close(2). */
  close(fd: number): number;
  /** open(2). */
  open(path: string, flags: number, mode?: number): number;
  /** mkdir(2). */
  mkdir(path: string, mode: number): number;
  /** unlink(2). */
  unlink(path: string): number;
  /**
   * statx(2) into a `struct statx` of 256 bytes; `path` ends with a zero byte. Relative to `fd`, and of
   * `fd` itself where flags say so and the path is empty.
   */
  statx(
    fd: number,
    path: Uint8Array<ArrayBuffer>,
    flags: number,
    into: Uint8Array<ArrayBuffer>,
  ): number;
  /** setns(2); affects the calling thread only. */
  setns(fd: number, type: number): number;
  /** unshare(2); affects the calling thread only. */
  unshare(flags: number): number;
  /** mount(2) without data. */
  mount(source: string, target: string, type: string, flags: number): number;
  /** umount2(2). */
  umount2(target: string, flags: number): number;
  /** fcntl(2) with an integer argument. */
  fcntl(fd: number, command: number, argument: number): number;
  /** poll(2) of an array of `struct pollfd`; `timeout` in milliseconds, blocks the thread. */
  poll(fds: Uint8Array<ArrayBuffer>, timeout: number): number;
  /** epoll_create1(2). */
  epollCreate(flags: number): number;
  /** epoll_ctl(2); `events` is the mask, the fd itself is stored as user data. */
  epollControl(epoll: number, operation: number, fd: number, events: number): number;
  /** epoll_wait(2) into an array of `struct epoll_event`; `timeout` in milliseconds. */
  epollWait(epoll: number, events: Uint8Array<ArrayBuffer>, timeout: number): number;
  /** eventfd(2). */
  eventfd(initial: number, flags: number): number;
  /** read(2). */
  read(fd: number, into: Uint8Array<ArrayBuffer>): number;
  /** write(2). */
  write(fd: number, bytes: Uint8Array<ArrayBuffer>): number;
  /** The address of a buffer's first byte, below 2^53. It holds while the buffer is referenced. */
  address(buffer: Uint8Array<ArrayBuffer>): number;
}

/** Calls of {@linkcode Libc} that another thread can make. */
export type OffThreadCall = "sendmsg" | "recvmsg";

/** What one runtime offers to the layers above. */
export interface Adapter {
  /**
   * libc, opened at the first use.
   *
   * @throws {PlatformError} where there is no Linux, no permission, or no C library
   */
  readonly libc: Libc;
  /** Opens TCP, TLS and Unix connections natively. */
  readonly dialer: Dialer;
  /**
   * Waits until `fd` has something to read, has hung up or has failed; consumes nothing. One wait
   * per fd at a time. The process is held open while a wait is pending.
   *
   * @throws {unknown} the signal's reason, if that aborts first
   */
  readable(fd: number, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * sendmsg(2) or recvmsg(2) by another thread, for what may block in the kernel. The process is held
   * open meanwhile; `header` and what it points to must stay referenced.
   */
  offThread(
    call: OffThreadCall,
    fd: number,
    header: Uint8Array<ArrayBuffer>,
    flags: number,
  ): Promise<number>;
  /** Gives timers and sockets one turn; for long loops that must not starve them. */
  breathe(): Promise<void>;
}

/**
 * Why the runtime or the machine cannot do what was asked: a permission of Deno is missing, this is
 * not Linux or neither Deno nor Bun, or there is no C library.
 */
export type PlatformErrorCode = "permission" | "platform" | "library";

/**
 * The machine, the runtime or its permissions cannot carry the call; the message says what to do.
 *
 * @example
 * ```ts
 * import { PlatformError, RouteConnection } from "@x/pool/netlink";
 *
 * try {
 *   await using nl = await RouteConnection.open();
 *   console.log(nl.portId);
 * } catch (error) {
 *   if (!(error instanceof PlatformError)) throw error;
 *   console.log(error.code, error.message); // permission, platform or library, and what to do
 * }
 * ```
 */
export class PlatformError extends Error {
  /** The error's class name. */
  override readonly name = "PlatformError";
  /**
   * Says what is missing.
   *
   * @param code what kind of thing is missing
   */
  constructor(readonly code: PlatformErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Loads the adapter of the runtime that this program runs on.
 *
 * @throws {PlatformError} on a runtime that is neither Deno nor Bun
 */
export async function loadAdapter(): Promise<Adapter> {
  const { Deno, Bun } = globalThis as { Deno?: unknown; Bun?: unknown };
  // Bun first: a Bun program may define a Deno shim, never the other way round.
  if (Bun !== undefined) return (await import("./bun.ts")).adapter;
  if (Deno !== undefined) return (await import("./deno.ts")).adapter;
  throw new PlatformError(
    "platform",
    "Cannot load the native adapter: @x/pool runs on Deno and Bun, this runtime is neither",
  );
}
