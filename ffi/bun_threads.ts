/** Bun's calls off the JavaScript thread: workers, each of which makes one call at a time. */

import type { OffThreadCall } from "./adapter.ts";

/** What a worker is told to do. */
export interface ThreadCall {
  /** The call. */
  call: OffThreadCall;
  /** The socket. */
  fd: number;
  /** Address of the `struct msghdr`, which the caller keeps alive: workers share all memory. */
  header: number;
  /** Flags of the call. */
  flags: number;
}

/** As much of Bun's `Worker` as is used. */
interface BunWorker {
  ref(): void;
  unref(): void;
  postMessage(message: ThreadCall): void;
  terminate(): void;
  onmessage: ((event: { data: number }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
}

const { Worker } = globalThis as unknown as { Worker: new (url: string) => BunWorker };

/** More calls than that wait for each other; the kernel would have most of them wait anyway. */
const MOST = 4;

/** Workers that make calls. Idle ones do not hold the process. */
export class Threads {
  readonly #idle: BunWorker[] = [];
  readonly #queue: ((worker: BunWorker) => void)[] = [];
  #count = 0;

  /** Makes a call; resolves with its result or `-errno`. */
  async call(call: ThreadCall): Promise<number> {
    const worker = await this.#take();
    worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) =>
      reject(new Error(`Cannot call ${call.call} off the JavaScript thread: ${message}`));
    worker.postMessage(call);
    try {
      const result = await promise;
      this.#give(worker);
      return result;
    } catch (error) {
      worker.terminate();
      this.#count--;
      if (this.#queue.length > 0) this.#give(this.#make());
      throw error;
    }
  }

  #take(): Promise<BunWorker> | BunWorker {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#count < MOST) return this.#make();
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  #make(): BunWorker {
    this.#count++;
    // The worker's file has the same extension as this one, also once it is published as JavaScript.
    return new Worker(import.meta.url.replace(/bun_threads(?=\.\w+$)/, "bun_worker"));
  }

  #give(worker: BunWorker): void {
    const next = this.#queue.shift();
    if (next !== undefined) return next(worker);
    worker.unref();
    this.#idle.push(worker);
  }
}
