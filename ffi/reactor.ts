/** Waiting for file descriptors that the runtime itself cannot watch, such as netlink sockets. */

import type { Libc } from "./adapter.ts";
import { EPOLL_EVENT } from "./libc.ts";

const EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2;
const EPOLLIN = 1, EPOLLONESHOT = 1 << 30;
const EINTR = 4;
const EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;

interface Waiter {
  resolve(): void;
  reject(reason: unknown): void;
  signal?: AbortSignal;
  abort(): void;
}

/**
 * One epoll set for all waits of a thread. The runtime watches that single descriptor, and only
 * while somebody waits, so that nothing holds the process open otherwise.
 */
export class Reactor {
  readonly #libc: Libc;
  readonly #asleep: (epoll: number) => Promise<void>;
  readonly #epoll: number;
  /** Wakes the sleeper when its last waiter is gone. */
  readonly #bell: number;
  readonly #waiters = new Map<number, Waiter>();
  readonly #events = new Uint8Array(new ArrayBuffer(64 * EPOLL_EVENT.size));
  readonly #words = new DataView(this.#events.buffer);
  #running = false;

  /** @param asleep settles once the epoll descriptor is readable; an early return does no harm */
  constructor(libc: Libc, asleep: (epoll: number) => Promise<void>) {
    this.#libc = libc;
    this.#asleep = asleep;
    this.#epoll = check("epoll_create1", libc.epollCreate(EPOLL_CLOEXEC));
    this.#bell = check("eventfd", libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    check("epoll_ctl", libc.epollControl(this.#epoll, EPOLL_CTL_ADD, this.#bell, EPOLLIN));
  }

  readable(fd: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiters.has(fd)) {
      return Promise.reject(new Error(`Cannot wait for fd ${fd}: it is waited for already`));
    }
    const added = this.#libc.epollControl(
      this.#epoll,
      EPOLL_CTL_ADD,
      fd,
      EPOLLIN | EPOLLONESHOT,
    );
    if (added < 0) return Promise.reject(failure(`epoll_ctl of fd ${fd}`, added));
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#forget(fd);
        if (this.#waiters.size === 0) this.#libc.write(this.#bell, ONE);
        reject(signal!.reason);
      };
      this.#waiters.set(fd, { resolve, reject, signal, abort });
      signal?.addEventListener("abort", abort, { once: true });
      if (!this.#running) this.#run();
    });
  }

  #forget(fd: number): Waiter | undefined {
    const waiter = this.#waiters.get(fd);
    if (waiter === undefined) return;
    this.#waiters.delete(fd);
    waiter.signal?.removeEventListener("abort", waiter.abort);
    this.#libc.epollControl(this.#epoll, EPOLL_CTL_DEL, fd, 0);
    return waiter;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#waiters.size > 0) {
        await this.#asleep(this.#epoll);
        const n = this.#libc.epollWait(this.#epoll, this.#events, 0);
        if (n !== -EINTR) check("epoll_wait", n);
        for (let i = 0; i < n; i++) {
          const fd = this.#words.getInt32(i * EPOLL_EVENT.size + EPOLL_EVENT.data, true);
          if (fd === this.#bell) this.#libc.read(this.#bell, new Uint8Array(new ArrayBuffer(8)));
          else this.#forget(fd)?.resolve();
        }
      }
    } catch (error) {
      for (const fd of [...this.#waiters.keys()]) this.#forget(fd)!.reject(error);
    } finally {
      this.#running = false;
    }
  }
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

function check(call: string, result: number): number {
  if (result < 0) throw failure(call, result);
  return result;
}

function failure(call: string, result: number): Error {
  return new Error(`Cannot wait for a descriptor: ${call} failed with errno ${-result}`);
}
