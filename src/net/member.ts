import type { Lease, LeaseSource } from "../pool/mod.ts";
import { type Conn, watchConn } from "./conn.ts";
import type { Place } from "./place.ts";
import type { Protocol } from "./protocol.ts";
import type { Rest } from "./rest.ts";

/** What the members of one place share. */
export interface Home<T extends object> {
  readonly place: Place<T>;
  readonly protocol: Protocol<T> | undefined;
  readonly rest: Rest<T>;
  /** Called when a connection goes bad while nobody uses it. */
  onLost(): void;
}

/** One pooled connection with its protocol's state. */
export class Member<T extends object> {
  leases = 0;
  used = false;
  watched = false;
  /** Whether it broke or was discarded, and has been counted for that. */
  broken = false;
  readonly place: Place<T>;
  readonly #protocol: Protocol<T> | undefined;
  readonly #rest: Rest<T>;
  #held = true;

  constructor(readonly conn: Conn, readonly state: T, home: Home<T>) {
    this.place = home.place;
    this.#protocol = home.protocol;
    this.#rest = home.rest;
    watchConn(conn, () => {
      if (this.leases === 0) home.onLost();
    });
    home.rest.watch(this);
  }

  get usable(): boolean {
    const usable = this.#judge();
    if (!usable) this.blame();
    return usable;
  }

  #judge(): boolean {
    const { conn } = this;
    const protocol = this.#protocol;
    if (protocol?.isHealthy !== undefined) return conn.isOpen && protocol.isHealthy(this.state);
    return typeof protocol?.access === "object" ? conn.isOpen : conn.usable;
  }

  /** Counts the connection among the errors of its endpoint, once. */
  blame(): void {
    if (!this.broken) this.place.errors++;
    this.broken = true;
  }

  enter(): void {
    this.used = true;
    this.leases++;
    if (!this.#held) this.hold(true);
    this.#protocol?.onAcquire?.(this.state);
  }

  leave(): void {
    if (--this.leases === 0) this.#rest.watch(this);
    this.#protocol?.onRelease?.(this.state);
  }

  /** Whether the connection keeps the process running. */
  hold(on: boolean): void {
    this.#held = on;
    this.conn.setRef(on);
  }
}

/** Lends a member's state under the lease of the member itself. */
export class MemberLoan<T extends object> implements LeaseSource<T> {
  readonly #lease: Lease<Member<T>>;
  readonly #member: Member<T>;

  constructor(lease: Lease<Member<T>>) {
    this.#lease = lease;
    this.#member = lease.value;
  }

  get resource(): T {
    return this.#member.state;
  }

  release(): void {
    if (this.#leave()) this.#lease.release();
    else this.#drop();
  }

  discard(): void {
    this.#leave();
    this.#drop();
  }

  detach(): T {
    const { state, place } = this.#lease.detach();
    place.closed++;
    return state;
  }

  #leave(): boolean {
    try {
      this.#member.leave();
      return true;
    } catch (error) {
      this.#member.place.onError(error);
      return false;
    }
  }

  #drop(): void {
    this.#member.blame();
    this.#lease.discard();
  }
}
