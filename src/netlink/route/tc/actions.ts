/** What filters do with packets (linux/tc_act/*.h). */

import type { Values } from "../../codec/encode.ts";
import { bad, integer, type LinkRef, linkRef } from "../input.ts";
import { burstBytes, burstTicks, rate, rate64, rateSpec, readRate } from "./rate.ts";

/** What becomes of a packet: TC_ACT_* of linux/pkt_cls.h. */
export type Verdict = "ok" | "reclassify" | "drop" | "pipe" | "stolen" | "continue";

/**
 * What a filter does with the packets that it matches (linux/tc_act/*.h): "gact" decides, "mirred"
 * sends to another link, "police" limits the rate, "skbedit" marks, "vlan" edits the tag.
 */
export type Action =
  | { kind: "gact"; verdict: Verdict }
  | {
    kind: "mirred";
    /** The link that packets, or copies of them, go to. */
    link: LinkRef;
    /** Whether the packet itself goes there. */
    mode: "redirect" | "mirror";
    /** Whether it arrives there or leaves there. */
    direction: "ingress" | "egress";
  }
  | {
    kind: "police";
    /** Bytes per second. */
    rateBytesPerSecond: number;
    /** Bytes that may pass at once. */
    burstBytes: number;
    /**
     * Largest packet in bytes; a larger one exceeds the rate, also one that was merged of several.
     *
     * @default 2040, as with tc
     */
    mtuBytes?: number;
    /**
     * What becomes of packets beyond the rate.
     *
     * @default "drop"
     */
    exceed?: Verdict;
  }
  | {
    kind: "skbedit";
    /** Firewall mark to set; left alone without. */
    mark?: number;
    /** Priority to set (`skb->priority`); left alone without. */
    priority?: number;
    /** Transmit queue to send by, from 0; left alone without. */
    queue?: number;
  }
  | { kind: "vlan"; mode: "pop" }
  | { kind: "vlan"; mode: "push" | "modify"; id: number; protocol?: "8021q" | "8021ad" };

const VERDICTS: { readonly [K in Verdict]: number } = {
  ok: 0,
  reclassify: 1,
  drop: 2,
  pipe: 3,
  stolen: 4,
  continue: -1,
};
const NAMES = new Map(Object.entries(VERDICTS).map(([name, v]) => [v, name as Verdict]));
const MIRRED = [["egress", "redirect"], ["egress", "mirror"], ["ingress", "redirect"], [
  "ingress",
  "mirror",
]] as const; // TCA_EGRESS_REDIR = 1, ...
const VLAN = { pop: 1, push: 2, modify: 3 } as const; // TCA_VLAN_ACT_*
const PROTOCOLS = { "8021q": 0x8100, "8021ad": 0x88a8 } as const;

function verdict(parameter: string, value: Verdict): number {
  if (!Object.hasOwn(VERDICTS, value)) {
    throw bad(parameter, `one of ${Object.keys(VERDICTS).join(", ")}`, value);
  }
  return VERDICTS[value];
}

/** The attributes of actions; names of links become indexes. */
export function actionValues(
  actions: readonly Action[] | undefined,
  index: (link: LinkRef) => Promise<number>,
): Promise<Values[] | undefined> {
  if (actions === undefined) return Promise.resolve(undefined);
  return Promise.all(actions.map(async (action, i) => ({
    kind: action.kind,
    options: await optionsOf(action, `actions[${i}].`, index),
  })));
}

async function optionsOf(
  action: Action,
  path: string,
  index: (link: LinkRef) => Promise<number>,
): Promise<Values> {
  switch (action.kind) {
    case "gact":
      return { parms: { action: verdict(`${path}verdict`, action.verdict) } };
    case "mirred": {
      const { mode, direction } = action;
      const number = MIRRED.findIndex(([d, m]) => d === direction && m === mode) + 1;
      if (number === 0) throw bad(`${path}mode`, "redirect or mirror, ingress or egress", mode);
      linkRef(`${path}link`, action.link);
      const act = mode === "redirect" ? VERDICTS.stolen : VERDICTS.pipe;
      const link = await index(action.link);
      // struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex.
      return { parms: ints(0, 0, act, 0, 0, number, link) };
    }
    case "police": {
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
        rate64: rate64(bps),
      };
    }
    case "skbedit":
      return {
        parms: ints(0, 0, VERDICTS.pipe, 0, 0),
        mark: optional(`${path}mark`, action.mark, 0xffffffff),
        priority: optional(`${path}priority`, action.priority, 0xffffffff),
        queueMapping: optional(`${path}queue`, action.queue, 0xffff),
      };
    case "vlan": {
      const { mode } = action;
      if (!Object.hasOwn(VLAN, mode)) throw bad(`${path}mode`, "pop, push or modify", mode);
      const parms = { action: VERDICTS.pipe, vAction: VLAN[mode] };
      if (mode === "pop") return { parms };
      const { protocol = "8021q" } = action;
      if (!Object.hasOwn(PROTOCOLS, protocol)) {
        throw bad(`${path}protocol`, "8021q or 8021ad", protocol);
      }
      const ethertype = PROTOCOLS[protocol];
      return {
        parms,
        pushVlanId: integer(`${path}id`, action.id, 0, 4095),
        pushVlanProtocol: (ethertype & 0xff) << 8 | ethertype >> 8,
      };
    }
    default:
      throw bad(
        `${path}kind`,
        "gact, mirred, police, skbedit or vlan",
        (action as { kind: unknown }).kind,
      );
  }
}

const MTU = 2047; // what tc lays its tables out for

/** How far to shift sizes so that a table of 256 cells holds one of `mtu`. */
function cellLog(mtu: number): number {
  return Math.max(1, 24 - Math.clz32(mtu));
}

const optional = (name: string, value: number | undefined, high: number) =>
  value === undefined ? undefined : integer(name, value, 0, high);

function ints(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** The actions that attributes describe; those of other kinds with nothing but their kind. */
export function readActions(list: readonly Values[] | undefined): Action[] | undefined {
  return list?.map(({ kind, options }) => readAction(kind as string, options as Values ?? {}));
}

function readAction(kind: string, o: Values): Action {
  const parms = o.parms instanceof Uint8Array
    ? new Int32Array(o.parms.slice(0, o.parms.length & ~3).buffer)
    : undefined;
  switch (kind) {
    case "gact": {
      const { action } = o.parms as { action: number };
      return { kind, verdict: NAMES.get(action) ?? "pipe" };
    }
    case "mirred": {
      const [direction, mode] = MIRRED[parms![5] - 1] ?? MIRRED[0];
      return { kind, link: parms![6], mode, direction };
    }
    case "police": {
      const tbf = o.tbf as {
        rate: { rate: number };
        burst: number;
        mtu: number;
        action: number;
      };
      const bps = readRate(tbf.rate, o.rate64 as number | undefined) ?? 0;
      return {
        kind,
        rateBytesPerSecond: bps,
        burstBytes: burstBytes(tbf.burst, bps),
        ...tbf.mtu === 0 || tbf.mtu === 0xffffffff ? {} : { mtuBytes: tbf.mtu },
        exceed: NAMES.get(tbf.action) ?? "drop",
      };
    }
    case "skbedit":
      return {
        kind,
        ...o.mark === undefined ? {} : { mark: o.mark as number },
        ...o.priority === undefined ? {} : { priority: o.priority as number },
        ...o.queueMapping === undefined ? {} : { queue: o.queueMapping as number },
      };
    case "vlan": {
      const { vAction } = o.parms as { vAction: number };
      if (vAction === VLAN.pop) return { kind, mode: "pop" };
      const swapped = Number(o.pushVlanProtocol ?? 0x0081);
      return {
        kind,
        mode: vAction === VLAN.push ? "push" : "modify",
        id: Number(o.pushVlanId ?? 0),
        protocol: swapped === 0xa888 ? "8021ad" : "8021q",
      };
    }
    default:
      return { kind } as unknown as Action;
  }
}
