import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apply, type Desired, plan, type RouteConnection } from "../../src/netlink/mod.ts";
import "../seed.ts";
import { need } from "../support.ts";
import { lab, striking } from "./plan_lab.ts";
import { desired, doubles, prune } from "./plan_states.ts";

const skip = need("net-admin");

/** What nobody declares, which no plan may touch. */
async function strangers(nl: RouteConnection) {
  await nl.links.add({ name: "other", kind: "bridge", up: true, alias: "mine" });
  await nl.addresses.add({ link: "other", address: "10.0.9.1/24" });
  await nl.addresses.add({ link: "a0", address: "10.0.0.99/24" });
  await nl.addresses.add({ link: "b1", address: "fd09::1/64", flags: ["nodad"] });
  await nl.neighbours.add({ link: "a1", address: "10.3.0.99", mac: "02:00:00:00:00:99" });
  await nl.nexthops.add({ id: 99, link: "b0" });
  await nl.routes.add({ destination: "10.99.0.0/16", link: "a0", table: 99 });
  await nl.routes.add({ destination: "10.98.0.0/16", gateway: "10.0.9.2", mtu: 1234, table: 98 });
  await nl.rules.add({ priority: 99, table: 99 });
  await nl.qdiscs.add({ link: "b0", kind: "pfifo", options: { limitPackets: 99 } });
  await nl.qdiscs.add({ link: "b1", kind: "htb", handle: "9:" });
  await nl.classes.add({
    link: "b1",
    handle: "9:9",
    kind: "htb",
    options: { rateBytesPerSecond: 99_000 },
  });
  await nl.qdiscs.add({ link: "b2", kind: "clsact" });
  const options = { keys: [{ offset: 16, value: 99, mask: 255 }], class: "9:9" };
  for (const [link, parent] of [["b1", "9:"], ["b2", "ingress"]]) {
    await nl.filters.add({ link, parent, priority: 99, protocol: "ip", kind: "u32", options });
  }
  await nl.fdb.add({ link: "a2", mac: "02:00:00:00:00:99" });
  await nl.fdb.add({ link: "vx9", mac: "00:00:00:00:00:00", remote: "192.0.2.99" });
  await nl.routes.add({ destination: "default", gateway: "10.20.0.9", priority: 99 });
  // What these go by changes.
  await nl.addresses.add({ link: "b0", address: "10.0.2.1/24" });
  for (const gateway of ["10.0.2.8", "10.0.2.9"]) {
    await nl.routes.append({ destination: "10.97.0.0/16", gateway, table: 98 });
  }
}

/** Other addresses in the network that routes of strangers go by. */
const readdressed = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  .map((all) => all.map((n) => ({ link: "b0", address: `10.0.2.${n}/24` })));

/** What the strangers are. */
async function seen(nl: RouteConnection) {
  const other = await nl.links.get("other");
  const addresses = await nl.addresses.list().toArray();
  const routes = await nl.routes.list().toArray();
  const rules = await nl.rules.list({ family: 4 }).toArray();
  const qdiscs = await nl.qdiscs.list({ link: "b0" }).toArray();
  const filters: unknown[] = [];
  for (const [link, parent] of [["b1", "9:"], ["b2", "ingress"]]) {
    for await (const { priority, options } of nl.filters.list({ link, parent })) {
      if (priority === 99) filters.push([link, parent, options]);
    }
  }
  return JSON.parse(JSON.stringify({
    other: [other.mtu, other.alias, other.up],
    addresses: addresses.map((a) => `${a.link} ${a.address} ${a.label}`)
      .filter((a) => /10\.0\.9\.1|10\.0\.0\.99|fd09::1/.test(a)).sort(),
    neighbour: (await nl.neighbours.get({ link: "a1", address: "10.3.0.99" })).toJSON(),
    nexthop: await nl.nexthops.get(99),
    routes: routes.filter((r) => r.table === 99 || r.table === 98 || r.priority === 99),
    rules: rules.filter((r) => r.priority === 99),
    qdiscs: qdiscs.map((q) => [q.kind, q.options]),
    classes: (await nl.classes.list({ link: "b1" }).toArray()).map((c) => [c.handle, c.options]),
    filters,
    fdb: (await nl.fdb.list().toArray())
      .filter((e) => e.mac === "02:00:00:00:00:99" || e.remote === "192.0.2.99")
      .map((e) => `${e.mac} ${e.remote} ${e.lifetime}`).sort(),
  }));
}

describe("plan and apply", { skip }, () => {
  it(
    "lead from any state to any other, and then there is nothing to do",
    { timeout: 300_000 },
    async () => {
      await using t = await lab();
      await fc.assert(
        fc.asyncProperty(desired, doubles, async (state, add) => {
          const wanted = { ...state, prune };
          await add(t.nl);
          const first = await plan(t.nl, wanted);
          await apply(t.nl, first);
          const rest = await plan(t.nl, wanted);
          assert.equal(String(rest), "", `after\n${first}`);
          const all = [...(await t.nl.routes.list({ family: 4 }).toArray())]
            .filter(({ destination }) => /^10\.(8|9|1\d)\./.test(destination));
          const keys = all.map((r) => `${r.destination} ${r.table} ${r.priority} ${r.tos}`);
          assert.deepEqual(keys, [...new Set(keys)], `after\n${first}`);
        }),
        { numRuns: 40, endOnFailure: true },
      );
    },
  );

  it("never touch what is not declared", { timeout: 300_000 }, async () => {
    await using t = await lab();
    await strangers(t.nl);
    const before = await seen(t.nl);
    let last: Desired = {};
    await fc.assert(
      fc.asyncProperty(desired, readdressed, async (state, addresses) => {
        // Prunes nothing else, and takes back what it declared the last time by name.
        const gone = Object.fromEntries(
          (last.links ?? []).filter((l) => l.name !== "other").map((l) => [l.name, true]),
        );
        const wanted = {
          ...state,
          addresses: [...state.addresses ?? [], ...addresses],
          prune: { links: Object.keys(gone), rules: [100, 101] as const, addresses: ["b0"] },
        };
        const changes = await plan(t.nl, wanted);
        await apply(t.nl, changes);
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
        assert.deepEqual(await seen(t.nl), before, `after\n${changes}`);
        last = state;
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it("cost nobody anything by an interruption", { timeout: 300_000 }, async () => {
    await using t = await lab();
    await strangers(t.nl);
    const before = await seen(t.nl);
    await fc.assert(
      fc.asyncProperty(desired, readdressed, fc.nat(200), async (state, addresses, steps) => {
        const wanted = {
          ...state,
          links: [],
          addresses: [...state.addresses ?? [], ...addresses],
          prune: { rules: [100, 101] as const, addresses: ["b0"] },
        };
        await apply(t.nl, await plan(t.nl, wanted), { signal: striking(steps) }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        assert.deepEqual(await seen(t.nl), before);
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "");
        assert.deepEqual(await seen(t.nl), before);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });

  it("finish what an interrupted apply left", { timeout: 300_000 }, async () => {
    await using t = await lab();
    await fc.assert(
      fc.asyncProperty(desired, fc.nat(30), async (state, steps) => {
        const wanted = { ...state, prune };
        const changes = await plan(t.nl, wanted);
        await apply(t.nl, changes, { signal: striking(steps) }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        await apply(t.nl, await plan(t.nl, wanted));
        assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });
});
