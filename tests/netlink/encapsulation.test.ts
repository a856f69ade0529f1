import assert from "node:assert/strict";
import { it } from "node:test";
import { encapsulationValues, readEncapsulation } from "../../src/netlink/route/encapsulation.ts";

const IP = 2, SEG6 = 5; // LWTUNNEL_ENCAP_*

it("what an encapsulation has without a name here is not left out", () => {
  const srh = [0, 2, 4, 0, 0, 0, 0, 0, ...new Uint8Array(16)];
  const cases: [what: string, type: number, data: number[]][] = [
    ["a flag", IP, [6, 0, 6, 0, 1, 4, 0, 0]],
    ["options of the tunnel", IP, [4, 0, 8, 0x80]],
    ["a mode", SEG6, [32, 0, 1, 0, 9, 0, 0, 0, ...srh]],
    ["a signature", SEG6, [32, 0, 1, 0, 1, 0, 0, 0, 0, 7, ...srh.slice(2)]],
    ["no attributes", 10, [1, 2, 3]],
  ];
  for (const [what, type, data] of cases) {
    const read = readEncapsulation(type, Uint8Array.from(data));
    assert.deepEqual(read, { type: "other", number: type, data }, what);
    const [number, bytes] = Object.values(encapsulationValues(read, 21, 22));
    assert.deepEqual([[...number as Uint8Array], [...bytes as Uint8Array]], [[type, 0], data]);
  }
});

it("MPLS labels with a time to live of 0 keep it: it is the packet's own", () => {
  const encapsulation = { type: "mpls", labels: [5], ttl: 0 } as const;
  const [, bytes] = Object.values(encapsulationValues(encapsulation, 21, 22));
  assert.deepEqual(readEncapsulation(1, bytes as Uint8Array), encapsulation);
});
