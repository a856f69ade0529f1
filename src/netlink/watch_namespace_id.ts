/** Numbers that a namespace has given to others (linux/net_namespace.h). */

import type { Words } from "./codec/words.ts";
import { locate } from "./route/item.ts";

const NETNSA_NSID = 1;
const START = 5; // words: nlmsghdr 4, rtgenmsg 1

/** The number by which one network namespace knows another: the peers of veth pairs bear it. */
export class NamespaceId {
  /** The number; -1 if it has none. */
  readonly id: number;

  /** @internal */
  constructor(w: Words, at: number) {
    const i = locate(w, at, START, NETNSA_NSID);
    this.id = i < 0 ? -1 : w[i + 1];
  }
}
