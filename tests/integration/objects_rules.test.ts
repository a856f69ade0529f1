import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import {
  apply,
  type NetlinkError,
  type NewRule,
  plan,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

async function lab() {
  const ns = await testNamespace();
  const ip = (words: string) =>
    execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" }).trim();
  const nl = await RouteConnection.open({ netns: ns.name });
  return {
    nl,
    ip,
    /** Tables of the rules that are left besides those that any namespace has. */
    async left(family: 4 | 6 = 4) {
      const rules = await nl.rules.list({ family }).toArray();
      return rules.filter(({ priority }) => priority > 0 && priority < 32000)
        .map(({ priority }) => priority);
    },
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

describe("a rule is deleted by what is named", { skip }, () => {
  const from = "10.0.0.0/8", all = [30, 31, 32, 33, 34, 35, 36, 37];
  const rules: NewRule[] = [
    { priority: 30, from, table: 7, protocol: "static" },
    { priority: 31, not: true, from, table: 7, protocol: "static" },
    { priority: 32, goto: 35 },
    { priority: 33, goto: 36 },
    { priority: 34, mark: 5, table: 8 },
    { priority: 35, mark: 0, markMask: 0xff, table: 8 },
    { priority: 36, l3mdev: true },
    { priority: 37, table: 7, tos: 8, from },
  ];
  const cases: [what: string, rule: NewRule, goes: number][] = [
    ["from a network", { from, table: 7 }, 30],
    ["all but a network", { not: true, from, table: 7 }, 31],
    ["what is no inversion", { not: false, table: 7, protocol: "unspec" }, 37],
    ["where it goes on", { goto: 36 }, 33],
    ["a mark of 0", { mark: 0, markMask: 0xff }, 35],
    ["no mark that fits", { table: 8, mark: 5 }, 34],
    ["no VRF", { l3mdev: false, protocol: "unspec", priority: 37 }, 37],
    ["any network", { from: "0.0.0.0/0", table: 8 }, 34],
    ["no type of service", { tos: 0, not: true }, 31],
  ];
  for (const [what, rule, goes] of cases) {
    it(what, async () => {
      await using t = await lab();
      for (const rule of rules) await t.nl.rules.add(rule);
      await t.nl.rules.delete(rule);
      assert.deepEqual(await t.left(), all.filter((priority) => priority !== goes));
    });
  }

  it("in a batch", async () => {
    await using t = await lab();
    const batch = t.nl.batch();
    for (const rule of rules) batch.rules.add(rule);
    batch.rules.delete({ not: true, from }).rules.delete({ goto: 36 });
    for (const { status } of await batch.commit()) assert.equal(status, "done");
    assert.deepEqual(await t.left(), [30, 32, 34, 35, 36, 37]);
  });

  it("as it was read, or as its plain copy", async () => {
    await using t = await lab();
    for (const rule of rules) await t.nl.rules.add(rule);
    const read = (await t.nl.rules.list({ family: 4 }).toArray()).filter((r) =>
      all.includes(r.priority)
    );
    for (const [i, rule] of read.toReversed().entries()) {
      await t.nl.rules.delete(i % 2 ? rule : JSON.parse(JSON.stringify(rule)));
      assert.deepEqual(await t.left(), all.slice(0, all.length - 1 - i));
    }
    for (const [i, rule] of read.entries()) {
      await t.nl.rules.add(i % 2 ? rule : JSON.parse(JSON.stringify(rule)));
    }
    assert.deepEqual(
      (await t.nl.rules.list({ family: 4 }).toArray()).filter((r) => all.includes(r.priority)).map((
        r,
      ) => r.toJSON()),
      read.map((r) => r.toJSON()),
    );
  });

  it("never another one, from which the kernel cannot tell it", async () => {
    await using t = await lab();
    await t.nl.rules.add({ priority: 30, from, table: 7 });
    await t.nl.rules.append({ priority: 30, not: true, from, table: 7 });
    await assert.rejects(
      t.nl.rules.delete({ not: true, from }),
      (error: NetlinkError) =>
        error.code === "ENOTUNIQ" && /^Cannot delete rule: the kernel would delete an earlier rule/
          .test(error.message),
    );
    await assert.rejects(
      t.nl.rules.delete({ not: true, from: "10.0.0.0/9" }),
      (error: NetlinkError) => error.isNotFound && error.code === "ENOENT",
    );
    assert.deepEqual(await t.left(), [30, 30]);
  });

  it("not if nothing is named", async () => {
    await using t = await lab();
    for (const rule of [{}, { family: 4 }, { family: 6 }, { not: false }] as NewRule[]) {
      await assert.rejects(t.nl.rules.delete(rule), {
        name: "TypeError",
        message: /^Cannot use a rule: must be told by more than an IP version, current value is/,
      });
    }
    assert.equal((await t.nl.rules.list().toArray()).length, 5);
  });
});

describe("rules", { skip }, () => {
  it("with a mark of 0 are read as they were added", async () => {
    await using t = await lab();
    await t.nl.rules.add({ priority: 20, mark: 0, markMask: 0xff, table: 100 });
    await t.nl.rules.add({ priority: 21, mark: 0, table: 100 });
    const rules = (await t.nl.rules.list({ family: 4 }).toArray()).slice(1, 3);
    assert.deepEqual(rules.map((r) => [r.mark, r.markMask]), [[0, 0xff], [0, 0xffffffff]]);
    const [is] = JSON.parse(t.ip("-j rule show priority 20"));
    assert.deepEqual([Number(is.fwmark), Number(is.fwmask)], [0, 0xff]);
    const wanted = { rules: [{ priority: 20, mark: 0, markMask: 0xff, table: 100 }] };
    assert.deepEqual((await plan(t.nl, wanted)).changes, []);
  });

  it("that a kernel would take otherwise are refused", async () => {
    await using t = await lab();
    const cases: [rule: object, message: RegExp][] = [
      [{ not: "false" }, /^TypeError: Cannot use not: must be true or false, current value is "f/],
      [{ l3mdev: 0 }, /^TypeError: Cannot use l3mdev: must be true or false/],
      [{ fwmark: 5 }, /^TypeError: Cannot use fwmark: must be one of the options of a rule: fam/],
      [{ ipProtocol: 0 }, /^RangeError: Cannot use ipProtocol: must be 1 to 255/],
      [{ tunnelId: 0 }, /^RangeError: Cannot use tunnelId: must be 1 to /],
      [{ realms: 0 }, /^RangeError: Cannot use realms: must be 1 to /],
      [{ family: 6, realms: 5 }, /^TypeError: Cannot use realms: must be of an IPv4 rule/],
      [{ mark: 0, markMask: 0 }, /^RangeError: Cannot use markMask: must be 1 to /],
    ];
    for (const [rule, message] of cases) {
      for (const verb of ["add", "append", "delete"] as const) {
        await assert.rejects(t.nl.rules[verb]({ priority: 9, ...rule }), message);
      }
    }
    assert.deepEqual([await t.left(4), await t.left(6)], [[], []]);
  });

  it("of a plan are deleted though the kernel cannot tell them from others", async () => {
    await using t = await lab();
    await t.nl.rules.add({ priority: 30, mark: 5, markMask: 0xff, table: 7 });
    await t.nl.rules.append({ priority: 30, mark: 0, markMask: 0xff, table: 7 });
    await t.nl.rules.append({ priority: 30, not: true, mark: 0, markMask: 0xff, table: 7 });
    const rules = [{ priority: 30, mark: 5, markMask: 0xff, table: 7 }];
    await apply(t.nl, await plan(t.nl, { rules, prune: { rules: [30, 30] } }));
    const left = (await t.nl.rules.list({ family: 4 }).toArray()).filter((r) => r.priority === 30);
    assert.deepEqual(left.map((r) => [r.mark, r.not]), [[5, false]]);
  });
});
