import type { Member } from "./member.ts";

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
