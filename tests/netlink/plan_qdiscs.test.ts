/** What is planned and asked for with kinds of queueing disciplines that not every kernel has. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { qdiscs } from "../../src/netlink/plan/qdiscs.ts";
import type { Context, Item } from "../../src/netlink/plan/section.ts";

const declared = (kind: string, options: object) =>
  qdiscs.normal({ link: "a0", kind, options: { ...options } });
const listed = (kind: string, options: object): Item => ({
  ...{ link: "a0", kind, parent: "root", handle: "8001:", options },
});

/** What differs between what is declared and what a kernel lists. */
const differs = (kind: string, wanted: object, is: object) =>
  qdiscs.differs(declared(kind, wanted), listed(kind, is));

describe("a queueing discipline", () => {
  it("whose options are a struct is compared by those that are declared", () => {
    const sfq = { quantumBytes: 1514, perturbSeconds: 5, limitPackets: 127, buckets: 1024 };
    assert.deepEqual(differs("sfq", { perturbSeconds: 5 }, sfq), []);
    assert.deepEqual(differs("sfq", { perturbSeconds: 6 }, sfq), ["options"]);
    assert.deepEqual(differs("sfq", { limitPackets: 100, perturbSeconds: 5 }, sfq), ["options"]);
  });

  it("has times that the kernel counts in its ticks", () => {
    assert.deepEqual(differs("fq", { refillDelayMs: 5 }, { refillDelayMs: 8 }), []);
    assert.deepEqual(differs("fq", { refillDelayMs: 5 }, { refillDelayMs: 40 }), ["options"]);
  });

  it("keeps its number of flows, or is made anew", async () => {
    const is = listed("fq_codel", { flows: 16, targetMs: 5 }), asked: unknown[] = [];
    const change = (item: Item) => Promise.resolve(void asked.push(item.options));
    const context = { nl: { qdiscs: { change } } } as unknown as Context;
    const same = declared("fq_codel", { flows: 16, targetMs: 9 });
    assert.equal(qdiscs.inPlace(same, ["options"], is), true);
    await qdiscs.set(context, same, is, ["options"]);
    assert.deepEqual(asked, [{ targetMs: 9 }]);
    assert.equal(qdiscs.inPlace(declared("fq_codel", { flows: 32 }), ["options"], is), false);
    assert.equal(qdiscs.inPlace(declared("fq_codel", { targetMs: 9 }), ["options"], is), true);
  });

  it("is refused with numbers that the kernel makes others", () => {
    const refused = (kind: string, options: object, message: string) =>
      assert.throws(() => declared(kind, options), {
        name: "RangeError",
        message: `Cannot use options.${message}`,
      });
    refused(
      "fq_codel",
      { quantumBytes: 255 },
      "quantumBytes: must be 256 to 1048576, current value is 255",
    );
    refused("sfq", { depthPackets: 128 }, "depthPackets: must be 1 to 127, current value is 128");
    refused(
      "sfq",
      { limitPackets: 0 },
      "limitPackets: must be 1 to 2147483647, current value is 0",
    );
    refused(
      "htb",
      { rateToQuantum: 2 ** 31 },
      "rateToQuantum: must be 1 to 2147483647, current value is 2147483648",
    );
  });
});
