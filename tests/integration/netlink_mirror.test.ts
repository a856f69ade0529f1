import { type Mirror, mirror, type MirrorChange, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { it } from "node:test";
import { loadAdapter } from "../../ffi/adapter.ts";
import { runModule } from "../child.ts";
import { until } from "../net/peer.ts";
import { need, openDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const run = (netns: string, line: string) =>
  execFileSync("ip", ["-n", netns, ...line.split(" ")], { encoding: "utf8" });

it("a read sees what was changed before it, whoever changed it", { skip }, async () => {
  await using ns = await testNamespace();
  await using kernel = await mirror({ netns: ns.name });
  assert.equal(kernel.links.get("lo")?.index, 1);
  assert.equal(kernel.links.get("b0"), undefined);
  run(ns.name, "link add b0 type bridge");
  const { index } = kernel.links.get("b0")!;
  assert.equal(kernel.links.get(index)?.name, "b0");
  run(ns.name, "link set b0 name b1");
  assert.equal(kernel.links.get("b0"), undefined);
  assert.equal(kernel.links.get("b1")?.index, index);
  run(ns.name, "address add 10.0.0.1/24 dev b1");
  assert.equal(kernel.addresses.get("10.0.0.1")?.link, index);
  assert.equal(kernel.addresses.get("10.0.0.1/24")?.link, index);
  run(ns.name, "link set b1 up");
  run(ns.name, "route add 10.1.0.0/16 via 10.0.0.2 metric 7");
  run(ns.name, "route add 10.1.0.0/16 via 10.0.0.3 metric 5");
  run(ns.name, "route add 10.1.0.0/16 via 10.0.0.4 table 77");
  assert.equal(kernel.routes.get("10.1.0.0/16")?.gateway, "10.0.0.3");
  assert.equal(kernel.routes.get("10.1.0.0/16 table 77")?.gateway, "10.0.0.4");
  run(ns.name, "route delete 10.1.0.0/16 metric 5");
  assert.equal(kernel.routes.get("10.1.0.0/16")?.gateway, "10.0.0.2");
  run(ns.name, "route replace 10.1.0.0/16 via 10.0.0.9 metric 7");
  assert.equal(kernel.routes.get("10.1.0.0/16")?.gateway, "10.0.0.9");
  assert.equal(kernel.routes.filter((r) => r.destination === "10.1.0.0/16").length, 2);
  run(ns.name, "neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev b1");
  assert.equal(kernel.neighbours.get("10.0.0.2")?.mac, "02:00:00:00:00:02");
  assert.equal(kernel.links.find((link) => link.kind === "bridge")?.name, "b1");
  run(ns.name, "link delete b1");
  assert.equal(kernel.links.size, 1);
});

/** What a namespace holds, as sorted text. */
async function truth(netns: string): Promise<string[]> {
  await using nl = await RouteConnection.open({ netns });
  return [
    ...await nl.links.list().toArray(),
    ...await nl.addresses.list().toArray(),
    ...await nl.routes.list().toArray(),
  ].map(text).toSorted();
}

/** Follows a mirror by its changes alone. */
function replica(kernel: Mirror): { items(): string[]; resyncs: number } {
  const items = [...kernel.links, ...kernel.addresses, ...kernel.routes].map(text);
  const followed = { items: () => items.toSorted(), resyncs: 0 };
  const replace = (old: unknown, ...fresh: unknown[]) => {
    const i = items.indexOf(text(old));
    assert.ok(i >= 0, `unknown: ${text(old)}`);
    items.splice(i, 1, ...fresh.map(text));
  };
  kernel.onChange((change) => {
    // A read takes in more news, which must not overtake what is being told.
    void kernel.links.size;
    if (change.kind === "resync") followed.resyncs++;
    else if (change.kind === "neighbour" || change.kind === "failed") return;
    else if (change.action === "add") items.push(text(change.item));
    else if (change.action === "delete") replace(change.item);
    else replace(change.before, change.item);
  });
  return followed;
}

const text = (item: unknown) => JSON.stringify(item);

it("it equals the kernel after thousands of random changes, also through a tiny buffer", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  run(ns.name, "link set lo up");
  await using large = await mirror({ netns: ns.name });
  await using tiny = await mirror({ netns: ns.name, receiveBuffer: 2304 });
  const followers = { large: replica(large), tiny: replica(tiny) };
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 0x7fffffff) % n;
  for (let round = 0; round < 12; round++) {
    const lines = ["link add base type bridge", "link set base up"];
    for (let i = 0; i < 150; i++) {
      const link = `l${random(6)}`;
      lines.push(
        [
          `link add ${link} type veth peer name p${link}`,
          `link set ${link} up`,
          `link set p${link} up`,
          `link set ${link} down`,
          `link delete ${link}`,
          `address add 10.${random(4)}.0.${random(9)}/24 dev ${link}`,
          `address delete 10.${random(4)}.0.${random(9)}/24 dev ${link}`,
          `address add fd00:${random(4)}::${random(9)}/64 dev ${link} nodad`,
          `route add 172.16.${random(9)}.0/24 via 10.${random(4)}.0.77 metric ${random(3)}`,
          `route append 172.16.${random(9)}.0/24 via 10.${random(4)}.0.78 metric ${random(3)}`,
          `route prepend 172.16.${random(9)}.0/24 dev lo metric ${random(3)}`,
          `route replace 172.16.${random(9)}.0/24 via 10.${random(4)}.0.79 metric ${random(3)}`,
          `route delete 172.16.${random(9)}.0/24`,
          `route add fd77:${random(5)}::/64 via fd00:${random(4)}::88`,
          `route append fd77:${random(5)}::/64 via fd00:${random(4)}::99`,
          `route delete fd77:${random(5)}::/64`,
        ][random(16)],
      );
    }
    spawnSync("ip", ["-n", ns.name, "-force", "-batch", "-"], {
      input: lines.join("\n") + "\n",
      stdio: ["pipe", "ignore", "ignore"],
    });
    for (const [name, kernel] of Object.entries({ large, tiny })) {
      let ours: string[] = [], theirs: string[] = [];
      // Carriers and IPv6 addresses settle on their own: look again a few times before judging.
      for (let attempt = 0; attempt < 400; attempt++) {
        theirs = await truth(ns.name);
        await kernel.sync();
        ours = [...kernel.links, ...kernel.addresses, ...kernel.routes]
          .map((item) => JSON.stringify(item)).toSorted();
        if (ours.join() === theirs.join()) break;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      assert.deepEqual(ours, theirs, `${name}, round ${round}`);
      const told = followers[name as keyof typeof followers].items();
      assert.deepEqual(told, ours, `told by ${name}, round ${round}`);
    }
  }
  assert.ok(followers.tiny.resyncs > 0, "the tiny buffer never overran");
});

it("routes that the kernel drops silently with their link are gone", { skip }, async () => {
  await using ns = await testNamespace();
  run(ns.name, "link add b0 type bridge");
  run(ns.name, "link set b0 up");
  run(ns.name, "address add 10.0.0.1/24 dev b0");
  run(ns.name, "route add 10.1.0.0/16 via 10.0.0.2");
  await using kernel = await mirror({ netns: ns.name, kinds: ["route"] });
  assert.ok(kernel.routes.get("10.1.0.0/16"));
  const gone: string[] = [];
  kernel.onChange((c) =>
    c.kind === "route" && c.action === "delete" && gone.push(c.item.destination)
  );
  run(ns.name, "link set b0 down");
  await kernel.sync();
  assert.deepEqual(gone.filter((to) => to === "10.1.0.0/16"), ["10.1.0.0/16"]);
  assert.equal(kernel.routes.get("10.1.0.0/16"), undefined);
  assert.equal(kernel.links.size, 2);
  assert.throws(() => kernel.neighbours.size, /no kind neighbour/);
});

it("routes that the kernel changes silently with a nexthop object are right", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  run(ns.name, "link add b0 type bridge");
  run(ns.name, "link set b0 up");
  run(ns.name, "address add 10.0.0.1/24 dev b0");
  for (const id of [1, 2, 3]) run(ns.name, `nexthop add id ${id} via 10.0.0.${id + 1} dev b0`);
  run(ns.name, "nexthop add id 9 group 1/2");
  run(ns.name, "route add 10.1.0.0/16 nhid 9");
  run(ns.name, "route add 10.2.0.0/16 nhid 3");
  await using kernel = await mirror({ netns: ns.name, kinds: ["route"] });
  const heard: string[] = [];
  kernel.onChange((c) => c.kind === "route" && heard.push(`${c.action} ${c.item.destination}`));
  assert.equal(kernel.routes.get("10.1.0.0/16")?.nexthops?.length, 2);
  run(ns.name, "nexthop delete id 3");
  await kernel.sync();
  assert.equal(kernel.routes.get("10.2.0.0/16"), undefined);
  run(ns.name, "nexthop delete id 2");
  await kernel.sync();
  assert.equal(kernel.routes.get("10.1.0.0/16")?.gateway, "10.0.0.2");
  assert.deepEqual(heard, ["delete 10.2.0.0/16", "change 10.1.0.0/16"]);
});

it("what happens while everything is listed is not missed, in whatever order it is", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const real = await loadAdapter();
  let lists = 0, at = 0;
  const adapter = {
    ...real,
    readable: real.readable.bind(real),
    breathe: real.breathe.bind(real),
    libc: {
      ...real.libc,
      sendmsg(fd: number, header: Uint8Array<ArrayBuffer>, flags: number) {
        const sent = real.libc.sendmsg(fd, header, flags);
        if (++lists === at) run(ns.name, "link set b0 down");
        return sent;
      },
    },
  };
  run(ns.name, "link add b0 type bridge");
  for (at = 1; at < 6; at++) {
    run(ns.name, "link set b0 up");
    run(ns.name, "address replace 10.0.0.1/24 dev b0");
    run(ns.name, "route replace 10.1.0.0/16 via 10.0.0.2");
    lists = 0;
    await using kernel = await mirror({ netns: ns.name, kinds: ["route"], adapter });
    run(ns.name, "link set b0 down");
    await kernel.sync();
    assert.ok(lists >= 4, `${lists} lists`);
    assert.equal(kernel.routes.get("10.1.0.0/16"), undefined, `down in list ${at}`);
  }
});

it("an error of the socket ends it: whoever waits, listens or reads is told", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const real = await loadAdapter();
  let broken = false;
  const adapter = {
    ...real,
    readable: real.readable.bind(real),
    breathe: real.breathe.bind(real),
    libc: {
      ...real.libc,
      recvmsg: (fd: number, header: Uint8Array<ArrayBuffer>, flags: number) =>
        broken ? -12 : real.libc.recvmsg(fd, header, flags),
    },
  };
  await using kernel = await mirror({ netns: ns.name, adapter });
  const news: string[] = [];
  kernel.onChange(({ kind }) => news.push(kind));
  const waiting = kernel.until(() => false);
  broken = true;
  run(ns.name, "link add b0 type bridge");
  await assert.rejects(waiting, /ENOMEM/);
  assert.deepEqual(news, ["failed"]);
  assert.throws(() => kernel.links.size, /ENOMEM/);
  await assert.rejects(kernel.sync(), /ENOMEM/);
  await assert.rejects(kernel.until(() => true), /ENOMEM/);
});

it("listeners hear of every change, until() waits for one, both end on demand", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  const before = openDescriptors();
  await using kernel = await mirror({ netns: ns.name, kinds: ["link"] });
  const heard: string[] = [];
  const stop = kernel.onChange((change: MirrorChange) => {
    if (change.kind !== "link") return;
    heard.push(`${change.action} ${change.before?.mtu ?? ""} ${change.item.mtu}`);
  });
  const appears = kernel.until(() => kernel.links.get("b0"));
  const grows = kernel.until(() => kernel.links.get("b0")?.mtu === 1400);
  run(ns.name, "link add b0 type bridge");
  assert.equal((await appears).kind, "bridge");
  run(ns.name, "link set b0 mtu 1400");
  assert.equal(await grows, true);
  run(ns.name, "link delete b0");
  await kernel.until(() => kernel.links.size === 1);
  assert.deepEqual(heard.slice(0, 2), ["add  1500", "change 1500 1400"]);
  assert.match(heard.at(-1)!, /^delete/);
  stop();
  const control = new AbortController();
  const never = kernel.until(() => kernel.links.get("nope"), { signal: control.signal });
  control.abort(new Error("enough"));
  await assert.rejects(never, /enough/);
  const closing = kernel.until(() => kernel.links.get("nope"));
  kernel.close();
  await assert.rejects(closing, /closed/);
  assert.equal(kernel.links.get("lo")?.index, 1);
  await until(() => openDescriptors() <= before + 4, "every descriptor to be closed");
});

it("a signal ends a mirror, also while it is made", { skip }, async () => {
  await using ns = await testNamespace();
  const control = new AbortController();
  const kernel = await mirror({ netns: ns.name, kinds: ["link"], signal: control.signal });
  const never = kernel.until(() => kernel.links.get("nope"));
  control.abort(new Error("enough"));
  await assert.rejects(never, /closed/);
  await assert.rejects(mirror({ netns: ns.name, signal: control.signal }), /enough/);
  // A rejection that nobody sees would end the process.
  await assert.rejects(kernel.until(() => false, { signal: control.signal }), /enough/);
  const during = new AbortController();
  const making = mirror({ netns: ns.name, signal: during.signal });
  during.abort(new Error("stop"));
  await assert.rejects(making, /stop/);
  await assert.rejects(mirror({ netns: "xpool-none" }), /xpool-none/);
});

it("a mirror that nobody listens to holds no process", { skip }, async () => {
  const { code, output } = await runModule(
    `
    import { mirror } from "@x/pool/netlink";
    const kernel = await mirror();
    const stop = kernel.onChange(() => {});
    await kernel.until(() => kernel.links.get("lo"));
    setTimeout(stop, 20);
    console.log(kernel.links.get("lo").index);
  `,
    { timeout: 300_000 },
  );
  assert.equal(code, 0, output);
  assert.equal(output, "1\n");
});

it("a mirror that nobody reads still follows, without bound on what happens", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  run(ns.name, "link set lo up");
  await using kernel = await mirror({ netns: ns.name, receiveBuffer: 32_768 });
  const lines = Array.from(
    { length: 3000 },
    (_, i) => `route add 10.${i >> 8}.${i & 255}.0/24 dev lo`,
  );
  execFileSync("ip", ["-n", ns.name, "-batch", "-"], { input: lines.join("\n") + "\n" });
  // No look makes it read: what it knows was read by itself.
  const known = () => kernel.routes.filter((r) => r.table === 254 && r.family === 4).length;
  await until(() => known() === 3000, "every route to be known");
});
