import { type NetlinkError, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { root, runModule } from "../child.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "cc");

const folder = mkdtempSync(join(tmpdir(), "rtnl-"));
after(() => rmSync(folder, { recursive: true }));
const program = join(folder, "rtnl_lock");
if (!skip) {
  const source = join(root, "tests/integration/rtnl_lock.c");
  execFileSync("cc", ["-O1", "-pthread", "-o", program, source]);
}

/** Has another process hold the lock; resolves once it does. */
async function hold(milliseconds: number) {
  const child = spawn(program, [String(milliseconds)], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  await once(child.stdout!, "data");
  return {
    async [Symbol.asyncDispose]() {
      await closed;
    },
  };
}

/** How often a timer fired while `work` ran, and for how long it ran. */
async function ticksDuring(work: () => Promise<unknown>): Promise<[ticks: number, time: number]> {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const start = performance.now();
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return [ticks, performance.now() - start];
}

it("the event loop turns while an offloaded change waits for the rtnl lock", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const raise = (offload: boolean) => nl.links.set(1, { up: true }, { offload });
  await raise(true); // what there is to start is started
  {
    await using _lock = await hold(250);
    const [ticks, time] = await ticksDuring(() => raise(true));
    assert.ok(time > 150, `it did not wait for the lock: ${time} ms`);
    assert.ok(ticks > 15, `${ticks} ticks in ${time} ms`);
  }
  {
    // Without it the thread waits in the kernel: this is what it is for.
    await using _lock = await hold(250);
    const [ticks, time] = await ticksDuring(() => raise(false));
    assert.ok(time > 150 && ticks < 5, `${ticks} ticks in ${time} ms`);
  }
  assert.equal((await nl.links.get(1)).up, true);
});

it("a batch can be offloaded, its results are as always", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const changes = nl.batch();
  for (let i = 0; i < 300; i++) changes.addresses.add({ link: 1, address: `10.0.0.${i % 250}/32` });
  await using _lock = await hold(150);
  let results: Awaited<ReturnType<typeof changes.commit>> = [];
  const [ticks] = await ticksDuring(async () => {
    results = await changes.commit({ offload: true });
  });
  assert.ok(ticks > 8, `${ticks} ticks`);
  assert.deepEqual(
    results.map((r) => r.status),
    Array.from({ length: 300 }, (_, i) => i < 250 ? "done" : "failed"),
  );
  assert.ok(nl.usable);
});

it("whoever gives up need not wait; the socket is clean again once the answer came", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  await using _lock = await hold(300);
  const control = new AbortController();
  const given = nl.links.set(1, { up: true }, { offload: true, signal: control.signal });
  const late = nl.links.set(1, { mtu: 1400 }, { offload: true, timeout: 30 });
  const fails = nl.links.set("nope", { up: true }, { offload: true });
  setTimeout(() => control.abort(new Error("enough")), 10);
  const start = performance.now();
  await assert.rejects(given, /enough/);
  await assert.rejects(late, (error: NetlinkError) => error.isTimeout);
  assert.ok(performance.now() - start < 150);
  assert.equal(nl.usable, false);
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
  await using _lock = await hold(150);
  const changes = nl.batch()
    .links.set(1, { up: true })
    .addresses.add({ link: "lo", address: "10.0.0.1/32" });
  const late = (error: NetlinkError) => error.isTimeout && error.operation === "commit a batch";
  await assert.rejects(changes.commit({ offload: true, timeout: 20 }), late);
});

it("closing a connection fails what is under way, and ends nothing else", { skip }, async () => {
  await using ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  await using _lock = await hold(100);
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
    { timeout: 10_000 },
  );
  assert.equal(code, 0, output);
  assert.equal(output, "lo,lo,lo,lo,lo,lo\n");
});
