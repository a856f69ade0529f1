/** Rates and bursts as the kernel wants them; its scheduler ticks stay in here. */

import type { Values } from "../../codec/encode.ts";
import { bad, integer, outside } from "../../check.ts";
import type { FramingOptions } from "./qdisc_options.ts";

/** Nanoseconds of a packet scheduler tick, PSCHED_SHIFT of net/pkt_sched.h. */
const TICK = 64;
const U32 = 0xffffffff;
const LINK_LAYERS = { ethernet: 1, atm: 2 } as const; // TC_LINKLAYER_*

/** Checks a rate in bytes per second. */
export function rate(parameter: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw bad(parameter, "a whole number of bytes per second from 1", value);
  }
  return value;
}

/** `struct tc_ratespec`; a rate beyond 32 bits stands in an attribute of its own. */
export function rateSpec(bytesPerSecond: number, framing: FramingOptions = {}): Values {
  const { overheadBytes = 0, minPacketBytes = 0, linkLayer = "ethernet" } = framing;
  if (!Object.hasOwn(LINK_LAYERS, linkLayer)) {
    throw bad("linkLayer", `one of ${Object.keys(LINK_LAYERS).join(", ")}`, linkLayer);
  }
  return {
    rate: Math.min(bytesPerSecond, U32),
    linklayer: LINK_LAYERS[linkLayer],
    overhead: integer("overheadBytes", overheadBytes, 0, 0xffff),
    mpu: integer("minPacketBytes", minPacketBytes, 0, 0xffff),
    cellAlign: -1,
  };
}

/** `struct tc_ratespec` as far as it tells of framing. */
interface Framing {
  overhead: number;
  mpu: number;
  linklayer: number;
}

/** How packets are counted, where that is not as they are. */
export function readFraming({ overhead, mpu, linklayer }: Framing): FramingOptions {
  return {
    ...overhead === 0 ? {} : { overheadBytes: overhead },
    ...mpu === 0 ? {} : { minPacketBytes: mpu },
    ...linklayer === LINK_LAYERS.atm ? { linkLayer: "atm" } : {},
  };
}

const CELL = 53, CELL_PAYLOAD = 48; // bytes

/** The most bytes that count for so many, as psched_ns_t2l of net/pkt_sched.h has it. */
export function unframed(bytes: number, { overhead, linklayer }: Framing): number {
  const packet = linklayer === LINK_LAYERS.atm ? Math.floor(bytes / CELL) * CELL_PAYLOAD : bytes;
  return Math.max(0, packet - overhead);
}

/** The rate beyond 32 bits, where it is one. */
export function rate64(bytesPerSecond: number | undefined): number | undefined {
  return bytesPerSecond !== undefined && bytesPerSecond > U32 ? bytesPerSecond : undefined;
}

/** The rate of both. */
export function readRate(
  spec: { rate: number } | undefined,
  long: number | bigint | undefined,
): number | undefined {
  const value = long === undefined ? spec?.rate : Number(long);
  return value || undefined;
}

/** The whole ticks that sending `bytes` takes, as tc has it. */
export function burstTicks(parameter: string, bytes: number, bytesPerSecond: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw bad(parameter, "a whole number of bytes", bytes);
  }
  const ticks = Math.floor(bytes * 1e9 / bytesPerSecond / TICK);
  if (ticks > U32) {
    throw outside(parameter, 0, mostBurst(bytesPerSecond), bytes);
  }
  return ticks;
}

/** The most bytes of which the time fits. */
export function mostBurst(bytesPerSecond: number): number {
  return Math.floor(U32 * TICK * bytesPerSecond / 1e9);
}

/** The bytes that are sent in so many ticks; no fewer, so that they make as many ticks again. */
export function burstBytes(ticks: number, bytesPerSecond: number): number {
  return Math.ceil(ticks * TICK * bytesPerSecond / 1e9);
}

/** Whether two bursts differ by no more than a tick makes. */
export function sameBurst(a: number, b: number, bytesPerSecond: number): boolean {
  return Math.abs(a - b) <= 1 + 2 * TICK * bytesPerSecond / 1e9;
}

/** Milliseconds as ticks, as much as fits. */
export function ticksOf(ms: number): number {
  return Math.min(U32, Math.round(ms * 1e6 / TICK));
}

/** Ticks as milliseconds. */
export function ticksMs(ticks: number): number {
  return ticks * TICK / 1e6;
}
