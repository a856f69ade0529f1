/** Named network namespaces, told from what only looks like one. */

import { loadAdapter } from "../../ffi/adapter.ts";
import { mountedNamespaces } from "./mount_table.ts";
import { namespaceNames } from "./namespace.ts";

/** A name under /run/netns. */
export interface NamedNamespace {
  /** The name, a file under /run/netns. */
  readonly name: string;
  /**
   * Whether a namespace stands behind it. If not, it is a stale marker: a file that a crash left
   * behind, which nobody can enter and `deleteNamespace` removes. One that is being made is a marker
   * for an instant, too.
   */
  readonly live: boolean;
  /** Of a live one: its inode, the number that `readlink /proc/PID/ns/net` gives for who is in it. */
  readonly inode?: number;
}

/**
 * The names under /run/netns, sorted, each with whether it is a live namespace or a stale marker, as
 * this process's mount namespace shows them. Needs no privilege.
 *
 * @throws {NetlinkError} where there is no /proc
 *
 * @example
 * ```ts
 * import { listNamespaces } from "@x/pool/netlink";
 *
 * for (const { name, live, inode } of await listNamespaces()) {
 *   console.log(name, live ? `net:[${inode}]` : "stale");
 * }
 * ```
 */
export async function listNamespaces(): Promise<NamedNamespace[]> {
  const { libc } = await loadAdapter();
  const names = await namespaceNames();
  // Looked at after the names, so that one that was made in between counts as live.
  const mounted = mountedNamespaces(libc);
  return names.map((name) => {
    const inode = mounted.get(name)?.inode;
    return inode === undefined ? { name, live: false } : { name, live: true, inode };
  });
}
