import type { Lease } from "./lease.ts";
import { callable, useRules } from "./rules.ts";
import type { UseOptions } from "./types.ts";

/** The refusal of a use that could not end well, before anything is acquired for it. */
export function misuse(fn: unknown, o: UseOptions | undefined): Promise<never> | undefined {
  const discard = o?.discardOnError;
  if (typeof fn === "function" && (discard === undefined || typeof discard === "boolean")) return;
  try {
    callable("fn", fn);
    useRules.discardOnError("discardOnError", discard);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Calls `fn` with what the lease guards and ends the lease, badly if `fn` throws. */
export async function useLease<T, R>(
  acquired: Promise<Lease<T>>,
  fn: (resource: T) => R | Promise<R>,
  o: UseOptions | undefined,
): Promise<R> {
  const lease = await acquired;
  let discard = true;
  try {
    const result = await fn(lease.value);
    discard = false;
    return result;
  } catch (error) {
    discard = judge(error, o?.discardOnError ?? true);
    throw error;
  } finally {
    if (discard) lease.discard();
    else lease.release();
  }
}

function judge(error: unknown, discard: boolean | ((error: unknown) => boolean)): boolean {
  if (typeof discard !== "function") return discard;
  try {
    return discard(error);
  } catch (failure) {
    throw new AggregateError([error, failure], "Cannot judge an error: discardOnError threw");
  }
}
