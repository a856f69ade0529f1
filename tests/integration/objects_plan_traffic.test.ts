import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";

const skip = need("net-admin");

describe("plan and apply of traffic control", { skip }, () => {
  it("move classes with the filters that point to them, and delete them from the leaves up", async () => {
    await using t = await lab();
    const shape = { kind: "htb" as const, options: { rateBytesPerSecond: 125_000 } };
    const base: Desired = {
      qdiscs: [{ link: "a0", kind: "htb", handle: "1:" }],
      filters: [{
        link: "a0",
        parent: "1:",
        priority: 1,
        protocol: "ip",
        kind: "u32",
        options: { keys: [{ offset: 16, value: 7, mask: 255 }], class: "1:2" },
      }],
      prune: { qdiscs: ["a0"] },
    };
    // A class may have a smaller handle than those above it.
    const tree = [["1:2", "1:9"], ["1:9", "1:5"], ["1:5", "1:"]];
    const moved = [["1:2", "1:7"], ["1:7", "1:"]];
    for (const shown of [tree, moved, tree, []]) {
      const classes = shown.map(([handle, parent]) => ({ link: "a0", handle, parent, ...shape }));
      const wanted = { ...base, classes, ...shown.length === 0 ? { filters: [] } : {} };
      await apply(t.nl, await plan(t.nl, wanted));
      assert.equal(String(await plan(t.nl, wanted)), "", String(shown));
      const is = await t.nl.classes.list({ link: "a0" }).toArray();
      assert.deepEqual(
        is.map((c) => `${c.handle} ${c.parent === "root" ? "1:" : c.parent}`).sort(),
        shown.map((pair) => pair.join(" ")).sort(),
      );
    }
  });
});
