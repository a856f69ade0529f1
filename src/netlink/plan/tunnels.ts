/** VXLANs that cannot be beside each other. */

import { isLinkLocal } from "./link_limits.ts";
import { outerVersion } from "./links.ts";
import type { Item } from "./section.ts";

const PORT = 4789; // IANA_VXLAN_UDP_PORT
/** What a tunnel does with all that arrives at its port: VXLAN_F_RCV_FLAGS. */
const RECEIVING = ["groupPolicy", "noChecksum6In", "external", "vniFilter"];

/**
 * Why the kernel would not have a VXLAN beside the others: one gets what is for another, or two that
 * are up cannot share a port.
 *
 * @param future the links that there will be
 */
export function noTunnel(item: Item, future: ReadonlyMap<unknown, Item>): string | undefined {
  if (item.kind !== "vxlan") return undefined;
  const { name, id, link, port = PORT, up, vniFilter } = item;
  for (const other of future.values()) {
    if (other.kind !== "vxlan" || other.name === name || (other.port ?? PORT) !== port) continue;
    const [one, two] = [item, other].map(versionOf);
    if (one !== undefined && two !== undefined && one !== two) continue;
    const differs = RECEIVING.find((name) => Boolean(item[name]) !== Boolean(other[name]));
    if (differs !== undefined) {
      if (!up || !other.up) continue;
      return `${other.name}, which is up as well, has another ${differs} at port ${port}`;
    }
    const apart = !item.external && isLinkLocal(item.local) && isLinkLocal(other.local) &&
      other.link !== link;
    if (other.id === id && !vniFilter && !apart) {
      return `${other.name} has id ${id} at port ${port} already`;
    }
  }
  return undefined;
}

/** The IP version of what arrives; undefined for both. */
function versionOf(item: Item): 4 | 6 | undefined {
  return item.external ? undefined : outerVersion(item) ?? 4;
}
