/**
 * Options of queueing disciplines. Rates are bytes per second, times milliseconds, sizes bytes, and
 * the names say so.
 */

/** How the bytes of packets are counted (struct tc_ratespec of linux/pkt_sched.h). */
export interface FramingOptions {
  /**
   * Bytes that the link adds to each packet, 0 to 65535.
   *
   * @default 0
   */
  overheadBytes?: number;
  /**
   * Bytes that a packet counts for at least, 0 to 65535.
   *
   * @default 0
   */
  minPacketBytes?: number;
  /**
   * What carries packets: "atm" for cells of 53 bytes with 48 of the packet in each.
   *
   * @default "ethernet"
   */
  linkLayer?: "ethernet" | "atm";
}

/** FIFO queue of packets (struct tc_fifo_qopt of linux/pkt_sched.h). */
export interface PfifoOptions {
  /** Packets that it holds at most. */
  limitPackets?: number;
}

/** FIFO queue of bytes (struct tc_fifo_qopt of linux/pkt_sched.h). */
export interface BfifoOptions {
  /** Bytes that it holds at most. */
  limitBytes?: number;
}

/** Fair queueing with controlled delay (TCA_FQ_CODEL_* of linux/pkt_sched.h). */
export interface FqCodelOptions {
  /** Packets that it holds at most. */
  limitPackets?: number;
  /** Number of flows. */
  flows?: number;
  /** Milliseconds of standing queue that are acceptable. */
  targetMs?: number;
  /** Milliseconds over which the queue is watched. */
  intervalMs?: number;
  /** Bytes that a flow may send in its turn. */
  quantumBytes?: number;
  /** Whether packets are marked instead of dropped, where they allow that. */
  ecn?: boolean;
  /** Milliseconds of queue from which on packets are marked. */
  ceThresholdMs?: number;
  /** Packets dropped at once when the queue is full. */
  dropBatchPackets?: number;
  /** Bytes of memory that it takes at most. */
  memoryLimitBytes?: number;
}

/** Controlled delay (TCA_CODEL_* of linux/pkt_sched.h). */
export interface CodelOptions {
  /** Packets that it holds at most. */
  limitPackets?: number;
  /** Milliseconds of standing queue that are acceptable. */
  targetMs?: number;
  /** Milliseconds over which the queue is watched. */
  intervalMs?: number;
  /** Whether packets are marked instead of dropped, where they allow that. */
  ecn?: boolean;
  /** Milliseconds of queue from which on packets are marked. */
  ceThresholdMs?: number;
}

/** Fair queueing with pacing (TCA_FQ_* of linux/pkt_sched.h). */
export interface FqOptions {
  /** Packets that it holds at most. */
  limitPackets?: number;
  /** Packets that a flow holds at most. */
  flowLimitPackets?: number;
  /** Bytes that a flow may send in its turn. */
  quantumBytes?: number;
  /** Bytes that a new flow may send at first. */
  initialQuantumBytes?: number;
  /** Whether flows are paced. */
  pacing?: boolean;
  /** Most bytes per second of a flow. */
  maxRateBytesPerSecond?: number;
  /** Flows slower than so many bytes per second are not waited for one by one. */
  lowRateThresholdBytesPerSecond?: number;
  /** Milliseconds without packets after which a flow gets its credit again. */
  refillDelayMs?: number;
  /** Number of hash buckets, a power of two. */
  buckets?: number;
  /** Mask over the hash of packets without a socket. */
  orphanMask?: number;
  /** Milliseconds of queue from which on packets are marked. */
  ceThresholdMs?: number;
  /** Nanoseconds by which its timer may be late. */
  timerSlackNs?: number;
  /** Milliseconds into the future that packets may be scheduled. */
  horizonMs?: number;
  /** Whether packets beyond the horizon are dropped; else they are sent at it. */
  horizonDrop?: boolean;
}

/** Token bucket (TCA_TBF_* of linux/pkt_sched.h). */
export interface TbfOptions extends FramingOptions {
  /** Bytes per second. */
  rateBytesPerSecond: number;
  /** Bytes that may be sent at once. */
  burstBytes: number;
  /** Bytes that it holds at most; this or `latencyMs`. */
  limitBytes?: number;
  /** Milliseconds that a packet waits at most, in place of `limitBytes`. */
  latencyMs?: number;
  /** Bytes per second while the bucket empties. */
  peakRateBytesPerSecond?: number;
  /** Bytes that may be sent at once at the peak rate; needed with it. */
  peakBurstBytes?: number;
}

/** Hierarchical token bucket (TCA_HTB_* of linux/pkt_sched.h). */
export interface HtbOptions {
  /**
   * Minor number, hexadecimal in a handle, of the class that takes the packets of no other.
   *
   * @default 0: they are sent at once, unshaped
   */
  defaultClass?: number;
  /**
   * What a class's rate is divided by for its quantum.
   *
   * @default 10
   */
  rateToQuantum?: number;
  /** Packets that wait at most without a class. */
  directQueuePackets?: number;
}

/** Network emulation (TCA_NETEM_* of linux/pkt_sched.h). */
export interface NetemOptions {
  /** Milliseconds by which packets are delayed. */
  delayMs?: number;
  /** Milliseconds by which the delay varies. */
  jitterMs?: number;
  /** Percentage by which a delay depends on the one before. */
  delayCorrelationPercent?: number;
  /** Packets that it holds at most. */
  limitPackets?: number;
  /** Percentage of packets lost. */
  lossPercent?: number;
  /** Percentage by which a loss depends on the one before. */
  lossCorrelationPercent?: number;
  /** Percentage of packets sent twice. */
  duplicatePercent?: number;
  /** Percentage by which a duplicate depends on the one before. */
  duplicateCorrelationPercent?: number;
  /** Percentage of packets with one bit wrong. */
  corruptPercent?: number;
  /** Percentage by which a corruption depends on the one before. */
  corruptCorrelationPercent?: number;
  /** Percentage of packets that are sent at once instead of delayed. */
  reorderPercent?: number;
  /** Percentage by which that depends on the packet before. */
  reorderCorrelationPercent?: number;
  /** Every so many packets one is sent at once. */
  gapPackets?: number;
  /** Bytes per second. */
  rateBytesPerSecond?: number;
  /** Whether packets are marked instead of lost, where they allow that. */
  ecn?: boolean;
  /**
   * How jitter is distributed: the table of a file of tc's, such as /usr/lib/tc/normal.dist, 1 to 16384
   * numbers from -32768 to 32767. The kernel does not tell it.
   *
   * @default evenly
   */
  distribution?: readonly number[];
  /** Packets are kept and sent in bursts. */
  slot?: NetemSlot;
  /** How the jitter of slots is distributed, as in `distribution`. The kernel does not tell it. */
  slotDistribution?: readonly number[];
}

/** When packets are sent in bursts: after one delay to another, or after one with jitter. */
export interface NetemSlot {
  /** Milliseconds to the next slot at least. */
  minDelayMs?: number;
  /**
   * Milliseconds to the next slot at most.
   *
   * @default minDelayMs
   */
  maxDelayMs?: number;
  /** Milliseconds to the next slot, in place of the two, with a `slotDistribution`. */
  delayMs?: number;
  /** Milliseconds by which that varies. */
  jitterMs?: number;
  /**
   * Packets that are sent in one.
   *
   * @default 0, any number
   */
  packets?: number;
  /**
   * Bytes that are sent in one.
   *
   * @default 0, any number
   */
  bytes?: number;
}

/** Common applications kept enhanced (TCA_CAKE_* of linux/pkt_sched.h). */
export interface CakeOptions {
  /**
   * Bytes per second; 0 for no limit.
   *
   * @default 0
   */
  rateBytesPerSecond?: number;
  /** Whether the rate follows what arrives. */
  autorateIngress?: boolean;
  /**
   * How packets are told apart by priority.
   *
   * @default "diffserv3"
   */
  priorities?: "diffserv3" | "diffserv4" | "diffserv8" | "besteffort" | "precedence";
  /**
   * Between what the rate is shared.
   *
   * @default "triple-isolate"
   */
  isolation?:
    | "flowblind"
    | "srchost"
    | "dsthost"
    | "hosts"
    | "flows"
    | "dual-srchost"
    | "dual-dsthost"
    | "triple-isolate";
  /** Whether flows are told apart by the addresses behind a translation of addresses. */
  nat?: boolean;
  /** Whether the priorities of packets are removed. */
  wash?: boolean;
  /** Which acknowledgements of TCP are dropped where later ones tell the same. */
  ackFilter?: "none" | "filter" | "aggressive";
  /** Whether packets that were merged are sent one by one. */
  splitGso?: boolean;
  /** Whether packets that are dropped count, as they do for a link that they came by. */
  ingress?: boolean;
  /** Milliseconds that a packet needs to its destination and back. */
  rttMs?: number;
  /**
   * Milliseconds of standing queue that are acceptable.
   *
   * @default a twentieth of rttMs, where that is given
   */
  targetMs?: number;
  /** Bytes that the link adds to each packet, -64 to 256. */
  overheadBytes?: number;
  /** Bytes that a packet counts for at least, 0 to 256. */
  minPacketBytes?: number;
  /** What carries packets: cells of ATM, or PTM. */
  linkLayer?: "none" | "atm" | "ptm";
  /** Whether packets count as the kernel has them, whatever `overheadBytes` was. */
  raw?: boolean;
  /** Bytes of memory that it takes at most. */
  memoryLimitBytes?: number;
  /** The bits of the firewall mark that tell the priority. */
  markMask?: number;
}

/** Bands of priority (struct tc_prio_qopt of linux/pkt_sched.h). */
export interface PrioOptions {
  /**
   * Number of bands, 2 to 16.
   *
   * @default 3
   */
  bands?: number;
  /** The band of each of the 16 packet priorities. */
  priorityMap?: readonly number[];
}

/** Stochastic fair queueing (struct tc_sfq_qopt of linux/pkt_sched.h). */
export interface SfqOptions {
  /** Bytes that a flow may send in its turn. */
  quantumBytes?: number;
  /** Seconds after which flows are hashed anew; 0 never. */
  perturbSeconds?: number;
  /** Packets that it holds at most. */
  limitPackets?: number;
  /** Number of hash buckets, a power of two. */
  buckets?: number;
  /** Number of flows. */
  flows?: number;
  /** Packets that a flow holds at most. */
  depthPackets?: number;
}

/** No options. */
export type NoOptions = Record<never, never>;

/** What each kind takes (linux/pkt_sched.h). What is left out is as the kernel has it by default. */
export interface QdiscOptions {
  /** Queue of packets. */
  pfifo: PfifoOptions;
  /** Queue of packets that drops the oldest. */
  pfifo_head_drop: PfifoOptions;
  /** Queue of bytes. */
  bfifo: BfifoOptions;
  /** Fair queueing with controlled delay. */
  fq_codel: FqCodelOptions;
  /** Controlled delay. */
  codel: CodelOptions;
  /** Fair queueing with pacing. */
  fq: FqOptions;
  /** Token bucket. */
  tbf: TbfOptions;
  /** Hierarchical token bucket; its classes shape. */
  htb: HtbOptions;
  /** Network emulation. */
  netem: NetemOptions;
  /** Common applications kept enhanced. */
  cake: CakeOptions;
  /** Bands of priority. */
  prio: PrioOptions;
  /** Stochastic fair queueing. */
  sfq: SfqOptions;
  /** Deficit round robin; its classes share. */
  drr: NoOptions;
  /** One queue for each of a link's. */
  mq: NoOptions;
  /** None: packets go out or are lost. */
  noqueue: NoOptions;
  /** Hook for filters on arriving packets. */
  ingress: NoOptions;
  /** Hooks for filters on arriving and on leaving packets. */
  clsact: NoOptions;
}
