/** What is planned and asked for with kinds of links that not every kernel has. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mendLinks } from "../../src/netlink/plan/anew.ts";
import type { Change } from "../../src/netlink/plan/change.ts";
import { links } from "../../src/netlink/plan/links.ts";
import { twoParts } from "../../src/netlink/plan/link_parts.ts";
import type { Context, Item } from "../../src/netlink/plan/section.ts";

/** A context with these links, and the requests that are made in it. */
function fake(items: readonly Item[]) {
  const asked: unknown[] = [];
  const set = (name: string, changes: object) => Promise.resolve(void asked.push([name, changes]));
  const add = ({ name, ...link }: { name: string }) => set(`+${name}`, link);
  const context = {
    nl: { links: { set, add } },
    desired: { links: [] },
    links: items.map(({ name, kind, options = {} }) => ({ name, kind, options, attributes: {} })),
    nameOf: (name: unknown) => name,
  } as unknown as Context;
  return { context, asked };
}

describe("a link", () => {
  it("that is a port of what is made anew is its port again", () => {
    const vrf = { name: "v", kind: "vrf", table: 10 };
    const own = { name: "p", kind: "veth", mtu: 1400, master: "v" };
    const declared = { name: "q", kind: "ifb", alias: "x", master: "v" };
    const { context } = fake([vrf, own, declared]);
    const after = new Map<string, Item>([
      ["v", { ...vrf, table: 20 }],
      ["q", { name: "q", kind: "ifb", alias: "y" }],
    ]);
    const change = (key: string, action: Change["action"], differences: string[]): Change => ({
      ...{ object: "link", key, action, differences, after: after.get(key)! },
    });
    const current = new Map([vrf, own, declared].map((item) => [item.name, [item]]));
    const lost = new Set(["v"]);
    const found = [change("v", "replace", ["table"]), change("q", "set", ["alias"])];
    const mended = mendLinks(context, after, current, lost, found);
    assert.deepEqual(
      mended.map(({ action, key, after, differences }) => [action, key, after, differences]),
      [
        ["replace", "v", { ...vrf, table: 20 }, ["table"]],
        ["set", "q", { ...after.get("q"), master: "v" }, ["alias", "master"]],
        ["set", "p", { name: "p", master: "v" }, ["master"]],
      ],
    );
    // Not of another kind of master.
    after.set("v", { name: "v", kind: "bridge" });
    assert.equal(mendLinks(context, after, current, lost, found).length, 2);
  });

  it("becomes a bond's port while it is down", async () => {
    const { context, asked } = fake([{ name: "b", kind: "bond" }, { name: "br", kind: "bridge" }]);
    const port = { name: "p", kind: "ifb", up: true, mtu: 1400 };
    await links.set(context, { ...port, master: "b" }, { up: true }, ["master", "mtu"]);
    await links.create(context, { ...port, master: "b" });
    await links.set(context, { ...port, master: "br" }, { up: false }, ["up", "master"]);
    assert.deepEqual(asked, [
      ["p", { up: false }],
      ["p", { master: "b" }],
      ["p", { mtu: 1400 }],
      ["+p", { kind: "ifb", mtu: 1400 }],
      ["p", { master: "b", bondPort: undefined }],
      ["p", { up: true }],
      ["p", { up: true, master: "br" }],
    ]);
  });

  it("is a bond's primary once it is its port", () => {
    const after = { name: "b", kind: "bond", mode: "active-backup", primary: "p" };
    const create: Change = { action: "create", object: "link", key: "b", after, differences: [] };
    const [now, later] = twoParts(create);
    assert.deepEqual(now.after, { name: "b", kind: "bond", mode: "active-backup" });
    assert.deepEqual([later?.action, later?.differences], ["set", ["primary"]]);
    assert.deepEqual(twoParts({ ...create, action: "set", differences: ["mode"] }).length, 1);
  });

  it("that is a bond is made anew for another mode", () => {
    const bond = { name: "b", kind: "bond", mode: "active-backup" };
    assert.equal(links.inPlace(bond, ["mode"], { ...bond, mode: "802.3ad" }), false);
    assert.equal(links.inPlace(bond, ["monitorInterval"], bond), true);
  });
});
