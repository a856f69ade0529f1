/** VLANs of bridge ports: listing, adding, deleting. */

import type { RequestOptions } from "../exchange.ts";
import { Codec } from "../codec/codec.ts";
import type { FamilySpec } from "../codec/spec.ts";
import type { Words } from "../codec/words.ts";
import type { Connection } from "../connection.ts";
import type { DumpOptions } from "../dump.ts";
import { bad, integer } from "../check.ts";
import type { LinkRef } from "./input.ts";
import { AF_BRIDGE } from "./item.ts";
import type { Links } from "./links.ts";
import { Requests } from "./requests.ts";
import { checkOptions } from "./shape.ts";
import { type All, BRIDGE_VLAN, LIST } from "./shapes.ts";

/**
 * VLANs of a bridge's port, or of the bridge itself (struct bridge_vlan_info of linux/if_bridge.h).
 */
export interface BridgeVlan {
  /** The link's index. */
  link: number;
  /** VLAN number, 1 to 4094; the first one, of a range. */
  vlan: number;
  /** The last one, of a range. */
  end?: number;
  /** Whether untagged packets that come in belong to it. */
  pvid: boolean;
  /** Whether its packets go out untagged. */
  untagged: boolean;
}

/** Which VLANs of which port. */
export interface BridgeVlanRef {
  /** The port, or the bridge itself. */
  link: LinkRef;
  /** VLAN number, 1 to 4094. */
  vlan: number;
  /** The last one, of a range. */
  end?: number;
  /**
   * Whether the bridge itself is meant, not its port.
   *
   * @default false
   */
  self?: boolean;
}

/** VLANs to be added (struct bridge_vlan_info of linux/if_bridge.h). */
export interface NewBridgeVlan extends BridgeVlanRef {
  /**
   * Whether untagged packets that come in belong to it.
   *
   * @default false
   */
  pvid?: boolean;
  /**
   * Whether its packets go out untagged.
   *
   * @default false
   */
  untagged?: boolean;
}

/** Which VLANs a list shall have. */
export interface BridgeVlanFilter extends DumpOptions {
  /** Only those of this link. */
  link?: LinkRef;
}

// The bridge's own form of link messages (linux/if_bridge.h), which the kernel's specification of
// links leaves out.
const spec = {
  name: "bridge-vlan",
  protocol: 0,
  version: 1,
  constants: {},
  enums: {
    flags: {
      flags: true,
      entries: { master: 1, pvid: 2, untagged: 4, "range-begin": 8, "range-end": 16, entry: 32 },
    },
    target: { flags: true, entries: { master: 1, self: 2 } },
  },
  structs: {
    ifinfomsg: {
      family: { type: "u8" },
      pad: { type: "pad", len: 3 },
      index: { type: "s32" },
      flags: { type: "u32" },
      change: { type: "u32" },
    },
    info: { flags: { type: "u16", enum: "flags", flags: true }, vid: { type: "u16" } },
  },
  sets: {
    link: {
      afSpec: { id: 26, type: "nest", nest: "bridge" },
      extMask: { id: 29, type: "u32" },
    },
    bridge: {
      flags: { id: 0, type: "u16", enum: "target", flags: true },
      vlan: { id: 2, type: "binary", struct: "info", multi: true },
    },
  },
  messages: {},
  operations: {
    setlink: { set: "link", header: "ifinfomsg", do: [19] },
    dellink: { set: "link", header: "ifinfomsg", do: [17] },
    getlink: { set: "link", header: "ifinfomsg", do: [18, 16], dump: [18, 16] },
  },
  groups: {},
} as const satisfies FamilySpec;

const FILTER: All<BridgeVlanFilter> = { ...LIST, link: "text or number" };
const codec: Codec = new Codec(spec);
const Message = codec.message("getlink");
const COMPRESSED = 4; // RTEXT_FILTER_BRVLAN_COMPRESSED: ranges stay ranges

interface Port {
  header: { index: number };
  afSpec?: { vlan?: { flags: readonly string[]; vid: number }[] };
}

/**
 * The VLANs of bridges in a connection's namespace. The kernel needs VLAN filtering for them.
 *
 * @example
 * ```ts
 * import { NetlinkError, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge" });
 * await nl.links.add({ name: "port0", kind: "veth", master: "br0" });
 * try {
 *   await nl.bridgeVlans.add({ link: "port0", vlan: 10, pvid: true, untagged: true });
 * } catch (error) {
 *   if (!(error instanceof NetlinkError && error.isUnsupported)) throw error;
 * }
 * console.log(await nl.bridgeVlans.list({ link: "port0" }));
 * ```
 */
export class BridgeVlans {
  readonly #requests: Requests;
  readonly #links: Links;

  /** @internal */
  constructor(connection: Connection, links: Links) {
    this.#requests = new Requests(connection, codec);
    this.#links = links;
  }

  /**
   * All VLANs, or those of one link; ranges as the kernel has merged them.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} `ENODEV` when there is no such link
   */
  async list(filter: BridgeVlanFilter = {}): Promise<BridgeVlan[]> {
    checkOptions("a list of VLANs", filter, FILTER);
    const { link, ...options } = filter;
    const only = link === undefined ? undefined : await this.#links.index(link, "link", options);
    const ports = await this.#requests.list(
      "getlink",
      "list the VLANs of bridges",
      () => Promise.resolve({ header: { family: AF_BRIDGE }, extMask: COMPRESSED }),
      (w: Words, at) => new Message(w, at) as unknown as Port,
      options,
    ).toArray();
    return ports.flatMap(({ header, afSpec }) =>
      only !== undefined && header.index !== only ? [] : vlans(header.index, afSpec?.vlan ?? [])
    );
  }

  /**
   * Adds VLANs to a port; those that are there are changed.
   *
   * @throws {NetlinkError} `EOPNOTSUPP` when the kernel has no VLAN filtering
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(vlan: NewBridgeVlan, options?: RequestOptions): Promise<void> {
    await this.#send("setlink", "add VLAN", vlan, options);
  }

  /**
   * Deletes VLANs of a port.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `EOPNOTSUPP` when the kernel has no
   * VLAN filtering
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async delete(vlan: BridgeVlanRef, options?: RequestOptions): Promise<void> {
    await this.#send("dellink", "delete VLAN", vlan, options);
  }

  async #send(operation: string, verb: string, entry: NewBridgeVlan, options?: RequestOptions) {
    checkOptions("a VLAN", entry, BRIDGE_VLAN);
    const { link, vlan, end, self, pvid, untagged } = entry;
    integer("vlan", vlan, 1, 4094);
    if (end !== undefined && (integer("end", end, 1, 4094) <= vlan || pvid)) {
      throw bad("end", "above vlan, and not with pvid", end);
    }
    const flags = [...pvid ? ["pvid"] : [], ...untagged ? ["untagged"] : []];
    const entries = end === undefined
      ? [{ vid: vlan, flags }]
      : [{ vid: vlan, flags: [...flags, "range-begin"] }, {
        vid: end,
        flags: [...flags, "range-end"],
      }];
    await this.#requests.change(operation, 0, `${verb} ${vlan} of ${link}`, {
      header: { family: AF_BRIDGE, index: await this.#links.index(link, "link", options) },
      afSpec: { flags: self ? ["self"] : undefined, vlan: entries },
    }, options);
  }
}

function vlans(link: number, entries: { flags: readonly string[]; vid: number }[]): BridgeVlan[] {
  const out: BridgeVlan[] = [];
  for (const { flags, vid } of entries) {
    const begun = out.at(-1);
    if (flags.includes("range-end") && begun) begun.end = vid;
    else {
      const pvid = flags.includes("pvid"), untagged = flags.includes("untagged");
      out.push({ link, vlan: vid, pvid, untagged });
    }
  }
  return out;
}
