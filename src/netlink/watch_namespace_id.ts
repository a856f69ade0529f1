/** Numbers that a namespace has given to others (linux/net_namespace.h). */

import type { Words } from "./codec/words.ts";
import { locate } from "./route/item.ts";

const NETNSA_NSID = 1;
const START = 5; // words: nlmsghdr 4, rtgenmsg 1

/**
 * The number by which one network namespace knows another: the peers of veth pairs bear it
 * (NETNSA_NSID of linux/net_namespace.h).
 *
 * @example
 * ```ts
 * import { createNamespace, deleteNamespace, RouteConnection, watch } from "@x/pool/netlink";
 *
 * await createNamespace("peer");
 * await using events = await watch(["namespace"]);
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "v0", kind: "veth", peer: { name: "v1", netns: "peer" } });
 * const { value } = await events.next();
 * if (value?.kind === "namespace") console.log(value.action, value.item.id); // set 0
 * await deleteNamespace("peer");
 * ```
 */
export class NamespaceId {
  /** The number; -1 if it has none. */
  readonly id: number;

  /** @internal */
  constructor(w: Words, at: number) {
    const i = locate(w, at, START, NETNSA_NSID);
    this.id = i < 0 ? -1 : w[i + 1];
  }
}
