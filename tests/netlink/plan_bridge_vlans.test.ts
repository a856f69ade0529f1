import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { bridges } from "./plan_bridges.ts";

type Kernel = Awaited<ReturnType<typeof bridges>>;

const sw = { name: "sw", kind: "bridge", mtu: 1500 } as const;
const port = (name: string, mtu = 1500) => ({ name, kind: "ifb", mtu, master: "sw" });
const links = [sw, port("p1"), port("p2")];

/** What was asked for to make a declaration true, which it is then. */
async function settle({ nl, asked }: Kernel, wanted: Desired): Promise<string> {
  asked();
  const changes = await plan(nl, wanted);
  await apply(nl, changes);
  assert.equal(String(await plan(nl, wanted)), "", `after\n${changes}`);
  return asked().join(" ");
}

describe("a plan of VLANs", () => {
  it("adds and mends those of ports and of bridges, and leaves others alone", async () => {
    await using t = await bridges();
    const bridgeVlans = [
      { link: "p1", vlan: 10, pvid: true, untagged: true },
      { link: "p1", vlan: 20, end: 23 },
      { link: "sw", vlan: 10 },
    ];
    const wanted = { links, bridgeVlans };
    assert.equal(
      await settle(t, wanted),
      "+p1 10 +p1 20 +p1 21 +p1 22 +p1 23 +sw 10",
    );
    assert.equal(t.vlans("p1"), "1 untagged, 10 pvid untagged, 20, 21, 22, 23");
    assert.equal(t.vlans("p2"), "1 pvid untagged");
    await t.nl.bridgeVlans.delete({ link: "p1", vlan: 21, end: 22 });
    await t.nl.bridgeVlans.add({ link: "p1", vlan: 23, untagged: true });
    await t.nl.bridgeVlans.add({ link: "p1", vlan: 30, pvid: true });
    assert.equal(
      String(await plan(t.nl, wanted)),
      "~ bridge VLAN p1 10: pvid false → true\n~ bridge VLAN p1 20-23: missing 2 → unset",
    );
    // What is not declared of a VLAN stays.
    assert.equal(await settle(t, wanted), "+p1 10 +p1 21 +p1 22");
    assert.equal(t.vlans("p1"), "1 untagged, 10 pvid untagged, 20, 21, 22, 23 untagged, 30");
    const untagged = bridgeVlans.map((vlan) => ({ untagged: false, ...vlan }));
    assert.equal(await settle(t, { links, bridgeVlans: untagged }), "+p1 23");
    const prune = { bridgeVlans: ["p*"] };
    assert.equal(await settle(t, { ...wanted, prune }), "-p1 1 -p1 30 -p2 1");
    assert.equal(await settle(t, { links, prune }), "-p1 10 -p1 20 -p1 21 -p1 22 -p1 23");
    assert.equal(t.vlans("sw"), "1 pvid untagged, 10");
  });

  it("gives a port that is made anew, or whose bridge is, the VLANs that it had", async () => {
    await using t = await bridges();
    const bridgeVlans = [{ link: "p1", vlan: 10, pvid: true, untagged: true }];
    await settle(t, { links, bridgeVlans, prune: { bridgeVlans: ["p1"] } });
    await t.nl.bridgeVlans.add({ link: "p1", vlan: 40, end: 42 });
    await t.nl.bridgeVlans.delete({ link: "p2", vlan: 1 });
    await t.nl.bridgeVlans.add({ link: "p2", vlan: 7, untagged: true });
    const [one, two] = ["10 pvid untagged, 40, 41, 42", "7 untagged"];
    const same = () => assert.deepEqual([t.vlans("p1"), t.vlans("p2")], [one, two]);
    same();
    // A port leaves for a moment, or is another kind of link.
    await settle(t, { links: [sw, port("p1"), { ...port("p2"), kind: "dummy" }], bridgeVlans });
    same();
    await settle(t, { links: [sw, { ...port("p1"), kind: "dummy" }], bridgeVlans });
    same();
    await t.nl.links.set("p1", { master: null });
    assert.equal(
      await settle(t, { links: [sw, { ...port("p1"), kind: "dummy" }], bridgeVlans }),
      "+p1 10",
    );
    assert.equal(t.vlans("p1"), "1 untagged, 10 pvid untagged");
    await t.nl.links.delete("sw");
    assert.equal(await settle(t, { links, bridgeVlans }), "+p1 10");
    assert.equal(t.vlans("p2"), "1 pvid untagged");
  });

  it("is refused by a kernel that filters none", async () => {
    await using t = await bridges({ filtering: false });
    await settle(t, { links });
    const refused = (wanted: Desired, message: string) =>
      assert.rejects(plan(t.nl, wanted), { name: "TypeError", message: `Cannot plan ${message}` });
    await refused(
      { bridgeVlans: [{ link: "p1", vlan: 5 }] },
      "bridgeVlans: this kernel lacks VLAN filtering",
    );
    await refused(
      { links: [{ ...sw, vlanDefaultPvid: 5 }] },
      "link sw: vlanDefaultPvid needs VLAN filtering, which this kernel lacks",
    );
    // Off is what it is.
    assert.equal((await plan(t.nl, { links: [{ ...sw, vlanStatistics: false }] })).empty, true);
  });

  it("is refused before there is any bridge by a kernel that filters none, and by no other", async () => {
    const bridge = { ...sw, vlanDefaultPvid: 5 };
    const wanted: [Desired, string][] = [
      [
        { links: [bridge] },
        "link sw: vlanDefaultPvid needs VLAN filtering, which this kernel lacks",
      ],
      [
        { links, bridgeVlans: [{ link: "p1", vlan: 5 }] },
        "bridgeVlans: this kernel lacks VLAN filtering",
      ],
    ];
    for (const [desired, message] of wanted) {
      await using some = await bridges();
      assert.ok((await plan(some.nl, desired)).changes.length > 0);
      await using none = await bridges({ filtering: false });
      await assert.rejects(plan(none.nl, desired), {
        name: "TypeError",
        message: `Cannot plan ${message}`,
      });
    }
  });

  it("is refused, with the path, where it would mean nothing", async () => {
    await using t = await bridges();
    await settle(t, { links: [...links, { name: "x", kind: "ifb" }] });
    const refused = async (path: string, form: string, value: unknown, ...bridgeVlans: object[]) =>
      await assert.rejects(plan(t.nl, { bridgeVlans } as Desired), (error: Error) => {
        const text = `Cannot use bridgeVlans[${path}: must be ${form}, current value is ${value}`;
        assert.equal(error.message, text);
        return true;
      });
    const one = { link: "p1", vlan: 5 };
    await refused("0].vlan", "1 to 4094", 4095, { ...one, vlan: 4095 });
    await refused("0].end", "above vlan, and not with pvid", 5, { ...one, end: 5 });
    await refused("0].end", "above vlan, and not with pvid", 9, { ...one, end: 9, pvid: true });
    await refused("0].link", "a bridge, or a port of one", '"x"', { ...one, link: "x" });
    await refused("1].vlan", "others than before, as 5 is one", 3, one, {
      ...one,
      vlan: 3,
      end: 6,
    });
    await refused(
      "1].pvid",
      "of one VLAN of a link",
      true,
      { ...one, pvid: true },
      { ...one, vlan: 6, pvid: true },
    );
    await refused("0].pvid", "true or false", 1, { ...one, pvid: 1 });
    await refused("0].self", "one of link, vlan, end, pvid, untagged", true, {
      ...one,
      self: true,
    });
  });
});
