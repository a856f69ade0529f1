/**
 * Turns of Deno's event loop, for whoever always has more to do. The loop serves timers and calls that
 * other threads have finished in every round. At sockets tokio, which runs it, looks when there is
 * nothing to do, else after so many rounds that whether a socket waits is worth a look first.
 */

/** Rounds after which tokio looks at sockets in any case: its event_interval. */
const INTERVAL = 61;
/** Each so many-th breath does not trust its look: an epoll descriptor may have been missed. */
const DISTRUST = 64;
/** Descriptors get the lowest free number, and tokio opens its own before a program starts. */
const DESCRIPTORS = 256;
// poll.h
const POLLIN = 1, POLLNVAL = 0x20;

/** The calls that this takes. */
export interface LoopCalls {
  /** poll(2). */
  poll(fds: Uint8Array<ArrayBuffer>, timeout: number): number;
  /** readlink(2): the length of the name, or less than 0. */
  readlink(path: Uint8Array<ArrayBuffer>, into: Uint8Array<ArrayBuffer>): number;
}

/** The event loop of this thread. */
export class EventLoop {
  readonly #calls: LoopCalls;
  /** An array of `struct pollfd`: all epoll descriptors of the process. */
  #epolls?: Uint8Array<ArrayBuffer>;
  #breaths = 0;

  constructor(calls: LoopCalls) {
    this.#calls = calls;
  }

  /** Gives timers, and sockets that have waited, their turn. */
  breathe(): Promise<void> {
    const distrust = ++this.#breaths % DISTRUST === 0;
    return new Promise((resolve) => {
      let rounds = 0;
      const round = () => {
        if (++rounds < INTERVAL && (distrust || this.#waiting())) setImmediate(round);
        else resolve();
      };
      setImmediate(round);
    });
  }

  /** Whether a socket may be waiting for tokio to look. */
  #waiting(): boolean {
    const epolls = this.#epolls ??= this.#find();
    return epolls.length === 0 || this.#calls.poll(epolls, 0) !== 0;
  }

  #find(): Uint8Array<ArrayBuffer> {
    const all = Int32Array.from(
      { length: 2 * DESCRIPTORS },
      (_, i) => i % 2 === 0 ? i >> 1 : POLLIN,
    );
    this.#calls.poll(new Uint8Array(all.buffer), 0);
    const found: number[] = [], name = new Uint8Array(new ArrayBuffer(32));
    for (let fd = 0; fd < DESCRIPTORS; fd++) {
      const closed = (all[2 * fd + 1] >>> 16) & POLLNVAL;
      if (!closed && this.#isEpoll(fd, name)) found.push(fd, POLLIN);
    }
    return new Uint8Array(Int32Array.from(found).buffer);
  }

  #isEpoll(fd: number, name: Uint8Array<ArrayBuffer>): boolean {
    const path = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
    const length = Math.max(0, this.#calls.readlink(path, name));
    return String.fromCharCode(...name.subarray(0, length)) === "anon_inode:[eventpoll]";
  }
}
