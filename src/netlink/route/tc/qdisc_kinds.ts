/** How the options of each kind of queueing discipline go over the wire. */

import type { Values } from "../../codec/encode.ts";
import {
  decodeFields,
  encodeFields,
  type Fields,
  micros,
  nth,
  scaled,
  whole,
  yesNo,
} from "../fields.ts";
import { bad, boolean, integer } from "../../check.ts";
import { netem } from "./netem.ts";
import type {
  BfifoOptions,
  CakeOptions,
  CodelOptions,
  FqCodelOptions,
  FqOptions,
  HtbOptions,
  PfifoOptions,
  PrioOptions,
  QdiscOptions,
  SfqOptions,
  TbfOptions,
} from "./qdisc_options.ts";
import {
  burstBytes,
  burstTicks,
  rate,
  rate64,
  rateSpec,
  readFraming,
  readRate,
  unframed,
} from "./rate.ts";
import { checkNames, inOptions } from "./tc_object.ts";

/** How the options of one kind are written and read. */
export interface KindCodec<O> {
  /** Names of the options. */
  readonly known: object;
  /** The attributes; undefined if the message has none. */
  write(options: O): Values | undefined;
  /** The options, as the kernel keeps them. */
  read(values: Values): Partial<O>;
}

/** A kind whose options are attributes, one each. */
export function plain<O extends object>(fields: Fields<O>): KindCodec<O> {
  return {
    known: fields,
    write: (options) => encodeFields(fields, options),
    read: (values) => decodeFields(fields, values),
  };
}

/** A kind whose options are a struct. */
function inHeader<O extends object>(fields: Fields<O>): KindCodec<O> {
  return {
    known: fields,
    write(options) {
      const header = encodeFields(fields, options);
      return Object.keys(header).length > 0 ? { header } : undefined;
    },
    read: (values) => values.header ? decodeFields(fields, values.header as Values) : {},
  };
}

const none: KindCodec<Record<never, never>> = {
  known: {},
  write: () => undefined,
  read: () => ({}),
};

const pfifo = inHeader<PfifoOptions>({ limitPackets: whole("limit") });

/** A power of two, carried as its logarithm. */
const power = (attribute: string): Fields<{ n: number }>["n"] => ({
  write(out, parameter, value) {
    const log = Math.log2(integer(parameter, value, 1, 2 ** 18));
    if (!Number.isInteger(log)) throw bad(parameter, "a power of two", value);
    out[attribute] = log;
  },
  read: (values) => values[attribute] === undefined ? undefined : 2 ** Number(values[attribute]),
});

/** The options of how packets are counted. */
export const FRAMING = { overheadBytes: 1, minPacketBytes: 1, linkLayer: 1 } as const;

const tbf: KindCodec<TbfOptions> = {
  known: {
    rateBytesPerSecond: 1,
    burstBytes: 1,
    limitBytes: 1,
    latencyMs: 1,
    peakRateBytesPerSecond: 1,
    peakBurstBytes: 1,
    ...FRAMING,
  },
  write(o) {
    const bps = rate("rateBytesPerSecond", o.rateBytesPerSecond);
    const peak = o.peakRateBytesPerSecond === undefined
      ? undefined
      : rate("peakRateBytesPerSecond", o.peakRateBytesPerSecond);
    if ((peak === undefined) !== (o.peakBurstBytes === undefined)) {
      throw bad("peakBurstBytes", "given with peakRateBytesPerSecond", o.peakBurstBytes);
    }
    if ((o.limitBytes === undefined) === (o.latencyMs === undefined)) {
      throw bad("limitBytes", "given, or latencyMs, and not both", o.limitBytes);
    }
    const burst = integer("burstBytes", o.burstBytes, 1, 0xffffffff);
    const pburst = o.peakBurstBytes === undefined
      ? undefined
      : integer("peakBurstBytes", o.peakBurstBytes, 1, 0xffffffff);
    return {
      parms: {
        rate: rateSpec(bps, o),
        peakrate: peak === undefined ? undefined : rateSpec(peak, o),
        limit: o.limitBytes === undefined
          ? latencyLimit(o, bps, peak)
          : integer("limitBytes", o.limitBytes, 0, 0xffffffff),
        buffer: burstTicks("burstBytes", burst, bps),
        mtu: peak === undefined ? 0 : burstTicks("peakBurstBytes", pburst!, peak),
      },
      burst,
      rate64: rate64(bps),
      prate64: rate64(peak),
      pburst,
    };
  },
  read(values) {
    const { parms, rate64: long, prate64, burst, pburst } = values as {
      parms?: {
        rate: { rate: number; overhead: number; mpu: number; linklayer: number };
        peakrate: { rate: number };
        limit: number;
        buffer: number;
        mtu: number;
      };
      rate64?: number;
      prate64?: number;
      burst?: number;
      pburst?: number;
    };
    if (parms === undefined) return {};
    // The kernel tells the time that a burst takes with what the link adds to it.
    const bytes = (ticks: number, bps: number) => unframed(burstBytes(ticks, bps), parms.rate);
    const bps = readRate(parms.rate, long) ?? 0, peak = readRate(parms.peakrate, prate64);
    return {
      rateBytesPerSecond: bps,
      burstBytes: burst ?? bytes(parms.buffer, bps),
      limitBytes: parms.limit,
      ...peak === undefined ? {} : {
        peakRateBytesPerSecond: peak,
        peakBurstBytes: pburst ?? bytes(parms.mtu, peak),
      },
      ...readFraming(parms.rate),
    };
  },
};

/** The queue that drains in the time that a packet may wait. */
function latencyLimit(o: TbfOptions, bps: number, peak: number | undefined): number {
  const ms = o.latencyMs!;
  if (typeof ms !== "number" || !(ms >= 0)) throw bad("latencyMs", "a number from 0", ms);
  let limit = bps * ms / 1000 + o.burstBytes;
  if (peak !== undefined) limit = Math.min(limit, peak * ms / 1000 + o.peakBurstBytes!);
  return integer("latencyMs", Math.floor(limit), 0, 0xffffffff);
}

const htb: KindCodec<HtbOptions> = {
  known: { defaultClass: 1, rateToQuantum: 1, directQueuePackets: 1 },
  write: (o) => ({
    init: {
      version: 3,
      rate2quantum: integer("rateToQuantum", o.rateToQuantum ?? 10, 1, 0xffffffff),
      defcls: integer("defaultClass", o.defaultClass ?? 0, 0, 0xffff),
    },
    directQlen: o.directQueuePackets === undefined
      ? undefined
      : integer("directQueuePackets", o.directQueuePackets, 0, 0xffffffff),
  }),
  read(values) {
    const { init, directQlen } = values as {
      init?: { rate2quantum: number; defcls: number };
      directQlen?: number;
    };
    return {
      ...init === undefined ? {} : { defaultClass: init.defcls, rateToQuantum: init.rate2quantum },
      ...directQlen === undefined ? {} : { directQueuePackets: directQlen },
    };
  },
};

// What the kernel's own default, pfifo_fast, does (prio2band of net/sched/sch_generic.c).
const PRIORITIES = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

const prio: KindCodec<PrioOptions> = {
  known: { bands: 1, priorityMap: 1 },
  write({ bands = 3, priorityMap = PRIORITIES }) {
    integer("bands", bands, 2, 16);
    if (!Array.isArray(priorityMap) || priorityMap.length !== 16) {
      throw bad("priorityMap", "16 bands", priorityMap);
    }
    priorityMap.forEach((band, i) => integer(`priorityMap[${i}]`, band, 0, bands - 1));
    return { header: { bands, priomap: Uint8Array.from(priorityMap) } };
  },
  read({ header }) {
    const value = header as { bands: number; priomap: Uint8Array } | undefined;
    return value === undefined ? {} : { bands: value.bands, priorityMap: [...value.priomap] };
  },
};

const sfq: KindCodec<SfqOptions> = {
  known: {
    quantumBytes: 1,
    perturbSeconds: 1,
    limitPackets: 1,
    buckets: 1,
    flows: 1,
    depthPackets: 1,
  },
  write(o) {
    const int = (name: keyof SfqOptions) =>
      o[name] === undefined ? undefined : integer(name, o[name], 0, 0x7fffffff);
    return {
      header: {
        v0: {
          quantum: int("quantumBytes"),
          perturbPeriod: int("perturbSeconds"),
          limit: int("limitPackets"),
          divisor: int("buckets"),
          flows: int("flows"),
        },
        depth: int("depthPackets"),
      },
    };
  },
  read({ header }) {
    const value = header as {
      v0: {
        quantum: number;
        perturbPeriod: number;
        limit: number;
        divisor: number;
        flows: number;
      };
      depth: number;
    } | undefined;
    return value === undefined ? {} : {
      quantumBytes: value.v0.quantum,
      perturbSeconds: value.v0.perturbPeriod,
      limitPackets: value.v0.limit,
      buckets: value.v0.divisor,
      flows: value.v0.flows,
      depthPackets: value.depth,
    };
  },
};

const cakeFields: Fields<CakeOptions> = {
  rateBytesPerSecond: whole("baseRate64", Number.MAX_SAFE_INTEGER),
  autorateIngress: yesNo("autorate"),
  priorities: nth("diffservMode", [
    "diffserv3",
    "diffserv4",
    "diffserv8",
    "besteffort",
    "precedence",
  ]),
  isolation: nth("flowMode", [
    "flowblind",
    "srchost",
    "dsthost",
    "hosts",
    "flows",
    "dual-srchost",
    "dual-dsthost",
    "triple-isolate",
  ]),
  nat: yesNo("nat"),
  wash: yesNo("wash"),
  ackFilter: nth("ackFilter", ["none", "filter", "aggressive"]),
  splitGso: yesNo("splitGso"),
  ingress: yesNo("ingress"),
  rttMs: micros("rtt"),
  targetMs: micros("target"),
  overheadBytes: whole("overhead", 256, -64),
  minPacketBytes: whole("mpu", 256),
  linkLayer: nth("atm", ["none", "atm", "ptm"]),
  raw: {
    // Its presence is what counts.
    write(out, parameter, value) {
      if (boolean(parameter, value)) out.rawAttribute = 0;
    },
    read: (values) => values.rawAttribute === undefined ? undefined : true,
  },
  memoryLimitBytes: whole("memory"),
  markMask: whole("fwmark"),
};

const cake: KindCodec<CakeOptions> = {
  known: cakeFields,
  write(o) {
    const out = encodeFields(cakeFields, o);
    if (o.rttMs !== undefined && o.targetMs === undefined) {
      out.target = Math.max(1, Math.floor(Number(out.rtt) / 20));
    }
    return out;
  },
  read: (values) => decodeFields(cakeFields, values),
};

const kinds: { readonly [K in keyof QdiscOptions]: KindCodec<QdiscOptions[K]> } = {
  pfifo,
  pfifo_head_drop: pfifo,
  bfifo: inHeader<BfifoOptions>({ limitBytes: whole("limit") }),
  fq_codel: plain<FqCodelOptions>({
    limitPackets: whole("limit"),
    flows: whole("flows", 65536, 1),
    targetMs: micros("target"),
    intervalMs: micros("interval"),
    quantumBytes: whole("quantum"),
    ecn: yesNo("ecn"),
    ceThresholdMs: micros("ceThreshold"),
    dropBatchPackets: whole("dropBatchSize"),
    memoryLimitBytes: whole("memoryLimit"),
  }),
  codel: plain<CodelOptions>({
    limitPackets: whole("limit"),
    targetMs: micros("target"),
    intervalMs: micros("interval"),
    ecn: yesNo("ecn"),
    ceThresholdMs: micros("ceThreshold"),
  }),
  fq: plain<FqOptions>({
    limitPackets: whole("plimit"),
    flowLimitPackets: whole("flowPlimit"),
    quantumBytes: whole("quantum"),
    initialQuantumBytes: whole("initialQuantum"),
    pacing: yesNo("rateEnable"),
    maxRateBytesPerSecond: whole("flowMaxRate"),
    lowRateThresholdBytesPerSecond: whole("lowRateThreshold"),
    refillDelayMs: micros("flowRefillDelay"),
    buckets: power("bucketsLog"),
    orphanMask: whole("orphanMask"),
    ceThresholdMs: micros("ceThreshold"),
    timerSlackNs: whole("timerSlack"),
    horizonMs: scaled("horizon", 1000),
    horizonDrop: yesNo("horizonDrop"),
  }),
  tbf,
  htb,
  netem,
  cake,
  prio,
  sfq,
  drr: none,
  mq: none,
  noqueue: none,
  ingress: none,
  clsact: none,
};

/** The attributes of a kind's options; `raw` are attributes as the kernel's specification has them. */
export function qdiscValues(kind: string, options: object, raw?: Values): Values | undefined {
  const codec = Object.hasOwn(kinds, kind)
    ? kinds[kind as keyof QdiscOptions] as KindCodec<object>
    : undefined;
  const own = inOptions(() => {
    checkNames(codec?.known ?? {}, options, `kind ${kind}`);
    return codec?.write(options);
  });
  return own === undefined ? raw : { ...own, ...raw };
}

/** The options that attributes carry; undefined for a kind that has no table here. */
export function qdiscOptions(kind: string, values: Values | undefined): object | undefined {
  if (!Object.hasOwn(kinds, kind)) return undefined;
  const known = typeof values === "object" && values !== null && !(values instanceof Uint8Array);
  return known ? kinds[kind as keyof QdiscOptions].read(values) : {};
}
