/** Rates and bursts as the kernel wants them; its scheduler ticks stay in here. */

import type { Values } from "../../codec/encode.ts";
import { bad, outside } from "../input.ts";

/** Nanoseconds of a packet scheduler tick, PSCHED_SHIFT of net/pkt_sched.h. */
const TICK = 64;
const U32 = 0xffffffff;
const ETHERNET = 1; // TC_LINKLAYER_ETHERNET

/** Checks a rate in bytes per second. */
export function rate(parameter: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw bad(parameter, "a whole number of bytes per second from 1", value);
  }
  return value;
}

/** `struct tc_ratespec`; a rate beyond 32 bits stands in an attribute of its own. */
export function rateSpec(bytesPerSecond: number): Values {
  return { rate: Math.min(bytesPerSecond, U32), linklayer: ETHERNET, cellAlign: -1 };
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

/** The ticks that sending `bytes` takes. */
export function burstTicks(parameter: string, bytes: number, bytesPerSecond: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw bad(parameter, "a whole number of bytes", bytes);
  }
  const ticks = Math.floor(bytes * 1e9 / bytesPerSecond / TICK);
  if (ticks > U32) {
    throw outside(parameter, 0, Math.floor(U32 * TICK * bytesPerSecond / 1e9), bytes);
  }
  return ticks;
}

/** The bytes that are sent in so many ticks. */
export function burstBytes(ticks: number, bytesPerSecond: number): number {
  return Math.round(ticks * TICK * bytesPerSecond / 1e9);
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
