/** What the options of each link kind mean on the wire. */

import type { Values } from "../codec/encode.ts";
import { address, bad, integer, type LinkRef, linkRef } from "./input.ts";
import { AF_INET } from "./item.ts";

/** A bridge's options (IFLA_BR_* of linux/if_link.h). Times in milliseconds, rounded to 10. */
export interface BridgeOptions {
  /** Whether it runs the spanning tree protocol. */
  stp?: boolean;
  /** Whether it looks at VLAN tags. */
  vlanFiltering?: boolean;
  /** Milliseconds before a port forwards. */
  forwardDelay?: number;
  /** Milliseconds between two hello packets. */
  helloTime?: number;
  /** Milliseconds that a neighbour's data is believed. */
  maxAge?: number;
  /** Milliseconds until an unseen MAC address is forgotten. */
  ageingTime?: number;
  /** Spanning tree priority, 0 to 65535. */
  priority?: number;
}

/** A VLAN's options. */
export interface VlanOptions {
  /** The link that carries the tagged packets. */
  link: LinkRef;
  /** VLAN number, 0 to 4094. */
  id: number;
  /**
   * The tag's ethertype.
   *
   * @default "8021q"
   */
  protocol?: "8021q" | "8021ad";
}

/** A VXLAN's options (IFLA_VXLAN_*). */
export interface VxlanOptions {
  /** Network identifier, 0 to 16777215. */
  id: number;
  /** The link that carries the tunnel. */
  link?: LinkRef;
  /** Source address. */
  local?: string;
  /** Address of the other end, or multicast group. */
  remote?: string;
  /**
   * UDP port of the other end.
   *
   * @default 4789
   */
  port?: number;
  /** Time to live of the outer packets; 0 takes the inner one's. */
  ttl?: number;
  /** Whether addresses are learned from packets. */
  learning?: boolean;
  /** Seconds until a learned address is forgotten. */
  ageing?: number;
}

/** A macvlan's or macvtap's options. */
export interface MacvlanOptions {
  /** The link below. */
  link: LinkRef;
  /**
   * Who may talk to whom.
   *
   * @default "bridge"
   */
  mode?: "private" | "vepa" | "bridge" | "passthru" | "source";
}

/** An ipvlan's or ipvtap's options. */
export interface IpvlanOptions {
  /** The link below. */
  link: LinkRef;
  /**
   * The layer that it works at.
   *
   * @default "l3"
   */
  mode?: "l2" | "l3" | "l3s";
}

/** A VRF's options. */
export interface VrfOptions {
  /** The routing table of its ports. */
  table: number;
}

/** What the kinds that have options of their own need. */
export interface KindOptions {
  /** Software bridge. */
  bridge: BridgeOptions;
  /** Tagged network. */
  vlan: VlanOptions;
  /** Ethernet over UDP. */
  vxlan: VxlanOptions;
  /** Further MAC address of a link. */
  macvlan: MacvlanOptions;
  /** The same with a character device. */
  macvtap: MacvlanOptions;
  /** Further IP addresses on one MAC address. */
  ipvlan: IpvlanOptions;
  /** Routing table for its ports. */
  vrf: VrfOptions;
}

/** IFLA_INFO_DATA, and the link that IFLA_LINK names. */
export interface KindData {
  readonly data?: Values;
  readonly link?: LinkRef;
}

/** One kind: what it cannot do without, what it has by default, and how options become attributes. */
interface Kind<O> {
  readonly required?: readonly (keyof O)[];
  readonly defaults?: Partial<O>;
  data(options: Partial<O>): Values;
}

const bit = (value: boolean | undefined) => value === undefined ? undefined : Number(value);
const within = (name: string, value: number | undefined, low: number, high: number) =>
  value === undefined ? undefined : integer(name, value, low, high);
/** Milliseconds as USER_HZ ticks of a hundredth of a second. */
const ticks = (name: string, ms: number | undefined) => {
  const checked = within(name, ms, 0, 4e10);
  return checked === undefined ? undefined : Math.round(checked / 10);
};
const ip = (name: string, value: string | undefined) =>
  value === undefined ? undefined : address(name, value);

const macvlan: Kind<MacvlanOptions> = {
  required: ["link"],
  defaults: { mode: "bridge" },
  data: ({ mode }) => ({ mode }),
};

const kinds: { readonly [K in keyof KindOptions]: Kind<KindOptions[K]> } = {
  bridge: {
    data: (o) => ({
      stpState: bit(o.stp),
      vlanFiltering: bit(o.vlanFiltering),
      forwardDelay: ticks("forwardDelay", o.forwardDelay),
      helloTime: ticks("helloTime", o.helloTime),
      maxAge: ticks("maxAge", o.maxAge),
      ageingTime: ticks("ageingTime", o.ageingTime),
      priority: within("priority", o.priority, 0, 65535),
    }),
  },
  vlan: {
    required: ["link", "id"],
    data: (o) => ({ id: within("id", o.id, 0, 4094), protocol: o.protocol }),
  },
  vxlan: {
    required: ["id"],
    defaults: { port: 4789 },
    data(o) {
      const remote = ip("remote", o.remote), local = ip("local", o.local);
      return {
        id: within("id", o.id, 0, 0xffffff),
        [remote?.family === AF_INET ? "group" : "group6"]: o.remote,
        [local?.family === AF_INET ? "local" : "local6"]: o.local,
        port: within("port", o.port, 1, 65535),
        ttl: within("ttl", o.ttl, 0, 255),
        learning: bit(o.learning),
        ageing: within("ageing", o.ageing, 0, 0xffffffff),
      };
    },
  },
  macvlan,
  macvtap: macvlan,
  ipvlan: { required: ["link"], defaults: { mode: "l3" }, data: ({ mode }) => ({ mode }) },
  vrf: { required: ["table"], data: (o) => ({ table: within("table", o.table, 1, 0xffffffff) }) },
};

/**
 * The attributes of a kind's options.
 *
 * @param fresh whether the link is new, so that its kind's needs and defaults apply
 */
export function kindData(kind: string, options: object, fresh: boolean): KindData {
  if (!Object.hasOwn(kinds, kind)) return {};
  const { required = [], defaults, data } = kinds[kind as keyof KindOptions] as Kind<
    Record<string, unknown>
  >;
  const values: Record<string, unknown> = { ...(fresh ? defaults : {}), ...options };
  for (const name of fresh ? required : []) {
    if (values[name] === undefined) throw bad(name, `given for kind ${kind}`, undefined);
  }
  const { link } = values;
  return {
    data: data(values),
    link: link === undefined ? undefined : linkRef("link", link as LinkRef),
  };
}
