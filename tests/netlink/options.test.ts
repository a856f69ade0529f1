import {
  apply,
  GenericConnection,
  mirror,
  NetlinkConnection,
  netlinkPool,
  netlinkPools,
  plan,
  RouteConnection,
  runInNamespace,
  watch,
  watchFamily,
  watchNamespaces,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { it } from "node:test";
import { type Forbidden, refused } from "../refused.ts";
import { FakeKernel, message } from "./fake_kernel.ts";

const RTM_GETLINK = 18;
const route = { destination: "10.0.0.0/8", link: 1 };
const entry = { link: 1, mac: "02:00:00:00:00:01" };
const qdisc = { link: 1, kind: "htb", handle: "1:" };
const htbClass = {
  link: 1,
  kind: "htb",
  handle: "1:1",
  options: { rateBytesPerSecond: 1e6 },
} as const;
const filter = { link: 1, kind: "matchall", priority: 1, protocol: "all" };
const rule = { family: 4, table: 7, priority: 7 } as const;

/** Everything that sends a change, told what it is about and `options`. */
const changes: Record<string, (nl: RouteConnection, options: Forbidden) => Promise<unknown>> = {
  "links.add": (nl, o) => nl.links.add({ name: "b0", kind: "bridge" }, o),
  "links.set": (nl, o) => nl.links.set(1, { up: true }, o),
  "links.delete": (nl, o) => nl.links.delete(1, o),
  "links.addAltNames": (nl, o) => nl.links.addAltNames(1, ["a"], o),
  "links.deleteAltNames": (nl, o) => nl.links.deleteAltNames(1, ["a"], o),
  "addresses.add": (nl, o) => nl.addresses.add({ link: 1, address: "10.0.0.1/8" }, o),
  "addresses.replace": (nl, o) => nl.addresses.replace({ link: 1, address: "10.0.0.1/8" }, o),
  "addresses.delete": (nl, o) => nl.addresses.delete({ link: 1, address: "10.0.0.1/8" }, o),
  "routes.add": (nl, o) => nl.routes.add(route, o),
  "routes.add in detail": (nl, o) => nl.routes.add({ ...route, metrics: { window: 1400 } }, o),
  "routes.replace": (nl, o) => nl.routes.replace(route, o),
  "routes.append": (nl, o) => nl.routes.append(route, o),
  "routes.prepend": (nl, o) => nl.routes.prepend(route, o),
  "routes.delete": (nl, o) => nl.routes.delete(route, o),
  "nexthops.add": (nl, o) => nl.nexthops.add({ id: 1, link: 1 }, o),
  "nexthops.replace": (nl, o) => nl.nexthops.replace({ id: 1, link: 1 }, o),
  "nexthops.delete": (nl, o) => nl.nexthops.delete(1, o),
  "rules.add": (nl, o) => nl.rules.add(rule, o),
  "rules.append": (nl, o) => nl.rules.append(rule, o),
  "rules.delete": (nl, o) => nl.rules.delete(rule, o),
  "neighbours.add": (nl, o) => nl.neighbours.add({ ...entry, address: "10.0.0.2" }, o),
  "neighbours.replace": (nl, o) => nl.neighbours.replace({ ...entry, address: "10.0.0.2" }, o),
  "neighbours.delete": (nl, o) => nl.neighbours.delete({ link: 1, address: "10.0.0.2" }, o),
  "fdb.add": (nl, o) => nl.fdb.add(entry, o),
  "fdb.replace": (nl, o) => nl.fdb.replace(entry, o),
  "fdb.append": (nl, o) => nl.fdb.append(entry, o),
  "fdb.delete": (nl, o) => nl.fdb.delete(entry, o),
  "bridgeVlans.add": (nl, o) => nl.bridgeVlans.add({ link: 1, vlan: 5 }, o),
  "bridgeVlans.delete": (nl, o) => nl.bridgeVlans.delete({ link: 1, vlan: 5 }, o),
  "qdiscs.add": (nl, o) => nl.qdiscs.add(qdisc, o),
  "qdiscs.replace": (nl, o) => nl.qdiscs.replace(qdisc, o),
  "qdiscs.change": (nl, o) => nl.qdiscs.change(qdisc, o),
  "qdiscs.delete": (nl, o) => nl.qdiscs.delete({ link: 1, handle: "1:" }, o),
  "classes.add": (nl, o) => nl.classes.add(htbClass, o),
  "classes.replace": (nl, o) => nl.classes.replace(htbClass, o),
  "classes.delete": (nl, o) => nl.classes.delete({ link: 1, handle: "1:1" }, o),
  "filters.add": (nl, o) => nl.filters.add(filter, o),
  "filters.replace": (nl, o) => nl.filters.replace(filter, o),
  "filters.delete": (nl, o) => nl.filters.delete(filter, o),
};

/** What asks, and what does more than one thing. */
const others: typeof changes = {
  "links.get": (nl, o) => nl.links.get(1, o),
  "links.waitUntilUp": (nl, o) => nl.links.waitUntilUp(1, o),
  "links.list": (nl, o) => nl.links.list(o).toArray(),
  "addresses.list": (nl, o) => nl.addresses.list(o).toArray(),
  "addresses.flush": (nl, o) => nl.addresses.flush({ link: 1, ...o }),
  "routes.list": (nl, o) => nl.routes.list(o).toArray(),
  "routes.lookup": (nl, o) => nl.routes.lookup("10.0.0.1", o),
  "nexthops.list": (nl, o) => nl.nexthops.list(o).toArray(),
  "nexthops.get": (nl, o) => nl.nexthops.get(1, o),
  "rules.list": (nl, o) => nl.rules.list(o).toArray(),
  "neighbours.list": (nl, o) => nl.neighbours.list(o).toArray(),
  "neighbours.flush": (nl, o) => nl.neighbours.flush({ link: 1, ...o }),
  "neighbours.get": (nl, o) => nl.neighbours.get({ link: 1, address: "10.0.0.2" }, o),
  "fdb.list": (nl, o) => nl.fdb.list(o).toArray(),
  "bridgeVlans.list": (nl, o) => nl.bridgeVlans.list(o),
  "qdiscs.list": (nl, o) => nl.qdiscs.list(o).toArray(),
  "classes.list": (nl, o) => nl.classes.list({ link: 1, ...o }).toArray(),
  "classes.get": (nl, o) => nl.classes.get({ link: 1, handle: "1:1" }, o),
  "filters.list": (nl, o) => nl.filters.list({ link: 1, ...o }).toArray(),
  "filters.get": (nl, o) => nl.filters.get({ ...filter, handle: 1 }, o),
  "batch.commit": (nl, o) => nl.batch().links.set(1, { up: true }).commit(o),
  "plan": (nl, o) => plan(nl, { links: [{ name: "lo" }] }, o),
  "apply": (nl, o) => apply(nl, {} as Forbidden, o),
};

const families: typeof changes = {
  "do": async (nl, o) => (await nl.family("rt-link")).do("getlink", { header: { ifiIndex: 1 } }, o),
  "do that changes": async (nl, o) =>
    (await nl.family("rt-link")).do("setlink", { header: { ifiIndex: 1 } }, o),
  "dump": async (nl, o) => (await nl.family("rt-link")).dump("getlink", {}, o).toArray(),
  "watch": async (nl, o) => (await nl.family("rt-link")).watch("rtnlgrp-link", o),
};

async function open() {
  const kernel = new FakeKernel();
  // An empty list, which is what plan asks for.
  kernel.answer = (request) => kernel.queue(message(3, request, [0, 0, 0, 0], 2));
  return { kernel, nl: await RouteConnection.open({ adapter: kernel }) };
}

/** What is no option, of none of them. */
const wrong: readonly (readonly [name: string, options: Forbidden])[] = [
  ["timout", { timout: 5 }],
  ["signl", { signl: new AbortController().signal, timeout: 5 }],
  ["netns", { netns: "x" }],
  ["signal", { signal: {} }],
  ["offload", { offload: 1 }],
  ["timeout", { timeout: -1 }],
];

it("whatever a request is told that is no option is refused, and nothing is sent", async () => {
  const { kernel, nl } = await open();
  for (const [what, call] of Object.entries({ ...changes, ...others, ...families })) {
    for (const [name, options] of wrong) {
      const before = kernel.sent.length;
      await refused(name, () => call(nl, options)).catch((error) => {
        throw new Error(`${what}: ${error.message}`, { cause: error });
      });
      assert.equal(kernel.sent.length, before, `${what} sent something`);
    }
  }
  assert.equal(kernel.sent.length, 0);
});

it("options must be an object", async () => {
  const { nl } = await open();
  const object = /^TypeError: Cannot use (options|a request): (it )?must be an object/;
  for (const options of [5, null, "x", [1]] as Forbidden[]) {
    for (const [what, call] of Object.entries(changes)) {
      await assert.rejects(call(nl, options), object, what);
    }
    await assert.rejects(nl.links.get(1, options), object);
  }
});

it("a list of a family refuses them when it is made", async () => {
  const { nl } = await open();
  const links = await nl.family("rt-link");
  await refused("whol", () => links.dump("getlink", {}, { whol: false } as Forbidden));
  await refused("whole", () => links.dump("getlink", {}, { whole: 0 } as Forbidden));
  await refused("flag", () => links.do("setlink", {}, { flag: ["create"] } as Forbidden));
});

it("messages as they are, and how they are answered", async () => {
  const kernel = new FakeKernel();
  const nl = await NetlinkConnection.open("route", { adapter: kernel });
  const request = { type: RTM_GETLINK };
  for (const [name, options] of wrong) {
    await refused(name, () => nl.request(request, options));
    await refused(name, () => nl.dump(request, options));
    await refused(name, () => nl.watch(1, options));
  }
  await refused("acknowledge", () => nl.request(request, { acknowledge: true } as Forbidden));
  await refused("acknowledged", () => nl.request(request, { acknowledged: 1 } as Forbidden));
  await refused(
    "request.boby",
    () => nl.request({ ...request, boby: new Uint8Array(4) } as Forbidden),
  );
  await refused(
    "request.boby",
    () => nl.dump({ ...request, boby: new Uint8Array(4) } as Forbidden),
  );
  for (const none of [undefined, null, 5, []] as Forbidden[]) {
    await refused("request", () => nl.request(none));
    await refused("request", () => nl.dump(none));
  }
  assert.equal(kernel.sent.length, 0);
});

it("transactions, and each of their changes", async () => {
  const kernel = new FakeKernel();
  const nl = await NetlinkConnection.open("netfilter", { adapter: kernel });
  const nftables = await nl.family("nftables");
  let built = 0;
  for (const [name, options] of wrong) {
    await refused(name, () => nftables.transaction(() => void built++, options));
    await refused(name, () => nftables.do("newtable", { name: "t" }, options));
  }
  assert.equal(built, 0);
  await refused("flag", () =>
    nftables.transaction((add) => {
      add("newtable", { name: "t" }, { flag: ["create"] } as Forbidden);
    }));
  assert.equal(kernel.sent.length, 0);
});

it("an operation of a batch is told nothing of the kind", async () => {
  const { kernel, nl } = await open();
  const batch = nl.batch() as Forbidden;
  batch.links.set(1, { up: true }, { timeout: 5 });
  batch.addresses.add({ link: 1, address: "10.0.0.1/8" }, { timout: 5 });
  batch.routes.add(route, {});
  for (const { status, error } of await batch.commit()) {
    assert.equal(status, "failed");
    assert.match(error.message, /^Cannot use options: must be told to commit, current value is {/);
  }
  assert.equal(kernel.sent.length, 0);
});

it("connections, watches, mirrors and pools", async () => {
  const adapter = new FakeKernel(), own = { ntens: "x" } as Forbidden;
  await refused("ntens", () => RouteConnection.open({ adapter, ...own }));
  await refused("ntens", () => GenericConnection.open({ adapter, ...own }));
  await refused("ntens", () => NetlinkConnection.open("audit", { adapter, ...own }));
  await refused("ntens", () => watch(["link"], { adapter, ...own }));
  await refused("initial", () => watch(["link"], { adapter, initial: 1 as Forbidden }));
  await refused("ntens", () => watchFamily("nlctrl", ["notify"], { adapter, ...own }));
  await refused(
    "namespace",
    () => watchFamily("nlctrl", ["notify"], { adapter, namespace: "1" } as Forbidden),
  );
  await refused("ntens", () => watchNamespaces(own));
  await refused("initial", () => mirror({ adapter, initial: true } as Forbidden));
  for (const none of ["link", 5, null] as Forbidden[]) {
    await refused("call", () => runInNamespace("x", none));
    await refused("kinds", () => watch(none, { adapter }));
    await refused("kinds", () => mirror({ adapter, kinds: none }));
    if (none === "link") continue;
    const groups = /^TypeError: Cannot watch family nlctrl: groups must be a name or names/;
    await assert.rejects(watchFamily("nlctrl", none, { adapter }), groups);
  }
  await refused("ntens", () => netlinkPool(own));
  await refused("netns", () => netlinkPools({ netns: "x" } as Forbidden));
  for (const make of [netlinkPool, netlinkPools] as Forbidden[]) {
    await refused("size", () => make({ size: 0 }));
    await refused("maxSize", () => make({ maxSize: 4 }));
    await refused("requestTimeout", () => make({ requestTimeout: -1 }));
    await refused("acquireTimeout", () => make({ acquireTimeout: "5s" }));
    assert.throws(() => make({ protocol: "rout" }), /^TypeError: .*protocol must be .*"rout"$/);
    assert.throws(() => make({ protocol: -1 }), /^RangeError: .*protocol must be .* is -1$/);
  }
});
