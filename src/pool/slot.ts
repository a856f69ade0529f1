import type { Lease, LeaseSource } from "./lease.ts";
import type { DestroyReason } from "./observer.ts";
import { REASONS } from "./report.ts";

/** Below it `state` is the number of leases; above it also says why the slot is not lent again. */
export const MARK: number = 2 ** 16;

/** Where a slot's leases end. */
export interface Home<T> {
  giveBack(slot: Slot<T>): void;
  giveUp(slot: Slot<T>, reason: DestroyReason): void;
  giveAway(slot: Slot<T>): T;
}

/**
 * A resource and what the pool knows of it. `state` packs leases and mark into one small integer, so
 * that a release asks one question.
 */
export class Slot<T> implements LeaseSource<T> {
  state = 0;
  uses = 0;
  /** `uses` when maintenance looked last. */
  seen = 0;
  /** When it was last known in use. */
  since: number;
  /** When it was last proved good. */
  checked: number;
  /** When it is too old; 0 means never. */
  expires: number;
  /** Its place among the pool's slots; -1 once it left them. */
  index = 0;
  /** The lease out, until maintenance has seen it twice and only watches it. */
  lease: Lease<T> | null = null;

  constructor(readonly home: Home<T>, readonly resource: T, now: number, expires: number) {
    this.since = now;
    this.checked = now;
    this.expires = expires;
  }

  release(): void {
    this.home.giveBack(this);
  }

  discard(): void {
    this.home.giveUp(this, "discarded");
  }

  detach(): T {
    return this.home.giveAway(this);
  }
}

/** A slot that several leases can share. */
export class SharedSlot<T> extends Slot<T> {
  /** Whether it stands among the idle ones, as it does while it can carry more. */
  queued = false;
}

/** How many leases are out. */
export const leasesOf = <T>(slot: Slot<T>): number => slot.state % MARK;

/** Keeps the slot from being lent again. The first reason stays, but for one that may pass. */
export function mark<T>(slot: Slot<T>, reason: DestroyReason): void {
  if (reasonOf(slot) === "shrunk") unmark(slot);
  if (slot.state < MARK) slot.state += (REASONS.indexOf(reason) + 1) * MARK;
}

/** Why the slot is not to be lent again. */
export const reasonOf = <T>(slot: Slot<T>): DestroyReason | undefined =>
  REASONS[Math.floor(slot.state / MARK) - 1];

/** Lets the slot be lent again. */
export function unmark<T>(slot: Slot<T>): void {
  slot.state = leasesOf(slot);
}
