import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { describe, it } from "node:test";
import { type Link, type LinkTuning, RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const BROADCAST = "ff:ff:ff:ff:ff:00";

async function lab() {
  const ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  return {
    nl,
    ns: ns.name,
    ip: (words: string) =>
      execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" }),
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

type Lab = Awaited<ReturnType<typeof lab>>;

const shown = (t: Lab, name: string) => JSON.parse(t.ip(`-d -j link show ${name}`))[0];

/** What both show of a link. */
async function compare(t: Lab, name: string): Promise<Link> {
  const l = shown(t, name), link = await t.nl.links.get(name);
  assert.deepEqual(
    {
      broadcast: link.broadcast,
      multicast: link.multicast,
      addressGeneration: link.addressGeneration?.replace("-privacy", "_secret"),
      gsoMaxSize: link.gsoMaxSize,
      gsoMaxSegs: link.gsoMaxSegs,
      groMaxSize: link.groMaxSize,
      protoDown: link.protoDown,
      carrier: link.carrier,
    },
    {
      broadcast: l.broadcast,
      multicast: l.flags.includes("MULTICAST"),
      addressGeneration: l.inet6_addr_gen_mode,
      gsoMaxSize: l.gso_max_size,
      gsoMaxSegs: l.gso_max_segs,
      groMaxSize: l.gro_max_size,
      protoDown: l.proto_down ?? false,
      // ip says nothing of it while the link is switched off.
      carrier: l.flags.includes("UP") ? !l.flags.includes("NO-CARRIER") : link.carrier,
    },
  );
  return link;
}

const tuning: LinkTuning = {
  broadcast: BROADCAST,
  multicast: false,
  addressGeneration: "none",
  gsoMaxSize: 60_000,
  gsoMaxSegs: 100,
  gsoIpv4MaxSize: 50_000,
  groMaxSize: 61_000,
  groIpv4MaxSize: 51_000,
};

function has(link: Link, wanted: LinkTuning) {
  for (const name of Object.keys(wanted) as (keyof LinkTuning)[]) {
    assert.equal(link[name], wanted[name], name);
  }
}

describe("what few links are told", { skip: need("net-admin", "ip") }, () => {
  it("is as ip has it, of a new link, of one that is there, and of the other end of a pair", async () => {
    await using t = await lab();
    const { addressGeneration: _, ...plain } = tuning;
    await t.nl.links.add({ name: "v0", kind: "veth", ...tuning, peer: { name: "v1", ...plain } });
    has(await compare(t, "v0"), tuning);
    has(await compare(t, "v1"), { ...plain, addressGeneration: "eui64" });
    await t.nl.links.add({ name: "b0", kind: "bridge" });
    await compare(t, "b0");
    await t.nl.links.set("b0", tuning);
    has(await compare(t, "b0"), tuning);
    const more = { gsoMaxSize: 65_536, addressGeneration: "random", multicast: true } as const;
    await t.nl.links.set("b0", more);
    has(await compare(t, "b0"), { ...tuning, ...more, gsoIpv4MaxSize: 65_536 });
    await t.nl.links.set("v0", { gsoMaxSize: 524_280, groMaxSize: 200_000 });
    has(await compare(t, "v0"), {
      ...tuning,
      ...{ gsoMaxSize: 524_280, groMaxSize: 200_000 },
    });
    await compare(t, "lo");
  });

  it("is how addresses are generated before there is one", async () => {
    await using t = await lab();
    const none = { addressGeneration: "none", up: true } as const;
    await t.nl.links.add({ name: "b0", kind: "bridge", ...none, alias: "quiet" });
    await t.nl.links.add({ name: "b1", kind: "bridge" });
    await t.nl.links.set("b1", none);
    await t.nl.links.add({ name: "b2", kind: "bridge", up: true });
    const links = await t.nl.links.list().toArray();
    const addresses = await t.nl.addresses.list({ family: 6 }).toArray();
    const having = addresses.map((a) => links.find(({ index }) => index === a.link)!.name);
    assert.deepEqual(having, ["b2"]);
    for (const name of ["b0", "b1"]) {
      const { up, addressGeneration } = await t.nl.links.get(name);
      assert.deepEqual([up, addressGeneration], [true, "none"]);
    }
    assert.equal((await t.nl.links.get("b0")).alias, "quiet");
  });

  it("is refused in words where the kernel cannot do it, and before it is sent where none can", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "b0", kind: "bridge" });
    await t.nl.links.add({ name: "m0", kind: "macvlan", link: "b0" });
    await t.nl.links.set("m0", { protoDown: true });
    assert.equal((await compare(t, "m0")).protoDown, true);
    await t.nl.links.set("m0", { protoDown: false });
    assert.equal((await compare(t, "m0")).protoDown, false);
    await assert.rejects(t.nl.links.set("b0", { protoDown: true }), /Protodown not supported/);
    await assert.rejects(t.nl.links.set("b0", { carrier: false }), { code: "EOPNOTSUPP" });
    t.ip("tuntap add t0 mode tap");
    await t.nl.links.set("t0", { carrier: false });
    assert.equal((await compare(t, "t0")).carrier, false);
    await t.nl.links.set("b0", { up: true });
    await t.nl.links.add({ name: "v0", kind: "veth", up: true, peer: { name: "v1" } });
    assert.equal((await compare(t, "v0")).carrier, false);
    await t.nl.links.set("v1", { up: true });
    assert.equal((await compare(t, "v0")).carrier, true);
    const wrong: [changes: object, message: RegExp][] = [
      [{ gsoMaxSize: 0 }, /^RangeError: Cannot use gsoMaxSize: must be 1 to 524280/],
      [{ gsoMaxSegs: 65_536 }, /^RangeError: Cannot use gsoMaxSegs: must be 1 to 65535/],
      [{ groIpv4MaxSize: 524_281 }, /^RangeError: Cannot use groIpv4MaxSize: must be 0 to 524280/],
      [{ broadcast: "all" }, /^TypeError: Cannot use broadcast: must be a MAC address/],
      [{ multicast: 1 }, /^TypeError: Cannot use multicast: must be true or false/],
      [
        { addressGeneration: "off" },
        /^TypeError: Cannot use addressGeneration: must be one of eui64/,
      ],
    ];
    for (const [changes, message] of wrong) {
      await assert.rejects(t.nl.links.set("b0", { up: true, ...changes }), message);
      await assert.rejects(t.nl.links.add({ name: "b9", kind: "bridge", ...changes }), message);
    }
    for (const name of ["carrier", "protoDown"]) {
      const refused = new RegExp(`^TypeError: Cannot use ${name}: must be `);
      await assert.rejects(t.nl.links.set("b0", { [name]: 1 }), refused);
      await assert.rejects(t.nl.links.add({ name: "b9", kind: "bridge", [name]: true }), refused);
    }
    await assert.rejects(
      t.nl.links.add({ name: "b9", kind: "bridge", netns: t.ns, addressGeneration: "none" }),
      /^TypeError: Cannot use addressGeneration: must be told by a connection there/,
    );
    assert.deepEqual((await t.nl.links.list({ kind: "bridge" }).toArray()).map((l) => l.name), [
      "b0",
    ]);
  });
});

describe("a namespace that is none", { skip: need("net-admin") }, () => {
  it("is named by what it was given as, and its value", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "b0", kind: "bridge" });
    const file = openSync("/dev/null", "r");
    const cases: [netns: unknown, message: string][] = [
      ["no-such", ' must be a network namespace, current value is "no-such": open of /run/netns/'],
      [
        { path: "/no/such" },
        ' must be a network namespace, current value is {"path":"/no/such"}: ',
      ],
      [{ pid: 99_999_999 }, ' must be a network namespace, current value is {"pid":99999999}: '],
      ["/dev/null", ' must be a network namespace, current value is "/dev/null" (EINVAL)'],
      [{ fd: file }, ` must be a network namespace, current value is {"fd":${file}} (EINVAL)`],
      [{ fd: 99_999 }, ' must be an open descriptor, current value is {"fd":99999} (EBADF)'],
      [
        99_999_999,
        ": must be a name, a path, or an object with a name, path, pid or fd, current value",
      ],
      [
        NaN,
        ": must be a name, a path, or an object with a name, path, pid or fd, current value is NaN",
      ],
      ["", ': must be 1 to 255 characters without a slash, current value is ""'],
      ["/a\0b", ': must be without NUL, current value is "/a\\u0000b"'],
      [{ fd: -1 }, ".fd: must be an integer from 0, current value is -1"],
    ];
    try {
      for (const [netns, message] of cases) {
        const given = netns as never;
        const calls: [name: string, call: Promise<void>][] = [
          ["netns", t.nl.links.add({ name: "x0", kind: "bridge", netns: given })],
          ["netns", t.nl.links.set("b0", { netns: given })],
          ["peer.netns", t.nl.links.add({ name: "x0", kind: "veth", peer: { netns: given } })],
        ];
        for (const [name, call] of calls) {
          await assert.rejects(call, (error: Error) => {
            assert.ok(error.message.includes(`${name}${message}`), error.message);
            return true;
          });
        }
      }
    } finally {
      closeSync(file);
    }
    assert.deepEqual((await t.nl.links.list().toArray()).map((l) => l.name), ["lo", "b0"]);
    t.nl.close();
    await assert.rejects(
      t.nl.links.set("b0", { netns: { fd: 0 } }),
      /^NetlinkError: Cannot set link b0: the connection is closed \(EBADF\)$/,
    );
  });
});

describe("a managed neighbour", { skip: need("net-admin", "ip") }, () => {
  it("is kept fresh by the kernel, and is no permanent one", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "v0", kind: "veth", up: true, peer: { name: "v1" } });
    await t.nl.links.set("v1", { up: true });
    await t.nl.addresses.add({ link: "v0", address: "10.0.0.1/24" });
    const ref = { link: "v0", address: "10.0.0.9" };
    await t.nl.neighbours.add({ ...ref, managed: true });
    assert.match(t.ip("neighbour show dev v0"), /10\.0\.0\.9 managed/);
    const told = await t.nl.neighbours.get(ref);
    assert.equal(told.managed, true);
    await t.nl.neighbours.replace(JSON.parse(JSON.stringify(told)));
    assert.equal((await t.nl.neighbours.get(ref)).managed, true);
    await t.nl.neighbours.replace({ ...ref, mac: BROADCAST, state: "stale", managed: false });
    assert.equal((await t.nl.neighbours.get(ref)).managed, false);
    for (const wrong of [{ state: "permanent" as const }, { proxy: true }]) {
      await assert.rejects(
        t.nl.neighbours.add({ ...ref, managed: true, ...wrong }),
        /^TypeError: Cannot use managed: must be of no proxy and of no permanent entry/,
      );
    }
  });
});

describe("a bridge's port", { skip: need("net-admin") }, () => {
  it("keeps what it is told", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "b0", kind: "bridge" });
    const told = {
      ...{ locked: true, learning: true, macAuthBypass: true, proxyArpWifi: true },
      ...{ neighbourVlanSuppress: true, multicastMaxGroups: 7, backupNexthop: 5 },
    };
    await t.nl.links.add({
      ...{ name: "v0", kind: "veth", peer: { name: "v1" } },
      ...{ master: "b0", bridgePort: told },
    });
    const read = async () => {
      const { bridgePort } = await t.nl.links.get("v0");
      return Object.fromEntries(Object.keys(told).map((name) => [name, bridgePort![name]]));
    };
    assert.deepEqual(await read(), told);
    const less = { macAuthBypass: false, multicastMaxGroups: 0, backupNexthop: 0 };
    await t.nl.links.set("v0", { bridgePort: less });
    assert.deepEqual(await read(), { ...told, ...less });
    await assert.rejects(
      t.nl.links.set("v0", { bridgePort: { locked: false, macAuthBypass: true } }),
      { code: "EINVAL" },
    );
  });
});

describe("an address that is replaced", { skip: need("net-admin") }, () => {
  it("has another lifetime, metric and protocol, with IPv6 other flags, and is else as it was", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "b0", kind: "bridge", up: true });
    for (const address of ["10.0.0.1/24", "fd00::1/64"]) {
      const four = address.includes("."), entry = { link: "b0", address };
      const read = async () => {
        const all = await t.nl.addresses.list({ link: "b0" }).toArray();
        return all.find((a) => a.address === address)!.toJSON();
      };
      const kept = { ...entry, flags: ["nodad"], ...four ? { label: "b0:x", scope: "link" } : {} };
      await t.nl.addresses.add({ ...kept, validLifetime: 500, metric: 7, protocol: 9 });
      const before = await read();
      assert.deepEqual([before.metric, before.protocol], [7, 9]);
      await t.nl.addresses.replace({
        ...entry,
        flags: ["nodad", "noprefixroute"],
        ...four ? { label: "b0:y", scope: "global" } : {},
      });
      const { label, scope, metric, protocol, validLifetime, flags } = await read();
      assert.deepEqual([label, scope], [before.label, before.scope]);
      assert.deepEqual([protocol, validLifetime], [undefined, undefined]);
      assert.equal(metric, four ? undefined : 7);
      assert.equal((flags as string[]).includes("noprefixroute"), !four);
    }
  });
});

describe("who made an address", { skip: need("net-admin", "ip") }, () => {
  it("is told and kept", async () => {
    await using t = await lab();
    await t.nl.links.add({ name: "b0", kind: "bridge", up: true });
    const made = async (address: string) => {
      const all = await t.nl.addresses.list({ link: "b0" }).toArray();
      return all.find((a) => a.address.startsWith(`${address}/`))?.protocol;
    };
    for (const [address, length] of [["10.0.0.1", 24], ["fd00::1", 64]]) {
      const entry = { link: "b0", address: `${address}/${length}`, flags: ["nodad"] };
      await t.nl.addresses.add({ ...entry, protocol: 77 });
      assert.equal(await made(String(address)), 77);
      const [told] = (await t.nl.addresses.list({ link: "b0" }).toArray())
        .filter((a) => a.protocol === 77);
      await t.nl.addresses.replace(told.toJSON() as never);
      assert.equal(await made(String(address)), 77);
      await t.nl.addresses.replace({ ...entry, protocol: "kernel_ra" });
      assert.equal(await made(String(address)), "kernel_ra");
      await t.nl.addresses.replace(entry);
      assert.equal(await made(String(address)), undefined);
      await t.nl.addresses.delete(entry);
    }
    const [own] = await t.nl.addresses.list({ link: "b0" }).toArray();
    assert.deepEqual([own.scope, own.protocol], ["link", "kernel_ll"]);
    for (const protocol of ["bgp", 256, NaN, null, "toString"]) {
      await assert.rejects(
        t.nl.addresses.add({ link: "b0", address: "10.0.0.1/24", protocol: protocol as never }),
        /^(Type|Range)Error: Cannot use protocol: must be /,
      );
    }
  });
});
