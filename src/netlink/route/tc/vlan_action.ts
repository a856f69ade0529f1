/** The action that edits the VLAN tag, or the Ethernet header (linux/tc_act/tc_vlan.h). */

import { bad, integer } from "../../check.ts";
import { mac } from "../input.ts";
import { type ActionCodec, type ActionOf, optional, thenTold, thenValue } from "./action_codec.ts";
import { VERDICTS } from "./verdict.ts";

/** Modes by name. */
export const VLAN = { pop: 1, push: 2, modify: 3, pop_eth: 4, push_eth: 5 } as const; // TCA_VLAN_ACT_*
const PROTOCOLS = { "8021q": 0x8100, "8021ad": 0x88a8 } as const;

/** How it is written and read. */
export const vlan: ActionCodec<ActionOf<"vlan">> = {
  write(action, path) {
    const then = thenValue(action.verdict, path, VERDICTS.pipe);
    const parms = { action: then, vAction: VLAN[action.mode] };
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
      pushVlanProtocol: PROTOCOLS[protocol],
      pushVlanPriority: optional(`${path}priority`, action.priority, 7),
    };
  },
  read(o) {
    const { vAction, action } = o.parms as { vAction: number; action: number };
    const mode = (Object.keys(VLAN) as (keyof typeof VLAN)[]).find((m) => VLAN[m] === vAction);
    const ethertype = o.pushVlanProtocol ?? PROTOCOLS["8021q"];
    const protocol = (Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[])
      .find((name) => PROTOCOLS[name] === ethertype);
    if (mode === undefined || protocol === undefined) return { told: [] };
    const verdict = thenTold(action, VERDICTS.pipe);
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
  },
};

function macOf(bytes: unknown): string {
  return [...bytes as Uint8Array].map((b) => b.toString(16).padStart(2, "0")).join(":");
}
