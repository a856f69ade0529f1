/** The socket of a watch: multicast messages as they come, and nothing else. */

import type { Words } from "./codec/words.ts";
import { MalformedError } from "./codec/malformed.ts";
import { NetlinkError } from "./error.ts";
import type { KernelAccess } from "./kernel_access.ts";
import type { NamespaceTarget } from "./namespace.ts";
import { NLMSG_HEADER, NLMSG_MIN_TYPE, Protocol } from "./protocol.ts";
import { NetlinkSocket } from "./socket.ts";

/** Takes the complete message of `size` bytes at word `at`. */
export type Take = (w: Words, at: number, size: number) => void;

const ENOBUFS = 105;
/** Bytes that hold some 10,000 route events. */
const RECEIVE_BUFFER = 8 * 1024 * 1024;

/** Where a feed listens. */
export interface FeedOptions {
  /** The netlink protocol. */
  protocol: number;
  /** Numbers of the multicast groups. */
  groups: readonly number[];
  /** The namespace. */
  netns?: NamespaceTarget;
  /** Bytes of the receive buffer. */
  receiveBuffer?: number;
}

/** Checks the size of a receive buffer. */
export function receiveBuffer(size: number = RECEIVE_BUFFER): number {
  if (Number.isInteger(size) && size > 0 && size < 2 ** 31) return size;
  throw new RangeError(
    `Cannot watch: receiveBuffer must be a whole number of bytes, current value is ${size}`,
  );
}

/** What one {@linkcode Feed.read} found. */
export type Found = "messages" | "nothing" | "overrun";

/** A subscription to multicast groups, read by whoever holds it. */
export class Feed {
  readonly #adapter: KernelAccess;
  readonly #socket: NetlinkSocket;
  readonly #text: boolean;
  #size: number;

  /** @throws {NetlinkError} when the kernel refuses the socket, the namespace or a group */
  constructor(adapter: KernelAccess, options: FeedOptions) {
    this.#adapter = adapter;
    this.#text = options.protocol === Protocol.uevent;
    const size = this.#size = receiveBuffer(options.receiveBuffer);
    this.#socket = new NetlinkSocket(adapter.libc, options.protocol, options.netns);
    try {
      this.#socket.receiveBuffer(size);
      for (const group of options.groups) this.#socket.join(group);
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#socket.fd < 0;
  }

  /**
   * Hands the messages of one datagram to `take`, if there is one. After an overrun some are lost.
   *
   * @throws {NetlinkError} when receiving fails otherwise
   * @throws {MalformedError} for a message that claims more than came
   */
  read(take: Take): Found {
    for (;;) {
      const datagram = this.#socket.receive();
      if (datagram === undefined) return "nothing";
      if (typeof datagram === "number") {
        if (datagram === -ENOBUFS) return "overrun";
        throw NetlinkError.fromCall("watch", "recvmsg", datagram);
      }
      if (!datagram.multicast) continue;
      const { words: w, offset, received, length } = datagram;
      if (length > received) return "overrun";
      if (this.#text) {
        take(w, offset, received);
        return "messages";
      }
      const end = (offset << 2) + received;
      for (let at = offset; end - (at << 2) >= NLMSG_HEADER; at += (w[at] + 3) >>> 2) {
        if (w[at] < NLMSG_HEADER || (at << 2) + w[at] > end) {
          throw new MalformedError(
            `a message claims ${w[at]} of ${end - (at << 2)} bytes`,
            at << 2,
          );
        }
        if ((w[at + 1] & 0xffff) >= NLMSG_MIN_TYPE) take(w, at, w[at]);
      }
      return "messages";
    }
  }

  /** Throws away what has queued up, of which an overrun has left only a part. */
  drain(): void {
    while (this.read(() => {}) !== "nothing");
  }

  /** Makes the receive buffer four times as large, up to the default size. */
  grow(): void {
    if (this.#size >= RECEIVE_BUFFER) return;
    this.#size = Math.min(4 * this.#size, RECEIVE_BUFFER);
    this.#socket.receiveBuffer(this.#size);
  }

  /** Waits until there is something to read; this alone holds the process open. */
  readable(signal: AbortSignal): Promise<void> {
    return this.#adapter.readable(this.#socket.fd, { signal });
  }

  /** Closes the socket. */
  close(): void {
    this.#socket.close();
  }
}
