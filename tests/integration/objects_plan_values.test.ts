import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need } from "../support.ts";
import { lab } from "./plan_lab.ts";
import { settle } from "./plan_settle.ts";
import { portValues, values } from "./plan_values.ts";

const skip = need("net-admin", "ip");

type Lab = Awaited<ReturnType<typeof lab>>;

/** What is wrong with how a declaration is taken: it is refused at once, or it settles. */
async function wrong(t: Lab, links: object[]): Promise<string | undefined> {
  const wanted = { links } as Desired;
  const found = await plan(t.nl, wanted).catch((error: Error) => error);
  if (found instanceof Error) {
    const told = /^Cannot (use links\[0\]\.|plan link v1: )/.test(found.message);
    return told ? undefined : String(found);
  }
  try {
    await apply(t.nl, found);
    const rest = String(await plan(t.nl, wanted));
    return rest === "" ? undefined : `leaves ${rest}`;
  } catch (error) {
    return String(error);
  }
}

describe("a plan takes no value that never settles, or that the kernel refuses,", { skip }, () => {
  for (const [kind, [needed, options]] of Object.entries(values)) {
    it(`of kind ${kind}`, { timeout: 120_000 }, async () => {
      await using t = await lab();
      const plain = { name: "v1", kind, ...needed }, bad: string[] = [];
      for (const [option, all] of Object.entries(options)) {
        for (const value of all) {
          const link = { ...plain, [option]: value };
          // Of a new one, and then of one that is there.
          for (const first of [{ prune: { links: ["v*"] } }, { links: [plain] }]) {
            await apply(t.nl, await plan(t.nl, first as Desired));
            const why = await wrong(t, [link]);
            if (why !== undefined) bad.push(`${option} ${JSON.stringify(value)}: ${why}`);
          }
        }
      }
      assert.deepEqual(bad, []);
    });
  }

  it("several at a time", { timeout: 120_000 }, async () => {
    await using t = await lab();
    const link = fc.constantFrom(...Object.entries(values)).chain(([kind, [needed, options]]) =>
      fc.record({
        names: fc.shuffledSubarray(Object.keys(options)),
        which: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      }).map(({ names, which }) => ({
        ...{ name: "v1", kind, ...needed },
        ...Object.fromEntries(
          names.slice(0, 6).map((name, i) => {
            const all = options[name];
            return [name, all[which[i] % all.length]];
          }),
        ),
      }))
    );
    await fc.assert(
      fc.asyncProperty(link, async (link) => {
        // Of one port there is one such tunnel, and there is another kind of one.
        fc.pre(!("external" in link) && (link as { id?: unknown }).id !== 99);
        const prune = { links: ["v*"] };
        const found = await plan(t.nl, { links: [link], prune } as Desired).catch(() => undefined);
        fc.pre(found !== undefined);
        await apply(t.nl, found);
        assert.equal(String(await plan(t.nl, { links: [link], prune } as Desired)), "");
      }),
      { numRuns: 100, endOnFailure: true, maxSkipsPerRun: 100 },
    );
  });

  it("of a bridge's port", { timeout: 120_000 }, async () => {
    await using t = await lab();
    const bad: string[] = [];
    for (const [option, all] of Object.entries(portValues)) {
      for (const value of all) {
        const port = {
          ...{ name: "v1", kind: "veth", peer: { name: "v2" }, up: true, master: "sw" },
          bridgePort: { [option]: value },
        };
        const why = await wrong(t, [port]);
        if (why !== undefined) bad.push(`${option} ${JSON.stringify(value)}: ${why}`);
      }
    }
    assert.deepEqual(bad, []);
  });

  it("of addresses, nexthops and routes", { timeout: 60_000 }, async () => {
    await using t = await lab();
    for (const address of ["0.0.0.0/0", "0.0.0.0/32", "::/0"]) {
      await assert.rejects(
        plan(t.nl, { addresses: [{ link: "b0", address }] }),
        /^TypeError: Cannot use addresses\[0\]\.address: must be one of somewhere/,
      );
    }
    const address = "10.9.0.1/24";
    await assert.rejects(
      plan(t.nl, { addresses: [{ link: "b0", address, peer: "0.0.0.0" }] }),
      /^TypeError: Cannot use addresses\[0\]\.peer: must be another end, or absent/,
    );
    // One of these that somebody else made goes though.
    await t.nl.addresses.add({ link: "b0", address, peer: "0.0.0.0" });
    await settle(t, { prune: { addresses: ["b0"] } });
    assert.equal(t.ip("-4 address show dev b0"), "");
    // To the kernel these are one address.
    await settle(t, { addresses: [{ link: "b0", address }] });
    for (const peer of ["10.9.0.2", "10.9.0.3", undefined]) {
      assert.equal(
        await settle(t, { addresses: [{ link: "b0", address, peer }] }),
        "replace address peer",
      );
    }
    const mac = "02:00:00:00:00:07";
    for (const protocol of [99, "unspec", "static"]) {
      await settle(t, { neighbours: [{ link: "b1", address: "10.3.0.8", mac, protocol }] });
    }
    // One that is in a group beside others becomes what cannot be.
    const nexthops = [{ id: 1, link: "b2" }, { id: 3, link: "b2" }];
    await settle(t, { nexthops: [...nexthops, { id: 4, group: [{ id: 1 }, { id: 3 }] }] });
    await settle(t, {
      nexthops: [{ id: 3, blackhole: true }, { id: 4, group: [{ id: 1 }] }],
    });
    const group = [{ id: 1 }];
    for (const protocol of ["static", 99]) {
      await settle(t, { nexthops: [{ id: 1, link: "b2" }, { id: 2, group, protocol }] });
    }
    for (const [destination, source] of [["10.9.9.0/24", "0.0.0.0"], ["fd09::/64", "::"]]) {
      await settle(t, { routes: [{ destination, link: "b2", source }] });
    }
    await settle(t, { routes: [{ destination: "10.9.9.0/24", link: "b2", source: "10.20.0.1" }] });
    assert.equal(
      await settle(t, { routes: [{ destination: "10.9.9.0/24", link: "b2", source: "0.0.0.0" }] }),
      "set route source",
    );
  });

  it("of queueing disciplines", async () => {
    await using t = await lab();
    const rate = { rateBytesPerSecond: 125_000, burstBytes: 5000, limitBytes: 9000 };
    for (const minPacketBytes of [0, 64, 32768, 65535]) {
      const options = { ...rate, minPacketBytes };
      await settle(t, { qdiscs: [{ link: "b0", kind: "tbf", options }] });
    }
  });

  it("and notices that a tunnel has an end that it shall not have", async () => {
    await using t = await lab();
    const vxlan = { name: "v1", kind: "vxlan", id: 5 } as const;
    await settle(t, { links: [{ ...vxlan, remote: "192.0.2.1", sourcePorts: [5, 6] as const }] });
    assert.equal(
      await settle(t, { links: [{ ...vxlan, remote: "0.0.0.0" }] }),
      "set link remote",
    );
    assert.equal(
      await settle(t, { links: [{ ...vxlan, sourcePorts: [0, 0] as const }] }),
      "replace link sourcePorts",
    );
    await settle(t, { links: [{ ...vxlan, local: "10.20.0.1", remote: "192.0.2.1" }] });
    // An address of the other IP version does not stay.
    assert.equal(
      await settle(t, { links: [{ ...vxlan, remote: "fd00::1" }] }),
      "replace link remote",
    );
  });
});
