/** Messages as they are, for protocols and families that nothing here specifies. */

import { bytes, type Words } from "./codec/words.ts";
import type { Ask, RequestOptions } from "./exchange.ts";
import { NLM_F_ACK, NLMSG_HEADER, NLMSG_MIN_TYPE } from "./protocol.ts";
import { bad, integer } from "./check.ts";
import { checkOptions, MESSAGE, RAW } from "./options.ts";
import { assertOptions } from "../pool/rules.ts";

/** A message to the kernel. */
export interface RawRequest {
  /** `nlmsg_type`, 16 to 65535: those below are netlink's own. */
  type: number;
  /**
   * `nlmsg_flags`: NLM_F_* of linux/netlink.h. NLM_F_REQUEST, and what the method implies, need not be
   * given; `request` takes no NLM_F_DUMP. With NLM_F_ECHO, what a change did is part of its answer.
   *
   * @default 0
   */
  flags?: number;
  /**
   * Everything behind `struct nlmsghdr`, in the form that the protocol wants. It is read when the request
   * is sent.
   *
   * @default nothing
   */
  body?: Uint8Array;
}

/** How a {@linkcode RawRequest} is answered. */
export interface RawRequestOptions extends RequestOptions {
  /**
   * Whether the kernel is to acknowledge (NLM_F_ACK), which tells where the answer ends. Without that, the
   * answer is one message: audit sends its own after the acknowledgement.
   *
   * @default true
   */
  acknowledged?: boolean;
}

/** A message from the kernel. */
export interface RawMessage {
  /** `nlmsg_type`. */
  readonly type: number;
  /** `nlmsg_flags`. */
  readonly flags: number;
  /** Everything behind `struct nlmsghdr`, as a copy. */
  readonly body: Uint8Array;
}

/** What is sent for a {@linkcode RawRequest}. */
export function askOf(request: RawRequest, implied: number, verb: string, protocol: number): Ask {
  assertOptions("a message", request, MESSAGE, "request.");
  const { type, flags = 0, body } = request;
  integer("type", type, NLMSG_MIN_TYPE, 0xffff);
  integer("flags", flags, 0, 0xffff);
  if (body !== undefined && !(body instanceof Uint8Array)) throw bad("body", "a Uint8Array", body);
  return {
    type,
    flags: flags | implied,
    operation: `${verb} ${type} of protocol ${protocol}`,
    write: (writer) => body && writer.append(body),
  };
}

/** The flags that an answer of several messages needs. */
export function acknowledgement(options: RawRequestOptions): number {
  checkOptions("a request", options, RAW);
  return options.acknowledged ?? true ? NLM_F_ACK : 0;
}

/** The message at word `at`. */
export function rawMessage(w: Words, at: number): RawMessage {
  return {
    type: w[at + 1] & 0xffff,
    flags: w[at + 1] >>> 16,
    body: bytes(w, (at << 2) + NLMSG_HEADER, w[at] - NLMSG_HEADER),
  };
}
