/** The action that limits the rate (linux/tc_act/tc_police.h). */

import { integer } from "../../check.ts";
import type { ActionCodec, ActionOf } from "./action_codec.ts";
import { burstBytes, burstTicks, rate, rate64, rateSpec, readRate } from "./rate.ts";
import { verdict, VERDICTS, verdictText } from "./verdict.ts";

const MTU = 2047; // what tc lays its tables out for

/** How far to shift sizes so that a table of 256 cells holds one of `mtu`. */
function cellLog(mtu: number): number {
  return Math.max(1, 24 - Math.clz32(mtu));
}

/** How it is written and read. */
export const police: ActionCodec<ActionOf<"police">> = {
  write(action, path) {
    const bps = rate(`${path}rateBytesPerSecond`, action.rateBytesPerSecond);
    const mtu = action.mtuBytes === undefined
      ? 0
      : integer(`${path}mtuBytes`, action.mtuBytes, 0, 0xffffffff);
    return {
      tbf: {
        action: verdict(`${path}exceed`, action.exceed ?? "drop"),
        burst: burstTicks(`${path}burstBytes`, action.burstBytes, bps),
        mtu,
        rate: { ...rateSpec(bps), cellLog: cellLog(mtu || MTU) },
      },
      // The kernel wants a table of transmission times for cells of some size, and uses no more of it
      // than that size.
      rate: new Uint8Array(1024),
      result: action.conform === undefined
        ? undefined
        : verdict(`${path}conform`, action.conform) >>> 0,
      rate64: rate64(bps),
    };
  },
  read(o) {
    const { result } = o as { result?: number };
    const tbf = o.tbf as {
      rate: { rate: number; overhead: number; mpu: number; linklayer: number };
      peakrate: { rate: number };
      limit: number;
      burst: number;
      mtu: number;
      action: number;
    };
    const bps = readRate(tbf.rate, o.rate64 as number | undefined) ?? 0;
    const { overhead, mpu, linklayer } = tbf.rate;
    const plain = tbf.limit === 0 && tbf.peakrate.rate === 0 && overhead === 0 && mpu === 0 &&
      linklayer <= 1;
    return {
      rateBytesPerSecond: bps,
      burstBytes: burstBytes(tbf.burst, bps),
      ...tbf.mtu === 0 || tbf.mtu === 0xffffffff ? {} : { mtuBytes: tbf.mtu },
      exceed: verdictText(tbf.action),
      ...result === undefined || result === VERDICTS.ok ? {} : { conform: verdictText(result | 0) },
      told: ["rate", "rate64", "result", ...plain ? ["tbf"] : []],
    };
  },
};
