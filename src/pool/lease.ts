/**
 * What a {@linkcode Lease} guards: a resource, and what to do with it in the end.
 *
 * @example
 * ```ts
 * import { Lease } from "@x/pool";
 *
 * const give = (way: string) => () => console.log(way);
 * {
 *   using lease = new Lease({
 *     resource: "a seat",
 *     release: give("released"),
 *     discard: give("discarded"),
 *     detach: () => "a seat",
 *   });
 *   console.log(lease.value); // a seat
 * } // released
 * ```
 */
export interface LeaseSource<T> {
  /** The resource itself. */
  readonly resource: T;
  /** Takes the resource back. */
  release(): void;
  /** Takes the resource back to destroy it. */
  discard(): void;
  /** Hands the resource over for good. */
  detach(): T;
}

/** Leaves a detached resource to its new owner. */
class Owned<T> implements LeaseSource<T> {
  constructor(readonly resource: T) {}
  release(): void {}
  discard(): void {}
  detach(): T {
    return this.resource;
  }
}

const ended = (): TypeError => new TypeError("Cannot use the resource: its lease has ended");

/**
 * The right to use one resource until it is given back. Every way to end it may be called again and
 * then does nothing.
 *
 * @example
 * ```ts
 * import { Pool } from "@x/pool";
 *
 * await using pool = new Pool({ create: () => Promise.resolve(new Map()), destroy: () => {} });
 * {
 *   using lease = await pool.acquire();
 *   lease.value.set("a", 1);
 * }
 * console.log(pool.stats.idle);
 * ```
 */
export class Lease<T> implements Disposable, AsyncDisposable {
  #source: LeaseSource<T> | null;

  /** Made by the pool, or by whoever lends something of its own. */
  constructor(source: LeaseSource<T>) {
    this.#source = source;
  }

  /**
   * The resource.
   *
   * @throws {TypeError} once the lease has ended
   */
  get value(): T {
    if (this.#source === null) throw ended();
    return this.#source.resource;
  }

  /** Gives the resource back. */
  release(): void {
    const source = this.#source;
    if (source === null) return;
    this.#source = null;
    source.release();
  }

  /** Gives the resource back to be destroyed, because it is in an unknown state. */
  discard(): void {
    const source = this.#source;
    if (source === null) return;
    this.#source = null;
    source.discard();
  }

  /**
   * Takes the resource out of the pool: it no longer counts, survives the pool's close, and is the
   * caller's to end. The lease goes on giving the `value`.
   *
   * @throws {TypeError} once the lease has ended, or while others share the resource
   */
  detach(): T {
    if (this.#source === null) throw ended();
    const resource = this.#source.detach();
    this.#source = new Owned(resource);
    return resource;
  }

  /** Releases. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Releases. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
