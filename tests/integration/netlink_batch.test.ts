import { type BatchResult, NetlinkError, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const ip = (netns: string, ...args: string[]) =>
  JSON.parse(execFileSync("ip", ["-n", netns, "-j", ...args], { encoding: "utf8" }));

async function open() {
  const ns = await testNamespace();
  const nl = await RouteConnection.open({ netns: ns.name });
  return {
    nl,
    netns: ns.name,
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

const codes = (results: readonly BatchResult[]) =>
  results.map((r) =>
    r.status === "failed" ? (r.error as NetlinkError).code ?? r.error.name : r.status
  );

it("a batch makes links, addresses and routes that build on each other", { skip }, async () => {
  await using t = await open();
  const results = await t.nl.batch()
    .links.add({ name: "b0", kind: "bridge" })
    .links.add({ name: "v0", kind: "veth", peer: { name: "v1" } })
    .links.set("v0", { master: "b0", up: true })
    .links.set("b0", { up: true, mtu: 1400 })
    .addresses.add({ link: "b0", address: "10.0.0.1/24" })
    .routes.add({ destination: "10.1.0.0/16", gateway: "10.0.0.2" })
    .neighbours.add({ link: "b0", address: "10.0.0.2", mac: "02:00:00:00:00:02" })
    .rules.add({ from: "10.0.0.0/8", table: 77 })
    .commit();
  assert.deepEqual(codes(results), new Array(8).fill("done"));
  assert.equal(ip(t.netns, "route", "show", "10.1.0.0/16")[0].gateway, "10.0.0.2");
  assert.equal(ip(t.netns, "link", "show", "v0")[0].master, "b0");
  assert.equal(ip(t.netns, "rule").length, 4);
});

it("a batch has every method that changes something", { skip }, async () => {
  await using t = await open();
  const results = await t.nl.batch()
    .links.set("lo", { up: true })
    .links.addAltNames("lo", ["home", "a-name-of-more-than-15-bytes"])
    .links.deleteAltNames("lo", ["home"])
    .routes.add({ destination: "10.1.0.0/16", link: "lo" })
    .routes.prepend({ destination: "10.1.0.0/16", type: "blackhole" })
    .routes.append({ destination: "10.1.0.0/16", type: "prohibit" })
    .commit();
  assert.deepEqual(codes(results), new Array(6).fill("done"));
  assert.deepEqual((await t.nl.links.get("lo")).altNames, ["a-name-of-more-than-15-bytes"]);
  const routes = await t.nl.routes.list({ table: 254, family: 4 }).toArray();
  assert.deepEqual(routes.map(({ type }) => type), ["blackhole", "unicast", "prohibit"]);
});

for (const acknowledge of ["all", "errors"] as const) {
  it(`10,000 operations have a result each, in order; acknowledged: ${acknowledge}`, {
    skip,
  }, async () => {
    await using t = await open();
    await t.nl.links.set("lo", { up: true });
    const changes = t.nl.batch();
    const expected = [];
    for (let i = 0; i < 10_000; i++) {
      // Every seventh repeats the one before it.
      const n = i % 7 === 6 ? i - 1 : i;
      changes.routes.add({ destination: `10.${n >> 8}.${n & 255}.0/24`, link: 1 });
      expected.push(n === i ? "done" : "EEXIST");
    }
    assert.equal(changes.size, 10_000);
    const results = await changes.commit({ acknowledge, chunk: 200 });
    assert.deepEqual(codes(results), expected);
    const failed = results[6];
    assert.ok(failed.status === "failed");
    assert.match(failed.error.message, /^Cannot add route 10\.0\.5\.0\/24: .*EEXIST/);
    assert.equal(changes.size, 0);
    assert.ok(t.nl.usable);
    const routes = await t.nl.routes.list({ table: 254, family: 4 }).toArray();
    assert.equal(routes.length, expected.filter((e) => e === "done").length);
  });
}

it("a batch that stops does nothing behind the failure", { skip }, async () => {
  await using t = await open();
  const results = await t.nl.batch()
    .links.add({ name: "b0", kind: "bridge" })
    .links.add({ name: "b0", kind: "bridge" })
    .links.add({ name: "b1", kind: "bridge" })
    .commit({ onError: "stop" });
  assert.deepEqual(codes(results), ["done", "EEXIST", "skipped"]);
  assert.equal(ip(t.netns, "link").length, 2);
  // In chunks, what the same call carried has been done: the results say so.
  const chunked = t.nl.batch();
  for (let i = 0; i < 8; i++) {
    chunked.links.add({ name: i === 1 ? "b0" : `c${i}`, kind: "bridge" });
  }
  assert.deepEqual(codes(await chunked.commit({ onError: "stop", chunk: 4 })), [
    "done",
    "EEXIST",
    "done",
    "done",
    "skipped",
    "skipped",
    "skipped",
    "skipped",
  ]);
  // A name that cannot be looked up, and a value that no kernel would take, are failures as well.
  for (const onError of ["stop", "continue"] as const) {
    const mixed = await t.nl.batch()
      .addresses.add({ link: "b0", address: `10.0.${onError.length}.1/24` })
      .addresses.add({ link: "nope", address: "10.0.1.1/24" })
      .addresses.add({ link: "b0", address: "ten" })
      .addresses.add({ link: "b0", address: `10.0.${onError.length}.2/24` })
      .commit({ onError });
    const behind = onError === "stop" ? ["skipped", "skipped"] : ["TypeError", "done"];
    assert.deepEqual(codes(mixed), ["done", "ENODEV", ...behind]);
  }
});

it("errors name the attribute of the operation that is meant", { skip }, async () => {
  await using t = await open();
  const results = await t.nl.batch()
    .links.add({ name: "b0", kind: "bridge" })
    .links.add({ name: "b1", kind: "bridge", mtu: 5 })
    .routes.add({ destination: "10.0.0.0/8", link: 4711 })
    .commit();
  assert.deepEqual(codes(results).slice(0, 1), ["done"]);
  // A destination that no kernel is asked for, and a link that is not there.
  const more = await t.nl.batch()
    .routes.add({ destination: "10.0.0.1/24" })
    .addresses.add({ link: 4711, address: "192.168.1.1/24" })
    .links.set("b0", { mtu: 1400 })
    .commit();
  assert.deepEqual(codes(more), ["TypeError", "ENODEV", "done"]);
  assert.equal(ip(t.netns, "link", "show", "b0")[0].mtu, 1400);
  const failed = results[2];
  assert.ok(failed.status === "failed" && failed.error instanceof NetlinkError);
  assert.match(failed.error.message, /add route 10\.0\.0\.0\/8/);
});

it("a signal ends a batch between two calls, and other requests share the socket meanwhile", {
  skip,
}, async () => {
  await using t = await open();
  const control = new AbortController();
  const changes = t.nl.batch();
  for (let i = 0; i < 50_000; i++) {
    changes.routes.add({ destination: `10.${i >> 8}.${i & 255}.0/24`, type: "blackhole" });
  }
  const ended = changes.commit({ signal: control.signal });
  let meanwhile = 0;
  const timer = setInterval(async () => {
    await t.nl.links.get("lo");
    if (++meanwhile === 3) control.abort(new Error("enough"));
  }, 1);
  await assert.rejects(ended, /enough/);
  clearInterval(timer);
  assert.ok(t.nl.usable);
  const routes = await t.nl.routes.list({ type: "blackhole" }).toArray();
  assert.ok(routes.length > 0 && routes.length < 50_000, `${routes.length}`);
  assert.deepEqual(await t.nl.batch().commit(), []);
  await assert.rejects(t.nl.batch().commit({ chunk: 1000 }), /chunk must be 1 to 200.* 1000/);
});

it("a batch that looks links up, or whose values are bad, lets timers fire and a signal end it", {
  skip,
}, async () => {
  await using t = await open();
  const looks = t.nl.batch(), bad = t.nl.batch();
  for (let i = 0; i < 20_000; i++) {
    // Whatever is done to links may change their names: the name is looked up again.
    looks.links.set("lo", { mtu: 1400 + i % 2 }).addresses.add({
      link: "lo",
      address: "127.0.0.2/8",
    });
    bad.addresses.add({ link: 1, address: "ten" });
  }
  for (const changes of [looks, bad]) {
    const control = new AbortController();
    let ticks = 0;
    const timer = setInterval(() => {
      if (++ticks === 3) control.abort(new Error("enough"));
    }, 1);
    try {
      await assert.rejects(changes.commit({ signal: control.signal }), /enough/);
    } finally {
      clearInterval(timer);
    }
    assert.ok(t.nl.usable);
  }
});

it("a batch that cannot go on is rejected, and passes nothing off as skipped or refused", {
  skip,
}, async () => {
  await using t = await open();
  const signal = AbortSignal.abort(new Error("before"));
  const byName = () => t.nl.batch().addresses.add({ link: "lo", address: "10.0.0.1/32" });
  await assert.rejects(byName().commit({ signal }), /before/);
  await assert.rejects(t.nl.batch().commit({ signal }), /before/);
  assert.equal(ip(t.netns, "address", "show", "lo")[0].addr_info.length, 0);
  const control = new AbortController();
  const offloaded = t.nl.batch()
    .links.set(1, { up: true })
    .addresses.add({ link: "lo", address: "10.0.0.1/32" })
    .commit({ signal: control.signal, offload: true });
  // What is sent already is no longer to be stopped; that nobody knows what came of it is told.
  await Promise.resolve();
  control.abort(new Error("meanwhile"));
  await assert.rejects(offloaded, /meanwhile/);
  t.nl.close();
  await assert.rejects(byName().commit(), /closed/);
});

it("a batch survives an operation on nothing, whose failure is its own", { skip }, async () => {
  await using t = await open();
  const nothing = null as unknown as { link: string; address: string };
  const results = await t.nl.batch()
    .addresses.add({ link: "lo", address: "10.4.0.1/32" })
    .addresses.add(nothing)
    .addresses.add({ link: "lo", address: "10.4.0.2/32" })
    .commit({ chunk: 1 });
  assert.deepEqual(codes(results), ["done", "TypeError", "done"]);
  await assert.rejects(t.nl.addresses.add(nothing), TypeError);
});

it("a change is what it was when it was asked for, whatever becomes of the object", {
  skip,
}, async () => {
  await using t = await open();
  for (const name of ["la", "lb"]) await t.nl.links.add({ name, kind: "bridge", up: true });
  await t.nl.addresses.add({ link: "la", address: "10.0.0.1/24" });
  await t.nl.routes.add({ destination: "10.9.0.0/16", link: "la" });
  await t.nl.routes.add({ destination: "10.9.0.0/16", link: "lb", priority: 5 });
  const shown = (network: string) =>
    ip(t.netns, "route", "show", network).map(({ dev }: { dev: string }) => dev);

  const ref: { destination: string; link?: string } = { destination: "10.9.0.0/16", link: "lb" };
  const deleted = t.nl.routes.delete(ref);
  ref.link = "la";
  await deleted;
  assert.deepEqual(shown("10.9.0.0/16"), ["la"]);

  const reused: { destination: string; link?: string; metrics?: { window: number } } = ref;
  const added = [];
  for (
    const [destination, link, metrics] of [
      ["10.50.0.0/16", "la"],
      ["10.51.0.0/16", "lb"],
      ["10.52.0.0/16", "la", { window: 9000 }],
    ] as const
  ) {
    Object.assign(reused, { destination, link, metrics });
    added.push(t.nl.routes.add(reused));
  }
  Object.assign(reused, { destination: "gone", link: undefined });
  await Promise.all(added);
  assert.deepEqual(["50", "51", "52"].map((n) => shown(`10.${n}.0.0/16`)[0]), ["la", "lb", "la"]);

  const there = { link: "la", address: "10.0.0.1/24" };
  const refused = t.nl.addresses.add(there);
  Object.assign(there, { link: "lb", address: "10.99.0.1/24" });
  await assert.rejects(refused, /^NetlinkError: Cannot add address 10\.0\.0\.1\/24 to la: /);
});
