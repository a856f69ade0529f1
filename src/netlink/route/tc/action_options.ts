/** What filters do with packets, as it is told (linux/tc_act/*.h). */

import type { Values } from "../../codec/encode.ts";
import type { LinkRef } from "../input.ts";
import type { Verdict } from "./verdict.ts";

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
