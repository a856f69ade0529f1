/** Any netlink protocol. */

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { KernelAccess } from "./kernel_access.ts";
import type { Dump, DumpOptions } from "./dump.ts";
import { checkOptions, LIST, requestOf } from "./options.ts";
import { NLM_F_DUMP, Protocol } from "./protocol.ts";
import {
  acknowledgement,
  askOf,
  type RawMessage,
  rawMessage,
  type RawRequest,
  type RawRequestOptions,
} from "./raw.ts";
import type { RawEvent, RawWatchOptions } from "./watch_raw.ts";
import type { Watch } from "./watch_stream.ts";

/** Protocols by name (NETLINK_* of linux/netlink.h). */
export type ProtocolName =
  | "route"
  | "sockDiag"
  | "xfrm"
  | "audit"
  | "netfilter"
  | "uevent"
  | "generic";

/**
 * A connection to any netlink protocol. Its specified families are used through
 * {@linkcode NetlinkConnection.family}; what has none, such as the diagnosis of sockets, IPsec or audit,
 * through `request`, `dump` and `watch`, which take and give messages as they are.
 *
 * @example
 * ```ts
 * import { NetlinkConnection } from "@x/pool/netlink";
 *
 * await using nl = await NetlinkConnection.open("netfilter");
 * const nftables = await nl.family("nftables");
 * for await (const table of nftables.dump("gettable")) console.log(table.name);
 * ```
 */
export class NetlinkConnection extends Connection {
  private constructor(adapter: KernelAccess, protocol: number, options: ConnectionOptions) {
    super(adapter, protocol, options);
  }

  /**
   * Opens a connection.
   *
   * @param protocol its name or number
   * @throws {PlatformError} where there is no Linux, or no permission to call libc
   * @throws {NetlinkError} when the kernel lacks the protocol or the namespace cannot be entered
   * @throws {TypeError} for a name that is none of {@linkcode ProtocolName}
   * @throws {RangeError} for a number that is not 0 to 2^31 - 1
   */
  static async open(
    protocol: ProtocolName | number,
    options: ConnectionOptions = {},
  ): Promise<NetlinkConnection> {
    return new NetlinkConnection(await this.prepare(options), protocolNumber(protocol), options);
  }

  /**
   * One request of any kind, with bytes for its body. Gives the messages of the answer, none where the
   * kernel acknowledges a change.
   *
   * @throws {NetlinkError} when the kernel refuses; `EMSGSIZE` when an answer was cut, which is not asked
   * for again
   * @throws {TypeError | RangeError} for a request that is none
   *
   * @example
   * ```ts
   * import { NetlinkConnection } from "@x/pool/netlink";
   *
   * await using nl = await NetlinkConnection.open("route");
   * const RTM_GETLINK = 18, IFLA_MTU = 4;
   * const lo = new Uint8Array(16); // struct ifinfomsg
   * lo[4] = 1; // ifi_index
   * const [{ type, body }] = await nl.request({ type: RTM_GETLINK, body: lo });
   * console.log(type, body.length > 16); // 16 true
   *
   * const RTM_SETLINK = 19, mtu = [8, 0, IFLA_MTU, 0, 0xdc, 5, 0, 0]; // struct nlattr and 1500
   * console.log(await nl.request({ type: RTM_SETLINK, body: Uint8Array.from([...lo, ...mtu]) })); // []
   * ```
   */
  async request(request: RawRequest, options: RawRequestOptions = {}): Promise<RawMessage[]> {
    const implied = acknowledgement(options);
    const ask = askOf(request, implied, "request", this.protocol);
    if (asksForList(request, this.protocol)) {
      throw new RangeError(
        `Cannot use flags: a list is asked for by dump, current value is ${request.flags}`,
      );
    }
    return await this.collect(ask, rawMessage, implied === 0, requestOf(options));
  }

  /**
   * A list of any kind: NLM_F_DUMP with bytes for the request's body.
   *
   * @throws {TypeError | RangeError} for a request that is none
   * @throws {NetlinkError} while it is iterated: what the kernel refused
   *
   * @example
   * ```ts
   * import { NetlinkConnection } from "@x/pool/netlink";
   *
   * await using nl = await NetlinkConnection.open("sockDiag");
   * const SOCK_DIAG_BY_FAMILY = 20, AF_INET = 2, IPPROTO_TCP = 6, TCP_LISTEN = 10;
   * const body = new Uint8Array(56); // struct inet_diag_req_v2
   * body.set([AF_INET, IPPROTO_TCP]);
   * new DataView(body.buffer).setUint32(4, 1 << TCP_LISTEN, true);
   * for await (const message of nl.dump({ type: SOCK_DIAG_BY_FAMILY, body })) {
   *   console.log(new DataView(message.body.buffer).getUint16(4)); // the port
   * }
   * ```
   */
  dump(request: RawRequest, options?: DumpOptions): Dump<RawMessage> {
    checkOptions("a list", options, LIST);
    const ask = askOf(request, NLM_F_DUMP, "dump", this.protocol);
    return this.list(() => ask, rawMessage, options);
  }

  /**
   * Listens to multicast groups of this protocol, by their numbers, on a socket of its own in the
   * connection's namespace. What the kernel tells over `uevent` has no header: `type` is 0, and `body` the
   * whole text.
   *
   * @throws {TypeError | RangeError} for groups that are no numbers
   * @throws {NetlinkError} when the kernel has no such group; `ENOENT` when the name of the connection's
   * namespace is gone, `ESTALE` when it means another by now, `EBADF` when the connection is closed
   *
   * @example
   * ```ts
   * import { NetlinkConnection } from "@x/pool/netlink";
   *
   * await using nl = await NetlinkConnection.open("uevent");
   * await using events = await nl.watch(1);
   * setTimeout(() => events.close(), 10);
   * for await (const event of events) {
   *   if (event.kind === "resync") continue;
   *   console.log(new TextDecoder().decode(event.body).split("\0")[0]); // add@/devices/virtual/net/lo
   * }
   * ```
   */
  async watch(
    groups: number | readonly number[],
    options: RawWatchOptions = {},
  ): Promise<Watch<RawEvent>> {
    // Here, because watches are made of connections.
    const { watchRaw } = await import("./watch_raw.ts");
    return await watchRaw(this, groups, options);
  }
}

/** Whether the kernel answers with a list, which may be interrupted: rtnetlink wants one of the bits alone. */
function asksForList({ type, flags = 0 }: RawRequest, protocol: number): boolean {
  const bits = flags & NLM_F_DUMP, gets = protocol === Protocol.route && (type & 3) === 2;
  return gets ? bits !== 0 : bits === NLM_F_DUMP;
}

const LARGEST = 2 ** 31 - 1;

/** The number of a protocol. @internal */
export function protocolNumber(protocol: ProtocolName | number): number {
  if (typeof protocol === "number") {
    // The system call would take the lower 32 bits of anything.
    if (Number.isInteger(protocol) && protocol >= 0 && protocol <= LARGEST) return protocol;
    throw new RangeError(
      `Cannot open a connection: protocol must be 0 to ${LARGEST}, current value is ${protocol}`,
    );
  }
  if (Object.hasOwn(Protocol, protocol)) return Protocol[protocol];
  const names = Object.keys(Protocol).join(", ");
  throw new TypeError(
    `Cannot open a connection: protocol must be a number or one of ${names}, ` +
      `current value is ${JSON.stringify(protocol)}`,
  );
}
