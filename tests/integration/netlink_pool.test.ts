import { NetlinkError, netlinkPool, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { runModule } from "../child.ts";
import { need, settledDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const ip = (netns: string, ...args: string[]) =>
  JSON.parse(execFileSync("ip", ["-n", netns, "-j", ...args], { encoding: "utf8" }));

it("many tasks configure one namespace over a few sockets", { skip }, async () => {
  await using netns = await testNamespace();
  const before = await settledDescriptors();
  {
    await using pool = netlinkPool({ size: 4, netns: netns.name });
    await Promise.all(Array.from({ length: 16 }, async (_, i) => {
      await pool.use((nl) =>
        nl.links.add({ name: `a${i}`, kind: "veth", peer: { name: `b${i}` } })
      );
      await pool.use((nl) => nl.addresses.add({ link: `a${i}`, address: `10.0.${i}.1/24` }));
      await pool.use((nl) => nl.links.set(`a${i}`, { up: true }));
    }));
    const links = await pool.use((nl) => nl.links.list().toArray());
    assert.equal(links.length, 33);
    assert.ok(pool.stats.peak.size <= 4, `${pool.stats.peak.size} sockets`);
    assert.equal(pool.stats.leased, 0);
  }
  assert.equal(await settledDescriptors(), before);
  const addresses = ip(netns.name, "-4", "address").flatMap(
    (link: { ifname: string; addr_info: { local: string }[] }) =>
      link.addr_info.map(({ local }) => `${link.ifname} ${local}`),
  );
  assert.deepEqual(
    addresses.toSorted(),
    Array.from({ length: 16 }, (_, i) => `a${i} 10.0.${i}.1`).toSorted(),
  );
});

it("a connection left in the middle of a dump is not lent again", { skip }, async () => {
  await using netns = await testNamespace();
  await using pool = netlinkPool({ size: 1, netns: netns.name });
  await pool.use(async (nl) => {
    for (let i = 0; i < 2000; i++) {
      await nl.routes.add({ destination: `10.1.${i >> 8}.${i & 255}/32`, type: "blackhole" });
    }
  });
  for (let round = 0; round < 5; round++) {
    // Each leaves a dump of several datagrams early, in another way.
    await pool.use(async (nl) => {
      for await (const _ of nl.routes.list({ whole: false })) break;
    });
    await assert.rejects(
      pool.use(async (nl) => {
        for await (const _ of nl.routes.list({ whole: false })) throw new Error("mine");
      }),
      /mine/,
    );
    const control = new AbortController();
    await assert.rejects(
      pool.use(async (nl) => {
        for await (const _ of nl.routes.list({ whole: false, signal: control.signal })) {
          control.abort(new Error("stop"));
        }
      }),
      /stop/,
    );
    const routes = await pool.use((nl) => nl.routes.list({ type: "blackhole" }).toArray());
    assert.equal(routes.length, 2000);
  }
});

it("an error of the kernel reaches the caller, and the pool goes on", { skip }, async () => {
  await using netns = await testNamespace();
  await using pool = netlinkPool({ size: 2, netns: netns.name });
  for (let i = 0; i < 6; i++) {
    await assert.rejects(
      pool.use((nl) => nl.links.set("nowhere", { up: true })),
      (error) => error instanceof NetlinkError && error.isNotFound && /nowhere/.test(error.message),
    );
  }
  assert.equal((await pool.use((nl) => nl.links.get("lo"))).index, 1);
});

it("a namespace that does not exist is an error with its name, at once", { skip }, async () => {
  await using pool = netlinkPool({ netns: "xpool-none", createRetries: 0 });
  const failure = await pool.acquire().then(() => undefined, (error) => error);
  const text = [failure.message, failure.cause?.message].join(" ");
  assert.match(text, /Cannot enter network namespace .*xpool-none.*ENOENT/);
  await assert.rejects(RouteConnection.open({ netns: "xpool-none" }), NetlinkError);
});

it("running out of descriptors is an error, and the pool recovers", {
  skip: skip ?? need("prlimit"),
}, async () => {
  const { code, output } = await runModule(
    `
    import { netlinkPool } from "@x/pool/netlink";
    import { loadAdapter } from "../../ffi/adapter.ts";
    const { libc } = await loadAdapter();
    await using pool = netlinkPool({ size: 2, createRetries: 0, createRetryDelay: 1 });
    await pool.use(() => {});
    pool.evict();
    const taken = [];
    for (let fd; (fd = libc.eventfd(0, 0)) >= 0;) taken.push(fd);
    const failure = await pool.acquire().catch((error) => error);
    console.log(failure.cause.message);
    for (const fd of taken) libc.close(fd);
    console.log((await pool.use((nl) => nl.links.get("lo"))).name);
  `,
    { prefix: ["prlimit", "--nofile=200:200"] },
  );
  assert.equal(code, 0, output);
  assert.match(output, /^Cannot open a netlink socket .*\(EMFILE\)\nlo\n$/);
});

it("a connection that its user closed is replaced", { skip }, async () => {
  await using netns = await testNamespace();
  await using pool = netlinkPool({ size: 1, netns: netns.name });
  for (let i = 0; i < 3; i++) {
    await pool.use((nl) => nl.close());
    assert.equal((await pool.use((nl) => nl.links.get("lo"))).name, "lo");
  }
});
