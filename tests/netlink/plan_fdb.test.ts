import assert from "node:assert/strict";
import { it } from "node:test";
import { fdb } from "../../src/netlink/plan/fdb.ts";
import type { Context, Item } from "../../src/netlink/plan/section.ts";

const mac = "02:00:00:00:00:07";

/** Entries of port 2 of bridge 1, as a kernel with VLANs lists them. */
function context(declared: Item[], listed: Item[]): Context {
  const entries = listed.map((item) => ({
    toJSON: () => ({
      ...{ link: 2, bridge: 1, mac, table: "master", lifetime: "static", flags: ["master"] },
      ...item,
    }),
  }));
  return {
    nl: { fdb: { list: () => ({ toArray: () => Promise.resolve(entries) }) } },
    desired: { fdb: declared },
    links: [],
    nameOf: (link: unknown) => link === undefined ? undefined : `port${link}`,
  } as unknown as Context;
}

it("what a bridge of VLANs copies of a declared entry is not pruned", async () => {
  const listed = [{}, { vlan: 1 }, { vlan: 5 }, { vlan: 5, mac: "02:00:00:00:00:08" }];
  const doomed = async (...declared: Item[]) => {
    const keys = declared.map((item) => fdb.key(fdb.normal(item)));
    return (await fdb.read(context(declared, listed)))
      .filter((item) => !keys.includes(fdb.key(item)) && fdb.pruned(item, { fdb: ["port2"] }))
      .map((item) => fdb.key(item));
  };
  const other = "port2 02:00:00:00:00:08 vlan 5", one = `port2 ${mac}`;
  assert.deepEqual(await doomed({ link: "port2", mac }), [other]);
  assert.deepEqual(await doomed({ link: "port2", mac }, { link: "port2", mac, vlan: 5 }), [other]);
  // Without the entry itself there is nothing that these would be copies of.
  assert.deepEqual(
    await doomed({ link: "port2", mac, vlan: 5 }),
    [one, `${one} vlan 1`, other],
  );
});
