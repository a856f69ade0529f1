import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, NetlinkError, plan, RouteConnection } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";
import { desired, prune } from "./plan_states.ts";

const skip = need("net-admin", "ip");

describe("what a plan asks for is true in the end", { skip }, () => {
  it("whichever request the kernel refuses", { timeout: 120_000 }, async () => {
    await using t = await lab();
    const change = t.nl.change.bind(t.nl);
    let left = Infinity;
    t.nl.change = ((ask) => {
      if (left-- !== 0) return change(ask);
      return Promise.reject(new NetlinkError("refused", { errno: 1, operation: "test" }));
    }) as typeof t.nl.change;
    await fc.assert(
      fc.asyncProperty(desired, fc.nat(30), async (state, steps) => {
        const wanted = { ...state, prune }, changes = await plan(t.nl, wanted);
        left = steps;
        await apply(t.nl, changes).catch((error) => assert.match(error.message, /refused/));
        left = Infinity;
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  it("when two make it true at a time", { timeout: 120_000 }, async () => {
    await using t = await lab();
    await using other = await RouteConnection.open({ netns: t.name });
    await fc.assert(
      fc.asyncProperty(desired, async (state) => {
        const wanted = { ...state, prune };
        const both = [t.nl, other], plans = await Promise.all(both.map((nl) => plan(nl, wanted)));
        await Promise.allSettled(both.map((nl, i) => apply(nl, plans[i])));
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${plans[0]}`);
      }),
      { numRuns: 10, endOnFailure: true },
    );
  });

  it("when a link is renamed in between, or its name is another's", async () => {
    await using t = await lab();
    const wanted = (mtu: number): Desired => ({
      links: [{ name: "r0", kind: "bridge", mtu }, { name: "r1", kind: "ifb", mtu }],
      addresses: [{ link: "r0", address: "10.7.0.1/24" }],
    });
    await apply(t.nl, await plan(t.nl, wanted(1400)));
    const changes = await plan(t.nl, wanted(1300));
    t.ip("link set r0 name r9");
    t.ip("link set r1 name r0");
    await apply(t.nl, changes);
    assert.equal(String(await plan(t.nl, wanted(1300))), "");
    assert.match(t.ip("link show r9"), /mtu 1400/);
  });

  it("for thousands of addresses and routes as well", { timeout: 60_000 }, async () => {
    await using t = await lab();
    const many = (make: (n: string) => object) =>
      Array.from({ length: 2000 }, (_, i) => make(`${i >> 8}.${i & 255}`));
    const wanted = {
      addresses: many((n) => ({ link: "b0", address: `10.1${n}.1/32` })),
      routes: many((n) => ({ destination: `10.3${n}.0/24`, link: "b2" })),
    } as Desired;
    await apply(t.nl, await plan(t.nl, wanted));
    assert.equal((await plan(t.nl, wanted)).empty, true);
    const none: Desired = { prune: { addresses: ["b0"], routes: [{}] } };
    assert.equal((await apply(t.nl, await plan(t.nl, none))).length, 4000);
    assert.equal((await plan(t.nl, none)).empty, true);
  });
});
