import type { Lease } from "./lease.ts";
import type { UseOptions } from "./types.ts";

/** Calls `fn` with what the lease guards and ends the lease, badly if `fn` throws. */
export async function useLease<T, R>(
  acquired: Promise<Lease<T>>,
  fn: (resource: T) => R | Promise<R>,
  o: UseOptions | undefined,
): Promise<R> {
  const lease = await acquired;
  try {
    return await fn(lease.value);
  } catch (error) {
    const discard = o?.discardOnError ?? true;
    if (typeof discard === "function" ? discard(error) : discard) lease.discard();
    throw error;
  } finally {
    lease.release();
  }
}
