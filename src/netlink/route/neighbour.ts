/** A neighbour, or an entry of a bridge's forwarding table, as the kernel describes it. */

import { Codec } from "../codec/codec.ts";
import type { Words } from "../codec/words.ts";
import type { Families } from "../spec/mod.ts";
import { spec } from "../spec/rt-neigh.ts";
import { version } from "./item.ts";
import { protocolName } from "./names.ts";
import { pick, pickTrue } from "./requests.ts";

/** The codec of neighbours. */
export const neighbourCodec: Codec = new Codec(spec);
const Full = neighbourCodec.message("getneigh");

/** How far the kernel trusts an entry: NUD_* of linux/neighbour.h. */
export type NeighbourState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

/**
 * What neighbours and forwarding entries have in common (struct ndmsg of linux/neighbour.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge", up: true });
 * await nl.neighbours.add({
 *   link: "br0",
 *   address: "10.0.0.8",
 *   mac: "02:00:00:00:00:08",
 *   externallyLearned: true,
 * });
 * const { link, flags } = await nl.neighbours.get({ link: "br0", address: "10.0.0.8" });
 * console.log(link, flags); // 2 [ "ext-learned" ]
 * ```
 */
export class NeighbourEntry {
  /** Everything that the kernel said, named as in the kernel's specification. */
  readonly attributes: Families["rt-neigh"]["getneigh"]["dump"]["reply"];

  /** @internal */
  constructor(w: Words, at: number) {
    this.attributes = new Full(w, at) as unknown as this["attributes"];
  }

  /** The link's index. */
  get link(): number {
    return this.attributes.header.ndmIfindex;
  }

  /** Names of the flags that are set (NTF_* and NTF_EXT_* of linux/neighbour.h). */
  get flags(): readonly string[] {
    const { header, flagsExt } = this.attributes;
    return [...header.ndmFlags, ...flagsExt ?? []] as string[];
  }

  /** Whether something else than the kernel keeps it up to date (NTF_EXT_LEARNED). */
  get externallyLearned(): boolean {
    return this.flags.includes("ext-learned");
  }
}

/**
 * What the kernel knows of a host on a link: ARP and neighbour discovery (linux/neighbour.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge", up: true });
 * await nl.neighbours.add({ link: "br0", address: "fd00::7", mac: "02:00:00:00:00:07", router: true });
 * const found = await nl.neighbours.get({ link: "br0", address: "fd00::7" });
 * console.log(found.address, found.mac, found.state, found.router); // ... permanent true
 * ```
 */
export class Neighbour extends NeighbourEntry {
  /** IP version. */
  get family(): 4 | 6 | undefined {
    return version(this.attributes.header.ndmFamily);
  }

  /** The IP address. */
  get address(): string {
    return this.attributes.dst ?? "";
  }

  /** The hardware address, as in "02:00:00:00:00:01"; undefined while it is not known (NDA_LLADDR). */
  get mac(): string | undefined {
    return this.attributes.lladdr;
  }

  /** How far the entry is trusted; "none" for one without a state (NUD_*). */
  get state(): NeighbourState {
    return (this.attributes.header.ndmState[0] ?? "none") as NeighbourState;
  }

  /** Whether it is a router. */
  get router(): boolean {
    return this.flags.includes("router");
  }

  /** Whether the kernel keeps it fresh by itself (NTF_EXT_MANAGED). */
  get managed(): boolean {
    return this.flags.includes("managed");
  }

  /** Whether the machine answers for this address. */
  get proxy(): boolean {
    return this.flags.includes("proxy");
  }

  /**
   * Who made it, where that was said: "kernel", "static", ..., or a number (NDA_PROTOCOL, RTPROT_*).
   */
  get protocol(): string | number | undefined {
    const { protocol } = this.attributes;
    return protocol === undefined ? undefined : protocolName(protocol);
  }

  /**
   * A plain copy, which holds no datagram in memory; {@linkcode NewNeighbour} in shape, with the IP
   * version and the flags, which adding it again takes no notice of.
   */
  toJSON(): Record<string, unknown> {
    return {
      ...pick(this, ["link", "family", "address", "mac", "state", "flags", "protocol"]),
      ...pickTrue(this, ["proxy", "router", "externallyLearned", "managed"]),
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}

/** How long an entry of a forwarding table stays. */
export type FdbLifetime = "permanent" | "static" | "dynamic";

/**
 * An entry of a bridge's or VXLAN's forwarding table (linux/neighbour.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "vx0", kind: "vxlan", id: 7 });
 * await nl.fdb.add({ link: "vx0", mac: "02:00:00:00:00:09", remote: "10.0.0.2", port: 8472 });
 * for await (const { mac, remote, port, lifetime } of nl.fdb.list({ link: "vx0" })) {
 *   console.log(mac, remote, port, lifetime); // 02:00:00:00:00:09 10.0.0.2 8472 permanent
 * }
 * ```
 */
export class FdbEntry extends NeighbourEntry {
  /** The MAC address. */
  get mac(): string {
    return this.attributes.lladdr ?? "";
  }

  /**
   * "permanent" for an address of the machine itself, "static" for one that never ages, "dynamic"
   * for one that does.
   */
  get lifetime(): FdbLifetime {
    const { ndmState } = this.attributes.header;
    if (ndmState.includes("permanent")) return "permanent";
    return ndmState.includes("noarp") ? "static" : "dynamic";
  }

  /** Whose table it stands in: the link's own, or that of the bridge which the link is a port of. */
  get table(): "self" | "master" {
    return this.flags.includes("self") ? "self" : "master";
  }

  /** The VLAN, 1 to 4094; undefined without one (NDA_VLAN). */
  get vlan(): number | undefined {
    return this.attributes.vlan;
  }

  /** Index of the bridge; undefined outside of bridges (NDA_MASTER). */
  get bridge(): number | undefined {
    return this.attributes.master;
  }

  /** The tunnel's other end, of a VXLAN. */
  get remote(): string | undefined {
    return this.attributes.dst;
  }

  /** UDP port of the other end; undefined for the VXLAN's own (NDA_PORT). */
  get port(): number | undefined {
    return this.attributes.port;
  }

  /** Network identifier at the other end; undefined for the VXLAN's own (NDA_VNI). */
  get vni(): number | undefined {
    return this.attributes.vni;
  }

  /** The network identifier that the entry is for. */
  get sourceVni(): number | undefined {
    return this.attributes.srcVni;
  }

  /** Index of the link that tunnel packets go out by. */
  get via(): number | undefined {
    return this.attributes.ifindex;
  }

  /** Id of the nexthop object, in place of a remote (NDA_NH_ID). */
  get nexthop(): number | undefined {
    return this.attributes.nhId;
  }

  /** Whether it may not move to another port (NTF_STICKY). */
  get sticky(): boolean {
    return this.flags.includes("sticky");
  }

  /** Whether the other end is a router, of a VXLAN (NTF_ROUTER). */
  get router(): boolean {
    return this.flags.includes("router");
  }

  /**
   * A plain copy, which holds no datagram in memory; {@linkcode NewFdbEntry} in shape, with the bridge
   * and the flags, which adding it again takes no notice of.
   */
  toJSON(): Record<string, unknown> {
    return {
      ...pick(this, [
        "link",
        "mac",
        "lifetime",
        "table",
        "vlan",
        "bridge",
        "remote",
        "port",
        "vni",
      ]),
      ...pick(this, ["sourceVni", "via", "nexthop", "flags"]),
      ...pickTrue(this, ["sticky", "externallyLearned", "router"]),
    };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }
}
