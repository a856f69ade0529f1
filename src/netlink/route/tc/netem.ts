/** Network emulation's options on the wire. */

import type { Values } from "../../codec/encode.ts";
import { bad, boolean, integer } from "../../check.ts";
import type { KindCodec } from "./qdisc_kinds.ts";
import { refuseUnknown } from "../fields.ts";
import type { NetemOptions, NetemSlot } from "./qdisc_options.ts";
import { rate, rate64, readRate, ticksMs, ticksOf } from "./rate.ts";

const ALL = 0xffffffff;
const DEFAULT_LIMIT = 1000; // packets, as tc

function probability(parameter: string, percent: number | undefined): number | undefined {
  if (percent === undefined) return undefined;
  if (typeof percent !== "number" || !(percent >= 0 && percent <= 100)) {
    throw bad(parameter, "0 to 100 percent", percent);
  }
  return Math.round(percent / 100 * ALL);
}

/** Percent to the hundred thousandth, which is finer than what the kernel's number loses. */
function percent(value: number): number {
  return Math.round(value / ALL * 1e7) / 1e5;
}

function nanoseconds(parameter: string, ms: number | undefined): number | undefined {
  if (ms === undefined) return undefined;
  if (typeof ms !== "number" || !(ms >= 0 && ms <= 9e9)) {
    throw bad(parameter, "milliseconds from 0", ms);
  }
  return Math.round(ms * 1e6);
}

/** The options that are numbers. */
type Numbers = Exclude<
  keyof NetemOptions,
  "ecn" | "distribution" | "slot" | "slotDistribution"
>;

const MOST_ENTRIES = 16384; // NETEM_DIST_MAX

function table(parameter: string, value: readonly number[] | undefined) {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_ENTRIES) {
    throw bad(parameter, `a list of 1 to ${MOST_ENTRIES} numbers`, value);
  }
  value.forEach((each, i) => integer(`${parameter}[${i}]`, each, -0x8000, 0x7fff));
  return value;
}

/** `struct tc_netem_slot`. */
interface SlotValues {
  minDelay: number | bigint;
  maxDelay: number | bigint;
  distDelay: number | bigint;
  distJitter: number | bigint;
  maxPackets: number;
  maxBytes: number;
}

const SLOT = { minDelayMs: 1, maxDelayMs: 1, delayMs: 1, jitterMs: 1, packets: 1, bytes: 1 };

function slotValues(o: NetemSlot): SlotValues {
  if (typeof o !== "object" || o === null || Array.isArray(o)) throw bad("slot", "an object", o);
  refuseUnknown(SLOT, o, "a slot", "slot.");
  const { minDelayMs, maxDelayMs = minDelayMs, delayMs, jitterMs } = o;
  if ((minDelayMs === undefined) === (delayMs === undefined)) {
    throw bad("slot.minDelayMs", "given, or delayMs, and not both", minDelayMs);
  }
  for (
    const [name, value, other] of [
      ["slot.maxDelayMs", o.maxDelayMs, minDelayMs],
      ["slot.jitterMs", jitterMs, delayMs],
    ] as const
  ) {
    if (value !== undefined && other === undefined) {
      throw bad(name, `given with ${name === "slot.jitterMs" ? "delayMs" : "minDelayMs"}`, value);
    }
  }
  return {
    minDelay: nanoseconds("slot.minDelayMs", minDelayMs) ?? 0,
    maxDelay: nanoseconds("slot.maxDelayMs", maxDelayMs) ?? 0,
    distDelay: nanoseconds("slot.delayMs", delayMs) ?? 0,
    distJitter: nanoseconds("slot.jitterMs", jitterMs) ?? 0,
    maxPackets: integer("slot.packets", o.packets ?? 0, 0, 0x7fffffff),
    maxBytes: integer("slot.bytes", o.bytes ?? 0, 0, 0x7fffffff),
  };
}

function readSlot(v: SlotValues): NetemSlot {
  const ms = (value: number | bigint) => Number(value) / 1e6;
  const spread = Number(v.distDelay) !== 0 || Number(v.distJitter) !== 0;
  return {
    ...spread
      ? { delayMs: ms(v.distDelay), jitterMs: ms(v.distJitter) }
      : { minDelayMs: ms(v.minDelay), maxDelayMs: ms(v.maxDelay) },
    ...v.maxPackets === 0 ? {} : { packets: v.maxPackets },
    ...v.maxBytes === 0 ? {} : { bytes: v.maxBytes },
  };
}

/** The codec. */
export const netem: KindCodec<NetemOptions> = {
  known: {
    delayMs: 1,
    jitterMs: 1,
    delayCorrelationPercent: 1,
    limitPackets: 1,
    lossPercent: 1,
    lossCorrelationPercent: 1,
    duplicatePercent: 1,
    duplicateCorrelationPercent: 1,
    corruptPercent: 1,
    corruptCorrelationPercent: 1,
    reorderPercent: 1,
    reorderCorrelationPercent: 1,
    gapPackets: 1,
    rateBytesPerSecond: 1,
    ecn: 1,
    distribution: 1,
    slot: 1,
    slotDistribution: 1,
  },
  write(o) {
    const share = (name: keyof NetemOptions) => probability(name, o[name] as number | undefined);
    const bps = o.rateBytesPerSecond === undefined
      ? undefined
      : rate("rateBytesPerSecond", o.rateBytesPerSecond);
    const delay = nanoseconds("delayMs", o.delayMs);
    const jitter = nanoseconds("jitterMs", o.jitterMs);
    if (o.reorderPercent !== undefined && !delay) {
      throw bad("reorderPercent", "given with delayMs", o.reorderPercent);
    }
    if (o.ecn !== undefined) boolean("ecn", o.ecn);
    const correlations = {
      delayCorr: share("delayCorrelationPercent"),
      lossCorr: share("lossCorrelationPercent"),
      dupCorr: share("duplicateCorrelationPercent"),
    };
    const gap = o.gapPackets ?? (o.reorderPercent === undefined ? 0 : 1);
    return {
      header: {
        latency: ticksOf(o.delayMs ?? 0),
        limit: integer("limitPackets", o.limitPackets ?? DEFAULT_LIMIT, 0, ALL),
        loss: share("lossPercent") ?? 0,
        gap: integer("gapPackets", gap, 0, ALL),
        duplicate: share("duplicatePercent") ?? 0,
        jitter: ticksOf(o.jitterMs ?? 0),
      },
      latency64: delay,
      jitter64: jitter,
      corr: Object.values(correlations).some((v) => v !== undefined) ? correlations : undefined,
      reorder: o.reorderPercent === undefined ? undefined : {
        probability: share("reorderPercent"),
        correlation: share("reorderCorrelationPercent"),
      },
      corrupt: o.corruptPercent === undefined ? undefined : {
        probability: share("corruptPercent"),
        correlation: share("corruptCorrelationPercent"),
      },
      rate: bps === undefined ? undefined : { rate: Math.min(bps, ALL) },
      rate64: rate64(bps),
      ecn: o.ecn === undefined ? undefined : Number(o.ecn),
      delayDist: table("distribution", o.distribution),
      slot: o.slot === undefined ? undefined : slotValues(o.slot),
      slotDist: table("slotDistribution", o.slotDistribution),
    };
  },
  read(values: Values) {
    const v = values as {
      header?: {
        latency: number;
        limit: number;
        loss: number;
        gap: number;
        duplicate: number;
        jitter: number;
      };
      latency64?: number;
      jitter64?: number;
      corr?: { delayCorr: number; lossCorr: number; dupCorr: number };
      reorder?: { probability: number; correlation: number };
      corrupt?: { probability: number; correlation: number };
      rate?: { rate: number };
      rate64?: number;
      ecn?: number;
      slot?: SlotValues;
      delayDist?: readonly number[];
      slotDist?: readonly number[];
    };
    const out: NetemOptions = {};
    const set = (name: Numbers, value: number | undefined) => {
      if (value) out[name] = value;
    };
    const share = (name: Numbers, value: number | undefined) => set(name, value && percent(value));
    const { header } = v;
    const ms = (long: number | undefined, ticks: number | undefined) =>
      long === undefined ? ticksMs(ticks ?? 0) : Number(long) / 1e6;
    set("delayMs", ms(v.latency64, header?.latency));
    set("jitterMs", ms(v.jitter64, header?.jitter));
    if (header) out.limitPackets = header.limit;
    share("lossPercent", header?.loss);
    share("duplicatePercent", header?.duplicate);
    set("gapPackets", header?.gap);
    share("delayCorrelationPercent", v.corr?.delayCorr);
    share("lossCorrelationPercent", v.corr?.lossCorr);
    share("duplicateCorrelationPercent", v.corr?.dupCorr);
    share("reorderPercent", v.reorder?.probability);
    share("reorderCorrelationPercent", v.reorder?.correlation);
    share("corruptPercent", v.corrupt?.probability);
    share("corruptCorrelationPercent", v.corrupt?.correlation);
    set("rateBytesPerSecond", readRate(v.rate, v.rate64));
    if (v.ecn) out.ecn = true;
    if (v.slot) out.slot = readSlot(v.slot);
    if (v.delayDist) out.distribution = v.delayDist;
    if (v.slotDist) out.slotDistribution = v.slotDist;
    return out;
  },
};
