import type { Lease, LeaseSource } from "../pool/mod.ts";
import type { Conn } from "./conn.ts";
import type { Place } from "./place.ts";
import type { Protocol } from "./protocol.ts";

// Long enough that a busy connection is lent again meanwhile, short for a process that wants to end.
const restAfter = 5;

/** Lets the process end once the connections that were used last have been idle for a moment. */
export class Rest<T extends object> {
  #members: Member<T>[] = [];

  /** Looks at the member in a moment; many looks share one timer. */
  watch(member: Member<T>): void {
    if (member.watched) return;
    member.watched = true;
    if (this.#members.push(member) === 1) setTimeout(() => this.#look(), restAfter);
  }

  #look(): void {
    for (const member of this.#members.splice(0)) {
      member.watched = false;
      if (member.leases === 0) member.hold(false);
    }
  }
}

/** One pooled connection with its protocol's state. */
export class Member<T extends object> {
  leases = 0;
  used = false;
  watched = false;
  /** Whether it broke or was discarded, and has been counted for that. */
  broken = false;
  #held = true;

  constructor(
    readonly conn: Conn,
    readonly state: T,
    readonly place: Place<T>,
    readonly protocol: Protocol<T> | undefined,
    readonly rest: Rest<T>,
    onLost: () => void,
  ) {
    conn.watch(() => {
      if (this.leases === 0) onLost();
    });
    rest.watch(this);
  }

  get usable(): boolean {
    const usable = this.#judge();
    if (!usable) this.blame();
    return usable;
  }

  #judge(): boolean {
    const { conn, protocol } = this;
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
    this.protocol?.onAcquire?.(this.state);
  }

  leave(): void {
    if (--this.leases === 0) this.rest.watch(this);
    this.protocol?.onRelease?.(this.state);
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
