/**
 * The Linux kernel's netlink sockets: links, addresses, routes and namespaces as typed objects.
 *
 * @module
 */

export {
  type Libc,
  type OffThreadCall,
  PlatformError,
  type PlatformErrorCode,
} from "../../ffi/adapter.ts";
export type { Batch, BatchKind, BatchOf, BatchOptions, BatchResult } from "./batch.ts";
export type { RequestOptions } from "./exchange.ts";
export { MalformedError } from "./codec/malformed.ts";
export type { Values } from "./codec/encode.ts";
export type { Bitfield32, Element, Input, View } from "./codec/types.ts";
export { Connection, type ConnectionOptions, type FamilyOf } from "./connection.ts";
export type { Dump, DumpOptions } from "./dump.ts";
export { NetlinkError, type NetlinkErrorOptions } from "./error.ts";
export type { KernelAccess } from "./kernel_access.ts";
export type { AddChange, Changes, DoOptions, Family, ReplyOf, RequestOf, With } from "./family.ts";
export { GenericConnection } from "./generic_connection.ts";
export {
  type Mirror,
  mirror,
  type MirrorChange,
  type MirrorKind,
  type MirrorOptions,
} from "./mirror.ts";
export type { MirrorTable } from "./mirror_table.ts";
export { createNamespace, deleteNamespace, type NamespaceTarget } from "./namespace.ts";
export {
  type NamespaceEvent,
  type NamespaceWatchOptions,
  watchNamespaces,
} from "./namespace_watch.ts";
export { listNamespaces, type NamedNamespace } from "./namespaces.ts";
export type * from "../pool/mod.ts";
export { NetlinkConnection, type ProtocolName } from "./netlink_connection.ts";
export {
  type ConnectionOf,
  NetlinkPool,
  netlinkPool,
  type NetlinkPoolBase,
  type NetlinkPoolOptions,
} from "./pool.ts";
export { NetlinkPools, netlinkPools, type NetlinkPoolsOptions } from "./pools.ts";
export type { Address } from "./route/address.ts";
export type { Addresses, AddressFilter, AddressRef, NewAddress } from "./route/addresses.ts";
export type {
  BridgeVlan,
  BridgeVlanFilter,
  BridgeVlanRef,
  BridgeVlans,
  NewBridgeVlan,
} from "./route/bridge_vlans.ts";
export type {
  Encapsulation,
  IpEncapsulation,
  MplsEncapsulation,
  OtherEncapsulation,
  Seg6Encapsulation,
} from "./route/encapsulation.ts";
export type { Fdb, FdbFilter, FdbFlush, FdbLookup, FdbRef, NewFdbEntry } from "./route/fdb.ts";
export type { LinkRef } from "./route/input.ts";
export type { Link, LinkStatistics, OperState } from "./route/link.ts";
export type * from "./route/link_options.ts";
export type {
  AddressGeneration,
  LinkChanges,
  LinkFilter,
  LinkSettings,
  LinkTuning,
  NewLink,
  VethPeer,
} from "./route/link_settings.ts";
export type { Links } from "./route/links.ts";
export type { RouteType } from "./route/names.ts";
export type {
  FdbEntry,
  FdbLifetime,
  Neighbour,
  NeighbourEntry,
  NeighbourState,
} from "./route/neighbour.ts";
export type {
  NeighbourFilter,
  NeighbourRef,
  Neighbours,
  NewNeighbour,
} from "./route/neighbours.ts";
export type { Nexthop } from "./route/nexthop.ts";
export type { NexthopBucket } from "./route/nexthop_bucket.ts";
export type {
  NewNexthop,
  NexthopBucketFilter,
  NexthopFilter,
  NexthopFlush,
  NexthopMember,
  ResilientOptions,
} from "./route/nexthop_settings.ts";
export type { Nexthops } from "./route/nexthops.ts";
export type { Route } from "./route/route.ts";
export type {
  ListedHop,
  LockableMetric,
  RouteDetails,
  RouteFeature,
  RouteHop,
  RouteMetrics,
} from "./route/route_details.ts";
export type {
  NewRoute,
  RouteFilter,
  RouteFlush,
  RouteLookup,
  RouteRef,
  Routes,
} from "./route/routes.ts";
export type { Range, Rule, RuleAction } from "./route/rule.ts";
export type { NewRule, RuleFilter, RuleFlush, Rules } from "./route/rules.ts";
export type * from "./route/tc/mod.ts";
export * from "./plan/mod.ts";
export type { RawMessage, RawRequest, RawRequestOptions } from "./raw.ts";
export { RouteConnection } from "./route_connection.ts";
export { runInNamespace } from "./run_in_namespace.ts";
export type { Families, FamilyProtocols } from "./spec/mod.ts";
export {
  watch,
  type WatchChange,
  type WatchEvent,
  type WatchOptions,
  type WatchResync,
} from "./watch.ts";
export {
  type FamilyEvent,
  type FamilyNotice,
  type FamilyWatchOptions,
  watchFamily,
} from "./watch_family.ts";
export type { WatchItems, WatchKind } from "./watch_kinds.ts";
export type { NamespaceId } from "./watch_namespace_id.ts";
export type { RawEvent, RawWatchOptions } from "./watch_raw.ts";
export type { WatchState } from "./watch_snapshot.ts";
export type { Watch } from "./watch_stream.ts";
export type { TableChange } from "./watch_table.ts";
