/** Values that no kernel keeps for a link: it would refuse them, or have another one in silence. */

import { bad, integer, outside } from "../check.ts";
import { isNowhere, type Item, without } from "./section.ts";

type Range = readonly [low: number, high: number];

const ETHERNET: Range = [68, 65535]; // ETH_MIN_MTU, ETH_MAX_MTU of linux/if_ether.h
/** Milliseconds, while the spanning tree protocol runs: BR_*_FORWARD_DELAY of net/bridge/br_private_stp.h. */
export const FORWARD_DELAY: Range = [2000, 30_000];
const PORT_COST = 65535; // BR_MAX_PATH_COST of net/bridge/br_private_stp.h

/** Numbers of each kind. */
const RANGES: { readonly [kind: string]: { readonly [option: string]: Range } } = {
  bridge: {
    mtu: ETHERNET,
    helloTime: [1000, 10_000], // BR_*_HELLO_TIME of net/bridge/br_private_stp.h
    maxAge: [6000, 40_000], // BR_*_MAX_AGE of net/bridge/br_private_stp.h
    // BR_MULTICAST_QUERY_INTVL_* of net/bridge/br_private.h: what is beyond becomes what is next.
    multicastQueryInterval: [1000, 86_400_000],
    multicastStartupQueryInterval: [1000, 86_400_000],
  },
  // Of no time the kernel makes its default, which is no answer to "never".
  vxlan: { mtu: ETHERNET, ageing: [1, 0xffffffff] },
  macvlan: { mtu: ETHERNET },
  macvtap: { mtu: ETHERNET },
  veth: { mtu: ETHERNET },
};

/**
 * Refuses what no kernel keeps.
 *
 * @throws {TypeError | RangeError} that names the option and its value
 */
export function checkLimits(item: Item): void {
  const { kind, address } = item;
  for (const [name, [low, high]] of Object.entries(RANGES[String(kind)] ?? {})) {
    const value = item[name] as number | undefined;
    if (value !== undefined && !(value >= low && value <= high)) {
      throw outside(name, low, high, value);
    }
  }
  // The loopback link has no kind.
  if (address !== undefined && (isGroup(address) || kind !== undefined && address === ZEROS)) {
    throw bad("address", "that of one link, and not zeros", address);
  }
  if (kind === "bridge") checkBridge(item);
  if (kind === "vxlan") checkVxlan(item);
  if (String(kind).startsWith("macv") && item.mode !== "source") {
    without(item, ["sources"], "without mode source");
  }
  checkPort(item.bridgePort as Item | undefined);
}

/** What the loopback link has for a MAC address. */
export const ZEROS = "00:00:00:00:00:00";

/** Whether a MAC address is for several links. */
function isGroup(address: unknown): boolean {
  return parseInt(String(address).slice(0, 2), 16) % 2 === 1;
}

const RESTRICTED = 7; // BR_GROUPFWD_RESTRICTED of net/bridge/br_private.h
const PAUSE = 2; // BR_GROUPFWD_MACPAUSE of net/bridge/br_private.h

function checkBridge({ groupForwardMask: mask, groupAddress: group, stp, forwardDelay }: Item) {
  if ((mask as number ?? 0) & RESTRICTED) {
    throw bad("groupForwardMask", "without the lowest three bits", mask);
  }
  if (group !== undefined && !/^01:80:c2:00:00:0[04-9a-f]$/.test(group as string)) {
    throw bad("groupAddress", "01:80:c2:00:00:00, or one from :04 to :0f", group);
  }
  // Without the protocol, a port may forward at once.
  const [low, high] = FORWARD_DELAY, delay = forwardDelay as number ?? low;
  if (stp === true && !(delay >= low && delay <= high)) {
    throw outside("forwardDelay", low, high, delay);
  }
}

/** Whether an address is of one link alone. */
export function isLinkLocal(ip: unknown): boolean {
  return /^fe[89ab]/.test(String(ip));
}

/** Whether the kernel has a tunnel from one IPv6 address to another: link-local ones go together. */
export function sameReach(local: unknown, remote: unknown): boolean {
  if (isLinkLocal(local)) return isLinkLocal(remote) || /^ff.2/.test(String(remote));
  return !isLinkLocal(remote);
}

function checkVxlan(item: Item): void {
  const { local, remote, flowLabel, vniFilter, external } = item;
  const [from, to] = [local, remote].filter((ip) => ip !== undefined && !isNowhere(ip));
  if (to !== undefined && isSix(from) !== isSix(to)) {
    throw bad("local", "of the remote's IP version", local);
  }
  if (flowLabel && !isSix(from ?? "")) without(item, ["flowLabel"], "without an IPv6 address");
  if (vniFilter && !external) without(item, ["vniFilter"], "without external");
  if (isMulticast(local)) throw bad("local", "an address of one link", local);
  if (isMulticast(remote) && item.link === undefined) {
    throw bad("link", "given, with a multicast remote", item.link);
  }
  if (external) return;
  if (remote !== undefined && !isNowhere(remote) && !sameReach(local, remote)) {
    throw bad("local", "link-local where the remote is, and only there", local);
  }
  if (isLinkLocal(local) && item.link === undefined) {
    throw bad("link", "given, with a link-local address", item.link);
  }
}

function isMulticast(ip: unknown): boolean {
  return /^(ff|22[4-9]|23\d)/.test(String(ip));
}

function isSix(ip: unknown): boolean {
  return String(ip).includes(":");
}

function checkPort(port: Item = {}): void {
  const { state, cost, groupForwardMask: mask } = port;
  // Whoever runs the spanning tree, the bridge itself at the least, changes it again.
  if (state !== undefined) {
    throw bad("bridgePort.state", "absent: the spanning tree decides on it", state);
  }
  if (cost !== undefined) integer("bridgePort.cost", cost as number, 1, PORT_COST);
  if ((mask as number ?? 0) & PAUSE) {
    throw bad("bridgePort.groupForwardMask", "without the bit of 01:80:c2:00:00:01", mask);
  }
}
