import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";
import { lines, settle } from "./plan_settle.ts";

const skip = need("net-admin", "ip", "bridge");
const flood = "00:00:00:00:00:00", mac = "02:00:00:00:00:07";

describe("plan and apply of addresses", { skip }, () => {
  it("leave those of the loopback link to the kernel", async () => {
    await using t = await lab();
    t.ip("address add 10.66.0.1/32 dev lo");
    assert.equal(await settle(t, { prune: { addresses: ["lo"] } }), "delete address");
    assert.deepEqual(
      (await t.nl.addresses.list({ link: "lo" }).toArray()).map(({ address }) => address),
      ["127.0.0.1/8", "::1/128"],
    );
  });

  it("settle whatever can be said of them", async () => {
    await using t = await lab();
    const link = "a0";
    await settle(t, {
      addresses: [
        { link, address: "10.5.0.1/24", preferredLifetime: 0 },
        { link, address: "10.5.1.1/24", peer: "10.5.1.1" },
        { link, address: "10.5.2.1/24", flags: ["noprefixroute", "noprefixroute"] },
        { link, address: "10.5.3.1/24", broadcast: "0.0.0.0" },
        { link, address: "10.5.4.1/24", validLifetime: 100 },
        { link, address: "10.5.5.1/24", validLifetime: 100, preferredLifetime: 0 },
        { link, address: "fd05::1/64", flags: ["optimistic"] },
        { link, address: "fd05::2/64", flags: ["nodad", "optimistic", "managetempaddr"] },
        { link, address: "fd05::3/64", preferredLifetime: 0, flags: ["nodad"] },
        { link, address: "fd05::4/64", preferredLifetime: 50, peer: "fd05::4" },
      ],
    });
    // Which differs from what is not said.
    assert.equal(
      await settle(t, {
        addresses: [
          { link, address: "10.5.0.1/24" },
          { link, address: "10.5.1.1/24", broadcast: "10.5.1.255" },
          { link, address: "fd05::3/64" },
        ],
      }),
      "set address preferredLifetime, replace address broadcast, set address preferredLifetime",
    );
    const changes = await plan(t.nl, {
      addresses: [
        { link, address: "10.5.0.1/24", validLifetime: 9 },
        { link, address: "10.5.1.1/24", broadcast: "0.0.0.0" },
      ],
    });
    assert.deepEqual(String(changes).split("\n"), [
      "~ address a0 10.5.0.1/24: validLifetime forever → 9, preferredLifetime forever → unset",
      '± address a0 10.5.1.1/24: broadcast "10.5.1.255" → "0.0.0.0"',
    ]);
  });

  it("refuse what the kernel ignores", async () => {
    await using t = await lab();
    const refused = (entry: object, message: string) =>
      assert.rejects(
        plan(t.nl, { addresses: [{ link: "a0", address: "10.5.0.1/24", ...entry }] }),
        { message: `Cannot use addresses[0].${message}` },
      );
    await refused(
      { flags: ["noprefixroute", "nodad"] },
      'flags[1]: must be one of mcautojoin, noprefixroute, current value is "nodad"',
    );
    await refused(
      { address: "fd05::1/64", label: "x" },
      'label: must be absent, with IPv6, current value is "x"',
    );
    await refused(
      { validLifetime: 5, preferredLifetime: 9 },
      "preferredLifetime: must be at most validLifetime, current value is 9",
    );
    await refused(
      { validLifetime: 0 },
      "validLifetime: must be 1 to 4294967294, current value is 0",
    );
    await refused(
      { preferredLifetime: 9 },
      "preferredLifetime: must be 0, of an IPv4 address without validLifetime, current value is 9",
    );
  });
});

describe("plan and apply of neighbours", { skip }, () => {
  it("settle whatever can be said of them, and keep the rest", async () => {
    await using t = await lab();
    await settle(t, {
      neighbours: [
        { link: "b2", address: "10.20.0.5", mac: "02-00-00-00-00-0A", protocol: 0 },
        { link: "b2", address: "10.20.0.6", mac, protocol: 4 },
        { link: "b2", address: "10.20.0.7", proxy: true, router: true, protocol: "static" },
      ],
    });
    t.ip(`neighbour add fd20::5 dev b2 lladdr ${mac} router extern_learn protocol 99`);
    assert.equal(
      await settle(t, {
        neighbours: [{ link: "b2", address: "fd20::5", mac: "02:00:00:00:00:08" }],
      }),
      "set neighbour mac",
    );
    const { router, flags, protocol } = await t.nl.neighbours.get({
      link: "b2",
      address: "fd20::5",
    });
    assert.deepEqual([router, flags.includes("ext-learned"), protocol], [true, true, 99]);
    const proxied = { link: "b2", address: "10.20.0.8", proxy: true };
    await assert.rejects(plan(t.nl, { neighbours: [{ ...proxied, mac }] }), {
      message:
        `Cannot use neighbours[0].mac: must be absent, with proxy, current value is "${mac}"`,
    });
    await assert.rejects(plan(t.nl, { neighbours: [{ ...proxied, state: "noarp" }] }), {
      message:
        'Cannot use neighbours[0].state: must be absent, with proxy, current value is "noarp"',
    });
  });
});

describe("plan and apply of forwarding entries", { skip }, () => {
  it("settle those of a bridge itself, and what it lets others learn", async () => {
    await using t = await lab();
    const wanted: Desired = {
      fdb: [
        { link: "sw", mac, table: "self", lifetime: "permanent" },
        { link: "a2", mac: "02-00-00-00-00-0A", externallyLearned: true },
      ],
    };
    assert.equal(
      await settle(t, wanted),
      "create forwarding entry, create forwarding entry",
    );
    t.bridge(`fdb del ${mac} dev sw self`);
    assert.equal(await settle(t, wanted), "create forwarding entry");
    t.bridge("fdb replace 02:00:00:00:00:0a dev a2 master static");
    await settle(t, wanted);
    await assert.rejects(
      plan(t.nl, { fdb: [{ link: "a2", mac, externallyLearned: true, lifetime: "static" }] }),
      {
        message: "Cannot use fdb[0].lifetime: must be dynamic, of what a bridge learned " +
          'externally, current value is "static"',
      },
    );
    await settle(t, { ...wanted, fdb: [], prune: { fdb: ["sw", "a2"] } });
    // The addresses of the bridge and its ports are there all the same.
    const own = (await t.nl.fdb.list({ link: "a2" }).toArray()).map(({ lifetime }) => lifetime);
    assert.ok(own.includes("permanent"));
  });

  it("settle what is a tunnel's own anyhow, and notice what is not", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "vx1", kind: "vxlan", id: 9, port: 4789, up: true });
    const link = "vx1", remote = "192.0.2.1";
    const wanted: Desired = {
      fdb: [
        { link, mac, remote, port: 4789, vni: 9 },
        { link, mac: "02:00:00:00:00:08", remote, sourceVni: 9 },
        { link, mac: flood, remote, port: 4789 },
        { link, mac: flood, remote, vni: 9, via: "a0" },
        { link, mac: flood, remote, vni: 10 },
        { link, mac: flood, remote, vni: 10, port: 5 },
      ],
      prune: { fdb: [link] },
    };
    await settle(t, wanted);
    assert.deepEqual(lines(t.bridge("fdb show dev vx1")), [
      `${flood} dst ${remote} port 5 vni 10 self permanent`,
      `${flood} dst ${remote} self permanent`,
      `${flood} dst ${remote} via a0 self permanent`,
      `${flood} dst ${remote} vni 10 self permanent`,
      `02:00:00:00:00:07 dst ${remote} self permanent`,
      `02:00:00:00:00:08 dst ${remote} self permanent`,
    ]);
    t.bridge(`fdb replace ${mac} dev vx1 dst ${remote} port 5`);
    assert.equal(await settle(t, wanted), "set forwarding entry port");
    t.bridge(`fdb append ${flood} dev vx1 dst ${remote} vni 11`);
    assert.equal(await settle(t, wanted), "delete forwarding entry");
    // Once the tunnel is another one, so is its own port.
    const link6: Desired["links"] = [{ name: "vx1", kind: "vxlan", id: 9, port: 6, up: true }];
    await settle(t, { ...wanted, links: link6 });
    assert.match(
      t.bridge("fdb show dev vx1"),
      new RegExp(`02:00:00:00:00:07 dst ${remote} port 4789 self permanent`),
    );
  });

  it("leave other remotes of a flooded address, and other source networks, alone", async () => {
    await using t = await lab();
    await t.nl.links.add({
      name: "vxe",
      kind: "vxlan",
      id: 0,
      external: true,
      port: 4790,
      up: true,
    });
    t.bridge(`fdb add ${mac} dev vxe dst 192.0.2.1 src_vni 5`);
    t.bridge(`fdb append ${flood} dev vx9 dst 192.0.2.7 vni 20`);
    await settle(t, {
      fdb: [
        { link: "vxe", mac, remote: "192.0.2.2", sourceVni: 6 },
        { link: "vx9", mac: flood, remote: "192.0.2.7", vni: 21 },
      ],
    });
    assert.deepEqual(lines(t.bridge("fdb show dev vxe")), [
      `${mac} dst 192.0.2.1 src_vni 5 self permanent`,
      `${mac} dst 192.0.2.2 src_vni 6 self permanent`,
    ]);
    assert.deepEqual(lines(t.bridge("fdb show dev vx9")), [
      `${flood} dst 192.0.2.7 vni 20 self permanent`,
      `${flood} dst 192.0.2.7 vni 21 self permanent`,
    ]);
  });

  it("keep what an entry has besides what is declared, and what was learned", async () => {
    await using t = await lab();
    t.bridge(`fdb add ${mac} dev vx9 dst 192.0.2.1 port 5 vni 6 via a0`);
    t.bridge("fdb add 02:00:00:00:00:08 dev vx9 dst 192.0.2.3 dynamic");
    assert.equal(
      await settle(t, {
        fdb: [{ link: "vx9", mac, remote: "192.0.2.2" }],
        prune: { fdb: ["vx9"] },
      }),
      "set forwarding entry remote",
    );
    assert.deepEqual(lines(t.bridge("fdb show dev vx9")), [
      "02:00:00:00:00:07 dst 192.0.2.2 port 5 vni 6 via a0 self permanent",
      "02:00:00:00:00:08 dst 192.0.2.3 self",
    ]);
    t.bridge("fdb add 02:00:00:00:00:09 dev a2 master dynamic sticky");
    assert.equal(
      await settle(t, { fdb: [{ link: "a2", mac: "02:00:00:00:00:09" }] }),
      "set forwarding entry lifetime",
    );
    assert.match(
      t.bridge("fdb show br sw"),
      /02:00:00:00:00:09 dev a2 sticky master sw static/,
    );
  });

  it("make those by nexthops once these are there, and delete them before", async () => {
    await using t = await lab();
    const wanted: Desired = {
      nexthops: [{ id: 1, gateway: "10.0.0.2", fdb: true }, {
        id: 10,
        group: [{ id: 1 }],
        fdb: true,
      }],
      fdb: [{ link: "vx9", mac, nexthop: 10 }],
    };
    await settle(t, wanted);
    const prune: Desired["prune"] = { nexthops: [1, 10], fdb: ["vx9"] };
    const changes = await plan(t.nl, { prune });
    assert.deepEqual(
      changes.changes.map(({ object, key }) => `${object} ${key}`),
      [`forwarding entry vx9 ${mac} self`, "nexthop 10", "nexthop 1"],
    );
    await apply(t.nl, changes);
    assert.equal(String(await plan(t.nl, { prune })), "");
  });

  it("lead to a nexthop or to remotes, and are made anew in between", async () => {
    await using t = await lab();
    const nexthops: Desired["nexthops"] = [
      { id: 1, gateway: "10.0.0.2", fdb: true },
      { id: 10, group: [{ id: 1 }], fdb: true },
    ];
    const to = (mac: string, way: object): Desired => ({
      nexthops,
      fdb: [{ link: "vx9", mac, ...way }],
    });
    const shown = () => t.bridge("fdb show dev vx9").trim().split(" \n").map((s) => s.trim());
    await settle(t, to(mac, { remote: "192.0.2.1" }));
    await settle(t, to(mac, { nexthop: 10 }));
    assert.deepEqual(shown(), [`${mac} nhid 10 self permanent`]);
    await settle(t, to(mac, { remote: "192.0.2.1" }));
    assert.deepEqual(shown(), [`${mac} dst 192.0.2.1 self permanent`]);
    t.bridge(`fdb del ${mac} dev vx9 self`);
    for (const flooded of ["00:00:00:00:00:00", "01:00:5e:00:00:05"]) {
      for (const remote of ["192.0.2.1", "192.0.2.2"]) await settle(t, to(flooded, { remote }));
      await settle(t, to(flooded, { nexthop: 10 }));
      assert.deepEqual(shown(), [`${flooded} nhid 10 self permanent`]);
      await settle(t, to(flooded, { nexthop: 10, lifetime: "static" }));
      await settle(t, to(flooded, { remote: "192.0.2.2", lifetime: "static" }));
      assert.deepEqual(shown(), [`${flooded} dst 192.0.2.2 self static`]);
      t.bridge(`fdb del ${flooded} dev vx9 dst 192.0.2.2 self`);
      const [entry] = to(flooded, { nexthop: 10 }).fdb!;
      await assert.rejects(
        plan(t.nl, { nexthops, fdb: [entry, ...to(flooded, { remote: "192.0.2.1" }).fdb!] }),
        {
          message: `Cannot plan forwarding entry vx9 ${flooded} self: ` +
            "vx9 leads there to a nexthop, or else to remotes, and both are declared",
        },
      );
    }
    const six = {
      ...to(mac, { nexthop: 10 }),
      nexthops: [{ id: 1, gateway: "fd00::2", fdb: true }, nexthops[1]],
    };
    await assert.rejects(plan(t.nl, six), {
      message: `Cannot plan forwarding entry vx9 ${mac} self: nexthop 10 is not of IPv4, as vx9 is`,
    });
  });
});
