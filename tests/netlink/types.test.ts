import assert from "node:assert/strict";
import { it } from "node:test";
import type {
  FamilyOf,
  GenericConnection,
  NetlinkConnection,
  RouteConnection,
} from "../../src/netlink/mod.ts";

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true
  : false;
const same = <A, B>(_: Equal<A, B>): void => {};

// Checked by the type checker, never called.
async function types(
  generic: GenericConnection,
  route: RouteConnection,
  any: NetlinkConnection,
): Promise<void> {
  same<FamilyOf<12>, "conntrack" | "nftables">(true);
  const ethtool = await generic.family("ethtool"), links = await route.family("rt-link");
  const nftables = await any.family("nftables");
  await any.family("rt-link");
  // @ts-expect-error of another protocol
  await generic.family("rt-link");
  // @ts-expect-error of another protocol
  await route.family("ethtool");
  // @ts-expect-error no such family
  await any.family("nope");
  const changed = await ethtool.do("features-set", {});
  // @ts-expect-error the kernel may acknowledge alone
  assert.ok(changed.wanted);
  same<undefined extends typeof changed ? true : false, true>(true);
  const state = await ethtool.do("linkstate-get", {});
  same<undefined extends typeof state ? true : false, false>(true);
  await nftables.transaction((add) => add("newtable", {}));
  await nftables.transaction(async (add) => {
    await Promise.resolve();
    add("newtable", {});
  });
  // @ts-expect-error it has none
  await ethtool.transaction(() => {});
  // @ts-expect-error it has none
  await links.transaction(() => {});
  // @ts-expect-error it brackets what a transaction sends
  await nftables.do("batch-begin");
  // @ts-expect-error as above
  await nftables.do("batch-end");
}

it("the types of families say what they should", () => assert.equal(typeof types, "function"));
