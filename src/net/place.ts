import type { PoolStats } from "../pool/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointStats, ResolvedEndpointPoolOptions } from "./endpoint_pool_options.ts";

type Hook = (endpoint: Endpoint) => void;

/** What an endpoint pool remembers of one endpoint, connections or not. */
export class Place<T extends object> {
  created = 0;
  reused = 0;
  closed = 0;
  errors = 0;
  /** When there was last something to do here, by the pool's clock. */
  lastUsed: number;
  readonly #options: ResolvedEndpointPoolOptions<T>;

  constructor(readonly endpoint: Endpoint, options: ResolvedEndpointPoolOptions<T>) {
    this.#options = options;
    this.lastUsed = options.clock.now();
  }

  /** Runs a hook of the user's, which may throw. */
  tell(hook: Hook | undefined): void {
    try {
      const told: unknown = hook?.(this.endpoint);
      if (told instanceof Promise) told.catch(this.onError);
    } catch (error) {
      this.onError(error);
    }
  }

  readonly onError = (error: unknown): void => this.#options.onError?.(error, this.endpoint);

  statsWith(pool: PoolStats | undefined): EndpointStats {
    return {
      active: pool?.leased ?? 0,
      idle: pool?.idle ?? 0,
      connecting: pool?.creating ?? 0,
      waiting: pool?.waiting ?? 0,
      totalCreated: this.created,
      totalReused: this.reused,
      totalClosed: this.closed,
      errors: this.errors,
    };
  }

  /** The pool's name for this endpoint. */
  toString(): string {
    return this.endpoint.key;
  }
}
