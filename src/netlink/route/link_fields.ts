/** Options of links that take more than an attribute each. */

import { type Field, ipText } from "./fields.ts";
import { bad, boolean, integer } from "../check.ts";
import { address, type LinkRef, linkRef, mac } from "./input.ts";
import { AF_INET } from "./item.ts";

/** A link that an attribute names; its index takes its place before anything is sent. */
export class LinkTarget {
  constructor(readonly parameter: string, readonly link: LinkRef) {}
}

/** A link that an attribute holds the index of. */
export function linkField(attribute: string): Field<LinkRef> {
  return {
    write(out, parameter, value) {
      out[attribute] = new LinkTarget(parameter, linkRef(parameter, value));
    },
    read: (values) => Number(values[attribute] ?? 0) || undefined,
  };
}

/** The same where it can be taken away again, by null. */
export function linkOrNone(attribute: string): Field<LinkRef | null> {
  const { write, read } = linkField(attribute);
  return {
    write(out, parameter, value) {
      if (value === null) out[attribute] = 0;
      else write(out, parameter, value);
    },
    read,
  };
}

/** An IPv6 address. */
export const ip6Only = (attribute: string): Field<string> => ipText(undefined, attribute);

/** A bit of an attribute that has several. */
export function bitIn(attribute: string, bit: number): Field<boolean> {
  return {
    write(out, parameter, value) {
      out[attribute] = Number(out[attribute] ?? 0) | (boolean(parameter, value) ? bit : 0);
    },
    read(values) {
      const all = values[attribute];
      return all === undefined ? undefined : (Number(all) & bit) !== 0;
    },
  };
}

const NO_LL_LEARN = 1; // the bit of BR_BOOLOPT_NO_LL_LEARN, linux/if_bridge.h

/** Whether a bridge learns from link-local packets: the kernel says when not, in a mask of switches. */
export const linkLocalLearning: Field<boolean> = {
  write(out, parameter, value) {
    const optval = boolean(parameter, value) ? 0 : NO_LL_LEARN;
    out.multiBoolopt = { optval, optmask: NO_LL_LEARN };
  },
  read(values) {
    const all = values.multiBoolopt as { optval: number } | undefined;
    return all && (all.optval & NO_LL_LEARN) === 0;
  },
};

/** `struct ifla_vlan_flags`: the mask says which flags are meant. */
export function vlanFlag(name: string, bit: number): Field<boolean> {
  return {
    write(out, parameter, value) {
      boolean(parameter, value);
      const old = (out.flags ?? { flags: [], mask: 0 }) as { flags: string[]; mask: number };
      out.flags = { flags: value ? [...old.flags, name] : old.flags, mask: old.mask | bit };
    },
    read(values) {
      return (values.flags as { flags: readonly string[] } | undefined)?.flags.includes(name);
    },
  };
}

const TAGS = { "8021q": 0x8100, "8021ad": 0x88a8 } as const;

/** The ethertype of a tag. */
export function tagType(attribute: string): Field<keyof typeof TAGS> {
  return {
    write(out, parameter, value) {
      if (typeof value !== "string" || !Object.hasOwn(TAGS, value)) {
        throw bad(parameter, "8021q or 8021ad", value);
      }
      out[attribute] = TAGS[value];
    },
    read(values) {
      const value = values[attribute];
      if (value === undefined) return undefined;
      return value === TAGS["8021ad"] ? "8021ad" : "8021q";
    },
  };
}

/** First and last of a range of ports. */
export function portRange(attribute: string): Field<readonly [number, number]> {
  return {
    write(out, parameter, value) {
      if (!Array.isArray(value) || value.length !== 2) throw bad(parameter, "[first, last]", value);
      const [first, last] = value;
      const low = integer(`${parameter}[0]`, first, 0, 65535);
      out[attribute] = { low, high: integer(`${parameter}[1]`, last, low, 65535) };
    },
    read(values) {
      const range = values[attribute] as { low: number; high: number } | undefined;
      return range === undefined || range.high === 0 ? undefined : [range.low, range.high];
    },
  };
}

/** IPv4 addresses. */
export function list(attribute: string): Field<readonly string[]> {
  return {
    write(out, parameter, value) {
      if (!Array.isArray(value)) throw bad(parameter, "a list of IPv4 addresses", value);
      out[attribute] = value.map((text, i) => {
        if (address(`${parameter}[${i}]`, text).family === AF_INET) return text;
        throw bad(`${parameter}[${i}]`, "an IPv4 address", text);
      });
    },
    read: (values) => values[attribute] as readonly string[] | undefined,
  };
}

/** Time to live, which may be that of the inner packet. */
export function ttl(inherit: unknown): Field<number | "inherit"> {
  return {
    write(out, parameter, value) {
      if (value === "inherit") out.ttlInherit = inherit;
      else if (typeof value !== "number") throw bad(parameter, "0 to 255 or inherit", value);
      else out.ttl = integer(parameter, value, 0, 255);
    },
    read: (values) => Number(values.ttlInherit ?? 0) ? "inherit" : values.ttl as number | undefined,
  };
}

/** The MAC addresses that a macvlan takes packets from, which the kernel has in no order. */
export const sourceList: Field<readonly string[]> = {
  write(out, parameter, value) {
    if (!Array.isArray(value)) throw bad(parameter, "a list of MAC addresses", value);
    out.macaddrMode = "set";
    out.macaddrData = { macaddr: value.map((each, i) => mac(`${parameter}[${i}]`, each)) };
  },
  read(values) {
    const data = values.macaddrData as { macaddr?: readonly string[] } | undefined;
    return values.mode === "source" ? [...data?.macaddr ?? []].sort() : undefined;
  },
};

const GRE_KEY = 0x2000; // linux/if_tunnel.h

/** A key of one direction, and the flag that says there is one. */
export function greKey(direction: "i" | "o"): Field<number> {
  const flags = `${direction}flags`, key = `${direction}key`;
  return {
    write(out, parameter, value) {
      out[key] = integer(parameter, value, 0, 0xffffffff);
      out[flags] = Number(out[flags] ?? 0) | GRE_KEY;
    },
    read: (values) => Number(values[flags] ?? 0) & GRE_KEY ? Number(values[key]) : undefined,
  };
}

/** A flag of both directions. */
export function greFlag(bit: number): Field<boolean> {
  const input = bitIn("iflags", bit), output = bitIn("oflags", bit);
  return {
    write(out, parameter, value) {
      input.write(out, parameter, value);
      output.write(out, parameter, value);
    },
    read: (values) => output.read(values),
  };
}

/** Who may talk to whom on an ipvlan. */
export const isolation: Field<"bridge" | "private" | "vepa"> = {
  write(out, parameter, value) {
    if (!["bridge", "private", "vepa"].includes(value)) {
      throw bad(parameter, "bridge, private or vepa", value);
    }
    out.flags = value === "bridge" ? [] : [value];
  },
  read(values) {
    const flags = values.flags as readonly string[] | undefined;
    return flags && ((flags[0] ?? "bridge") as "bridge" | "private" | "vepa");
  },
};
