import {
  GenericConnection,
  mirror,
  RouteConnection,
  watch,
  type WatchEvent,
  watchFamily,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { runModule } from "../child.ts";
import { sleep, until } from "../net/peer.ts";
import { need, openDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const run = (netns: string, ...args: string[]) =>
  execFileSync("ip", ["-n", netns, ...args], { encoding: "utf8" });

/** Has `ip` do many things at once, in a process of its own. */
async function flood(netns: string, lines: string[], flags: string[] = []): Promise<void> {
  const child = spawn("ip", ["-n", netns, ...flags, "-batch", "-"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin!.end(lines.join("\n") + "\n");
  const [code] = await once(child, "close");
  assert.equal(code, 0);
}

const network = (i: number) => `10.${i >> 8}.${i & 255}.0/24`;

it("tells of links, addresses, routes, neighbours, rules, nexthops, qdiscs and namespaces", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using other = await testNamespace();
  const { name: netns } = ns;
  await using events = await watch([
    "link",
    "address",
    "route",
    "neighbour",
    "rule",
    "nexthop",
    "qdisc",
    "namespace",
  ], { netns });
  for (
    const line of [
      "link add v0 type veth peer name v1",
      "address add 10.0.0.1/24 dev v0",
      "link set v0 up",
      "link set v1 up",
      "route add 10.9.0.0/16 via 10.0.0.2",
      "neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0",
      "rule add from 10.1.0.0/16 table 77",
      "nexthop add id 5 via 10.0.0.2 dev v0",
      "nexthop delete id 5",
      `link set v1 netns ${other.name}`,
    ]
  ) run(netns, ...line.split(" "));
  execFileSync("tc", [
    "-n",
    netns,
    "qdisc",
    "replace",
    "dev",
    "v0",
    "root",
    "handle",
    "7:",
    "pfifo",
  ]);
  run(netns, "rule", "delete", "from", "10.1.0.0/16", "table", "77");
  run(netns, "link", "delete", "v0");

  const seen = new Set<string>();
  const expected = [
    "link set v0",
    "link delete v0",
    "address set 10.0.0.1/24",
    "address delete 10.0.0.1/24",
    "route set 10.9.0.0/16",
    "neighbour set 10.0.0.2",
    "neighbour delete 10.0.0.2",
    "rule set 77",
    "rule delete 77",
    "nexthop set 5 10.0.0.2",
    "nexthop delete 5 10.0.0.2",
    "qdisc set pfifo",
    "namespace set 0",
  ];
  const described = (event: Event) => {
    switch (event.kind) {
      case "link":
        return event.item.name;
      case "address":
        return event.item.address;
      case "route":
        return event.item.destination;
      case "neighbour":
        return event.item.address;
      case "rule":
        return event.item.table;
      case "nexthop":
        return `${event.item.id} ${event.item.gateway}`;
      case "qdisc":
        return event.item.kind;
      case "namespace":
        return event.item.id;
      case "resync":
        return event.reason;
    }
  };
  const timer = setTimeout(() => events.close(), 30_000);
  for await (const event of events) {
    const action = event.kind === "resync" ? "" : event.action;
    seen.add(`${event.kind} ${action} ${described(event)}`);
    if (expected.every((line) => seen.has(line))) break;
  }
  clearTimeout(timer);
  assert.deepEqual(expected.filter((line) => !seen.has(line)), []);
});

type Event = WatchEvent<
  "link" | "address" | "route" | "neighbour" | "rule" | "nexthop" | "qdisc" | "namespace"
>;

it("begins with the state, if asked, and every later event comes after it", { skip }, async () => {
  await using ns = await testNamespace();
  await using events = await watch(["link"], { netns: ns.name, initial: true });
  run(ns.name, "link", "add", "b0", "type", "bridge");
  const first = (await events.next()).value!;
  assert.ok(first.kind === "resync" && first.reason === "start");
  // What happened before the state was taken is in it, and is not told again.
  assert.deepEqual(first.state.link.map((link) => link.name).toSorted(), ["b0", "lo"]);
  run(ns.name, "link", "set", "b0", "mtu", "1400");
  const second = (await events.next()).value!;
  assert.ok(second.kind === "link" && second.action === "set");
  assert.equal(second.item.mtu, 1400);
});

for (const receiveBuffer of [4096, 212_992, undefined]) {
  const size = receiveBuffer ?? "the default number of";
  it(`a flood of 10,000 routes through ${size} bytes of buffer ends in the kernel's own state`, {
    skip,
  }, async () => {
    await using ns = await testNamespace();
    run(ns.name, "link", "set", "lo", "up");
    await using nl = await RouteConnection.open({ netns: ns.name });
    await using events = await watch(["route"], {
      netns: ns.name,
      receiveBuffer,
      initial: true,
    });
    const lines = Array.from({ length: 10_000 }, (_, i) => `route add ${network(i)} dev lo`);
    for (let i = 0; i < 10_000; i += 3) lines.push(`route delete ${network(i)} dev lo`);
    lines.push("route add 192.0.2.1/32 dev lo");
    const known = new Map<string, boolean>();
    const first = (await events.next()).value!;
    assert.ok(first.kind === "resync");
    for (const route of first.state.route) known.set(`${route.destination} ${route.table}`, true);
    const flooded = flood(ns.name, lines);
    // Nobody reads meanwhile: 13,335 events of some 830 bytes overrun all but the default buffer.
    if (receiveBuffer !== undefined) await flooded;
    let resyncs = 0, changes = 0;
    for await (const event of events) {
      if (event.kind === "resync") {
        resyncs++;
        known.clear();
        for (const route of event.state.route) {
          known.set(`${route.destination} ${route.table}`, true);
        }
      } else {
        changes++;
        const key = `${event.item.destination} ${event.item.table}`;
        if (event.action === "set") known.set(key, true);
        // Nothing that is deleted may have been unknown: that would be an event from before.
        else assert.ok(known.delete(key), `${key} was deleted twice`);
      }
      if (known.has("192.0.2.1/32 254")) break;
    }
    await flooded;
    const routes = await nl.routes.list().toArray();
    const kernel = routes.map((r) => `${r.destination} ${r.table}`).toSorted();
    const ours = [...known.keys()].filter((key) => !key.includes(":")).toSorted();
    assert.deepEqual(ours, kernel.filter((key) => !key.includes(":")));
    assert.equal(kernel.filter((key) => key.endsWith("/24 254")).length, 10_000 - 3334);
    if (receiveBuffer !== undefined) assert.ok(resyncs > 0, "nothing overran");
    if (receiveBuffer === undefined) assert.deepEqual([resyncs, changes], [0, 13_335]);
  });
}

it("outlasts a flood that never pauses, however small its buffer", { skip }, async () => {
  await using ns = await testNamespace();
  run(ns.name, "link", "set", "lo", "up");
  await using nl = await RouteConnection.open({ netns: ns.name });
  await using events = await watch(["route"], { netns: ns.name, receiveBuffer: 4096 });
  await using kernel = await mirror({ netns: ns.name, kinds: ["route"], receiveBuffer: 4096 });
  const routes = Array.from({ length: 1000 }, (_, i) => `${network(i)} dev lo`);
  const round = ["delete", "add"].flatMap((verb) =>
    routes.map((route) => `route ${verb} ${route}`)
  );
  const lines = routes.map((route) => `route add ${route}`);
  for (let i = 0; i < 25; i++) lines.push(...round);
  const flooded = flood(ns.name, [...lines, "route add 192.0.2.1/32 dev lo"]);
  const known = new Set<string>();
  const key = ({ destination, table }: { destination: string; table: number }) =>
    `${destination} ${table}`;
  let resyncs = 0;
  for await (const event of events) {
    if (event.kind === "resync") {
      resyncs++;
      known.clear();
      for (const route of event.state.route) known.add(key(route));
    } else if (event.action === "set") known.add(key(event.item));
    else known.delete(key(event.item));
    if (known.has("192.0.2.1/32 254")) break;
  }
  await flooded;
  assert.ok(resyncs > 0, "nothing overran");
  await kernel.sync();
  const truth = (await nl.routes.list().toArray()).map(key).toSorted();
  assert.deepEqual([...kernel.routes].map(key).toSorted(), truth);
  // What was there before is only told after an overrun; IPv6 comes and goes on its own.
  const four = (keys: Iterable<string>) => [...keys].filter((k) => !k.includes(":")).toSorted();
  assert.deepEqual(four(known), four(truth));
});

it("a signal, close and break end it, also while it waits, and leave nothing open", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const before = openDescriptors();
  for (let round = 0; round < 20; round++) {
    const control = new AbortController();
    const waits = await watch(["link"], { netns: ns.name, signal: control.signal });
    const next = waits.next();
    if (round % 2) await new Promise((resolve) => setTimeout(resolve, 1));
    control.abort(new Error("enough"));
    await assert.rejects(next, /enough/);
    assert.equal((await waits.next()).done, true);

    const closed = await watch(["link"], { netns: ns.name });
    const pending = [closed.next(), closed.next()];
    if (round % 2) await new Promise((resolve) => setTimeout(resolve, 1));
    closed.close();
    assert.deepEqual((await Promise.all(pending)).map(({ done }) => done), [true, true]);

    const left = await watch(["link"], { netns: ns.name, initial: true });
    for await (const _ of left) break;
    assert.equal(left.closed, true);
  }
  const aborted = AbortSignal.abort(new Error("before"));
  await assert.rejects(watch(["link"], { netns: ns.name, signal: aborted }), /before/);
  await until(() => openDescriptors() <= before + 8, "every descriptor to be closed");
});

it("a signal ends a loop with its reason, wherever it strikes", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  for (const initial of [true, false]) {
    for (const pause of [0, 1]) {
      const control = new AbortController(), { signal } = control;
      const events = await watch(["link"], { netns: ns.name, initial, signal });
      // One event to stop at, and one more that has come as well.
      await nl.links.set("lo", { up: true });
      await nl.links.set("lo", { up: false });
      let told = 0;
      const loop = async () => {
        for await (const _ of events) {
          told++;
          control.abort(new Error("enough"));
          if (pause) await sleep(pause);
        }
      };
      await assert.rejects(loop(), /^Error: enough$/, `initial ${initial}, pause ${pause}`);
      assert.equal(told, 1);
      assert.equal((await events.next()).done, true);
    }
  }
});

it("the state has rules that are the same as often as they are there", { skip }, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const from = ["10.1.0.0/16", "fd01::/64"];
  for (const network of [...from, ...from, ...from]) {
    await nl.rules.append({ priority: 5, from: network, table: 77 });
  }
  const told = async () => {
    await using events = await watch(["rule"], { netns: ns.name, initial: true });
    const { value } = await events.next();
    assert.ok(value?.kind === "resync");
    return from.map((network) => value.state.rule.filter((r) => r.from === network).length);
  };
  assert.deepEqual(await told(), [3, 3]);
  for (const network of from) await nl.rules.delete({ priority: 5, from: network });
  assert.deepEqual(await told(), [2, 2]);
});

it("bad options are refused by name", async () => {
  await assert.rejects(watch([]), /kinds must name at least one/);
  await assert.rejects(watch(["links" as "link"]), /kinds must be of link, .*"links"/);
  await assert.rejects(watch(["link"], { receiveBuffer: -1 }), /receiveBuffer .* -1/);
});

it("a watch that nobody asks holds no process", { skip }, async () => {
  const { code, output } = await runModule(
    `
    import { watch } from "@x/pool/netlink";
    const events = await watch(["link"], { initial: true });
    console.log((await events.next()).value.kind);
  `,
    { timeout: 300_000 },
  );
  assert.equal(code, 0, output);
  assert.equal(output, "resync\n");
});

it("a deleted and recreated namespace of the same name is not the one that is watched", {
  skip,
}, async () => {
  const { createNamespace, deleteNamespace } = await import("@x/pool/netlink");
  const name = `xpool-watch-${process.pid}`;
  await createNamespace(name);
  await using events = await watch(["link"], { netns: name, initial: true });
  await deleteNamespace(name);
  await createNamespace(name);
  try {
    run(name, "link", "add", "b0", "type", "bridge");
    const first = (await events.next()).value!;
    assert.ok(first.kind === "resync");
    assert.deepEqual(first.state.link.map((link) => link.name), ["lo"]);
  } finally {
    await deleteNamespace(name);
  }
});

it("tells of a generic family's events, typed, and lists anew when some were lost", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const { name: netns } = ns;
  run(netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  await using generic = await GenericConnection.open({ netns });
  const ethtool = await generic.family("ethtool");
  const toggle = (value: boolean) =>
    ethtool.do("features-set", {
      header: { devName: "v0" },
      wanted: { bits: { bit: [{ name: "tx-tcp-segmentation", value }] } },
    });
  await using events = await watchFamily("ethtool", ["monitor"], {
    netns,
    receiveBuffer: 2304,
    list: async (family) => (await family.dump("features-get").toArray()).length,
  });
  await toggle(false);
  const { value } = await events.next();
  assert.ok(value?.kind === "event" && value.operation === "features-ntf");
  assert.equal(value.message.header?.devName, "v0");
  for (let i = 0; i < 50; i++) await toggle(i % 2 === 0);
  for await (const event of events) {
    if (event.kind !== "resync") continue;
    assert.equal(event.state, 3);
    break;
  }
  await assert.rejects(watchFamily("ethtool", ["nope"], { netns }), /groups are monitor.*"nope"/);
  await assert.rejects(watchFamily("none" as "ethtool", ["nope"]), /family none/);
  await assert.rejects(ethtool.watch([]), /ethtool: groups must name at least one/);
});

it("a generic family's state is newer than every event that comes before it", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const { name: netns } = ns;
  run(netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  await using generic = await GenericConnection.open({ netns });
  const ethtool = await generic.family("ethtool"), header = { devName: "v0" };
  let value = false, lists = 0;
  const toggle = () =>
    ethtool.do("features-set", {
      header,
      wanted: { bits: { bit: [{ name: "tx-tcp-segmentation", value: value = !value }] } },
    });
  await using events = await ethtool.watch("monitor", {
    receiveBuffer: 2304,
    async list(family) {
      const { active } = await family.do("features-get", { header });
      // Someone changes it while the state is on its way, at the first two times.
      if (++lists <= 2) await toggle();
      return active?.bits?.bit?.some((bit) => bit.name === "tx-tcp-segmentation") ?? false;
    },
  });
  for (let i = 0; i < 50; i++) await toggle();
  for await (const event of events) {
    if (event.kind !== "resync") continue;
    assert.deepEqual([lists, event.state], [3, value]);
    break;
  }
});
