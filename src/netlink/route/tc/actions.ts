/** What filters do with packets (linux/tc_act/*.h). */

import type { Values } from "../../codec/encode.ts";
import type { BaseView } from "../../codec/view.ts";
import { swap16 } from "../../codec/words.ts";
import { bad, integer, type LinkRef, linkRef, mac } from "../input.ts";
import { checkOptions } from "../shape.ts";
import { asRead } from "./tc_object.ts";
import { burstBytes, burstTicks, rate, rate64, rateSpec, readRate } from "./rate.ts";

/**
 * What becomes of a packet: TC_ACT_* of linux/pkt_cls.h. "goto chain 5" goes on with the filters of
 * that chain, "jump 2" passes over the next two actions.
 */
export type Verdict =
  | "ok"
  | "reclassify"
  | "drop"
  | "pipe"
  | "stolen"
  | "queued"
  | "repeat"
  | "redirect"
  | "trap"
  | "continue"
  | `goto chain ${number}`
  | `jump ${number}`;

/** Kinds of actions that have no properties of their own here. */
export type OtherActionKind =
  | "bpf"
  | "connmark"
  | "csum"
  | "ct"
  | "ctinfo"
  | "gate"
  | "ife"
  | "mpls"
  | "nat"
  | "pedit"
  | "sample"
  | "simple"
  | "skbmod"
  | "tunnel_key";

/** What every action can have. */
export type CommonActionOptions = {
  /**
   * Attributes of its options as the kernel's specification has them: what the other properties do not
   * tell.
   */
  data?: Values;
};

/** What becomes of a packet that an action was done to. */
export type ActionVerdict = {
  /**
   * What becomes of the packet then.
   *
   * @default "pipe", the next action; "stolen" for one that is redirected
   */
  verdict?: Verdict;
};

/**
 * What a filter does with the packets that it matches (linux/tc_act/*.h): "gact" decides, "mirred"
 * sends to another link, "police" limits the rate, "skbedit" marks, "vlan" edits the tag.
 */
export type Action =
  & CommonActionOptions
  & (
    | { kind: "gact"; verdict: Verdict }
    | (ActionVerdict & {
      kind: "mirred";
      /** The link that packets, or copies of them, go to. */
      link: LinkRef;
      /** Whether the packet itself goes there. */
      mode: "redirect" | "mirror";
      /** Whether it arrives there or leaves there. */
      direction: "ingress" | "egress";
    })
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
      /**
       * What becomes of packets within the rate.
       *
       * @default "ok"
       */
      conform?: Verdict;
    }
    | (ActionVerdict & {
      kind: "skbedit";
      /** Firewall mark to set; left alone without. */
      mark?: number;
      /**
       * The bits of the mark that are set.
       *
       * @default all
       */
      markMask?: number;
      /** Priority to set (`skb->priority`); left alone without. */
      priority?: number;
      /** Transmit queue to send by, from 0; left alone without. */
      queue?: number;
    })
    | (ActionVerdict & {
      kind: "vlan";
      /** The tag is taken off. */
      mode: "pop";
    })
    | (ActionVerdict & {
      kind: "vlan";
      /** The Ethernet header is taken off. */
      mode: "pop_eth";
    })
    | (ActionVerdict & {
      kind: "vlan";
      /** Whether a tag is put on, or the one that is there changed. */
      mode: "push" | "modify";
      /** Number of the VLAN, 0 to 4095. */
      id: number;
      /**
       * Type of the tag.
       *
       * @default "8021q"
       */
      protocol?: "8021q" | "8021ad";
      /**
       * Priority in the tag, 0 to 7.
       *
       * @default 0 for "push"; as it is for "modify"
       */
      priority?: number;
    })
    | (ActionVerdict & {
      kind: "vlan";
      /** An Ethernet header is put on. */
      mode: "push_eth";
      /** Destination MAC address. */
      destinationMac: string;
      /** Source MAC address. */
      sourceMac: string;
    })
    | { kind: OtherActionKind; data: Values }
  );

const VERDICTS: { readonly [name: string]: number } = {
  ok: 0,
  reclassify: 1,
  drop: 2,
  pipe: 3,
  stolen: 4,
  queued: 5,
  repeat: 6,
  redirect: 7,
  trap: 8,
  continue: -1,
};
const NAMES = new Map(Object.entries(VERDICTS).map(([name, v]) => [v, name as Verdict]));
const JUMP = 0x10000000, GOTO_CHAIN = 0x20000000; // TC_ACT_JUMP, TC_ACT_GOTO_CHAIN
const OPERAND = 0x0fffffff; // TC_ACT_EXT_VAL_MASK
const MIRRED = [["egress", "redirect"], ["egress", "mirror"], ["ingress", "redirect"], [
  "ingress",
  "mirror",
]] as const; // TCA_EGRESS_REDIR = 1, ...
const VLAN = { pop: 1, push: 2, modify: 3, pop_eth: 4, push_eth: 5 } as const; // TCA_VLAN_ACT_*
const PROTOCOLS = { "8021q": 0x8100, "8021ad": 0x88a8 } as const;

// What each kind has besides its kind and data, for "vlan" by its mode.
const OPTIONS: { readonly [kind: string]: readonly string[] } = {
  gact: ["verdict"],
  mirred: ["link", "mode", "direction", "verdict"],
  police: ["rateBytesPerSecond", "burstBytes", "mtuBytes", "exceed", "conform"],
  skbedit: ["mark", "markMask", "priority", "queue", "verdict"],
  "vlan pop": ["mode", "verdict"],
  "vlan pop_eth": ["mode", "verdict"],
  "vlan push": ["mode", "id", "protocol", "priority", "verdict"],
  "vlan modify": ["mode", "id", "protocol", "priority", "verdict"],
  "vlan push_eth": ["mode", "destinationMac", "sourceMac", "verdict"],
};
const OTHERS: { readonly [K in OtherActionKind]: 1 } = {
  bpf: 1,
  connmark: 1,
  csum: 1,
  ct: 1,
  ctinfo: 1,
  gate: 1,
  ife: 1,
  mpls: 1,
  nat: 1,
  pedit: 1,
  sample: 1,
  simple: 1,
  skbmod: 1,
  tunnel_key: 1,
};

function verdict(parameter: string, value: Verdict): number {
  const [, word, digits] = /^(goto chain|jump) (\d+)$/.exec(value) ?? [];
  if (word !== undefined) {
    return (word === "jump" ? JUMP : GOTO_CHAIN) | integer(parameter, Number(digits), 0, OPERAND);
  }
  if (!Object.hasOwn(VERDICTS, value)) {
    const names = [...Object.keys(VERDICTS), "goto chain 5", "jump 2"];
    throw bad(parameter, `one of ${names.join(", ")}`, value);
  }
  return VERDICTS[value];
}

/** The verdict of a number; of one that has no name, the number, which is none. */
function verdictText(value: number): Verdict {
  const operation = value & ~OPERAND, operand = value & OPERAND;
  if (operation === GOTO_CHAIN) return `goto chain ${operand}`;
  if (operation === JUMP) return `jump ${operand}`;
  return NAMES.get(value) ?? String(value) as Verdict;
}

/** The attributes of actions; names of links become indexes. */
export function actionValues(
  actions: readonly Action[] | undefined,
  index: (link: LinkRef, parameter: string) => Promise<number>,
): Promise<Values[] | undefined> {
  if (actions === undefined) return Promise.resolve(undefined);
  return Promise.all(actions.map(async (action, i) => {
    const path = `options.actions[${i}].`, { kind } = action;
    checkKind(action, path);
    const link = kind === "mirred" ? linkRef(`${path}link`, action.link) : 0;
    const own = optionsOf(action, path);
    if (kind === "mirred") {
      const { parms } = own as { parms: Int32Array };
      parms[6] = await index(link, `${path}link`);
      own.parms = new Uint8Array(parms.buffer);
    }
    return { kind, options: { ...own, ...action.data } };
  }));
}

function checkKind(action: Action, path: string): void {
  const { kind, data } = action;
  if (Object.hasOwn(OTHERS, kind)) {
    if (typeof data !== "object" || data === null) {
      throw bad(`${path}data`, `given for an action of kind ${kind}`, data);
    }
  } else if (!["gact", "mirred", "police", "skbedit", "vlan"].includes(kind)) {
    throw bad(`${path}kind`, "gact, mirred, police, skbedit or vlan", kind);
  }
  if (kind === "vlan" && !Object.hasOwn(VLAN, action.mode)) {
    throw bad(`${path}mode`, `one of ${Object.keys(VLAN).join(", ")}`, action.mode);
  }
  const name = kind === "vlan" ? `vlan ${action.mode}` : kind;
  const known = ["kind", ...OPTIONS[name] ?? [], "data"];
  const shape = Object.fromEntries(known.map((each) => [each, "anything" as const]));
  checkOptions(`an action of kind ${name}`, action, shape, path);
}

function optionsOf(action: Action, path: string): Record<string, unknown> {
  const then = (value: Verdict | undefined, usual: number) =>
    value === undefined ? usual : verdict(`${path}verdict`, value);
  switch (action.kind) {
    case "gact":
      return { parms: { action: verdict(`${path}verdict`, action.verdict) } };
    case "mirred": {
      const { mode, direction } = action;
      const number = MIRRED.findIndex(([d, m]) => d === direction && m === mode) + 1;
      if (number === 0) throw bad(`${path}mode`, "redirect or mirror, ingress or egress", mode);
      const act = then(action.verdict, mode === "redirect" ? VERDICTS.stolen : VERDICTS.pipe);
      // struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex.
      return { parms: Int32Array.of(0, 0, act, 0, 0, number, 0) };
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
        result: action.conform === undefined
          ? undefined
          : verdict(`${path}conform`, action.conform) >>> 0,
        rate64: rate64(bps),
      };
    }
    case "skbedit":
      if (action.markMask !== undefined && action.mark === undefined) {
        throw bad(`${path}markMask`, "given with mark", action.markMask);
      }
      return {
        parms: ints(0, 0, then(action.verdict, VERDICTS.pipe), 0, 0),
        mark: optional(`${path}mark`, action.mark, 0xffffffff),
        mask: optional(`${path}markMask`, action.markMask, 0xffffffff),
        priority: optional(`${path}priority`, action.priority, 0xffffffff),
        queueMapping: optional(`${path}queue`, action.queue, 0xffff),
      };
    case "vlan": {
      const parms = { action: then(action.verdict, VERDICTS.pipe), vAction: VLAN[action.mode] };
      if (action.mode === "pop" || action.mode === "pop_eth") return { parms };
      if (action.mode === "push_eth") {
        return {
          parms,
          pushEthDst: mac(`${path}destinationMac`, action.destinationMac),
          pushEthSrc: mac(`${path}sourceMac`, action.sourceMac),
        };
      }
      const { protocol = "8021q" } = action;
      if (!Object.hasOwn(PROTOCOLS, protocol)) {
        throw bad(`${path}protocol`, "8021q or 8021ad", protocol);
      }
      return {
        parms,
        pushVlanId: integer(`${path}id`, action.id, 0, 4095),
        pushVlanProtocol: swap16(PROTOCOLS[protocol]),
        pushVlanPriority: optional(`${path}priority`, action.priority, 7),
      };
    }
    default:
      return {};
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

/** An action as it is told once the kernel has it; `path` is for errors. */
export function actionAsTold(action: Action, path: string): Action {
  checkKind(action, path);
  const { kind, data } = action, own = optionsOf(action, path);
  const parms = own.parms instanceof Int32Array ? new Uint8Array(own.parms.buffer) : own.parms;
  const options = { ...own, parms, ...data };
  const { act } = asRead("matchall", { act: [{ kind, options }] }) as { act: Values[] };
  const [told] = readActions(act)!;
  return told.kind === "mirred" ? { ...told, link: (action as typeof told).link } : told;
}

/** The actions that attributes describe. */
export function readActions(list: readonly Values[] | undefined): Action[] | undefined {
  return list?.map(({ kind, options }) => readAction(kind as string, options as BaseView));
}

// Attributes that tell nothing of what an action does.
const REPORTED = ["tm"];

function readAction(kind: string, options: BaseView | Uint8Array | undefined): Action {
  const view = options instanceof Uint8Array ? undefined : options;
  const o = (view ?? {}) as unknown as Values;
  const { told, ...own } = view === undefined ? { told: [] } : readOwn(kind, o);
  const rest = Object.entries(view?.toJSON() ?? {})
    .filter(([name]) => !REPORTED.includes(name) && !told.includes(name));
  const data = rest.length === 0 ? undefined : Object.fromEntries(rest);
  const needed = data !== undefined || Object.hasOwn(OTHERS, kind);
  return { kind, ...own, ...needed ? { data: data ?? {} } : {} } as Action;
}

/** What the properties of a kind tell, and the attributes that they tell completely. */
function readOwn(kind: string, o: Values): Record<string, unknown> & { told: readonly string[] } {
  const parms = o.parms instanceof Uint8Array
    ? new Int32Array(o.parms.slice(0, o.parms.length & ~3).buffer)
    : undefined;
  const then = (value: number, usual: number) =>
    value === usual ? {} : { verdict: verdictText(value) };
  switch (kind) {
    case "gact": {
      const { action } = o.parms as { action: number };
      return { verdict: verdictText(action), told: ["parms"] };
    }
    case "mirred": {
      const known = MIRRED[parms![5] - 1];
      if (known === undefined) return { told: [] };
      const [direction, mode] = known;
      const usual = mode === "redirect" ? VERDICTS.stolen : VERDICTS.pipe;
      return { link: parms![6], mode, direction, ...then(parms![2], usual), told: ["parms"] };
    }
    case "police": {
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
        ...result === undefined || result === VERDICTS.ok
          ? {}
          : { conform: verdictText(result | 0) },
        told: ["rate", "rate64", "result", ...plain ? ["tbf"] : []],
      };
    }
    case "skbedit":
      return {
        ...o.mark === undefined ? {} : { mark: o.mark as number },
        ...o.mask === undefined ? {} : { markMask: o.mask as number },
        ...o.priority === undefined ? {} : { priority: o.priority as number },
        ...o.queueMapping === undefined ? {} : { queue: o.queueMapping as number },
        ...then(parms![2], VERDICTS.pipe),
        told: ["parms", "mark", "mask", "priority", "queueMapping"],
      };
    case "vlan": {
      const { vAction, action } = o.parms as { vAction: number; action: number };
      const mode = (Object.keys(VLAN) as (keyof typeof VLAN)[]).find((m) => VLAN[m] === vAction);
      const ethertype = swap16(Number(o.pushVlanProtocol ?? 0x0081));
      const protocol = (Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[])
        .find((name) => PROTOCOLS[name] === ethertype);
      if (mode === undefined || protocol === undefined) return { told: [] };
      const verdict = then(action, VERDICTS.pipe);
      if (mode === "pop" || mode === "pop_eth") return { mode, ...verdict, told: ["parms"] };
      if (mode === "push_eth") {
        const destinationMac = macOf(o.pushEthDst), sourceMac = macOf(o.pushEthSrc);
        const told = ["parms", "pushEthDst", "pushEthSrc"];
        return { mode, destinationMac, sourceMac, ...verdict, told };
      }
      return {
        mode,
        id: Number(o.pushVlanId ?? 0),
        protocol,
        // What the kernel pushes where nothing was said.
        ...o.pushVlanPriority === undefined || (mode === "push" && o.pushVlanPriority === 0)
          ? {}
          : { priority: o.pushVlanPriority as number },
        ...verdict,
        told: ["parms", "pushVlanId", "pushVlanProtocol", "pushVlanPriority"],
      };
    }
    default:
      return { told: [] };
  }
}

function macOf(bytes: unknown): string {
  return [...bytes as Uint8Array].map((b) => b.toString(16).padStart(2, "0")).join(":");
}
