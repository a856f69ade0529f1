import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ipBytes,
  ipv4Network,
  ipv4Text,
  ipv6Text,
  parseHex,
  parseIp,
} from "../../src/netlink/codec/address.ts";
import { Codec } from "../../src/netlink/codec/codec.ts";
import { Encoder, type Values } from "../../src/netlink/codec/encode.ts";
import { MalformedError } from "../../src/netlink/codec/malformed.ts";
import type { FamilySpec } from "../../src/netlink/codec/spec.ts";
import { Writer } from "../../src/netlink/codec/writer.ts";
import { families } from "../../src/netlink/spec/mod.ts";
import { spec as link } from "../../src/netlink/spec/rt-link.ts";
import { spec as nftables } from "../../src/netlink/spec/nftables.ts";
import { spec as tc } from "../../src/netlink/spec/tc.ts";
import { seed } from "../seed.ts";
import { Random } from "./random_message.ts";

/** A family that has one of everything. */
const sample: FamilySpec = {
  name: "sample",
  protocol: 0,
  version: 1,
  constants: {},
  enums: {
    colour: { entries: { red: 0, green: 1, blue: 7 } },
    ability: { flags: true, entries: { walk: 1, swim: 2, fly: 0x80000000 } },
  },
  structs: {
    head: { kind: { type: "u8" }, big: { type: "u16", big: true } },
    pair: { a: { type: "u16" }, b: { type: "u16" } },
    tail: { n: { type: "u32" }, pairs: { type: "binary", array: true, struct: "pair" } },
    ips: {
      v4: { type: "u32", big: true, hint: "ipv4" },
      v6: { type: "binary", len: 16, hint: "ipv6" },
    },
    wide: { a: { type: "u8" }, b: { type: "u64" }, mac: { type: "binary", len: 6, hint: "mac" } },
  },
  sets: {
    main: {
      u8: { id: 1, type: "u8" },
      s16: { id: 2, type: "s16", big: true },
      u64: { id: 3, type: "u64" },
      colour: { id: 4, type: "u32", enum: "colour" },
      abilities: { id: 5, type: "u32", enum: "ability", flags: true },
      name: { id: 6, type: "string" },
      address: { id: 7, type: "binary", hint: "ipv4-or-v6" },
      wide: { id: 8, type: "binary", struct: "wide" },
      many: { id: 9, type: "u16", multi: true },
      inner: { id: 10, type: "nest", nest: "inner" },
      list: { id: 11, type: "indexed-array", sub: "nest", nest: "inner" },
      levels: { id: 12, type: "nest-type-value", sub: "nest", nest: "inner", levels: ["x", "y"] },
      flag: { id: 13, type: "flag" },
      size: { id: 14, type: "uint" },
      numbers: { id: 15, type: "binary", sub: "u16" },
      v4: { id: 16, type: "u32", big: true, hint: "ipv4" },
      v6: { id: 17, type: "binary", hint: "ipv6" },
      list6: { id: 18, type: "indexed-array", sub: "binary", hint: "ipv6" },
      ips: { id: 19, type: "binary", struct: "ips" },
      tail: { id: 20, type: "binary", struct: "tail" },
    },
    inner: {
      value: { id: 1, type: "u32", big: true },
      inner: { id: 2, type: "nest", nest: "inner" },
    },
  },
  messages: {},
  operations: { get: { set: "main", header: "head", do: [16, 16] } },
  groups: {},
};
const codec = new Codec(sample), encoder = new Encoder(codec, true);

function bytes(values: Values): Uint8Array {
  const writer = new Writer(16);
  for (let i = 0; i < 4; i++) writer.word(0);
  encoder.request(writer, "get", values);
  writer.words[0] = writer.length;
  return writer.bytes.slice(0, writer.length);
}

// deno-lint-ignore no-explicit-any -- the sample family has no generated types
function read(message: Uint8Array): any {
  return new (codec.message("get"))(new Int32Array(message.slice().buffer), 0);
}

const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, "0")).join("");

describe("the codec", () => {
  it("puts each type on the wire as linux/netlink.h has it", () => {
    const wire = (values: Values) => hex(bytes(values).subarray(20));
    assert.equal(hex(bytes({ header: { kind: 1, big: 2 } }).subarray(16)), "01000002");
    assert.equal(wire({ u8: 255 }), "05000100ff000000");
    assert.equal(wire({ s16: -2 }), "06000200fffe0000");
    assert.equal(wire({ u64: 2n ** 64n - 2n }), "0c000300feffffffffffffff");
    assert.equal(wire({ colour: "blue" }), "0800040007000000");
    assert.equal(wire({ abilities: ["walk", "fly"] }), "0800050001000080");
    assert.equal(wire({ name: "eth0" }), "090006006574683000000000");
    assert.equal(wire({ address: "10.0.0.1" }), "080007000a000001");
    assert.equal(wire({ many: [1, 2] }), "06000900010000000600090002000000");
    assert.equal(wire({ inner: { value: 1 } }), "0c000a800800010000000001");
    assert.equal(
      wire({ list: [{}, { value: 1 }] }),
      "14000b80040001800c000280" + "0800010000000001",
    );
    assert.equal(
      wire({ levels: [{ x: 3, y: 4, value: { value: 1 } }] }),
      "14000c80" + "10000380" + "0c000480" + "0800010000000001",
    );
    assert.equal(wire({ flag: true }) + wire({ flag: false }), "04000d00");
    assert.equal(wire({ size: 1 }), "08000e0001000000");
    assert.equal(wire({ size: 2 ** 32 }), "0c000e000000000001000000");
    assert.equal(wire({ numbers: [1, 2, 3] }), "0a000f000100020003000000");
    assert.equal(
      wire({ wide: { a: 1, b: 2, mac: "02:00:00:00:00:03" } }),
      "1c000800" + "0100000000000000" + "0200000000000000" + "0200000000030000",
    );
  });

  it("reads back what it wrote, through getters", () => {
    const view = read(bytes({
      header: { kind: 9, big: 0x1234 },
      u8: 200,
      s16: -300,
      u64: 2n ** 63n,
      colour: 99,
      abilities: ["swim", "fly", 16],
      name: "ünï",
      address: "2001:db8::1",
      wide: { b: 2 ** 40 },
      many: [7, 8],
      inner: { inner: { value: 5 } },
      list: [{ value: 1 }, { value: 2, $index: 9 }],
      levels: [{ x: 1, y: 2, value: {} }],
      flag: true,
    }));
    assert.equal(view.header.kind, 9);
    assert.equal(view.header.big, 0x1234);
    assert.equal(view.u8, 200);
    assert.equal(view.s16, -300);
    assert.equal(view.u64, 2n ** 63n);
    assert.equal(view.colour, 99);
    assert.deepEqual(view.abilities, ["swim", "fly", 16]);
    assert.equal(view.name, "ünï");
    assert.equal(view.address, "2001:db8::1");
    assert.equal(view.wide.b, 2 ** 40);
    assert.deepEqual(view.many, [7, 8]);
    assert.equal(view.inner.inner.value, 5);
    // deno-lint-ignore no-explicit-any -- as above
    assert.deepEqual(view.list.map((e: any) => [e.value, e.$index]), [[1, 1], [2, 9]]);
    assert.equal(view.levels[0].y, 2);
    assert.equal(view.flag, true);
    assert.equal(view.size, undefined);
  });

  it("is exact for integers beyond 2^53 and plain numbers below", () => {
    assert.equal(read(bytes({ u64: 2 ** 53 - 1 })).u64, 2 ** 53 - 1);
    assert.equal(read(bytes({ u64: 2n ** 53n + 1n })).u64, 2n ** 53n + 1n);
    assert.equal(read(bytes({ u64: "18446744073709551615" })).u64, 2n ** 64n - 1n);
  });

  it("keeps unknown attributes, raw and in order, through views and through JSON", () => {
    const first = bytes({ u8: 1, "32999": "0102", name: "x" });
    const view = read(first);
    assert.deepEqual(view.raw(32999 & 0x3fff), new Uint8Array([1, 2]));
    assert.equal(view.raw(77), undefined);
    assert.deepEqual(bytes(view), first);
    const again = read(bytes(JSON.parse(JSON.stringify(view))));
    assert.deepEqual(again.toJSON(), view.toJSON());
    assert.equal(view.toJSON()["32999"], "0102");
  });

  it("reads all of what stands several times, and loses none where one belongs", () => {
    const levels = [{ x: 1, y: 2, value: { value: 3 } }, { x: 1, y: 4, value: {} }];
    const [first, second] = levels.map((level) => bytes({ levels: [level] }).subarray(20));
    const view = read(Uint8Array.from([...bytes({}), ...first, ...second], (b, i) => {
      return i === 0 ? 20 + first.length + second.length : b;
    }));
    assert.deepEqual(view.levels.map(({ x, y }: { x: number; y: number }) => [x, y]), [[1, 2], [
      1,
      4,
    ]]);
    assert.deepEqual(view.toJSON().levels, levels);
    assert.deepEqual(read(bytes({ levels })).toJSON(), view.toJSON());

    const twice = read(Uint8Array.from(
      [...bytes({ u8: 1 }), ...bytes({ u8: 2 }).subarray(20), ...bytes({ u8: 3 }).subarray(20)],
      (b, i) => i === 0 ? 44 : b,
    ));
    assert.equal(twice.u8, 1);
    assert.deepEqual(twice.toJSON(), { ...read(bytes({ u8: 1 })).toJSON(), "1": ["02", "03"] });
    assert.deepEqual(read(bytes(twice.toJSON())).toJSON(), twice.toJSON());
  });

  it("knows which attributes the kernel repeats", async () => {
    const all = {
      ethtool: ["stats.grp", "stats-grp.histRx", "stats-grp.histTx", "cable-nest.result"]
        .concat("cable-nest.faultLength", "tunnel-udp.table"),
      team: ["item-option.option", "item-port.port"],
      tc: ["taprio-attrs.tcEntry"],
    };
    for (const [family, names] of Object.entries(all)) {
      const { sets }: FamilySpec = await families[family as "tc"]();
      for (const name of names) {
        const [set, attribute] = name.split(".");
        assert.ok(sets[set][attribute].multi, name);
      }
    }
  });

  it("keeps actions of Open vSwitch in their order, whatever their types", async () => {
    const codec = new Codec(await families.ovs_flow());
    const encoder = new Encoder(codec), Flow = codec.message("get");
    const written = (values: Values) => {
      const w = new Writer();
      w.zeros(20);
      encoder.request(w, "new", values);
      w.words[0] = w.length;
      return w.words.slice(0, w.length >> 2);
    };
    const vlan = { vlanTpid: 0x8100, vlanTci: 0x1005 };
    const actions = [
      { output: 1 },
      { pushVlan: vlan },
      { output: 2 },
      { popVlan: true },
      { popVlan: true },
      { clone: [{ output: 3 }, { set: { skbMark: 7 } }, { output: 4 }] },
      { sample: { probability: 9, actions: [{ output: 5 }, { recirc: 6 }, { output: 7 }] } },
      { 99: "0102" },
      { output: 8 },
    ];
    const sent = written({ actions });
    const flow = new Flow(sent, 0) as unknown as {
      actions: { output?: number; clone?: { output?: number; toJSON(): unknown }[] }[];
      toJSON(): { actions: unknown };
    };
    assert.deepEqual(flow.toJSON().actions, actions);
    assert.deepEqual(flow.actions.map(({ output }) => output).filter(Boolean), [1, 2, 8]);
    assert.deepEqual(flow.actions[5].clone!.map((each) => each.toJSON()), actions[5].clone);
    assert.deepEqual(written({ actions: flow.toJSON().actions }), sent);
    assert.deepEqual(written({ actions: flow.actions }), sent);
    assert.throws(
      () => written({ actions: [{ output: 1 }, { output: -1 }] }),
      /^RangeError: Cannot encode actions\.1\.output: must be 0 to 4294967295, current value is -1$/,
    );
    assert.throws(
      () => written({ actions: { output: 1 } }),
      /Cannot encode actions: must be an array/,
    );
  });

  it("reads what a reflection test of a cable tells, as linux/ethtool_netlink.h has it", async () => {
    const ethtool = new Codec(await families.ethtool());
    const nest = (
      type: number,
      ...words: number[]
    ) => [(type << 16) + 4 + 4 * words.length, ...words];
    const [PAIR, MV, PULSE_MV] = [0x1_0005, 0x2_0006, 0x1_0006];
    const body = nest(
      3, // ETHTOOL_A_CABLE_TEST_TDR_NTF_NEST
      ...nest(1, 0x1_0008, 0, 0x2_0008, 1500, 0x3_0008, 100),
      ...nest(3, PULSE_MV, 1000),
      ...nest(2, PAIR, 2, MV, -500 & 0xffff),
      ...nest(2, PAIR, 3, MV, 250),
    );
    const words = Int32Array.from([20 + 4 * body.length, 0, 0, 0, 0, ...body]);
    const message = new (ethtool.message("cable-test-tdr-ntf"))(words, 0);
    assert.deepEqual(message.toJSON(), {
      nest: {
        step: { firstDistance: 0, lastDistance: 1500, stepDistance: 100 },
        pulse: { mV: 1000 },
        amplitude: [{ pair: 2, mV: -500 }, { pair: 3, mV: 250 }],
      },
    });
  });

  it("shows addresses as such that the specifications call numbers or bytes", async () => {
    const all = {
      conntrack: ["nat-attrs.natV4Minip", "nat-attrs.natV6Minip", "nat-attrs.natV6Maxip"],
      fou: ["fou.localV4", "fou.peerV6"],
      ovs_flow: ["tunnel-key-attrs.ipv4Src", "tunnel-key-attrs.ipv6Dst", "nat-attrs.ipMin"],
      "rt-addr": ["addr-attrs.multicast", "addr-attrs.anycast"],
      tc: ["act-ct-attrs.natIpv4Min", "act-tunnel-key-attrs.encIpv6Src", "act-ife-attrs.dmac"]
        .concat("flower-attrs.keyArpSip"),
    };
    for (const [family, names] of Object.entries(all)) {
      const { sets }: FamilySpec = await families[family as "tc"]();
      for (const name of names) {
        const [set, attribute] = name.split(".");
        assert.match(String(sets[set][attribute].hint), /^ip|^mac/, name);
      }
    }
  });

  it("knows structs and numbers that the specifications call bytes, or wider than they are", async () => {
    const all = {
      "nl80211 nl80211-attrs.cntdwnOffsBeacon": { sub: "u16" },
      "ovs_flow action-attrs.pushEth": { struct: "ovs-key-ethernet" },
      "ovs_flow key-attrs.ctOrigTupleIpv6": { struct: "ovs-key-ct-tuple-ipv6" },
      "rt-link link-offload-xstats.l3Stats": { struct: "rtnl-hw-stats64" },
    };
    for (const [name, expected] of Object.entries(all)) {
      const [, family, set, attribute] = /^(\S+) (.*)\.(.*)$/.exec(name)!;
      const { sets }: FamilySpec = await families[family as "tc"]();
      const { sub, struct } = sets[set][attribute];
      assert.deepEqual({ sub, struct }, { sub: undefined, struct: undefined, ...expected }, name);
    }
    const types = {
      "nl80211 frequency-attrs.no80mhz": "flag",
      "nl80211 frequency-attrs.dfsCacTime": "u32",
      "nl80211 frequency-attrs.psd": "s8",
      "nl80211 nl80211-attrs.regAlpha2": "string",
      "rt-link linkinfo-bridge-attrs.fdbFlush": "flag",
    };
    for (const [name, expected] of Object.entries(types)) {
      const [, family, set, attribute] = /^(\S+) (.*)\.(.*)$/.exec(name)!;
      const { sets }: FamilySpec = await families[family as "tc"]();
      assert.equal(sets[set][attribute].type, expected, name);
    }
  });

  it("puts as many elements at the end of a struct as there are, and reads those that are whole", () => {
    const tail = { n: 2, pairs: [{ a: 1, b: 2 }, { a: 3, b: 4 }] };
    const message = bytes({ tail });
    assert.equal(hex(message.subarray(20)), "10001400" + "02000000" + "01000200" + "03000400");
    assert.deepEqual(read(message).toJSON().tail, tail);
    assert.equal(read(message).tail.pairs[1].b, 4);
    message[20] -= 2;
    assert.deepEqual(read(message).tail.toJSON(), { n: 2, pairs: tail.pairs.slice(0, 1) });
    assert.equal(hex(bytes({ tail: { n: 1 } }).subarray(20)), "08001400" + "01000000");
    assert.deepEqual(read(bytes({ tail: { pairs: [] } })).tail.toJSON(), { n: 0, pairs: [] });
    const fails = (tail: unknown, error: RegExp) => assert.throws(() => bytes({ tail }), error);
    fails({ pairs: {} }, /Cannot encode tail.pairs of get of sample: must be an array/);
    fails(
      { pairs: [{}, { a: -1 }] },
      /Cannot encode tail.pairs.1.a of get of sample: must be 0 to 65535/,
    );
    fails(
      { pairs: [{ c: 1 }] },
      /Cannot encode tail.pairs.0.c of get of sample: the struct has no such member/,
    );
  });

  it("reads members that an older kernel does not have as zero", () => {
    const message = bytes({ wide: { a: 3, b: 4 } });
    message[0] -= 16;
    message[20] -= 16;
    const { wide } = read(message.slice(0, message.length - 16));
    assert.equal(wide.a, 3);
    assert.equal(wide.b, 0);
    assert.equal(wide.mac, "");
  });

  it("refuses a malformed message with the offset, and only then", () => {
    const tooLong = bytes({ u8: 1 });
    tooLong[20] = 200;
    assert.throws(() => read(tooLong).u8, (e: MalformedError) => {
      assert.ok(e instanceof MalformedError);
      assert.equal(e.offset, 20);
      assert.match(e.message, /attribute 1 claims 200 bytes where 8 are left at byte 20/);
      return true;
    });
    const endless = bytes({ u8: 1 });
    endless[20] = 0;
    assert.throws(() => read(endless).name, MalformedError);
    const short = bytes({ u64: 1 });
    short[20] = 8;
    short[0] -= 4;
    assert.throws(() => read(short.slice(0, -4)).u64, /has 4 bytes instead of 8/);
  });

  it("reads and writes nests as deep as any, and refuses what would overflow the stack", () => {
    const nested = (depth: number): Uint8Array => {
      const words = Int32Array.from({ length: 5 + depth }, (_, i) => {
        const left = 5 + depth - i;
        return i < 5 ? 0 : (left * 4) | ((i === 5 ? 10 : 2) << 16); // main.inner, inner.inner
      });
      words[0] = words.length * 4;
      return new Uint8Array(words.buffer);
    };
    const deep = JSON.stringify(read(nested(100)));
    assert.equal(deep.match(/"inner"/g)?.length, 100);
    assert.equal(hex(bytes(JSON.parse(deep))).length, 2 * 4 * 105);
    for (const depth of [101, 16_000]) {
      assert.throws(() => read(nested(depth)).toJSON(), (error: MalformedError) => {
        assert.match(error.message, /nests stand more than 100 deep at byte \d+$/);
        return error instanceof MalformedError;
      });
    }
    const endless: { inner?: object } = {};
    endless.inner = endless;
    assert.throws(() => bytes({ inner: endless }), /inner.inner.*must not nest deeper than 100/);
  });

  it("names the parameter and the value that it cannot encode", () => {
    const fails = (values: Values, error: RegExp) => assert.throws(() => bytes(values), error);
    fails(
      { u8: 256 },
      /RangeError: Cannot encode u8 of get of sample: must be 0 to 255, current value is 256/,
    );
    fails(
      { u8: 1.5 },
      /Cannot encode u8 of get of sample: must be an integer, current value is 1.5/,
    );
    fails(
      { u8: "1" },
      /Cannot encode u8 of get of sample: must be an integer, current value is "1"/,
    );
    fails({ u64: -1n }, /Cannot encode u64 of get of sample: must be 0 to 18446744073709551615/);
    fails(
      { u64: 2 ** 60 },
      /Cannot encode u64 of get of sample: must be an integer, exact as a number or a bigint/,
    );
    fails(
      { inner: { inner: { value: -1 } } },
      /Cannot encode inner.inner.value of get of sample: must be 0 to/,
    );
    fails({ list: [{}, { value: -1 }] }, /Cannot encode list.1.value/);
    fails({ levels: [{ x: 1, y: -1, value: {} }] }, /Cannot encode levels.0/);
    fails(
      { colour: "pink" },
      /Cannot encode colour of get of sample: must be one of red, green, blue/,
    );
    fails(
      { address: "10.0.0.256" },
      /Cannot encode address of get of sample: must be an IP address/,
    );
    fails({ name: "a\0b" }, /Cannot encode name of get of sample: must be a string without NUL/);
    fails({ nmae: "a" }, /Cannot encode nmae of get of sample: main has no such attribute/);
    fails(
      { wide: { c: 1 } },
      /Cannot encode wide.c of get of sample: the struct has no such member/,
    );
    fails(
      { header: { big: 70000 } },
      /Cannot encode header.big of get of sample: must be 0 to 65535/,
    );
    fails(
      { inner: { "5": new Uint8Array(70000) } },
      /RangeError: Cannot encode inner.5 of get of sample: must be at most 65531 bytes, .* is 70000$/,
    );
    const large = Array.from({ length: 10_000 }, () => ({ value: 1 }));
    fails({ list: large }, /Cannot encode list of get of sample: must be at most 65531 bytes/);
    fails(null as never, /Cannot encode the values of get of sample: must be an object, .* null$/);
    fails([] as never, /the values of get of sample: must be an object, .* an array$/);
    fails({ name: "\ud800" }, /name of get of sample: must be text without lone surrogates/);
    fails({ name: "\udc00x" }, /must be text without lone surrogates, .* "\\udc00x"$/);
  });

  it("takes an address of its own version alone, as text, as bytes or as their digits", () => {
    const wrong = {
      v4: ["fe80::1", "", "abcd", "1.2.3", "0a00000g", "0a000001aa", "0a:00:00:01", 1, [1]],
      v6: ["1.2.3.4", "", "1:2:3:4:5:6:7:8:9", "fe80::1%lo", "0a000001"],
      address: ["", "abcd", "1.2.3.4.5", "1:2:3:4:5:6:7:8:9", "010203040506"],
    };
    const names = { v4: "IPv4", v6: "IPv6", address: "IP" };
    for (const [name, values] of Object.entries(wrong)) {
      const article = `must be an ${names[name as "v4"]} address`;
      for (const value of values) {
        assert.throws(() => bytes({ [name]: value }), (error: TypeError) => {
          const shown = Array.isArray(value) ? "an array" : JSON.stringify(value);
          return error instanceof TypeError &&
            error.message ===
              `Cannot encode ${name} of get of sample: ${article}, current value is ${shown}`;
        }, `${name} ${value}`);
      }
    }
    assert.throws(
      () => bytes({ v6: new Uint8Array(4) }),
      /Cannot encode v6 of get of sample: must be an IPv6 address, current value is 4 bytes/,
    );
    assert.throws(() => bytes({ address: new Uint8Array(5) }), /must be an IP address, .* 5 bytes/);
    assert.throws(
      () => bytes({ list6: ["1.2.3.4"] }),
      /Cannot encode list6.0 of get of sample: must be an IPv6/,
    );
    assert.throws(
      () => bytes({ ips: { v6: "1.2.3.4" } }),
      /Cannot encode ips.v6 of get of sample: must be an IPv6/,
    );
    assert.throws(
      () => bytes({ ips: { v4: "::1" } }),
      /Cannot encode ips.v4 of get of sample: must be an IPv4/,
    );
    const octets = new Uint8Array([0, 10, 0, 0, 1]).subarray(1); // no word's boundary
    for (const value of ["10.0.0.1", "0a000001", octets]) {
      assert.equal(hex(bytes({ v4: value }).subarray(20)), "080010000a000001");
      assert.equal(read(bytes({ address: value, ips: { v4: value } })).address, "10.0.0.1");
    }
    for (const value of ["fe80::1", "fe80" + "1".padStart(28, "0")]) {
      const view = read(bytes({ v6: value, address: value, list6: [value], ips: { v6: value } }));
      assert.deepEqual([view.v6, view.address, view.list6], ["fe80::1", "fe80::1", ["fe80::1"]]);
      assert.deepEqual(view.ips.toJSON(), { v4: "0.0.0.0", v6: "fe80::1" });
    }
  });

  it("chooses a sub-message by a member of the header, as bridges tell of VLANs", () => {
    const links = new Codec(link), encoder = new Encoder(links, true);
    const make = (values: Values) => {
      const writer = new Writer();
      for (let i = 0; i < 4; i++) writer.word(0);
      encoder.request(writer, "newlink", values);
      writer.words[0] = writer.length;
      return writer;
    };
    const AF_BRIDGE = 7, AF_SPEC = 0x801a;
    const header = { ifiFamily: AF_BRIDGE };
    // struct bridge_vlan_info, twice: as an attribute, the first would claim 6 of 4 bytes.
    const raw = Uint8Array.from([8, 0, 2, 0, 6, 0, 1, 0, 8, 0, 2, 0, 0, 0, 20, 0]);
    const { words } = make({ header, [AF_SPEC]: raw });
    const plain = new (links.message("getlink"))(words, 0).toJSON();
    const vlanInfo = [{ flags: ["pvid", "untagged"], vid: 1 }, { flags: [], vid: 20 }];
    assert.deepEqual(plain.afSpec, { vlanInfo });
    assert.deepEqual(make({ header, afSpec: { vlanInfo } }).words, words);
    for (const header of [{ ifiFamily: 10 }, undefined]) {
      const afSpec = { inet6: { flags: 5 } };
      const written = make(header ? { header, afSpec } : { afSpec });
      assert.deepEqual(new (links.message("getlink"))(written.words, 0).toJSON().afSpec, afSpec);
    }
    assert.throws(() => make({ header, afSpec: { inet6: {} } }), /afSpec.inet6 of newlink/);
  });

  it("takes the number of what selects a sub-message as well as its name", () => {
    const codec = new Codec(nftables), writer = new Writer();
    const message = (type: unknown) => {
      writer.length = 16;
      new Encoder(codec, true).request(writer, "newobj", { type, data: { bytes: 7n, packets: 2 } });
      writer.words[0] = writer.length;
      return new (codec.message("getobj"))(writer.words.slice(), 0).toJSON();
    };
    assert.deepEqual(message(1), message("counter"));
    assert.deepEqual(message(1).data, { bytes: 7, packets: 2 });
    assert.throws(
      () => message(99),
      /Cannot encode data of newobj of nftables: type must be one of/,
    );
    const elem = [{ name: "masq", data: { flags: ["proto-random"] } }];
    new Encoder(codec).request(writer, "newrule", { expressions: { elem } });
  });

  it("chooses a sub-message by its selector, beside it or in an enclosing nest", () => {
    const links = new Codec(link), writer = new Writer();
    for (let i = 0; i < 4; i++) writer.word(0);
    new Encoder(links, true).request(writer, "newlink", {
      linkinfo: { kind: "vlan", data: { id: 5, protocol: "8021ad" } },
    });
    writer.words[0] = writer.length;
    const view = new (links.message("getlink"))(writer.words, 0).toJSON();
    assert.deepEqual(view.linkinfo, { kind: "vlan", data: { id: 5, protocol: "8021ad" } });
    assert.throws(
      () =>
        new Encoder(links, true).request(writer, "newlink", { linkinfo: { kind: "x", data: {} } }),
      /Cannot encode linkinfo.data of newlink of rt-link: kind must be one of bond, bridge/,
    );

    const qdiscs = new Codec(tc);
    writer.length = 16;
    new Encoder(qdiscs).request(writer, "newqdisc", {
      kind: "fq_codel",
      stats2: { app: { header: {} } },
    });
    writer.words[0] = writer.length;
    const stats = new (qdiscs.message("getqdisc"))(writer.words, 0).toJSON();
    assert.equal(stats.kind, "fq_codel");
    assert.equal(typeof (stats.stats2 as Values).app, "object");
  });
});

describe("address text", () => {
  const text = (input: string) => {
    const words = parseIp(input);
    return words && ipv6Text(new Int32Array(words), 0);
  };

  it("follows RFC 5952", () => {
    const cases = {
      "2001:DB8::1": "2001:db8::1",
      "2001:db8:0:0:0:0:2:1": "2001:db8::2:1",
      "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
      "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
      "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
      "0:0:0:0:0:0:0:0": "::",
      "::1": "::1",
      "1::": "1::",
      "fe80:0000::00AB": "fe80::ab",
      "::ffff:192.0.2.1": "::ffff:192.0.2.1",
      "::ffff:c000:201": "::ffff:192.0.2.1",
      "64:ff9b::192.0.2.33": "64:ff9b::c000:221",
    };
    for (const [input, output] of Object.entries(cases)) assert.equal(text(input), output, input);
  });

  it("is refused when it is no address", () => {
    const wrong = [
      "",
      ".",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1..2.3",
      "1.2.3.4 ",
      "1.2.3.-1",
    ]
      .concat(
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "g::",
        "::1.2.3",
      )
      .concat("1:2:3:4:5:6:7:8::", "::1.2.3.4:5", "fe80::1%eth0", " ::1", "::ffff:1.2.3.4.5");
    for (const input of wrong) assert.equal(parseIp(input), undefined, JSON.stringify(input));
  });

  it(`of IPv4 is remembered as what it is, seed ${seed}`, () => {
    const random = new Random(seed);
    const octet = () => [0, 10, 192, 255, random.below(256)][random.below(5)];
    for (let i = 0; i < 20_000; i++) {
      const bytes = i === 0 ? [0, 0, 0, 0] : [octet(), octet(), octet(), octet()];
      const words = new Int32Array(Uint8Array.from(bytes).buffer), length = random.below(33);
      assert.equal(ipv4Network(words, 0, length), `${bytes.join(".")}/${length}`);
      assert.equal(ipv4Text(words, 0), bytes.join("."));
    }
  });

  it(`is the same bytes as node:net and URL understand, seed ${seed}`, () => {
    const random = new Random(seed);
    for (let i = 0; i < 500; i++) {
      const groups = Array.from(
        { length: 8 },
        () => random.below(2) ? 0 : random.below(65536),
      );
      const long = groups.map((g) => g.toString(16)).join(":");
      const ours = text(long)!;
      if (!ours.includes(".")) assert.equal(`[${ours}]`, new URL(`http://[${long}]`).hostname);
      assert.deepEqual(parseIp(ours), parseIp(long));
    }
    assert.deepEqual(ipBytes(parseIp("10.1.2.255")!), new Uint8Array([10, 1, 2, 255]));
    assert.deepEqual(parseHex("aa:BB-0c"), new Uint8Array([0xaa, 0xbb, 0x0c]));
    assert.equal(parseHex("abc"), undefined);
  });
});
