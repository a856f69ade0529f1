/** What requests, connections and watches may be told. */

import {
  assertOptions,
  callable,
  keyedRules,
  poolRules,
  type Rule,
  type Rules,
  signal,
} from "../pool/rules.ts";
import type { BatchOptions } from "./batch.ts";
import { boolean } from "./check.ts";
import type { ConnectionOptions } from "./connection.ts";
import type { DumpOptions } from "./dump.ts";
import type { RequestOptions } from "./exchange.ts";
import type { DoOptions } from "./family.ts";
import { checkTimeout } from "./in_time.ts";
import type { MirrorOptions } from "./mirror.ts";
import type { NamespaceWatchOptions } from "./namespace_watch.ts";
import type { NetlinkPoolBase, NetlinkPoolOptions } from "./pool.ts";
import type { NetlinkPoolsOptions } from "./pools.ts";
import type { ProtocolName } from "./netlink_connection.ts";
import type { RawRequest, RawRequestOptions } from "./raw.ts";
import type { WatchOptions } from "./watch.ts";
import type { FamilyWatchOptions } from "./watch_family.ts";

/** A rule for each option, none forgotten. */
type All<O> = Readonly<Record<keyof O, Rule>>;

/** Looked at where it is used. */
const later: Rule = () => {};
const timeout: Rule = (name, value) => checkTimeout(value as number, name);
const flag: Rule = (name, value) => boolean(name, value as boolean);

/** How a request is made. */
export const REQUEST: All<RequestOptions> = { signal, timeout, offload: flag };
/** How a list is read. */
export const LIST: All<DumpOptions> = { ...REQUEST, whole: flag };
/** How a request of a family is made. */
export const DO: All<DoOptions> = { ...REQUEST, flags: later };
/** What a change of a transaction is told. */
export const CHANGE: All<Pick<DoOptions, "flags">> = { flags: later };
/** How a message is answered. */
export const RAW: All<RawRequestOptions> = { ...REQUEST, acknowledged: flag };
/** A message. */
export const MESSAGE: All<RawRequest> = { type: later, flags: later, body: later };
/** How a batch is committed. */
export const BATCH: All<BatchOptions> = {
  ...REQUEST,
  onError: later,
  acknowledge: later,
  chunk: later,
};
/** How a connection is opened. */
export const OPEN: All<ConnectionOptions> = { netns: later, signal, timeout, adapter: later };
/** How anything is watched over a connection. */
export const EVENTS: All<Pick<WatchOptions, "signal" | "receiveBuffer">> = {
  signal,
  receiveBuffer: later,
};
const PLACED: All<Omit<WatchOptions, "initial">> = { ...EVENTS, netns: later, adapter: later };
/** How objects are watched. */
export const WATCH: All<WatchOptions> = { ...PLACED, initial: flag };
/** How a mirror works. */
export const MIRROR: All<MirrorOptions> = { ...PLACED, kinds: later };
/** How a family is watched over a connection. */
export const FAMILY_EVENTS: Rules = { ...EVENTS, list: callable };
/** How a family is watched. */
export const FAMILY_WATCH: All<FamilyWatchOptions<unknown, unknown>> = {
  ...PLACED,
  list: callable,
};
/** How namespaces are watched. */
export const NAMESPACE_WATCH: All<NamespaceWatchOptions> = {
  signal,
  initial: flag,
  adapter: later,
};

const { maxSize: size, ...ofPools } = poolRules;
const COMMON: All<NetlinkPoolBase<ProtocolName>> = {
  ...ofPools,
  size,
  share: later,
  protocol: later,
  requestTimeout: timeout,
  adapter: later,
};
/** What a pool of connections is told. */
export const POOL: All<NetlinkPoolOptions<ProtocolName>> = { ...COMMON, netns: later };
/** What pools of connections are told. */
export const POOLS: All<NetlinkPoolsOptions<ProtocolName>> = {
  ...COMMON,
  maxTotal: keyedRules.maxTotal,
};
/** What only gives up. */
export const WAIT: Rules = { signal };

/**
 * Refuses what is no option of `what`: under a name that nobody reads it would do nothing.
 *
 * @throws {TypeError | RangeError} naming the option
 */
export function checkOptions(what: string, options: object | undefined, rules: Rules): void {
  if (options !== undefined) assertOptions(what, options, rules);
}

/** What of more options is of every request. */
export function requestOf(options: RequestOptions): RequestOptions {
  const { signal, timeout, offload } = options;
  return { signal, timeout, offload };
}
