import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MalformedError, RouteConnection } from "../../src/netlink/mod.ts";
import { Codec } from "../../src/netlink/codec/codec.ts";
import { Encoder } from "../../src/netlink/codec/encode.ts";
import { Writer } from "../../src/netlink/codec/writer.ts";
import { spec as linkSpec } from "../../src/netlink/spec/rt-link.ts";
import { Route } from "../../src/netlink/route/route.ts";
import { encapsulationValues, readEncapsulation } from "../../src/netlink/route/encapsulation.ts";
import { burstBytes, burstTicks, sameBurst } from "../../src/netlink/route/tc/rate.ts";
import { qdiscOptions, qdiscValues } from "../../src/netlink/route/tc/qdisc_kinds.ts";
import { handleText, handleValue } from "../../src/netlink/route/tc/handle.ts";
import "../seed.ts";
import { FakeKernel, int32, message } from "./fake_kernel.ts";

const bad: [what: string, call: (nl: RouteConnection) => Promise<unknown>, message: RegExp][] = [
  [
    "a name that the kernel would not keep",
    (nl) =>
      nl.filters.add({
        link: 1,
        parent: "ingress",
        kind: "bpf",
        options: { bytecode: [[6, 0, 0, 0]], name: "x" },
      }),
    /^Cannot use options\.name: must be given with fd/,
  ],
  [
    "a prefix of 33 bits",
    (nl) => nl.addresses.add({ link: 1, address: "10.0.0.1/33" }),
    /^Cannot use address: prefix length must be 0 to 32, current value is "10\.0\.0\.1\/33"$/,
  ],
  [
    "an MTU of -1",
    (nl) => nl.links.set(1, { mtu: -1 }),
    /^Cannot use mtu: must be 0 to 2147483647, current value is -1$/,
  ],
  [
    "a name of 20 characters",
    (nl) => nl.links.add({ name: "x".repeat(20), kind: "dummy" }),
    /^Cannot use name: must be 1 to 15 bytes/,
  ],
  [
    "a VLAN number of 4095",
    (nl) => nl.links.add({ name: "x", kind: "vlan", link: 1, id: 4095 }),
    /^Cannot use id: must be 0 to 4094/,
  ],
  [
    "a VLAN without a link",
    (nl) => nl.links.add({ name: "x", kind: "vlan", id: 1 } as never),
    /^Cannot use link: must be given for kind vlan/,
  ],
  [
    "a bond of an unknown mode",
    (nl) => nl.links.add({ name: "x", kind: "bond", mode: "best" as never }),
    /^Cannot use mode: must be one of balance-rr, /,
  ],
  [
    "a port's unknown option",
    (nl) => nl.links.set(1, { bridgePort: { colour: 1 } as never }),
    /^Cannot use bridgePort.colour: must be one of the options of a port of a bridge: state, /,
  ],
  [
    "a link's unknown option",
    (nl) => nl.links.add({ name: "x", kind: "bridge", colour: 1 } as never),
    /^Cannot use colour: must be one of the options of kind bridge: stp, .*, mtu, /,
  ],
  [
    "an option of a kind that is not given",
    (nl) => nl.links.set(1, { stp: true } as never),
    /^Cannot use stp: must be one of the options of a link whose kind is not given: name, /,
  ],
  [
    "a link that is switched on by a word",
    (nl) => nl.links.set(1, { up: "false" as never }),
    /^Cannot use up: must be true or false, current value is "false"$/,
  ],
  [
    "the other end's wrong option",
    (nl) => nl.links.add({ name: "x", kind: "veth", peer: { up: true } as never }),
    /^Cannot use peer.up: must be one of the options of kind veth: name, /,
  ],
  [
    "the other end's MTU of -4",
    (nl) => nl.links.add({ name: "x", kind: "veth", peer: { mtu: -4 } }),
    /^Cannot use peer.mtu: must be 0 to 2147483647, current value is -4$/,
  ],
  [
    "no master at all",
    (nl) => nl.links.set(1, { master: "" }),
    /^Cannot use master: must be a link's name or index, current value is ""$/,
  ],
  [
    "a label of an IPv6 address",
    (nl) => nl.addresses.add({ link: 1, address: "fd00::1/64", label: "x" }),
    /^Cannot use label: must be of an IPv4 address, current value is "x"$/,
  ],
  [
    "an address that is over at once",
    (nl) => nl.addresses.add({ link: 1, address: "10.0.0.1/24", validLifetime: 0 }),
    /^Cannot use validLifetime: must be 1 to 4294967294, current value is 0$/,
  ],
  [
    "an address that is used longer than it is there",
    (nl) =>
      nl.addresses.add({
        ...{ link: 1, address: "10.0.0.1/24" },
        ...{ validLifetime: 5, preferredLifetime: 6 },
      }),
    /^Cannot use preferredLifetime: must be at most validLifetime, current value is 6$/,
  ],
  [
    "another end of a tunnel in a bridge's table",
    (nl) =>
      nl.fdb.add({
        ...{ link: 1, mac: "02:00:00:00:00:01" },
        ...{ table: "master", remote: "10.0.0.1" },
      }),
    /^Cannot use remote: must be of an entry of table self, current value is "10\.0\.0\.1"$/,
  ],
  [
    "a port of another end where there is none",
    (nl) => nl.fdb.delete({ link: 1, mac: "02:00:00:00:00:01", port: 5 }),
    /^Cannot use port: must be of an entry of table self, current value is 5$/,
  ],
  [
    "no link at all",
    (nl) => nl.links.add(undefined as never),
    /^Cannot use a link: must be an object, current value is undefined$/,
  ],
  [
    "changes of a link that are none",
    (nl) => nl.links.set(1, "up" as never),
    /^Cannot use changes: must be an object, current value is "up"$/,
  ],
  [
    "a list of changes of a link",
    (nl) => nl.links.set(1, [{ up: true }] as never),
    /^Cannot use changes: must be an object, current value is \[{"up":true}\]$/,
  ],
  [
    "no class at all",
    (nl) => nl.classes.add(null as never),
    /^Cannot use a class: must be an object, current value is null$/,
  ],
  [
    "a class without a handle",
    (nl) => nl.classes.replace({ link: 1, kind: "drr" } as never),
    /^Cannot use handle: must be a handle such as 1: or 1:10, current value is undefined$/,
  ],
  [
    "no filter at all",
    (nl) => nl.filters.add(null as never),
    /^Cannot use a filter: must be an object, current value is null$/,
  ],
  [
    "a namespace that is a number",
    (nl) => nl.links.set(1, { netns: 5 as never }),
    /^Cannot use netns: must be a name, a path, or .* current value is 5$/,
  ],
  [
    "a namespace of a process that is none",
    (nl) => nl.links.set(1, { netns: { pid: 0 } }),
    /^Cannot use netns\.pid: must be an integer from 1, current value is 0$/,
  ],
  [
    "a namespace of the other end whose name is a path",
    (nl) => nl.links.add({ name: "x", kind: "veth", peer: { netns: { name: "a/b" } } }),
    /^Cannot use peer\.netns\.name: must be 1 to 255 characters .* current value is "a\/b"$/,
  ],
  [
    "an alias of a link that is made elsewhere",
    (nl) => nl.links.add({ name: "x", kind: "ifb", netns: { pid: 1 }, alias: "far" }),
    /^Cannot use alias: must be told by a connection there, not with netns, current value is "far"$/,
  ],
  [
    "a port of both a bridge and a bond",
    (nl) => nl.links.set(1, { bridgePort: { cost: 5 }, bondPort: { queueId: 1 } }),
    /^Cannot use bondPort: must be given without bridgePort, current value is \{"queueId":1\}$/,
  ],
  [
    "an alias of 256 bytes",
    (nl) => nl.links.set(1, { alias: "ä".repeat(128) }),
    /^Cannot use alias: must be text of up to 255 bytes without NUL/,
  ],
  [
    "names that are a text",
    (nl) => nl.links.addAltNames(1, "abc" as never),
    /^Cannot use names: must be a list of names, current value is "abc"$/,
  ],
  [
    "a list of a kind without a name",
    async (nl) => await nl.links.list({ kind: "" }).toArray(),
    /^Cannot use kind: must be a name, current value is ""$/,
  ],
  [
    "a filter of addresses that nobody reads",
    (nl) => nl.addresses.flush({ label: "x" } as never),
    /^Cannot use label: must be one of the options of a flush of addresses: .*, scope, current value is "x"$/,
  ],
  [
    "an unknown scope",
    (nl) => nl.addresses.flush({ scope: "lnik" }),
    /^Cannot use scope: must be /,
  ],
  [
    "an address that is replaced by a word",
    (nl) => nl.addresses.add({ link: 1, address: "10.0.0.1", replace: "no" as never }),
    /^Cannot use replace: must be true or false/,
  ],
  [
    "a neighbour's unknown option",
    (nl) => nl.neighbours.add({ link: 1, address: "10.0.0.1", lladdr: "x" } as never),
    /^Cannot use lladdr: must be one of the options of a neighbour: /,
  ],
  [
    "a sticky entry by a word",
    (nl) => nl.fdb.add({ link: 1, mac: "02:00:00:00:00:01", sticky: 1 as never }),
    /^Cannot use sticky: must be true or false, current value is 1$/,
  ],
  [
    "a half MAC address",
    (nl) => nl.neighbours.add({ link: 1, address: "10.0.0.1", mac: "02:00:00" }),
    /^Cannot use mac: must be a MAC address/,
  ],
  [
    "a rule from a host's bits",
    (nl) => nl.rules.add({ from: "10.0.0.1/8" }),
    /^Cannot use from: must be a network, with no bits set behind \/8/,
  ],
  [
    "a rule from and to two versions",
    (nl) => nl.rules.add({ from: "10.0.0.0/8", to: "fd00::/8" }),
    /^Cannot use to: must be of the same IP version as from/,
  ],
  [
    "ports the wrong way round",
    (nl) => nl.rules.add({ sourcePorts: [2, 1] }),
    /^Cannot use sourcePorts: must be \[first, last\] in order/,
  ],
  [
    "a goto without a goal",
    (nl) => nl.rules.add({ action: "goto" }),
    /^Cannot use goto: must be the priority of a later rule/,
  ],
  [
    "an empty group",
    (nl) => nl.nexthops.add({ id: 1, group: [] }),
    /^Cannot use group: must be one member or more/,
  ],
  [
    "a weight of 0",
    (nl) => nl.nexthops.add({ id: 1, group: [{ id: 2, weight: 0 }] }),
    /^Cannot use group\[0\]\.weight: must be 1 to 65535/,
  ],
  [
    "a label of 20 bytes",
    (nl) => nl.addresses.add({ link: 1, address: "10.0.0.1/32", label: "é".repeat(10) }),
    /^Cannot use label: must be 1 to 15 bytes/,
  ],
  [
    "an MPLS label of 21 bits",
    (nl) =>
      nl.routes.add({
        destination: "10.0.0.0/8",
        link: 1,
        encapsulation: { type: "mpls", labels: [1 << 20] },
      }),
    /^Cannot use encapsulation\.labels\[0\]: must be 0 to 1048575/,
  ],
  [
    "a metric out of range",
    (nl) => nl.routes.add({ destination: "10.0.0.0/8", link: 1, metrics: { hopLimit: 256 } }),
    /^Cannot use metrics\.hopLimit: must be 0 to 255/,
  ],
  [
    "a rate of 0",
    (nl) =>
      nl.qdiscs.add({
        link: 1,
        kind: "tbf",
        options: { rateBytesPerSecond: 0, burstBytes: 1, limitBytes: 1 },
      }),
    /^Cannot use options\.rateBytesPerSecond: must be a whole number of bytes per second from 1/,
  ],
  [
    "a limit told twice",
    (nl) =>
      nl.qdiscs.add({
        link: 1,
        kind: "tbf",
        options: { rateBytesPerSecond: 9, burstBytes: 1, limitBytes: 1, latencyMs: 1 },
      }),
    /^Cannot use options\.limitBytes: must be given, or latencyMs, and not both/,
  ],
  [
    "101 percent",
    (nl) => nl.qdiscs.add({ link: 1, kind: "netem", options: { lossPercent: 101 } }),
    /^Cannot use options\.lossPercent: must be 0 to 100 percent/,
  ],
  [
    "an unknown option of a queue",
    (nl) => nl.qdiscs.add({ link: 1, kind: "pfifo", options: { limit: 1 } as never }),
    /^Cannot use options\.limit: must be one of the options of kind pfifo: limitPackets, current value is /,
  ],
  [
    "a handle without a colon",
    (nl) => nl.classes.add({ link: 1, handle: "10", kind: "htb" }),
    /^Cannot use (handle|options\.rateBytesPerSecond)/,
  ],
  [
    "an offset that is no word",
    (nl) =>
      nl.filters.add({
        link: 1,
        parent: "1:",
        kind: "u32",
        options: { keys: [{ offset: 3, value: 0, mask: 0 }] },
      }),
    /^Cannot use options\.keys\[0\]\.offset: must be a multiple of four/,
  ],
  [
    "a port without a protocol",
    (nl) =>
      nl.filters.add({
        link: 1,
        parent: "1:",
        protocol: "ip",
        kind: "flower",
        options: { destinationPort: 80 },
      }),
    /^Cannot use options\.ipProtocol: must be 6, 17 or 132, with destinationPort/,
  ],
  [
    "a VLAN range backwards",
    (nl) => nl.bridgeVlans.add({ link: 1, vlan: 9, end: 8 }),
    /^Cannot use end: must be above vlan/,
  ],
];

describe("nothing is sent for", () => {
  for (const [what, call, message] of bad) {
    it(what, async () => {
      const kernel = new FakeKernel();
      await using nl = await RouteConnection.open({ adapter: kernel });
      await assert.rejects(call(nl), (error: Error) => {
        assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.equal(kernel.sent.length, 0);
    });
  }
});

describe("a name that no list has, or of another type", () => {
  // deno-lint-ignore no-explicit-any -- of any type, which is the point
  type Any = any;
  const lists: [what: string, call: (nl: Any, filter: object) => Any][] = [
    ["a list of links", (nl, filter) => nl.links.list(filter).toArray()],
    ["a list of addresses", (nl, filter) => nl.addresses.list(filter).toArray()],
    ["a list of routes", (nl, filter) => nl.routes.list(filter).toArray()],
    ["a list of nexthops", (nl, filter) => nl.nexthops.list(filter).toArray()],
    ["a list of rules", (nl, filter) => nl.rules.list(filter).toArray()],
    ["a list of neighbours", (nl, filter) => nl.neighbours.list(filter).toArray()],
    ["a list of forwarding entries", (nl, filter) => nl.fdb.list(filter).toArray()],
    ["a list of VLANs", (nl, filter) => nl.bridgeVlans.list(filter)],
    ["a list of queueing disciplines", (nl, filter) => nl.qdiscs.list(filter).toArray()],
    ["a list of classes", (nl, filter) => nl.classes.list({ link: 1, ...filter }).toArray()],
    ["a list of filters", (nl, filter) => nl.filters.list({ link: 1, ...filter }).toArray()],
    ["a flush of addresses", (nl, filter) => nl.addresses.flush(filter)],
    ["a flush of neighbours", (nl, filter) => nl.neighbours.flush(filter)],
    ["a look-up", (nl, filter) => nl.routes.lookup("10.0.0.1", filter)],
    ["a wait", (nl, filter) => nl.links.waitUntilUp(1, filter)],
    ["a class", (nl, filter) => nl.classes.get({ link: 1, handle: "1:1", ...filter })],
    ["a filter", (nl, filter) => nl.filters.get({ link: 1, kind: "u32", ...filter })],
    ["a VLAN", (nl, filter) => nl.bridgeVlans.add({ link: 1, vlan: 2, ...filter })],
  ];
  for (const [what, call] of lists) {
    it(`is refused by ${what}`, async () => {
      const kernel = new FakeKernel();
      await using nl = await RouteConnection.open({ adapter: kernel });
      await assert.rejects(
        async () => await call(nl, { tabel: 100 }),
        (error: Error) =>
          error.message.startsWith(`Cannot use tabel: must be one of the options of ${what}: `) &&
          error.message.endsWith(", current value is 100"),
      );
      if (/list|flush|look-up|wait/.test(what)) {
        await assert.rejects(
          async () => await call(nl, { offload: "yes" }),
          /^TypeError: Cannot use offload: must be true or false, current value is "yes"$/,
        );
      }
      assert.equal(kernel.sent.length, 0);
    });
  }
});

describe("the units of traffic control", () => {
  it("come back from scheduler ticks as they went in, to a tick", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 10_000_000 }),
        (rate, bytes) => {
          fc.pre(bytes / rate < 200);
          const ticks = burstTicks("burst", bytes, rate), read = burstBytes(ticks, rate);
          assert.ok(sameBurst(read, bytes, rate));
          const again = burstTicks("burst", read, rate);
          assert.ok(again === ticks || burstBytes(again, rate) === read);
        },
      ),
    );
  });

  it("are read as they were written, for every kind", () => {
    const options: [kind: string, options: object][] = [
      ["pfifo", { limitPackets: 9 }],
      ["bfifo", { limitBytes: 9 }],
      ["fq_codel", { limitPackets: 9, flows: 64, targetMs: 5, intervalMs: 100.5, ecn: true }],
      ["codel", { limitPackets: 9, targetMs: 0.5, ecn: false }],
      ["fq", { pacing: true, maxRateBytesPerSecond: 125_000, buckets: 1024, horizonMs: 10_000 }],
      ["tbf", { rateBytesPerSecond: 5e9, burstBytes: 64_000, limitBytes: 5000 }],
      ["htb", { defaultClass: 16, rateToQuantum: 10 }],
      ["netem", {
        delayMs: 100,
        jitterMs: 0.5,
        limitPackets: 1000,
        lossPercent: 0.1,
        rateBytesPerSecond: 9e9,
      }],
      ["prio", { bands: 4, priorityMap: [1, 2, 3, 3, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] }],
    ];
    for (const [kind, given] of options) {
      assert.deepEqual(qdiscOptions(kind, qdiscValues(kind, given)), given, kind);
    }
  });

  it("a latency becomes the bytes that drain in it", () => {
    const values = qdiscValues("tbf", {
      rateBytesPerSecond: 125_000,
      burstBytes: 5000,
      latencyMs: 50,
    });
    assert.equal((qdiscOptions("tbf", values) as { limitBytes: number }).limitBytes, 11_250);
  });

  it("handles are the same text and number", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0xffff }),
        fc.integer({ min: 0, max: 0xffff }),
        (a, b) => {
          const number = (a << 16 | b) >>> 0;
          assert.equal(handleValue("handle", handleText(number)), number);
        },
      ),
    );
  });
});

describe("a route", () => {
  /** Attributes behind struct rtmsg, `[number, words]` each. */
  const route = (...attributes: [number, number[]][]) => {
    const body = attributes.flatMap(([id, words]) => [4 + 4 * words.length | id << 16, ...words]);
    return new Route(Int32Array.of(28 + 4 * body.length, 24, 0, 0, 2 | 24 << 8, 0, 0, ...body), 0);
  };
  const DST = 1, OIF = 4, GATEWAY = 5, PRIORITY = 6, FILLER = 77;
  const read = (r: Route) => [r.destination, r.gateway, r.link, r.priority];
  const address = (last: number) => [10 | last << 24];

  it("is read wherever its attributes stand, from the first of equal ones", () => {
    const all = [[DST, address(0)], [OIF, [7]], [GATEWAY, address(9)], [PRIORITY, [5]]] as [
      number,
      number[],
    ][];
    const expected = ["10.0.0.0/24", "10.0.0.9", 7, 5];
    assert.deepEqual(read(route(...all)), expected);
    assert.deepEqual(read(route(...all.toReversed(), [OIF, [8]], [DST, address(1)])), expected);
    for (const far of [244, 245, 246, 247, 300]) {
      const filler: [number, number[]] = [FILLER, Array(far).fill(DST << 16 | 8)];
      assert.deepEqual(read(route(filler, ...all)), expected, `behind ${far} words`);
    }
    assert.deepEqual(read(route()), ["default", undefined, undefined, 0]);
  });

  it("is refused where it is malformed by whoever reads that, and not before", () => {
    const short = route([OIF, []], [GATEWAY, address(9)]);
    assert.equal(short.gateway, "10.0.0.9");
    assert.throws(() => short.link, MalformedError);
    const endless = new Route(Int32Array.of(36, 24, 0, 0, 2, 0, 0, 400 | OIF << 16, 7), 0);
    assert.equal(endless.family, 4);
    assert.throws(() => endless.priority, MalformedError);
  });
});

it("encapsulations are read as they were written", () => {
  const all = [
    { type: "ip", source: "10.0.0.1", destination: "10.0.0.2", id: 2 ** 40 + 5, ttl: 9, tos: 4 },
    { type: "ip6", destination: "fd00::2", id: 7 },
    { type: "mpls", labels: [100, 1048575], ttl: 9 },
    { type: "mpls", labels: [16] },
    { type: "seg6", mode: "encap", segments: ["fd00::1", "fd00::2", "fd00::3"] },
    { type: "seg6", mode: "inline", segments: ["fd00::1"] },
  ] as const;
  for (const encapsulation of all) {
    const { 21: type, [22 | 0x8000]: content } = encapsulationValues(encapsulation, 21, 22);
    assert.deepEqual(
      readEncapsulation((type as Uint8Array)[0], content as Uint8Array),
      encapsulation,
    );
  }
});

it("a tunnel is told all that it has when a part of it changes", async () => {
  const kernel = new FakeKernel(),
    writer = new Writer(1024),
    encoder = new Encoder(new Codec(linkSpec));
  const has = {
    ttl: 64,
    local: "10.0.0.1",
    remote: "10.0.0.2",
    iflags: 0x2000,
    ikey: 7,
    pmtudisc: 1,
  };
  writer.zeros(16);
  encoder.request(writer, "newlink", { ifname: "g0", linkinfo: { kind: "gre", data: has } });
  const described = [...writer.bytes.slice(16, writer.length)];
  kernel.answer = (to) =>
    kernel.queue(
      to.type === 18
        ? message(16, to, described)
        : message(2, to, [...int32(0), ...to.bytes.slice(0, 16)]),
    );
  await using nl = await RouteConnection.open({ adapter: kernel });
  await nl.links.set("g0", { kind: "gre", ttl: 9, checksum: true });
  const { bytes } = kernel.sent.at(-1)!;
  const sent = new (new Codec(linkSpec).message("newlink"))(new Int32Array(bytes.buffer), 0)
    .toJSON();
  const { linkinfo: { data } } = sent as { linkinfo: { data: Record<string, unknown> } };
  const { ttl, local, remote, iflags, ikey, pmtudisc, oflags } = data;
  assert.deepEqual({ ttl, local, remote, iflags, ikey, pmtudisc, oflags }, {
    ...has,
    ttl: 9,
    iflags: 0xa000,
    oflags: 0x8000,
  });
  await assert.rejects(
    nl.links.set("g0", { kind: "ipip", ttl: 9 }),
    /^TypeError: Cannot use kind: must be that of the link, which is gre, current value is "ipip"$/,
  );
});
