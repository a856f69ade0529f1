import { type NetlinkError, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Program, root, runModule } from "../child.ts";
import { until } from "../net/peer.ts";
import { need, openOf, testNamespace } from "../support.ts";

const skip = need("net-admin", "cc");

const folder = mkdtempSync(join(tmpdir(), "rtnl-"));
after(() => rmSync(folder, { recursive: true }));
const program = join(folder, "rtnl_lock");
if (!skip) {
  const source = join(root, "tests/integration/rtnl_lock.c");
  execFileSync("cc", ["-O1", "-pthread", "-o", program, source]);
}

const openSockets = (): number => openOf(/^socket:/);
const openNamespaces = (): number => openOf(/^net:|netns/);

/** Has another process hold the lock until it is told to release it, at most for `seconds`. */
async function hold(seconds = 20) {
  const holder = new Program(program, [String(seconds)], { runtime: "none" });
  await holder.printed(/^held$/m);
  const release = async () => {
    holder.end();
    assert.equal(await holder.ended, 0, holder.output);
  };
  return { release, [Symbol.asyncDispose]: release };
}

/** Shows that the event loop turns while `work` is under way, then releases the lock. */
async function turnsDuring<T>(work: Promise<T>, lock: { release(): Promise<void> }): Promise<T> {
  let ticks = 0, settled = false;
  work.finally(() => settled = true).catch(() => {});
  const timer = setInterval(() => ticks++, 5);
  try {
    await until(() => ticks >= 10, "the event loop to turn");
  } finally {
    clearInterval(timer);
  }
  assert.equal(settled, false, "it did not wait for the lock");
  await lock.release();
  return await work;
}

it("the event loop turns while an offloaded change waits for the rtnl lock", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const raise = (offload: boolean) => nl.links.set(1, { up: true }, { offload });
  await raise(true); // what there is to start is started
  {
    await using lock = await hold();
    await turnsDuring(raise(true), lock);
  }
  {
    // Without it the thread waits in the kernel: this is what it is for.
    await using _lock = await hold(1);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5), start = performance.now();
    await raise(false);
    const time = performance.now() - start;
    clearInterval(timer);
    assert.ok(time > 100 && ticks < 5, `${ticks} ticks in ${time} ms`);
  }
  assert.equal((await nl.links.get(1)).up, true);
});

it("a batch can be offloaded, its results are as always", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const changes = nl.batch();
  for (let i = 0; i < 300; i++) changes.addresses.add({ link: 1, address: `10.0.0.${i % 250}/32` });
  await using lock = await hold();
  const results = await turnsDuring(changes.commit({ offload: true }), lock);
  assert.deepEqual(
    results.map((r) => r.status),
    Array.from({ length: 300 }, (_, i) => i < 250 ? "done" : "failed"),
  );
  assert.ok(nl.usable);
});

it("a list can be offloaded, as a whole or streamed, its link looked up", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const changes = nl.batch().links.add({ name: "b0", kind: "bridge" });
  for (let i = 0; i < 90; i++) changes.links.add({ name: `m${i}`, kind: "macvlan", link: "b0" });
  await changes.commit();
  const names = ["lo", "b0", ...Array.from({ length: 90 }, (_, i) => `m${i}`)];
  await nl.links.list({ offload: true }).toArray(); // what there is to start is started
  {
    await using lock = await hold();
    const links = await turnsDuring(nl.links.list({ offload: true }).toArray(), lock);
    assert.deepEqual(links.map((l) => l.name), names);
  }
  {
    await using lock = await hold();
    const streamed = Array.fromAsync(nl.links.list({ offload: true, whole: false }));
    assert.deepEqual((await turnsDuring(streamed, lock)).map((l) => l.name), names);
  }
  {
    await using lock = await hold();
    const ports = nl.addresses.list({ link: "lo", offload: true }).toArray();
    assert.deepEqual(await turnsDuring(ports, lock), []);
  }
  assert.ok(nl.usable);
  await using _lock = await hold(1);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5), start = performance.now();
  await nl.links.list().toArray();
  const time = performance.now() - start;
  clearInterval(timer);
  assert.ok(time > 100 && ticks < 5, `without it ${ticks} ticks in ${time} ms`);
});

it("offloaded requests of both kinds do not read each other's answers on this thread", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const changes = nl.batch().links.add({ name: "b0", kind: "bridge" });
  for (let i = 0; i < 90; i++) changes.links.add({ name: `m${i}`, kind: "macvlan", link: "b0" });
  await changes.commit();
  for (let i = 0; i < 3; i++) {
    await using lock = await hold();
    const set = nl.links.set(1, { up: i % 2 === 0 }, { offload: true });
    const list = nl.links.list({ offload: true }).toArray();
    const [, links] = await turnsDuring(Promise.all([set, list]), lock);
    assert.equal(links.length, 92);
    assert.equal(nl.usable, true);
  }
});

it("an offloaded list may be given up, left, closed or met by others", { skip }, async () => {
  await using ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  const list = (options = {}) => nl.links.list({ offload: true, ...options });
  await list().toArray();
  const before = openSockets();
  {
    await using lock = await hold();
    const control = new AbortController();
    const given = list({ signal: control.signal }).toArray();
    const late = list({ timeout: 30 }).toArray();
    setTimeout(() => control.abort(new Error("enough")), 10);
    await assert.rejects(given, /enough/);
    await assert.rejects(late, (error: NetlinkError) => error.isTimeout);
    assert.equal(nl.usable, false);
    await lock.release();
  }
  assert.deepEqual((await list().toArray()).map((l) => l.name), ["lo"]);
  assert.equal(nl.usable, true);
  for await (const _ of list({ whole: false })) break;
  // Lists of both ways and single requests at the same time each get what is theirs.
  const all = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    if (i % 3 === 0) return (await nl.links.get(1)).name;
    const [lo] = await nl.links.list({ offload: i % 3 === 1 }).toArray();
    return lo.name;
  }));
  assert.deepEqual([...new Set(all)], ["lo"]);
  assert.equal(nl.usable, true);
  await assert.rejects(
    nl.neighbours.list({ link: "nope", offload: true }).toArray(),
    (error: NetlinkError) => error.code === "ENODEV",
  );
  {
    await using _lock = await hold();
    const pending = [list().toArray(), list().toArray()];
    setTimeout(() => nl.close(), 20);
    await Promise.all(pending.map((each) => assert.rejects(each, /closed/)));
    await assert.rejects(list().toArray(), /closed/);
  }
  await until(() => openSockets() < before, "the calls under way to end");
});

it("an offloaded list is whole and in order whatever else the connection does", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  await nl.links.set(1, { up: true });
  const changes = nl.batch();
  for (let i = 0; i < 3000; i++) {
    changes.routes.add({ destination: `10.${i >> 8}.${i & 255}.0/24`, link: 1 });
  }
  await changes.commit();
  const list = async (offload: boolean) =>
    (await nl.routes.list({ offload }).toArray()).map((r) => r.destination).join();
  const expected = await list(false);
  for (let i = 0; i < 40; i++) {
    const listed = list(true);
    for (let k = 0; k < 5; k++) {
      await sleep(Math.random() * 2);
      assert.equal((await nl.links.get(1, { offload: k % 2 === 0 })).name, "lo");
    }
    assert.equal(await listed, expected);
  }
  assert.ok(nl.usable);
});

it("what waits behind an offloaded list or batch neither blocks nor overflows", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const batch = (nl: RouteConnection) => {
    const changes = nl.batch();
    for (let i = 0; i < 100; i++) changes.links.set(1, { mtu: 1400 });
    return changes.commit({ offload: true });
  };
  const works: Record<string, (nl: RouteConnection) => Promise<unknown>[]> = {
    batches: (nl) => Array.from({ length: 6 }, () => batch(nl)),
    requests: (nl) => Array.from({ length: 600 }, () => nl.links.get(1, { offload: true })),
    "requests behind a list": (nl) => [
      nl.links.list({ offload: true }).toArray(),
      ...Array.from(
        { length: 300 },
        (_, i) => nl.routes.lookup("127.0.0.1", { offload: i % 2 === 0 }),
      ),
    ],
  };
  for (const work of Object.values(works)) {
    await using nl = await RouteConnection.open({ netns: ns.name });
    await nl.links.set(1, { up: true });
    await nl.links.list({ offload: true }).toArray();
    await using lock = await hold();
    await turnsDuring(Promise.all(work(nl)), lock);
    assert.equal((await nl.links.get(1)).name, "lo");
  }
});

it("a change that waits keeps the namespace that it names, also when nobody waits for it", {
  skip,
}, async () => {
  await using home = await testNamespace();
  await using there = await testNamespace();
  await using other = await testNamespace();
  const busy = await Promise.all(
    Array.from({ length: 8 }, () => RouteConnection.open({ netns: home.name })),
  );
  await using nl = await RouteConnection.open({ netns: home.name });
  await Promise.all(busy.map((each) => each.links.get(1, { offload: true })));
  const lock = await hold();
  const blocked = busy.map((each) => each.links.set(1, { up: true }, { offload: true }));
  await sleep(50);
  const link = { name: "d0", kind: "bridge", netns: there.name } as const;
  await assert.rejects(nl.links.add(link, { offload: true, timeout: 50 }), /no answer/);
  const changes = nl.batch().links.add({ ...link, name: "d1" });
  await assert.rejects(changes.commit({ offload: true, timeout: 50 }), /no answer/);
  const path = `/run/netns/${other.name}`;
  const descriptors = Array.from({ length: 40 }, () => openSync(path, "r"));
  await lock.release();
  await Promise.all(blocked);
  await until(() => nl.usable, "the answers that nobody waits for");
  for (const fd of descriptors) closeSync(fd);
  for (const each of busy) each.close();
  const names = async (netns: string) => {
    await using inside = await RouteConnection.open({ netns });
    return (await inside.links.list().toArray()).map((l) => l.name).join();
  };
  assert.deepEqual(
    await Promise.all([home, there, other].map((ns) => names(ns.name))),
    ["lo", "lo,d0,d1", "lo"],
  );
});

it("what names a namespace lets go of it, sent or not", { skip }, async () => {
  await using home = await testNamespace();
  await using there = await testNamespace();
  const nl = await RouteConnection.open({ netns: home.name });
  const link = { name: "d0", kind: "bridge", netns: there.name } as const;
  const batch = () => nl.batch().links.add(link);
  const before = openNamespaces();
  await nl.links.add(link, { offload: true });
  await assert.rejects(nl.links.add(link), { code: "EEXIST" });
  await assert.rejects(nl.links.add(link, { offload: true }), { code: "EEXIST" });
  await assert.rejects(nl.links.add(link, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal((await batch().commit())[0].status, "failed");
  assert.equal((await batch().commit({ offload: true }))[0].status, "failed");
  nl.close();
  await assert.rejects(nl.links.add(link), /closed/);
  await assert.rejects(nl.links.add(link, { offload: true }), /closed/);
  await assert.rejects(batch().commit(), /closed/);
  await assert.rejects(batch().commit({ offload: true }), /closed/);
  await until(() => openNamespaces() === before, "the namespace to be let go", 1000);
});

it("requests that wait leave the process its files", { skip }, async () => {
  const all = await Promise.all(Array.from({ length: 40 }, () => RouteConnection.open()));
  await using lock = await hold();
  const lists = all.map((nl) => nl.links.list({ offload: true }).toArray());
  await sleep(50);
  assert.match(await readFile("/proc/self/status", "utf8"), /^Name:/);
  await turnsDuring(Promise.all(lists), lock);
  for (const nl of all) nl.close();
});

it("whoever gives up need not wait; the socket is clean again once the answer came", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  await using lock = await hold();
  const control = new AbortController();
  const given = nl.links.set(1, { up: true }, { offload: true, signal: control.signal });
  const late = nl.links.set(1, { mtu: 1400 }, { offload: true, timeout: 30 });
  const fails = nl.links.set("nope", { up: true }, { offload: true });
  let settled = false;
  fails.catch(() => settled = true);
  setTimeout(() => control.abort(new Error("enough")), 10);
  await assert.rejects(given, /enough/);
  await assert.rejects(late, (error: NetlinkError) => error.isTimeout);
  assert.equal(nl.usable, false);
  assert.equal(settled, false);
  await lock.release();
  await assert.rejects(fails, (error: NetlinkError) => error.code === "ENODEV");
  const { up, mtu } = await nl.links.get(1);
  assert.deepEqual([up, mtu], [true, 1400]);
  assert.equal(nl.usable, true);
});

it("a batch that is not answered in time is rejected, also while it looks up a link", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  await using _lock = await hold();
  const changes = nl.batch()
    .links.set(1, { up: true })
    .addresses.add({ link: "lo", address: "10.0.0.1/32" });
  const late = (error: NetlinkError) => error.isTimeout && error.operation === "commit a batch";
  await assert.rejects(changes.commit({ offload: true, timeout: 20 }), late);
});

it("closing a connection fails what is under way, and ends nothing else", { skip }, async () => {
  await using ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  await using _lock = await hold();
  const pending = nl.links.set(1, { up: true }, { offload: true });
  nl.close();
  await assert.rejects(pending, /closed/);
  await assert.rejects(nl.links.get(1, { offload: true }), /closed/);
});

it("a process ends when its offloaded requests have", { skip }, async () => {
  const { code, output } = await runModule(
    `
    import { RouteConnection } from "@x/pool/netlink";
    const nl = await RouteConnection.open();
    const links = await Promise.all([1, 1, 1, 1, 1, 1].map((i) => nl.links.get(i, { offload: true })));
    console.log(links.map((link) => link.name).join());
  `,
    { timeout: 300_000 },
  );
  assert.equal(code, 0, output);
  assert.equal(output, "lo,lo,lo,lo,lo,lo\n");
});
