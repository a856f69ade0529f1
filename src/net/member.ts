import type { Lease, LeaseSource } from "../pool/mod.ts";
import type { Conn } from "./conn.ts";
import type { Protocol } from "./protocol.ts";

/** One pooled connection with its protocol's state. */
export class Member<T extends object> {
  leases = 0;
  used = false;

  constructor(
    readonly conn: Conn,
    readonly state: T,
    readonly protocol: Protocol<T> | undefined,
    /** Called when the connection goes bad while nobody uses it. */
    readonly onLost: () => void,
  ) {
    this.#park(true);
  }

  get usable(): boolean {
    const { conn, protocol } = this;
    if (protocol?.isHealthy !== undefined) return conn.isOpen && protocol.isHealthy(this.state);
    return typeof protocol?.access === "object" ? conn.isOpen : conn.usable;
  }

  enter(): void {
    this.used = true;
    if (this.leases++ === 0) this.#park(false);
    this.protocol?.onAcquire?.(this.state);
  }

  leave(): void {
    if (--this.leases === 0) this.#park(true);
    this.protocol?.onRelease?.(this.state);
  }

  /** A parked connection is watched for its end and does not keep the process running. */
  #park(on: boolean): void {
    this.conn.setRef(!on);
    this.conn.watch(on ? this.onLost : undefined);
  }
}

/** Lends a member's state under the lease of the member itself. */
export class MemberLoan<T extends object> implements LeaseSource<T> {
  readonly #lease: Lease<Member<T>>;
  readonly #member: Member<T>;
  readonly #onError: (error: unknown) => void;

  constructor(lease: Lease<Member<T>>, onError: (error: unknown) => void) {
    this.#lease = lease;
    this.#member = lease.value;
    this.#onError = onError;
  }

  get resource(): T {
    return this.#member.state;
  }

  release(): void {
    if (this.#leave()) this.#lease.release();
    else this.#lease.discard();
  }

  discard(): void {
    this.#leave();
    this.#lease.discard();
  }

  detach(): T {
    return this.#lease.detach().state;
  }

  #leave(): boolean {
    try {
      this.#member.leave();
      return true;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }
}
