/** Filters that match header fields. */

import type { Values } from "../../codec/encode.ts";
import type { AttributeSpec } from "../../codec/spec.ts";
import { swap32 } from "../../codec/words.ts";
import { bad, integer } from "../../check.ts";
import { address, prefix } from "../input.ts";
import { AF_INET } from "../item.ts";
import { spec } from "../../spec/tc.ts";
import { type Draft, encodeFields, type Field, type Fields, macText, whole } from "../fields.ts";
import { decodeFields, text } from "../fields.ts";
import type { CommonFilterOptions, FlowerOptions, OffloadOptions } from "./filter_options.ts";

import { classid, type FilterCodec, OFFLOAD, offloadFlags, readOffload } from "./filter_codec.ts";
import { ALL_PROTOCOLS, ethertype, IP, IP6, typeName } from "./ethertype.ts";

const VLANS = [0x8100, 0x88a8];
const PORTS: Record<number, string> = { 6: "Tcp", 17: "Udp", 132: "Sctp" };
const ICMP: Record<number, string> = { 1: "Icmpv4", 58: "Icmpv6" };
const FLOWER = spec.sets["flower-attrs"] as { [name: string]: AttributeSpec };

/** A network: the attribute of the address, and its mask's beside it. */
function networkField(prefixed: string, direction: "Src" | "Dst"): Field<string> {
  const name = (version: number) => `${prefixed}Ipv${version}${direction}`;
  return {
    write(out, parameter, value) {
      const { family, length } = prefix(parameter, value);
      const v = family === AF_INET ? 4 : 6;
      out[name(v)] = value.split("/")[0];
      out[`${name(v)}Mask`] = maskText(v, length);
    },
    read(values) {
      for (const v of [4, 6]) {
        const ip = values[name(v)];
        if (ip === undefined) continue;
        const mask = values[`${name(v)}Mask`] as string | undefined;
        const length = mask === undefined ? (v === 4 ? 32 : 128) : prefixLength(mask);
        // What a prefix cannot tell stays with the attributes.
        return length === undefined ? undefined : `${ip}/${length}`;
      }
      return undefined;
    },
  };
}

function maskText(version: number, length: number): string {
  const groups = version === 4 ? 4 : 8, bits = version === 4 ? 8 : 16;
  const parts = Array.from({ length: groups }, (_, i) => {
    const n = Math.max(0, Math.min(bits, length - i * bits));
    return (2 ** bits - 1) - (2 ** (bits - n) - 1);
  });
  return version === 4 ? parts.join(".") : parts.map((p) => p.toString(16)).join(":");
}

/** The leading ones of a mask; undefined if others follow. */
function prefixLength(mask: string): number | undefined {
  const bits = address("mask", mask).words
    .map((word) => (swap32(word) >>> 0).toString(2).padStart(32, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.replace(/0/g, "").length : undefined;
}

/** The mask of an attribute of which everything counts; undefined for one that has none. */
export function fullMask(attribute: string): unknown {
  switch (FLOWER[`${attribute}Mask`]?.type) {
    case "u8":
      return 0xff;
    case "u16":
      return 0xffff;
    case "binary":
      return FLOWER[attribute].hint === "mac" ? "ff:ff:ff:ff:ff:ff" : undefined;
  }
}

/** A field of which the attribute says something only where everything counts. */
function unmasked<T>(attribute: string, { write, read }: Field<T>): Field<T> {
  const full = fullMask(attribute);
  return {
    write,
    read: (values) => (values[`${attribute}Mask`] ?? full) === full ? read(values) : undefined,
  };
}

/** A number whose mask stands beside it, all ones. */
function exact(attribute: string, high: number): Field<number> {
  const { write, read } = unmasked(attribute, whole(attribute, high));
  return {
    write(out, parameter, value) {
      write(out, parameter, value);
      out[`${attribute}Mask`] = fullMask(attribute);
    },
    read,
  };
}

const port = (attribute: string) => unmasked(attribute, whole(attribute, 0xffff));

/** Ports from the first to the last. */
function portRange(direction: "Src" | "Dst"): Field<readonly [number, number]> {
  const min = `keyPort${direction}Min`, max = `keyPort${direction}Max`;
  return {
    write(out, parameter, value) {
      if (!Array.isArray(value) || value.length !== 2) throw bad(parameter, "[first, last]", value);
      out[min] = integer(`${parameter}[0]`, value[0], 1, 65535);
      out[max] = integer(`${parameter}[1]`, value[1], 1, 65535);
      if (value[0] >= value[1]) throw bad(parameter, "[first, last] in order", value);
    },
    read(values) {
      const first = values[min], last = values[max];
      if (first === undefined || last === undefined) return undefined;
      return [first as number, last as number];
    },
  };
}

/** Options whose attribute depends on the protocol. */
const BY_PROTOCOL = [
  ["sourcePort", PORTS, "Src"],
  ["destinationPort", PORTS, "Dst"],
  ["icmpType", ICMP, "Type"],
  ["icmpCode", ICMP, "Code"],
] as const;

const TCP_FLAGS = 0xfff;

const flowerFields: Fields<
  Omit<
    FlowerOptions,
    | keyof CommonFilterOptions
    | keyof OffloadOptions
    | (typeof BY_PROTOCOL)[number][0]
    | "tcpFlagsMask"
    | "vlanProtocol"
  >
> = {
  incoming: text("indev", 15),
  sourceMac: unmasked("keyEthSrc", macText("keyEthSrc")),
  destinationMac: unmasked("keyEthDst", macText("keyEthDst")),
  ipProtocol: whole("keyIpProto", 255),
  source: networkField("key", "Src"),
  destination: networkField("key", "Dst"),
  sourcePorts: portRange("Src"),
  destinationPorts: portRange("Dst"),
  tcpFlags: whole("keyTcpFlags", TCP_FLAGS),
  vlan: whole("keyVlanId", 4095),
  vlanPriority: whole("keyVlanPrio", 7),
  tos: exact("keyIpTos", 255),
  ttl: exact("keyIpTtl", 255),
  tunnelKey: whole("keyEncKeyId"),
  tunnelSource: networkField("keyEnc", "Src"),
  tunnelDestination: networkField("keyEnc", "Dst"),
  tunnelSourcePort: port("keyEncUdpSrcPort"),
  tunnelDestinationPort: port("keyEncUdpDstPort"),
};

/** The type of packets that the addresses are of; 0 without. */
function addressType(values: Values): number {
  if (values.keyIpv4Src ?? values.keyIpv4Dst) return IP;
  return values.keyIpv6Src ?? values.keyIpv6Dst ? IP6 : 0;
}

/** Matches header fields. */
export const flower: FilterCodec<FlowerOptions> = {
  known: [
    ...Object.keys(flowerFields),
    ...BY_PROTOCOL.map(([name]) => name),
    ...["tcpFlagsMask", "vlanProtocol"],
    ...OFFLOAD,
  ],
  reported: ["flags", "inHwCount"],
  write(o, { ethertype: type }) {
    const out: Draft = encodeFields(flowerFields, o), ip = addressType(out);
    const tagged = VLANS.includes(type);
    const inner = o.vlanProtocol === undefined ? ip : ethertype("vlanProtocol", o.vlanProtocol);
    if (o.vlanProtocol !== undefined && !tagged) {
      throw bad("protocol", "802.1q or 802.1ad, with vlanProtocol", type);
    }
    if (tagged && ip && inner !== ip) {
      throw bad("vlanProtocol", "the one of the addresses", o.vlanProtocol);
    }
    if (ip && !tagged && ip !== type) {
      throw bad("protocol", `the one of the addresses, ${ip === IP ? "ip" : "ipv6"}`, type);
    }
    if (o.ipProtocol !== undefined && ![IP, IP6].includes(tagged ? inner : type)) {
      throw tagged
        ? bad("vlanProtocol", "ip or ipv6, with ipProtocol", o.vlanProtocol)
        : bad("protocol", "ip or ipv6, with ipProtocol", type);
    }
    if (tagged && inner) out.keyVlanEthType = inner;
    out.keyEthType = type === ALL_PROTOCOLS ? undefined : type;
    for (const [name, protocols, side] of BY_PROTOCOL) {
      const value = o[name];
      if (value === undefined) continue;
      const family = protocols[o.ipProtocol ?? -1];
      if (family === undefined) {
        const numbers = protocols === PORTS ? "6, 17 or 132" : "1 or 58";
        throw bad("ipProtocol", `${numbers}, with ${name}`, o.ipProtocol);
      }
      const attribute = `key${family}${side}`;
      if (protocols === PORTS) port(attribute).write(out, name, value);
      else exact(attribute, 255).write(out, name, value);
    }
    for (const name of ["sourcePorts", "destinationPorts"] as const) {
      if (o[name] !== undefined && PORTS[o.ipProtocol ?? -1] === undefined) {
        throw bad("ipProtocol", `6, 17 or 132, with ${name}`, o.ipProtocol);
      }
    }
    if ((o.tcpFlags ?? o.tcpFlagsMask) !== undefined) {
      if (o.ipProtocol !== 6) throw bad("ipProtocol", "6, with tcpFlags", o.ipProtocol);
      if (o.tcpFlags === undefined) throw bad("tcpFlags", "given with tcpFlagsMask", o.tcpFlags);
      out.keyTcpFlagsMask = integer("tcpFlagsMask", o.tcpFlagsMask ?? TCP_FLAGS, 0, TCP_FLAGS);
    }
    return { classid: classid(o), ...out, flags: offloadFlags(o) };
  },
  read(values) {
    const out: FlowerOptions = decodeFields(flowerFields, values);
    for (const [name, protocols, side] of BY_PROTOCOL) {
      const family = protocols[out.ipProtocol ?? -1];
      const value = family && port(`key${family}${side}`).read(values);
      if (value !== undefined && value !== "") out[name] = value;
    }
    const { keyTcpFlagsMask: mask, keyVlanEthType: inner } = values;
    if (out.tcpFlags !== undefined && mask !== undefined && mask !== TCP_FLAGS) {
      out.tcpFlagsMask = mask as number;
    }
    if (inner !== undefined && inner !== addressType(values)) {
      out.vlanProtocol = typeName(inner as number);
    }
    return { ...out, ...readOffload(values.flags as readonly string[] | undefined) };
  },
};
