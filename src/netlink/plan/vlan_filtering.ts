/** Whether bridges of this kernel look at VLANs. */

import type { NetlinkError } from "../error.ts";
import type { Context } from "./section.ts";

const NOBODY = 0x7fffffff; // an index that no link gets by itself
const NO_ETHERTYPE = { vlanProtocol: 0 };

/** Whether bridges look at VLANs here. */
export async function filtersVlans({ nl, links, options }: Context): Promise<boolean> {
  const bridge = links.find(({ kind }) => kind === "bridge");
  // A kernel that cannot says nothing of which they are.
  if (bridge !== undefined) return "vlanDefaultPvid" in bridge.options;
  // Where there is no bridge to ask, one that can refuses this before it looks for the link.
  try {
    await nl.links.set(NOBODY, { kind: "bridge", data: NO_ETHERTYPE }, options);
  } catch (error) {
    return (error as NetlinkError).code !== "ENODEV";
  }
  return true;
}
