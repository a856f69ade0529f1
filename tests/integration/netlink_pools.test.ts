import {
  type Connection,
  createNamespace,
  deleteNamespace,
  NetlinkError,
  netlinkPool,
  netlinkPools,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { need, settledDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const ip = (netns: string, ...args: string[]) => execFileSync("ip", ["-n", netns, ...args]);

it("a namespace that is deleted and made again under its name gets new sockets", {
  skip,
}, async () => {
  const name = `xpool-again-${process.pid}`;
  await createNamespace(name);
  await using pool = netlinkPool({ size: 2, netns: name });
  try {
    const names = () =>
      pool.use(async (nl) => (await nl.links.list().toArray()).map((l) => l.name));
    ip(name, "link", "add", "old", "type", "bridge");
    assert.deepEqual(await names(), ["lo", "old"]);
    const held = await pool.acquire();
    for (let round = 0; round < 3; round++) {
      await deleteNamespace(name);
      await createNamespace(name);
      ip(name, "link", "add", `new${round}`, "type", "bridge");
      assert.deepEqual(await names(), ["lo", `new${round}`]);
    }
    // A lease keeps what it was given; afterwards that socket is not lent any more.
    assert.equal((await held.value.links.get("old")).name, "old");
    const { created } = pool.stats.totals;
    held.release();
    assert.deepEqual(await names(), ["lo", "new2"]);
    assert.equal(pool.stats.size, 1);
    assert.equal(pool.stats.totals.created, created);
    await deleteNamespace(name);
    await assert.rejects(
      pool.use((nl) => nl.links.get("lo"), { timeout: 300 }),
      (error: Error) => /ENOENT/.test(`${error.message} ${(error.cause as Error)?.message}`),
    );
    assert.equal(pool.stats.size, 0);
  } finally {
    await createNamespace(name).catch(() => {});
    await deleteNamespace(name);
  }
});

it("what the kernel refuses does not cost the socket", { skip }, async () => {
  await using ns = await testNamespace();
  await using pool = netlinkPool({ size: 1, netns: ns.name });
  for (let i = 0; i < 5; i++) {
    await assert.rejects(pool.use((nl) => nl.links.get("nope")), NetlinkError);
    await assert.rejects(pool.use(() => Promise.reject(new Error("mine"))), /mine/);
  }
  assert.equal(pool.stats.totals.created, 1);
});

it("lends connections of any protocol", { skip }, async () => {
  await using ns = await testNamespace();
  await using generic = netlinkPool({ protocol: "generic", netns: ns.name, size: 1 });
  const control = await generic.use(async (nl) => {
    const family = await nl.family("nlctrl");
    return (await family.do("getfamily", { familyName: "nlctrl" })).familyId;
  });
  assert.equal(control, 16);
  await using other = netlinkPool({ protocol: "netfilter", netns: ns.name });
  assert.equal(await other.use((nl: Connection) => nl.protocol), 12);
  assert.throws(() => netlinkPool({ share: 0 }), /share must be .* 0/);
  assert.throws(() => netlinkPools({ size: 0 }), RangeError);
  for (const make of [netlinkPool, netlinkPools] as ((options: object) => unknown)[]) {
    assert.throws(() => make({ sise: 2 }), /^TypeError: Cannot use sise: the options of a/);
    assert.throws(() => make({ maxSize: 2 }), /^TypeError: Cannot use maxSize: .* size, /);
  }
});

it("a lease's timeout holds until its end", { skip }, async () => {
  await using ns = await testNamespace();
  await using pool = netlinkPool({ size: 1, netns: ns.name, requestTimeout: 1234 });
  for (let i = 0; i < 2; i++) {
    using lease = await pool.acquire();
    assert.equal(lease.value.timeout, 1234);
    lease.value.timeout = 5;
  }
});

it("sixteen tasks share one socket: answers find their way, dumps wait for each other", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const lines = Array.from({ length: 50 }, (_, i) => `link add b${i} type bridge`);
  for (let i = 0; i < 1500; i++) lines.push(`route add blackhole 10.${i >> 8}.${i & 255}.0/24`);
  execFileSync("ip", ["-n", ns.name, "-batch", "-"], { input: lines.join("\n") + "\n" });
  await using pool = netlinkPool({ size: 1, share: 16, netns: ns.name });
  await Promise.all(Array.from({ length: 16 }, async (_, task) => {
    for (let i = 0; i < 25; i++) {
      await pool.use(async (nl) => {
        switch ((task + i) % 5) {
          case 0:
            return assert.equal((await nl.links.list().toArray()).length, 51);
          case 1:
            return assert.equal((await nl.links.get(`b${i}`)).name, `b${i}`);
          case 2:
            return assert.equal(
              (await nl.routes.list({ type: "blackhole" }).toArray()).length,
              1500,
            );
          case 3:
            for await (const route of nl.routes.list({ whole: false })) {
              assert.ok(route.destination);
              if (i % 2) break;
            }
            return;
          case 4:
            return await assert.rejects(nl.links.get(`none${i}`), /none/);
        }
      });
    }
  }));
  const { totals, peak } = pool.stats;
  assert.deepEqual([totals.created, peak.size], [1, 1]);
  assert.ok(peak.leases > 8, `${peak.leases} leases at once`);
});

it("pools over 100 namespaces keep to their total, and close everything", { skip }, async () => {
  const names = Array.from({ length: 100 }, (_, i) => `xpool-many-${process.pid}-${i}`);
  await Promise.all(names.map(createNamespace));
  const before = await settledDescriptors();
  try {
    await using pools = netlinkPools({ size: 2, maxTotal: 20 });
    for (let round = 0; round < 2; round++) {
      const counts = await Promise.all(
        names.map((name) =>
          pools.use(name, async (nl) => (await nl.links.list().toArray()).length)
        ),
      );
      assert.deepEqual(counts, new Array(100).fill(1));
      assert.ok(pools.stats.size <= 20, `${pools.stats.size} sockets`);
    }
    assert.equal((await pools.use(undefined, (nl) => nl.links.get("lo"))).name, "lo");
    // However it is named, it is one namespace with one pool.
    pools.evict();
    await pools.use(names[0], () => {});
    await pools.use({ name: names[0] }, () => {});
    await pools.use({ path: `/run/netns/${names[0]}` }, () => {});
    assert.equal(pools.keys().filter((key) => JSON.stringify(key).includes(names[0])).length, 1);
  } finally {
    await Promise.all(names.map(deleteNamespace));
  }
  assert.equal(await settledDescriptors(), before);
});
