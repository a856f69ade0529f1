import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan, RouteConnection } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need, testNamespace } from "../support.ts";
import { accepted, beside } from "./plan_beside.ts";
import { lab, striking } from "./plan_lab.ts";
import { settle } from "./plan_settle.ts";

const skip = need("net-admin", "ip");

const [A, B, C] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"];
const macvlan = (n: number, more: object = {}) => ({
  ...{ name: `m${n}`, kind: "macvlan", link: "a0", up: true },
  ...more,
});
const vxlan = (n: number, id: number, more: object = {}) => ({
  ...{ name: `t${n}`, kind: "vxlan", id, port: 5000, up: true },
  ...more,
});

describe("a plan of links beside each other", { skip }, () => {
  it("is refused where the kernel would refuse half of it", async () => {
    await using t = await lab();
    await t.nl.links.addAltNames("a0", ["foo"]);
    const ifb = { name: "x0", kind: "ifb" };
    const refused: [object[], string][] = [
      [[{ ...ifb, altNames: ["a1"] }], "x0: a1 is a name of a1"],
      [[{ ...ifb, altNames: ["foo"] }], "x0: foo is a name of a0"],
      [[{ ...ifb, name: "foo" }], "foo: foo is a name of a0"],
      [
        [{ name: "x0", kind: "veth", peer: { name: "a1" } }],
        "x0: a1 is there, and no end of it",
      ],
      [
        [{ name: "x0", kind: "veth", peer: { name: "foo" } }],
        "foo: foo is a name of a0",
      ],
      [
        [{ ...ifb, bridgePort: { cost: 5 } }],
        "x0: it has bridgePort, and will be no port of a bridge",
      ],
      [
        [{ name: "a2", bondPort: { queueId: 5 } }],
        "a2: it has bondPort, and will be no port of a bond",
      ],
      [[vxlan(0, 5), vxlan(1, 5)], "t0: t1 has id 5 at port 5000 already"],
      [
        [{ name: "t0", kind: "vxlan", id: 99, remote: "192.0.2.1" }],
        "t0: vx9 has id 99 at port 4789 already",
      ],
      [
        [vxlan(0, 5), vxlan(1, 6, { external: true })],
        "t0: t1, which is up as well, has another external at port 5000",
      ],
      [[{ name: "a0", master: "b1" }], "a0: b1, of kind veth, has no ports"],
      [[{ name: "a0", master: "lo" }], "a0: lo has no ports"],
      [[{ name: "lo", master: "sw" }], "lo: it has no MAC address, and is no port of sw"],
      [
        [{ name: "br0", kind: "bridge", master: "sw" }],
        "br0: it is a bridge, and no port of another one, sw",
      ],
      [
        [{ ...macvlan(0), kind: "macvtap", master: "sw" }],
        "m0: it is of kind macvtap, and no port of sw",
      ],
      [[macvlan(0, { link: "lo" })], "m0: lo has no MAC address"],
      [
        [macvlan(0), macvlan(1, { mode: "passthru" })],
        "m0: m1, of mode passthru, has a0 to itself",
      ],
      [
        [macvlan(0, { address: A }), macvlan(1, { address: A })],
        `m0: address must be another one than that of m1, current value is ${A}`,
      ],
      [
        [macvlan(0, { address: A }), { name: "a0", address: A }],
        `m0: address must be another one than that of a0, current value is ${A}`,
      ],
      [
        [macvlan(0, { address: A, mode: "passthru" }), { name: "a0", address: B }],
        `m0: address must be that of a0, in mode passthru, current value is ${A}`,
      ],
    ];
    for (const [links, message] of refused) {
      await assert.rejects(plan(t.nl, { links } as Desired), {
        name: "TypeError",
        message: `Cannot plan link ${message}`,
      });
    }
    const refusedEnds: [object, string][] = [
      [
        { remote: "fe80::1", link: "a0" },
        "local: must be link-local where the remote is, and only " +
        "there, current value is undefined",
      ],
      [
        { local: "fe80::1" },
        "link: must be given, with a link-local address, current value is " +
        "undefined",
      ],
    ];
    for (const [ends, message] of refusedEnds) {
      await assert.rejects(plan(t.nl, { links: [vxlan(0, 5, ends)] } as Desired), {
        name: "TypeError",
        message: `Cannot use links[0].${message}`,
      });
    }
    const alone = macvlan(0, { address: A, mode: "passthru" });
    await settle(t, { links: [{ name: "a0", address: A }, alone] } as Desired);
    await assert.rejects(
      plan(t.nl, { links: [{ name: "a0", address: B }, alone] } as Desired),
      /^TypeError: Cannot plan link m0: address must be that of a0, in mode passthru/,
    );
    await t.nl.links.delete("m0");
    // What differs in any of this may be there.
    await settle(t, {
      links: [vxlan(0, 5), vxlan(1, 5, { remote: "fd00::1" }), vxlan(2, 5, { port: 5001 })],
    } as Desired);
  });

  it("hands over MAC addresses, VNIs and ports", async () => {
    await using t = await lab();
    const states: object[][] = [
      [macvlan(1, { address: A }), macvlan(2, { address: B })],
      [macvlan(1, { address: B }), macvlan(2, { address: A })],
      [macvlan(1, { address: A }), macvlan(2, { address: C }), { name: "a0", address: B }],
      [macvlan(1, { address: B, up: false }), macvlan(2, { address: A }), {
        name: "a0",
        address: C,
      }],
      [vxlan(1, 5), vxlan(2, 6)],
      [vxlan(1, 6), vxlan(2, 5)],
      [vxlan(1, 6), vxlan(2, 6, { external: true, up: false })],
      [vxlan(2, 6, { external: true }), vxlan(1, 6, { up: false })],
      [vxlan(1, 6), vxlan(2, 6, { external: true, up: false })],
    ];
    for (const links of states) await settle(t, { links } as Desired);
  });

  it("turns links that stand on each other", async () => {
    await using t = await lab();
    const br0 = { name: "br0", kind: "bridge", up: true };
    const states: object[][] = [
      [br0, vxlan(0, 5, { master: "br0" })],
      [br0, vxlan(0, 5, { master: null, link: "br0" })],
      [br0, vxlan(0, 5, { master: "br0", link: "a0" })],
      [br0, vxlan(0, 5, { master: "br0", link: "t1" }), vxlan(1, 6, { link: "a0" })],
      // The lower one is moved first, above what the upper one leaves.
      [br0, vxlan(0, 5, { master: null, link: "t1" }), vxlan(1, 6, { link: "br0" })],
    ];
    for (const links of states) await settle(t, { links } as Desired);
  });

  it("drops an end of a tunnel that does not go with the declared one", async () => {
    await using t = await lab();
    const ends = [{ remote: "fd00::1" }, { local: "fe80::1", link: "a0" }, { remote: "fd00::1" }];
    for (const more of ends) await settle(t, { links: [vxlan(0, 5, more)] } as Desired);
  });

  it("sets the other end of a new pair", async () => {
    await using t = await lab();
    const end = { name: "p1", address: A, up: false, arp: false, alias: "end", altNames: ["p-1"] };
    await settle(t, { links: [{ name: "p0", kind: "veth", peer: { name: "p1" } }, end] });
  });

  it("settles, but for what is refused, also when it was interrupted", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(beside, fc.nat(60), async (all, steps) => {
        const wanted = await accepted(t.nl, all);
        const changes = await plan(t.nl, wanted);
        await apply(t.nl, changes, { signal: striking(steps) }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        await settle(t, wanted);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it("leaves no port to a link that becomes what cannot be one", async () => {
    await using t = await lab();
    const port = { name: "p0", kind: "ifb", master: "sw" } as const;
    await settle(t, { links: [port] });
    await settle(t, { links: [{ name: "p0", kind: "bridge" }] });
    assert.equal((await t.nl.links.get("p0")).master, undefined);
  });

  it("is refused if it is of VLANs that no bridge here knows", async () => {
    await using ns = await testNamespace();
    await using nl = await RouteConnection.open({ netns: ns.name });
    const wanted: Desired = { links: [{ name: "br0", kind: "bridge", vlanDefaultPvid: 5 }] };
    const found = await plan(nl, wanted).catch((error: Error) => error);
    assert.deepEqual(await nl.links.list({ kind: "bridge" }).toArray(), []);
    if (found instanceof Error) {
      const why = "vlanDefaultPvid needs VLAN filtering, which this kernel lacks";
      assert.equal(found.message, `Cannot plan link br0: ${why}`);
    } else await apply(nl, found);
    // The kernel is of the same opinion.
    await nl.links.add({ name: "br1", kind: "bridge" });
    const { options } = await nl.links.get("br1");
    assert.equal("vlanDefaultPvid" in options, !(found instanceof Error));
  });
});
