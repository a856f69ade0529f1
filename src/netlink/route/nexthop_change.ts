/** A change of a nexthop: what is to be done, checked and in numbers. */

import type { Values } from "../codec/encode.ts";
import { encapsulationValues } from "./encapsulation.ts";
import { bad, integer } from "../check.ts";
import { address, familyNumber, linkRef } from "./input.ts";
import { AF_INET } from "./item.ts";
import { protocolValue } from "./names.ts";
import type { NewNexthop, NexthopMember, ResilientOptions } from "./nexthop_settings.ts";
import { spec } from "./nexthop_spec.ts";
import { checkOptions } from "./shape.ts";
import { NEXTHOP } from "./shapes.ts";

const SET = spec.sets.nexthop;
const STATIC = 4; // RTPROT_STATIC

/** What one is told, and what its plain copy has besides. */
const KNOWN = { ...NEXTHOP, scope: "text or number", flags: ["text"] } as const;

/**
 * The attributes of a nexthop, but for its link.
 *
 * @throws {TypeError | RangeError} for a value that no kernel would accept
 */
export function nexthopValues(nexthop: NewNexthop): Values {
  checkOptions("a nexthop", nexthop, KNOWN);
  const { id, link, gateway, group, blackhole, fdb, resilient } = nexthop;
  if (id !== undefined) integer("id", id, 1, 0xffffffff);
  if (link !== undefined) linkRef("link", link);
  const via = gateway === undefined ? undefined : address("gateway", gateway);
  if (group !== undefined && (link !== undefined || via !== undefined || blackhole)) {
    throw bad("group", "given without link, gateway and blackhole", group);
  }
  if (resilient !== undefined && group === undefined) {
    throw bad("resilient", "given with group", resilient);
  }
  const family = familyNumber("family", nexthop.family);
  if (family !== 0 && group !== undefined) throw bad("family", "of no group", nexthop.family);
  if (family !== 0 && via !== undefined && via.family !== family) {
    throw bad("family", "the gateway's IP version", nexthop.family);
  }
  const time = (name: keyof ResilientOptions) => {
    const ms = resilient?.[name];
    return ms === undefined
      ? undefined
      : Math.round(integer(`resilient.${name}`, ms, 0, 0xffffffff) / 10);
  };
  return {
    header: {
      family: group ? 0 : via?.family ?? (family || AF_INET),
      protocol: nexthop.protocol === undefined
        ? STATIC
        : protocolValue("protocol", nexthop.protocol),
      flags: nexthop.onlink ? ["onlink"] : [],
    },
    id,
    gateway,
    blackhole,
    fdb,
    group: group === undefined ? undefined : members(group),
    groupType: resilient === undefined ? undefined : 1,
    resGroup: resilient === undefined ? undefined : {
      buckets: resilient.buckets === undefined
        ? undefined
        : integer("resilient.buckets", resilient.buckets, 1, 65535),
      idleTimer: time("idleTimeout"),
      unbalancedTimer: time("unbalancedTimeout"),
    },
    ...encapsulationValues(nexthop.encapsulation, SET.encapType.id, SET.encap.id),
  };
}

function members(group: readonly NexthopMember[]): number[] {
  if (!Array.isArray(group) || group.length === 0) throw bad("group", "one member or more", group);
  return group.flatMap(({ id, weight = 1 }, i) => {
    integer(`group[${i}].id`, id, 1, 0xffffffff);
    // struct nexthop_grp: id, weight - 1, its high byte, padding.
    const share = integer(`group[${i}].weight`, weight, 1, 65535) - 1;
    const number = [id & 255, (id >>> 8) & 255, (id >>> 16) & 255, id >>> 24];
    return [...number, share & 255, share >>> 8, 0, 0];
  });
}
