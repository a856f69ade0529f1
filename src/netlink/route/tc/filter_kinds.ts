/** Options of filters, and how they go over the wire. */

import type { Values } from "../../codec/encode.ts";
import { swap16, swap32 } from "../../codec/words.ts";
import { address, bad, integer, prefix } from "../input.ts";
import { AF_INET } from "../item.ts";
import { type Draft, encodeFields, type Field, type Fields, macText, whole } from "../fields.ts";
import { decodeFields, text } from "../fields.ts";
import type { Action } from "./actions.ts";
import { type Handle, handleText, handleValue } from "./handle.ts";

/** What most kinds of filters have. */
export interface CommonFilterOptions {
  /** The class that packets go to, "1:10". */
  class?: Handle;
  /** What is done with them. */
  actions?: readonly Action[];
}

/** Matches everything (TCA_MATCHALL_* of linux/pkt_cls.h). */
export type MatchallOptions = CommonFilterOptions;

/** Matches words of the packet (TCA_U32_* of linux/pkt_cls.h). */
export interface U32Options extends CommonFilterOptions {
  /** Words that must agree; none match all packets. */
  keys?: readonly U32Key[];
}

/** One word of the packet. */
export interface U32Key {
  /** Offset in bytes from the network header, a multiple of four. */
  offset: number;
  /** The bits. */
  value: number;
  /** The bits that count. */
  mask: number;
}

/** A program decides (TCA_BPF_* of linux/pkt_cls.h). */
export interface BpfOptions extends CommonFilterOptions {
  /** A loaded program of the type sched_cls. */
  fd?: number;
  /** A name to show for the program of `fd`; the kernel keeps none of a classic one. */
  name?: string;
  /** A classic program, in place of `fd`: instructions of [code, jt, jf, k]. */
  bytecode?: readonly (readonly [code: number, jt: number, jf: number, k: number])[];
  /**
   * Whether what the program returns is the verdict.
   *
   * @default false
   */
  directAction?: boolean;
}

/** Matches header fields (TCA_FLOWER_* of linux/pkt_cls.h). */
export interface FlowerOptions extends CommonFilterOptions {
  /** Name of the link that packets came in by. */
  incoming?: string;
  /** Source MAC address. */
  sourceMac?: string;
  /** Destination MAC address. */
  destinationMac?: string;
  /** IP protocol: 6 for TCP, 17 for UDP, 1 for ICMP. */
  ipProtocol?: number;
  /** Source network, as in "10.0.0.0/8". */
  source?: string;
  /** Destination network. */
  destination?: string;
  /** Source port, of TCP, UDP or SCTP by `ipProtocol`. */
  sourcePort?: number;
  /** Destination port. */
  destinationPort?: number;
  /** VLAN number. */
  vlan?: number;
  /** VLAN priority. */
  vlanPriority?: number;
  /** Type of service. */
  tos?: number;
  /** Time to live. */
  ttl?: number;
  /** Tunnel key, such as a VXLAN's network identifier. */
  tunnelKey?: number;
}

/** Matches a firewall mark (TCA_FW_* of linux/pkt_cls.h); the filter's handle is the mark. */
export interface FwOptions extends CommonFilterOptions {
  /** The bits of the mark that count. */
  mask?: number;
}

/** What each kind takes (linux/pkt_cls.h). */
export interface FilterOptions {
  /** Everything. */
  matchall: MatchallOptions;
  /** Words of the packet. */
  u32: U32Options;
  /** Header fields. */
  flower: FlowerOptions;
  /** A program. */
  bpf: BpfOptions;
  /** A firewall mark. */
  fw: FwOptions;
}

/** How one kind's own options are written and read. */
interface FilterCodec<O> {
  readonly known: readonly string[];
  /** The attribute that holds a filter's actions. */
  write(options: O, context: { ethertype: number }): Values;
  read(values: Values): Partial<O>;
}

const classid = (options: CommonFilterOptions) =>
  options.class === undefined ? undefined : handleValue("class", options.class);

const matchall: FilterCodec<MatchallOptions> = {
  known: [],
  write: (o) => ({ classid: classid(o) }),
  read: () => ({}),
};

const SEL = 16, KEY = 16; // sizeof(struct tc_u32_sel) without keys, sizeof(struct tc_u32_key)
const U32_SEL = 5; // TCA_U32_SEL
const TERMINAL = 1; // TC_U32_TERMINAL

const u32: FilterCodec<U32Options> = {
  known: ["keys"],
  write(o) {
    const keys = o.keys?.length ? o.keys : [{ offset: 0, value: 0, mask: 0 }];
    if (keys.length > 128) throw bad("keys", "at most 128 keys", keys.length);
    const words = new Int32Array((SEL + KEY * keys.length) / 4);
    words[0] = (o.class === undefined && !o.actions?.length ? 0 : TERMINAL) | keys.length << 16;
    keys.forEach(({ offset, value, mask }, i) => {
      integer(`keys[${i}].offset`, offset, -0x80000000, 0x7fffffff);
      if (offset % 4 !== 0) throw bad(`keys[${i}].offset`, "a multiple of four", offset);
      integer(`keys[${i}].mask`, mask, 0, 0xffffffff);
      integer(`keys[${i}].value`, value, 0, 0xffffffff);
      words.set([swap32(mask), swap32(value & mask), offset, 0], SEL / 4 + 4 * i);
    });
    // Under its number: the struct of the specification has room for one key.
    return { classid: classid(o), [U32_SEL]: new Uint8Array(words.buffer) };
  },
  read(values) {
    const sel = values.sel as { raw?: never } & { _w: Int32Array; _at: number } | undefined;
    if (sel === undefined) return {};
    const at = sel._at >> 2, count = (sel._w[at] >>> 16) & 0xff;
    const keys = Array.from({ length: count }, (_, i) => {
      const k = at + SEL / 4 + 4 * i;
      return {
        offset: sel._w[k + 2],
        value: swap32(sel._w[k + 1]) >>> 0,
        mask: swap32(sel._w[k]) >>> 0,
      };
    });
    return { keys };
  },
};

const DIRECT = 1; // TCA_BPF_FLAG_ACT_DIRECT

const bpf: FilterCodec<BpfOptions> = {
  known: ["fd", "name", "bytecode", "directAction"],
  write(o) {
    const { fd, bytecode } = o;
    if ((fd === undefined) === (bytecode === undefined)) {
      throw bad("fd", "given, or bytecode, and not both", fd);
    }
    if (bytecode !== undefined && o.name !== undefined) throw bad("name", "given with fd", o.name);
    const ops = bytecode && new Uint8Array(bytecode.length * 8);
    bytecode?.forEach(([code, jt, jf, k], i) => {
      const view = new DataView(ops!.buffer, i * 8);
      view.setUint16(0, integer(`bytecode[${i}].code`, code, 0, 0xffff), true);
      view.setUint8(2, integer(`bytecode[${i}].jt`, jt, 0, 255));
      view.setUint8(3, integer(`bytecode[${i}].jf`, jf, 0, 255));
      view.setUint32(4, integer(`bytecode[${i}].k`, k, 0, 0xffffffff), true);
    });
    return {
      opsLen: bytecode?.length,
      ops,
      fd: fd === undefined ? undefined : integer("fd", fd, 0, 0x7fffffff),
      name: o.name,
      classid: classid(o),
      flags: o.directAction ? DIRECT : undefined,
    };
  },
  read(values) {
    const { ops, name, flags } = values as { ops?: Uint8Array; name?: string; flags?: number };
    const out: BpfOptions = {};
    if (ops !== undefined) {
      const view = new DataView(ops.buffer, ops.byteOffset, ops.byteLength);
      out.bytecode = Array.from({ length: ops.length >> 3 }, (_, i) => [
        view.getUint16(i * 8, true),
        view.getUint8(i * 8 + 2),
        view.getUint8(i * 8 + 3),
        view.getUint32(i * 8 + 4, true),
      ]);
    }
    if (name !== undefined) out.name = name;
    if ((flags ?? 0) & DIRECT) out.directAction = true;
    return out;
  },
};

const IP = 0x0800, IP6 = 0x86dd, VLANS = [0x8100, 0x88a8];
const PORTS: Record<number, string> = { 6: "Tcp", 17: "Udp", 132: "Sctp" };

/** A network: the attribute of the address, and its mask's beside it. */
function networkField(direction: "Src" | "Dst"): Field<string> {
  return {
    write(out, parameter, value) {
      const { family, length } = prefix(parameter, value);
      const v = family === AF_INET ? 4 : 6;
      out[`keyIpv${v}${direction}`] = value.split("/")[0];
      out[`keyIpv${v}${direction}Mask`] = maskText(v, length);
    },
    read(values) {
      for (const v of [4, 6]) {
        const ip = values[`keyIpv${v}${direction}`];
        if (ip === undefined) continue;
        const mask = values[`keyIpv${v}${direction}Mask`] as string | undefined;
        return `${ip}/${mask === undefined ? (v === 4 ? 32 : 128) : ones(mask)}`;
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

function ones(mask: string): number {
  return address("mask", mask).words.reduce((sum, word) => {
    let n = 0;
    for (let v = word >>> 0; v !== 0; v = (v & (v - 1)) >>> 0) n++;
    return sum + n;
  }, 0);
}

/** A number whose mask stands beside it, all ones. */
function exact(attribute: string, high: number): Field<number> {
  const { write, read } = whole(attribute, high);
  return {
    write(out, parameter, value) {
      write(out, parameter, value);
      out[`${attribute}Mask`] = high;
    },
    read,
  };
}

/** A number that the kernel keeps in the host's order, whatever its specification says. */
function hostOrder(attribute: string, high: number): Field<number> {
  const { write, read } = whole(attribute, 0xffff);
  return {
    write(out, parameter, value) {
      write(out, parameter, swap16(integer(parameter, value, 0, high)));
    },
    read(values) {
      const value = read(values);
      return value === undefined ? undefined : swap16(value);
    },
  };
}

const flowerFields: Fields<
  Omit<FlowerOptions, keyof CommonFilterOptions | "sourcePort" | "destinationPort">
> = {
  incoming: text("indev", 15),
  sourceMac: macText("keyEthSrc"),
  destinationMac: macText("keyEthDst"),
  ipProtocol: whole("keyIpProto", 255),
  source: networkField("Src"),
  destination: networkField("Dst"),
  vlan: hostOrder("keyVlanId", 4095),
  vlanPriority: whole("keyVlanPrio", 7),
  tos: exact("keyIpTos", 255),
  ttl: exact("keyIpTtl", 255),
  tunnelKey: whole("keyEncKeyId"),
};

const flower: FilterCodec<FlowerOptions> = {
  known: [...Object.keys(flowerFields), "sourcePort", "destinationPort"],
  write(o, { ethertype }) {
    const out: Draft = encodeFields(flowerFields, o);
    const ip = out.keyIpv4Src ?? out.keyIpv4Dst ? IP : out.keyIpv6Src ?? out.keyIpv6Dst ? IP6 : 0;
    const wanted = ip || (ethertype === IP || ethertype === IP6 ? ethertype : 0);
    const tagged = VLANS.includes(ethertype);
    if (ip && !tagged && ip !== ethertype) {
      throw bad("protocol", `the one of the addresses, ${ip === IP ? "ip" : "ipv6"}`, ethertype);
    }
    if (o.ipProtocol !== undefined && !wanted) {
      throw bad("protocol", "ip or ipv6, with ipProtocol", ethertype);
    }
    if (tagged && wanted) out.keyVlanEthType = wanted;
    out.keyEthType = ethertype === ALL_PROTOCOLS ? undefined : ethertype;
    for (const [name, side] of [["sourcePort", "Src"], ["destinationPort", "Dst"]] as const) {
      const port = o[name];
      if (port === undefined) continue;
      const family = PORTS[o.ipProtocol ?? -1];
      if (family === undefined) {
        throw bad("ipProtocol", `6, 17 or 132, with ${name}`, o.ipProtocol);
      }
      out[`key${family}${side}`] = integer(name, port, 0, 65535);
    }
    return { classid: classid(o), ...out };
  },
  read(values) {
    const out: FlowerOptions = decodeFields(flowerFields, values);
    const family = PORTS[out.ipProtocol ?? -1];
    const source = values[`key${family}Src`], destination = values[`key${family}Dst`];
    if (source !== undefined) out.sourcePort = source as number;
    if (destination !== undefined) out.destinationPort = destination as number;
    return out;
  },
};

const fw: FilterCodec<FwOptions> = {
  known: ["mask"],
  write: (o) => ({
    classid: classid(o),
    ...encodeFields({ mask: whole("mask") }, { mask: o.mask }),
  }),
  read: (values) => decodeFields({ mask: whole("mask") }, values),
};

const kinds: { readonly [K in keyof FilterOptions]: FilterCodec<FilterOptions[K]> } = {
  matchall,
  u32,
  flower,
  bpf,
  fw,
};

/** The attributes of a kind's options, without those of its actions. */
export function filterValues(kind: string, options: object, ethertype: number): Values {
  const codec = Object.hasOwn(kinds, kind)
    ? kinds[kind as keyof FilterOptions] as FilterCodec<object>
    : undefined;
  const known = ["class", "actions", ...codec?.known ?? []];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || (codec && known.includes(name))) continue;
    throw bad(name, `one of the options of ${kind}: ${codec ? known.join(", ") : "data"}`, value);
  }
  return codec?.write(options, { ethertype }) ?? {};
}

/** The options that attributes carry, without actions; undefined for a kind that has no table here. */
export function filterOptions(kind: string, values: Values): CommonFilterOptions | undefined {
  if (!Object.hasOwn(kinds, kind)) return undefined;
  const own = kinds[kind as keyof FilterOptions].read(values) as CommonFilterOptions;
  if (values.classid !== undefined) own.class = handleText(values.classid as number);
  return own;
}

/** ETH_P_* of linux/if_ether.h. */
const ETHERTYPES: Record<string, number> = {
  all: 3,
  ip: IP,
  ipv6: IP6,
  arp: 0x0806,
  "802.1q": 0x8100,
  "802.1ad": 0x88a8,
  mpls: 0x8847,
};
const ALL_PROTOCOLS = 3;
const TYPE_NAMES = new Map(Object.entries(ETHERTYPES).map(([name, v]) => [v, name]));

/** Number of a packet type. */
export function ethertype(parameter: string, value: string | number): number {
  if (typeof value === "number") return integer(parameter, value, 0, 0xffff);
  if (!Object.hasOwn(ETHERTYPES, value)) {
    throw bad(parameter, `a number or one of ${Object.keys(ETHERTYPES).join(", ")}`, value);
  }
  return ETHERTYPES[value];
}

/** `tcm_info`: the priority, and the packet type big-endian. */
export function filterInfo(priority: number, type: number): number {
  return (priority << 16 | swap16(type)) >>> 0;
}

/** Both parts of `tcm_info`. */
export function readInfo(info: number): { priority: number; protocol: string | number } {
  const type = swap16(info & 0xffff);
  return { priority: info >>> 16, protocol: TYPE_NAMES.get(type) ?? type };
}
