/** The kinds of actions: which properties each has, and how those go over the wire. */

import { bad } from "../../check.ts";
import { checkOptions } from "../shape.ts";
import {
  type ActionCodec,
  type ActionOf,
  bytesOf,
  integersOf,
  optional,
  thenTold,
  thenValue,
} from "./action_codec.ts";
import type { Action, OtherActionKind } from "./action_options.ts";
import { police } from "./police.ts";
import { verdict, VERDICTS, verdictText } from "./verdict.ts";
import { VLAN, vlan } from "./vlan_action.ts";

const gact: ActionCodec<ActionOf<"gact">> = {
  write: (action, path) => ({ parms: { action: verdict(`${path}verdict`, action.verdict) } }),
  read(o) {
    const { action } = o.parms as { action: number };
    return { verdict: verdictText(action), told: ["parms"] };
  },
};

const MIRRED = [["egress", "redirect"], ["egress", "mirror"], ["ingress", "redirect"], [
  "ingress",
  "mirror",
]] as const; // TCA_EGRESS_REDIR = 1, ...

// parms is struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex.
const mirred: ActionCodec<ActionOf<"mirred">> = {
  write(action, path) {
    const { mode, direction } = action;
    const number = MIRRED.findIndex(([d, m]) => d === direction && m === mode) + 1;
    if (number === 0) {
      throw ["redirect", "mirror"].includes(mode)
        ? bad(`${path}direction`, "ingress or egress", direction)
        : bad(`${path}mode`, "redirect or mirror", mode);
    }
    const usual = mode === "redirect" ? VERDICTS.stolen : VERDICTS.pipe;
    const act = thenValue(action.verdict, path, usual);
    return { parms: bytesOf(0, 0, act, 0, 0, number, 0) };
  },
  read(o) {
    const parms = integersOf(o.parms as Uint8Array), known = MIRRED[parms[5] - 1];
    if (known === undefined) return { told: [] };
    const [direction, mode] = known;
    const usual = mode === "redirect" ? VERDICTS.stolen : VERDICTS.pipe;
    return { link: parms[6], mode, direction, ...thenTold(parms[2], usual), told: ["parms"] };
  },
};

const skbedit: ActionCodec<ActionOf<"skbedit">> = {
  write(action, path) {
    if (action.markMask !== undefined && action.mark === undefined) {
      throw bad(`${path}markMask`, "given with mark", action.markMask);
    }
    const then = thenValue(action.verdict, path, VERDICTS.pipe);
    return {
      parms: bytesOf(0, 0, then, 0, 0),
      mark: optional(`${path}mark`, action.mark, 0xffffffff),
      mask: optional(`${path}markMask`, action.markMask, 0xffffffff),
      priority: optional(`${path}priority`, action.priority, 0xffffffff),
      queueMapping: optional(`${path}queue`, action.queue, 0xffff),
    };
  },
  read: (o) => ({
    ...o.mark === undefined ? {} : { mark: o.mark as number },
    ...o.mask === undefined ? {} : { markMask: o.mask as number },
    ...o.priority === undefined ? {} : { priority: o.priority as number },
    ...o.queueMapping === undefined ? {} : { queue: o.queueMapping as number },
    ...thenTold(integersOf(o.parms as Uint8Array)[2], VERDICTS.pipe),
    told: ["parms", "mark", "mask", "priority", "queueMapping"],
  }),
};

/** Sets the link that packets go to, in what was written of the action. */
export function setTarget(own: Record<string, unknown>, index: number): void {
  new Int32Array((own.parms as Uint8Array).buffer)[6] = index;
}

const kinds: { readonly [kind: string]: ActionCodec<never> } = {
  gact,
  mirred,
  police,
  skbedit,
  vlan,
};

/** The codec of a kind that has properties of its own here. */
export function actionCodec(kind: string): ActionCodec<Action> | undefined {
  return Object.hasOwn(kinds, kind) ? kinds[kind] as ActionCodec<unknown> : undefined;
}

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
/** Kinds that the kernel's specification alone describes. */
export const OTHERS: { readonly [K in OtherActionKind]: 1 } = {
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

/** @throws {TypeError} for an unknown kind, or for a property that the kind does not have */
export function checkKind(action: Action, path: string): void {
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
