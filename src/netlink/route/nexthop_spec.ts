/**
 * The definition of nexthop objects (linux/nexthop.h), which the kernel's own specifications leave
 * out.
 *
 * @module
 */

import type { FamilySpec } from "../codec/spec.ts";

/** The definition. */
export const spec = {
  name: "rt-nexthop",
  protocol: 0,
  version: 1,
  constants: {},
  enums: {
    flags: {
      flags: true,
      entries: {
        dead: 1,
        pervasive: 2,
        onlink: 4,
        offload: 8,
        linkdown: 16,
        unresolved: 32,
        trap: 64,
      },
    },
  },
  structs: {
    nhmsg: {
      family: { type: "u8" },
      scope: { type: "u8" },
      protocol: { type: "u8" },
      reserved: { type: "pad", len: 1 },
      flags: { type: "u32", enum: "flags", flags: true },
    },
  },
  sets: {
    nexthop: {
      id: { id: 1, type: "u32" },
      group: { id: 2, type: "binary", sub: "u8" },
      groupType: { id: 3, type: "u16" },
      blackhole: { id: 4, type: "flag" },
      oif: { id: 5, type: "u32" },
      gateway: { id: 6, type: "binary", hint: "ipv4-or-v6" },
      encapType: { id: 7, type: "u16" },
      encap: { id: 8, type: "binary" },
      groups: { id: 9, type: "flag" },
      master: { id: 10, type: "u32" },
      fdb: { id: 11, type: "flag" },
      resGroup: { id: 12, type: "nest", nest: "resilient" },
      resBucket: { id: 13, type: "nest", nest: "bucket" },
    },
    resilient: {
      pad: { id: 0, type: "pad" },
      buckets: { id: 1, type: "u16" },
      idleTimer: { id: 2, type: "u32" },
      unbalancedTimer: { id: 3, type: "u32" },
      unbalancedTime: { id: 4, type: "u64" },
    },
    bucket: {
      pad: { id: 0, type: "pad" },
      index: { id: 1, type: "u16" },
      idleTime: { id: 2, type: "u64" },
      nhId: { id: 3, type: "u32" },
    },
  },
  messages: {},
  operations: {
    newnexthop: { set: "nexthop", header: "nhmsg", do: [104] },
    delnexthop: { set: "nexthop", header: "nhmsg", do: [105] },
    getnexthop: { set: "nexthop", header: "nhmsg", do: [106, 104], dump: [106, 104] },
    getnexthopbucket: {
      set: "nexthop",
      header: "nhmsg",
      do: [118, 116],
      dump: [118, 116],
    },
  },
  groups: { "rtnlgrp-nexthop": 32 },
} as const satisfies FamilySpec;
