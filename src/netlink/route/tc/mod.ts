/**
 * Traffic control: types of what a connection's `qdiscs`, `classes` and `filters` take and give.
 *
 * @module
 */

export type {
  Action,
  ActionVerdict,
  CommonActionOptions,
  OtherActionKind,
} from "./action_options.ts";
export type {
  Classes,
  ClassFilter,
  ClassOptions,
  ClassRef,
  DrrClassOptions,
  HtbClassOptions,
  NewClass,
  TrafficClass,
} from "./classes.ts";
export type {
  BpfOptions,
  CommonFilterOptions,
  FilterOptions,
  FlowerOptions,
  FwOptions,
  MatchallOptions,
  OffloadOptions,
  U32Advance,
  U32Key,
  U32Options,
} from "./filter_options.ts";
export type { Filter, FilterFilter, FilterRef, Filters, NewFilter } from "./filters.ts";
export type { Handle, Parent } from "./handle.ts";
export type * from "./qdisc_options.ts";
export type { NewQdisc, Qdisc, QdiscFilter, QdiscRef, Qdiscs } from "./qdiscs.ts";
export type { TcObject, TcStatistics } from "./tc_object.ts";
export type { Verdict } from "./verdict.ts";
