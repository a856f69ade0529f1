/** Bun's calls off the JavaScript thread: workers, each of which makes one call at a time. */

/** What a worker is told to send. */
export interface SendRequest {
  /** The socket. */
  fd: number;
  /** The bytes. */
  message: Uint8Array<ArrayBuffer>;
}

/** As much of Bun's `Worker` as is used. */
interface BunWorker {
  ref(): void;
  unref(): void;
  postMessage(message: SendRequest): void;
  terminate(): void;
  onmessage: ((event: { data: number }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
}

const { Worker } = globalThis as unknown as { Worker: new (url: string) => BunWorker };

/** More calls than that wait for each other; the kernel would have most of them wait anyway. */
const MOST = 4;

/** Workers that call sendmsg(2). Idle ones do not hold the process. */
export class Senders {
  readonly #idle: BunWorker[] = [];
  readonly #queue: ((worker: BunWorker) => void)[] = [];
  #count = 0;

  /** Sends to the kernel; resolves with 0 or `-errno`. */
  async send(fd: number, message: Uint8Array<ArrayBuffer>): Promise<number> {
    const worker = await this.#take();
    worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) =>
      reject(new Error(`Cannot send off the JavaScript thread: ${message}`));
    worker.postMessage({ fd, message });
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
    return new Worker(import.meta.url.replace(/bun_senders(?=\.\w+$)/, "bun_worker"));
  }

  #give(worker: BunWorker): void {
    const next = this.#queue.shift();
    if (next !== undefined) return next(worker);
    worker.unref();
    this.#idle.push(worker);
  }
}
