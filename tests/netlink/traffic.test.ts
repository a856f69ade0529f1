import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { FakeKernel, int32, message } from "./fake_kernel.ts";

// deno-lint-ignore no-explicit-any -- of any type, which is the point
type Json = any;

const filter = (options: Json, more: Json = {}) => (nl: Json) =>
  nl.filters.add({ link: 1, parent: "ingress", protocol: "ip", kind: "u32", options, ...more });
const action = (value: Json) => filter({ actions: [value] });
const qdisc = (entry: Json) => (nl: Json) => nl.qdiscs.add({ link: 1, ...entry });

const bad: [what: string, call: (nl: Json) => Promise<unknown>, message: string][] = [
  [
    "an unknown name of a filter",
    filter({}, { prio: 1 }),
    "prio: must be one of the options of a filter: link, parent, priority, protocol, chain, kind, handle, options, data, current value is 1",
  ],
  [
    "an unknown name of filters to delete",
    (nl) => nl.filters.delete({ link: 1, parent: "ingress", prio: 1 }),
    "prio: must be one of the options of a filter: link, ",
  ],
  [
    "an unknown name of a queueing discipline",
    qdisc({ kind: "pfifo", limitPackets: 5 }),
    "limitPackets: must be one of the options of a queueing discipline: link, ",
  ],
  [
    "an unknown name of a queueing discipline to delete",
    (nl) => nl.qdiscs.delete({ link: 1, parnt: "1:5" }),
    "parnt: must be one of the options of a queueing discipline: link, ",
  ],
  [
    "an unknown name of a class",
    (nl) => nl.classes.add({ link: 1, kind: "drr", handle: "1:1", quantumBytes: 5 }),
    "quantumBytes: must be one of the options of a class: link, ",
  ],
  [
    "a handle of a class for a queueing discipline",
    qdisc({ kind: "pfifo", handle: "1:1" }),
    'handle: must be a handle such as 1:, of no class, current value is "1:1"',
  ],
  [
    "an unknown kind of filter",
    filter({}, { kind: "pfifo" }),
    'kind: must be one of matchall, u32, flower, bpf, fw, basic, cgroup, flow, route, current value is "pfifo"',
  ],
  [
    "a rate that is missing",
    (nl) => nl.classes.add({ link: 1, kind: "htb", handle: "1:1" }),
    "options.rateBytesPerSecond: must be a whole number of bytes per second from 1, current value is undefined",
  ],
  [
    "a burst that takes longer than the kernel can count",
    (nl) =>
      nl.classes.add({
        ...{ link: 1, kind: "htb", handle: "1:1" },
        options: { rateBytesPerSecond: 5, burstBytes: 1600 },
      }),
    "options.burstBytes: must be 0 to 1374, current value is 1600",
  ],
  [
    "a property of another kind of action",
    action({ kind: "gact", verdict: "drop", mode: "redirect" }),
    'options.actions[0].mode: must be one of the options of an action of kind gact: kind, verdict, data, current value is "redirect"',
  ],
  [
    "an id for a tag that is taken off",
    action({ kind: "vlan", mode: "pop", id: 5 }),
    "options.actions[0].id: must be one of the options of an action of kind vlan pop: kind, mode, ",
  ],
  [
    "an unknown verdict",
    action({ kind: "gact", verdict: "goto chain" }),
    "options.actions[0].verdict: must be one of ok, reclassify, drop, ",
  ],
  [
    "a chain beyond the last",
    action({ kind: "gact", verdict: "goto chain 268435456" }),
    "options.actions[0].verdict: must be 0 to 268435455, current value is 268435456",
  ],
  [
    "an unknown kind of action",
    action({ kind: "nope" }),
    'options.actions[0].kind: must be gact, mirred, police, skbedit or vlan, current value is "nope"',
  ],
  [
    "an action of which only attributes could tell what it does",
    action({ kind: "csum" }),
    "options.actions[0].data: must be given for an action of kind csum, current value is undefined",
  ],
  [
    "a text for yes",
    filter({ bytecode: [[6, 0, 0, 0]], directAction: "false" }, { kind: "bpf" }),
    'options.directAction: must be true or false, current value is "false"',
  ],
  [
    "a number for yes",
    filter({ skipHardware: 1 }),
    "options.skipHardware: must be true or false, current value is 1",
  ],
  [
    "a text for yes in a key",
    filter({ keys: [{ offset: 0, value: 0, mask: 0, nextHeader: "no" }] }),
    'options.keys[0].nextHeader: must be true or false, current value is "no"',
  ],
  [
    "keys of a hash table",
    filter({ divisor: 4, keys: [] }),
    "options.keys: must be absent, with divisor, current value is []",
  ],
  ["300 buckets", filter({ divisor: 300 }), "options.divisor: must be 1 to 256"],
  ["3 buckets", filter({ divisor: 3 }), "options.divisor: must be a power of two"],
  [
    "a filter for a table",
    filter({ table: "2:5:800" }),
    "options.table: must be a bucket such as 2:5:, or a hash table such as 2:, current value is ",
  ],
  [
    "a bucket for the next table",
    filter({ nextTable: "2:5:" }),
    "options.nextTable: must be a hash table such as 2:, current value is ",
  ],
  [
    "a handle of no form",
    filter({}, { handle: "1:10" }),
    "handle: must be a handle of u32 such as 2:, 2:5: or 800::800, current value is ",
  ],
  [
    "ports the wrong way round",
    filter({ ipProtocol: 6, sourcePorts: [9, 5] }, { kind: "flower" }),
    "options.sourcePorts: must be [first, last] in order, current value is [9,5]",
  ],
  [
    "flags of TCP without TCP",
    filter({ ipProtocol: 17, tcpFlags: 2 }, { kind: "flower" }),
    "options.ipProtocol: must be 6, with tcpFlags, current value is 17",
  ],
  [
    "addresses of another protocol",
    filter({ source: "fd00::/8" }, { kind: "flower" }),
    "protocol: must be the one of the addresses, ipv6, current value is 2048",
  ],
  [
    "a slot told twice",
    qdisc({ kind: "netem", options: { slot: { minDelayMs: 1, delayMs: 1 } } }),
    "options.slot.minDelayMs: must be given, or delayMs, and not both, current value is 1",
  ],
  [
    "an unknown name of a slot",
    qdisc({ kind: "netem", options: { slot: { minDelayMs: 1, packet: 1 } } }),
    "options.slot.packet: must be one of the options of a slot: minDelayMs, ",
  ],
  [
    "a table with a number of 17 bits",
    qdisc({ kind: "netem", options: { delayMs: 1, distribution: [0, 65536] } }),
    "options.distribution[1]: must be -32768 to 32767, current value is 65536",
  ],
  [
    "an unknown link layer",
    qdisc({
      kind: "tbf",
      options: { rateBytesPerSecond: 9, burstBytes: 9, limitBytes: 9, linkLayer: "adsl" },
    }),
    'options.linkLayer: must be one of ethernet, atm, current value is "adsl"',
  ],
];

describe("nothing of traffic control is sent for", () => {
  for (const [what, call, message] of bad) {
    it(what, async () => {
      const kernel = new FakeKernel();
      await using nl = await RouteConnection.open({ adapter: kernel });
      await assert.rejects(async () => await call(nl), (error: Error) => {
        assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
        assert.ok(error.message.startsWith(`Cannot use ${message}`), error.message);
        return true;
      });
      assert.equal(kernel.sent.length, 0);
    });
  }
});

it("what is told as undefined is not told", async () => {
  const kernel = new FakeKernel();
  kernel.answer = (to) => kernel.queue(message(2, to, [...int32(0), ...to.bytes.slice(0, 16)]));
  await using nl = await RouteConnection.open({ adapter: kernel });
  const told = { link: 1, parent: "ingress", kind: "matchall", options: {} } as const;
  await nl.filters.add(told);
  await nl.filters.add({ ...told, protocol: undefined, priority: undefined, chain: undefined });
  const [one, other] = kernel.sent.map(({ bytes }) => bytes.slice(16));
  assert.deepEqual(one, other);
});
