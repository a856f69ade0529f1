import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { after, describe, it } from "node:test";
import { loadAdapter } from "../../ffi/adapter.ts";
import {
  type DumpOptions,
  mirror,
  NetlinkConnection,
  NetlinkError,
  RouteConnection,
  watch,
} from "../../src/netlink/mod.ts";
import { need, settledDescriptors, testNamespace } from "../support.ts";
import {
  ACK,
  attribute,
  CREATE,
  DONE,
  DUMP,
  ECHO,
  ERROR,
  EXCLUSIVE,
  type Message,
  message,
  RawSocket,
  REQUEST,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  tap,
  words,
} from "./netlink_raw.ts";

const skip = need("net-admin");
const adapter = skip ? undefined! : await loadAdapter();
const EBUSY = 16;
/** Machines may be busy; Bun waits for five seconds only unless told so. */
const SLOW = { timeout: 300_000 };
const GROUP_LINK = 1, SOL_NETLINK = 270, ADD_MEMBERSHIP = 1;

const code = (name: string) => (error: unknown) =>
  error instanceof NetlinkError && error.code === name;

async function space(bridges = 0) {
  const ns = await testNamespace();
  const tapped = tap(adapter);
  const nl = await RouteConnection.open({ netns: ns.name, adapter: tapped });
  for (let i = 0; i < bridges; i++) await nl.links.add({ name: `b${i}`, kind: "bridge" });
  return {
    name: ns.name,
    nl,
    tapped: tapped.tapped,
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

describe("a second dump on one socket", { skip }, () => {
  it("is refused by the kernel with EBUSY until the first is read to its end", SLOW, async () => {
    await using t = await space(100);
    using raw = new RawSocket(adapter.libc, t.name);
    const dump = (sequence: number) =>
      raw.send(message(RTM_GETLINK, REQUEST | DUMP, sequence, words(0, 0, 0, 0)));
    dump(1);
    dump(2);
    const seen = raw.drain();
    assert.deepEqual(
      seen.filter((m) => m.sequence === 2).map((m) => [m.type, m.code]),
      [[ERROR, -EBUSY]],
    );
    assert.equal(seen.filter((m) => m.sequence === 1 && m.type === RTM_NEWLINK).length, 101);
    dump(3);
    assert.equal(raw.drain().filter((m) => m.type === RTM_NEWLINK).length, 101);
  });

  it(
    "never meets a caller of a connection, however dumps are left, nested and mixed",
    SLOW,
    async () => {
      await using t = await space(100);
      let busy = 0, parts = 0;
      t.tapped.received = (all) => {
        parts++;
        busy += all.filter((m) => m.type === ERROR && m.code === -EBUSY).length;
      };
      const links = () => t.nl.links.list({ whole: false });
      const whole = async () => (await t.nl.links.list().toArray()).length;
      for await (const _ of links()) break;
      assert.equal(await whole(), 101);
      await assert.rejects(
        (async () => {
          for await (const _ of links()) throw new Error("enough");
        })(),
        /enough/,
      );
      let inner = 0;
      for await (const a of links()) {
        for await (const b of links()) {
          inner++;
          if (b.index >= a.index) break;
        }
        if (a.index === 10) break;
      }
      assert.ok(inner >= 10, `${inner} links`);
      const left = links()[Symbol.asyncIterator]();
      await left.next();
      const lengths = await Promise.all([whole(), t.nl.links.get("b7").then(() => 101), whole()]);
      assert.deepEqual(lengths, [101, 101, 101]);
      await left.return!();
      for (let after = 0; after < 101; after += 9) {
        const abort = new AbortController(), reason = new Error("changed my mind");
        let seen = 0;
        await assert.rejects(
          (async () => {
            for await (const _ of t.nl.links.list({ whole: false, signal: abort.signal })) {
              if (seen++ === after) abort.abort(reason);
            }
          })(),
          reason,
        );
        assert.equal(seen, after + 1);
        assert.equal(await whole(), 101);
      }
      assert.ok(t.nl.usable);
      assert.ok(parts > 50, `${parts} datagrams`);
      assert.equal(busy, 0);
    },
  );
});

describe("a message longer than there is room for", { skip }, () => {
  const long = (count: number) =>
    Array.from({ length: count }, (_, i) => `${count}-${i}-`.padEnd(127, "x"));

  it("is asked for again, with room for it", SLOW, async () => {
    await using t = await space(1);
    await t.nl.links.addAltNames("b0", long(250));
    await t.nl.links.addAltNames("b0", long(240));
    let longest = 0;
    t.tapped.received = (all) => {
      for (const { length } of all) longest = Math.max(longest, length);
    };
    for (let i = 0; i < 200; i++) {
      await t.nl.links.get("lo");
      assert.equal((await t.nl.links.get("b0")).altNames.length, 490);
      assert.ok(t.nl.usable);
    }
    assert.ok(longest > 64_000, `${longest} bytes`);
    await using used = await RouteConnection.open({ netns: t.name });
    for (let i = 0; i < 60; i++) {
      await used.links.get("lo");
      assert.equal((await used.links.list().toArray()).length, 2);
    }
  });

  it("ends a list with an error where the kernel would answer nothing for ever", SLOW, async () => {
    await using t = await space(1);
    await t.nl.links.set("b0", { up: true });
    await t.nl.addresses.add({ link: "b0", address: "fd00::1/16", flags: ["nodad"] });
    const nexthops = Array.from({ length: 1170 }, (_, i) => {
      return { gateway: `fd00::${(i + 2).toString(16)}`, link: "b0" };
    });
    await t.nl.routes.add({ destination: "fd99::/64", nexthops });
    for (const options of [{}, { whole: false }, { offload: true }]) {
      await using nl = await RouteConnection.open({ netns: t.name });
      await assert.rejects(Array.fromAsync(nl.routes.list(options)), code("EMSGSIZE"));
      assert.equal(nl.usable, false);
    }
    await assert.rejects(mirror({ netns: t.name }), code("EMSGSIZE"));
  });

  it("does not end the list of links, which the kernel would do in silence", SLOW, async () => {
    await using t = await space(3);
    await t.nl.links.addAltNames("b0", long(260));
    using raw = new RawSocket(adapter.libc, t.name);
    raw.send(message(RTM_GETLINK, REQUEST | DUMP, 1, words(0, 0, 0, 0)));
    const seen = raw.drain();
    const listed = await t.nl.links.list().toArray();
    assert.deepEqual(listed.map((l) => l.name), ["lo", "b0", "b1", "b2"]);
    assert.equal(listed[1].altNames.length, 260);
    // Why: the kernel leaves out what does not fit and all behind it, with an end that says 0.
    if (seen.length < 5) assert.deepEqual(seen.map((m) => [m.type, m.code]).at(-1), [DONE, 0]);
  });

  it(
    "does not end the first list of a socket, which the kernel would do in silence",
    SLOW,
    async () => {
      await using t = await space(1);
      await t.nl.links.set("b0", { up: true });
      await t.nl.addresses.add({ link: "b0", address: "192.168.0.1/16" });
      for (const [count, destination] of [[400, "10.0.0.0/16"], [1900, "172.16.0.0/16"]] as const) {
        const nexthops = Array.from({ length: count }, (_, i) => {
          return { gateway: `192.168.${1 + (i >> 7)}.${i & 127}`, link: "b0" };
        });
        await t.nl.routes.add({ destination, nexthops });
      }
      await using fresh = await RouteConnection.open({ netns: t.name });
      const listed = await fresh.routes.list({ family: 4, table: 254 }).toArray();
      assert.deepEqual(
        listed.map(({ destination, nexthops }) => [destination, nexthops?.length]),
        [["10.0.0.0/16", 400], ["172.16.0.0/16", 1900], ["192.168.0.0/16", undefined]],
      );
      await using mirrored = await mirror({ netns: t.name });
      assert.equal(mirrored.routes.get("172.16.0.0/16")?.nexthops?.length, 1900);
      // Why: parts are as large as what was received into before, and smaller for who never did.
      using raw = new RawSocket(adapter.libc, t.name);
      raw.send(message(RTM_GETROUTE, REQUEST | DUMP, 1, words(2, 0, 0)));
      const seen = raw.drain();
      if (seen.length < 3) assert.deepEqual(seen.map((m) => [m.type, m.code]), [[DONE, 0]]);
    },
  );

  it("leaves a list whole, or a streamed one an error, wherever it is cut", SLOW, async () => {
    await using t = await space(40);
    await t.nl.links.add({ name: "long", kind: "bridge" });
    await t.nl.links.addAltNames("long", long(490));
    let cut = 0;
    for (let step = 0; step < 120; step++) {
      // A libc of its own, for all sockets of one libc learn how much room is needed.
      const tapped = tap(adapter);
      await using nl = await RouteConnection.open({ netns: t.name, adapter: tapped });
      // What is left of the receive buffer is smaller by 36 bytes each time.
      for (let i = 0; i < 46; i++) await nl.links.get("lo");
      for (let i = 0; i < step; i++) await nl.links.set(1, { up: true });
      const whole = step % 2 === 0;
      try {
        if (step % 8 === 0) {
          await using known = await mirror({ netns: t.name, kinds: ["link"], adapter: tapped });
          assert.equal(known.links.size, 42);
          continue;
        }
        const names = (await Array.fromAsync(nl.links.list({ whole }))).map((l) => l.name);
        assert.equal(names.length, 42, `${names.length} links at step ${step}`);
      } catch (error) {
        if (whole || !code("EMSGSIZE")(error)) throw error;
        cut++;
        assert.equal((await nl.links.list().toArray()).length, 42);
      }
      assert.ok(nl.usable);
    }
    assert.ok(cut > 30, `cut ${cut} times`);
  });

  it("is no lost event for a watch", SLOW, async () => {
    await using t = await space(1);
    await t.nl.links.addAltNames("b0", long(260));
    await using events = await watch(["link"], { netns: t.name });
    for (let round = 0; round < 90; round++) {
      await t.nl.links.set("b0", { up: round % 2 === 0 });
      await t.nl.links.set("lo", { up: round % 2 === 0 });
    }
    await t.nl.links.set("b0", { mtu: 1234 });
    let known = 0;
    for await (const event of events) {
      if (event.kind !== "link") {
        const all = event.kind === "resync" ? event.state.link : [];
        known = all.find((l) => l.name === "b0")?.mtu ?? known;
      } else if (event.item.name === "b0") {
        assert.equal(event.item.altNames.length, 260);
        known = event.item.mtu;
      }
      if (known === 1234) break;
    }
    assert.equal(known, 1234);
  });
});

describe("the end of a dump", { skip }, () => {
  it("that carries an error is that error: a table that does not exist", async () => {
    await using t = await space();
    const routes = await t.nl.family("rt-route");
    let ended: Message | undefined;
    t.tapped.received = (all) => ended = all.find((m) => m.type === DONE);
    for (const [family, rtmFamily] of [[4, 2], [6, 10]] as const) {
      const list = (options?: DumpOptions) =>
        routes.dump("getroute", { header: { rtmFamily }, table: 4711 }, options);
      ended = undefined;
      await assert.rejects(
        list().toArray(),
        (error: NetlinkError) =>
          code("ENOENT")(error) && error.isNotFound &&
          error.kernelMessage === `ipv${family}: FIB table does not exist` &&
          error.operation === "dump getroute of rt-route",
      );
      assert.equal(ended!.code, -2);
      await assert.rejects(
        (async () => {
          for await (const _ of list({ whole: false }));
        })(),
        code("ENOENT"),
      );
    }
    assert.ok(t.nl.usable);
    assert.ok((await t.nl.links.list().toArray()).length > 0);
  });

  it(
    "that carries an error spoils what came before: a link that goes meanwhile",
    SLOW,
    async () => {
      for (const whole of [true, false]) {
        await using t = await space();
        await using other = await RouteConnection.open({ netns: t.name });
        await other.links.add({ name: "br0", kind: "bridge", up: true });
        const link = (await t.nl.links.get("br0")).index;
        const many = other.batch();
        for (let i = 0; i < 1500; i++) {
          many.addresses.add({ link, address: `10.1.${i >> 8}.${i & 255}/32` });
        }
        assert.ok((await many.commit()).every((r) => r.status === "done"));
        let parts = 0, items = 0, ended: Message | undefined;
        t.tapped.received = (all) => {
          ended ??= all.find((m) => m.type === DONE);
          items += all.filter((m) => m.type === 20).length;
          using raw = new RawSocket(adapter.libc, t.name);
          // Between the first part and the rest.
          if (parts++ === 0) raw.send(message(17, REQUEST, 1, words(0, link, 0, 0)));
        };
        let given = 0;
        await assert.rejects(
          (async () => {
            for await (const _ of t.nl.addresses.list({ link, family: 4, whole })) given++;
          })(),
          code("ENODEV"),
        );
        assert.equal(ended?.code, -19);
        assert.ok(items > 0 && items < 1500, `${items} addresses came`);
        assert.equal(given, whole ? 0 : items);
        t.tapped.received = undefined;
        assert.ok(t.nl.usable);
        assert.deepEqual((await t.nl.links.list().toArray()).map((l) => l.name), ["lo"]);
      }
    },
  );

  it("may be all there is to a dump", async () => {
    await using t = await space();
    await t.nl.links.get("lo");
    const seen: Message[] = [];
    t.tapped.received = (all) => void seen.push(...all);
    for (const whole of [true, false]) {
      assert.deepEqual(await Array.fromAsync(t.nl.addresses.list({ family: 4, whole })), []);
      assert.deepEqual(await Array.fromAsync(t.nl.nexthops.list({ whole })), []);
    }
    assert.deepEqual(seen.map((m) => [m.type, m.length, m.code]), Array(4).fill([DONE, 20, 0]));
    assert.ok(t.nl.usable);
  });

  it("may have nothing behind its header: the audit rules", async (test) => {
    const tapped = tap(adapter), AUDIT_LIST_RULES = 1013;
    const nl = await NetlinkConnection.open("audit", { adapter: tapped }).catch((error) => {
      if (!code("EPROTONOSUPPORT")(error)) throw error;
    });
    if (nl === undefined) return test.skip("this kernel has no audit");
    await using audit = nl;
    const ends: Message[] = [];
    tapped.tapped.received = (all) => void ends.push(...all.filter((m) => m.type === DONE));
    const rules = () =>
      audit.list(
        () => ({ type: AUDIT_LIST_RULES, flags: DUMP, operation: "list rules", write() {} }),
        (w, at) => w[at],
      );
    for (let i = 0; i < 3; i++) assert.ok(Array.isArray(await rules().toArray()));
    assert.deepEqual(ends.map((m) => m.length), [16, 16, 16]);
    assert.ok(audit.usable);
  });
});

describe("a notification with the very number of a request under way", { skip }, () => {
  /** Creates a link in `target` in the name of `sequence`, and does not wait. */
  function create(raw: RawSocket, sequence: number, name: string, target?: number): void {
    const body = [
      ...words(0, 0, 0, 0),
      ...attribute(3, name),
      ...attribute(18 | 0x8000, attribute(1, "bridge")),
      ...(target === undefined ? [] : attribute(28, words(target))),
    ];
    // Without ECHO the kernel tells of links without a number.
    const flags = REQUEST | ACK | ECHO | CREATE | EXCLUSIVE;
    raw.send(message(RTM_NEWLINK, flags, sequence, body));
    const answers = raw.drain().filter((m) => m.type === ERROR);
    assert.deepEqual(answers.map((m) => [m.sequence, m.code]), [[sequence, 0]]);
  }

  /** Has `change` made just before each request of a connection that is subscribed to links. */
  async function collide(
    t: Awaited<ReturnType<typeof space>>,
    same: "number" | "number and port",
    change: (sequence: number, name: string) => void,
  ) {
    const group = new Uint8Array(words(GROUP_LINK));
    assert.equal(adapter.libc.setsockopt(t.tapped.fd, SOL_NETLINK, ADD_MEMBERSHIP, group), 0);
    const { index } = await t.nl.links.get("lo");
    let wanted = -1, collisions = 0, made = 0;
    t.tapped.sending = (sequence) => change(wanted = sequence, `n${made++}`);
    t.tapped.received = (all) => {
      collisions += all.filter((m) =>
        m.multicast && m.sequence === wanted &&
        (m.portId === t.nl.portId) === (same === "number and port")
      ).length;
    };
    for (let i = 0; i < 5; i++) {
      const found = await t.nl.links.get("lo");
      assert.deepEqual([found.name, found.index], ["lo", index]);
      await assert.rejects(t.nl.links.get("nobody"), code("ENODEV"));
      await t.nl.links.set("lo", { up: i % 2 === 0 });
      const names = (await t.nl.links.list().toArray()).map((l) => l.name);
      assert.equal(names.length, new Set(names).size, names.join());
      assert.equal(names.length, made + 1);
    }
    assert.equal(made, 20);
    assert.ok(collisions >= 20, `${collisions} collisions`);
    t.tapped.sending = t.tapped.received = undefined;
    assert.ok(t.nl.usable);
  }

  it("is no answer when another socket caused it", SLOW, async () => {
    await using t = await space();
    using raw = new RawSocket(adapter.libc, t.name);
    await collide(t, "number", (sequence, name) => create(raw, sequence, name));
  });

  it("is no answer when a socket of another namespace has our port id as well", SLOW, async () => {
    await using t = await space();
    await using far = await testNamespace();
    using raw = new RawSocket(adapter.libc, far.name, { portId: t.nl.portId });
    const target = adapter.libc.open(`/run/netns/${t.name}`, 0o2000000);
    assert.ok(target >= 0);
    try {
      await collide(t, "number and port", (sequence, name) => create(raw, sequence, name, target));
    } finally {
      adapter.libc.close(target);
    }
  });
});

// Set NETLINK_ROUTES to have more or fewer, and to see the figures.
const COUNT = Number(process.env.NETLINK_ROUTES ?? 1_000_000);

describe(`a dump of ${COUNT} routes`, { skip }, () => {
  let t: Awaited<ReturnType<typeof space>>;
  const filter = { family: 4, protocol: "static" } as const;
  const stream = () => t.nl.routes.list({ ...filter, whole: false });

  // Not in a hook: they must end within five seconds on Bun.
  async function fill() {
    t = await space();
    await t.nl.links.add({ name: "br0", kind: "bridge", up: true });
    await t.nl.addresses.add({ link: "br0", address: "192.168.0.1/24" });
    const link = (await t.nl.links.get("br0")).index;
    using raw = new RawSocket(adapter.libc, t.name);
    // By hand, as a million takes a batch half as long again.
    const header = [2, 28, 0, 0, 254, 4, 0, 1, ...words(0)]; // to /28, main table, static
    const one = message(RTM_NEWROUTE, REQUEST | CREATE | EXCLUSIVE, 0, [
      ...header,
      ...attribute(1, [10, 0, 0, 0]),
      ...attribute(5, [192, 168, 0, 2]),
      ...attribute(4, words(link)),
    ]);
    const some = Array.from({ length: 500 }, () => one).flat();
    for (let i = 0; i < COUNT;) {
      let at = 33;
      for (; at < some.length && i < COUNT; i++, at += one.length) {
        some[at] = i >> 12, some[at + 1] = (i >> 4) & 255, some[at + 2] = (i << 4) & 255;
      }
      raw.send(some.slice(0, at - 33));
    }
    assert.deepEqual(raw.drain(), []);
  }
  it("can be made", { timeout: 300_000 }, fill);
  after(() => t?.[Symbol.asyncDispose]());

  it(
    "yields: timers fire and a socket is served meanwhile, and memory stays",
    { timeout: 300_000 },
    async () => {
      const server = createServer((socket) => void socket.pipe(socket)).listen(0, "127.0.0.1");
      await once(server, "listening");
      const socket = createConnection((server.address() as { port: number }).port, "127.0.0.1");
      await once(socket, "connect");
      let echoes = 0, ticks = 0, longest = 0, last = 0;
      socket.on("data", () => {
        echoes++;
        socket.write("x");
      });
      const timer = setInterval(() => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        ticks++;
      }, 1);
      try {
        for (let round = 0; round < 2; round++) {
          socket.write("x");
          ticks = echoes = longest = 0;
          const before = process.memoryUsage().rss, start = last = performance.now();
          let routes = 0, most = before;
          for await (const route of stream()) {
            if (route.protocol !== "static") assert.fail(String(route.protocol));
            if (++routes % 10_000 === 0) most = Math.max(most, process.memoryUsage().rss);
          }
          longest = Math.max(longest, performance.now() - last);
          const elapsed = performance.now() - start, grown = (most - before) / 2 ** 20;
          const told = `${ticks} timers and ${echoes} echoes in ${elapsed.toFixed()} ms, ` +
            `at most ${longest.toFixed()} ms apart, ${grown.toFixed()} MiB more`;
          if (process.env.NETLINK_ROUTES) console.log(told);
          assert.equal(routes, COUNT);
          // How often and how fast is for the bench: here a busy machine must not decide.
          assert.ok(ticks > 5 && echoes > 5, told);
          assert.ok(longest < elapsed / 2, told);
          assert.ok(grown < 64, told);
        }
      } finally {
        clearInterval(timer);
        socket.destroy();
        server.close();
        await once(server, "close");
      }
      assert.ok(t.nl.usable);
    },
  );

  it("that is left in the middle makes the connection unusable until the rest is read", {
    timeout: 300_000,
  }, async () => {
    let busy = 0, looks = 0;
    t.tapped.received = (all) => {
      busy += all.filter((m) => m.type === ERROR && m.code === -EBUSY).length;
    };
    for await (const _ of stream()) break;
    assert.ok(!t.nl.usable, `${COUNT} routes are not read in two turns`);
    // Each look reads some of the rest, and none reads all of it.
    while (!t.nl.usable) {
      assert.ok(looks++ < 10_000);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.ok(looks > 3, `${looks} looks`);
    // Neither waits for somebody to look: the next dumps read the rest themselves.
    for await (const _ of stream()) break;
    assert.ok(!t.nl.usable);
    const links = await Promise.all([t.nl.links.list().toArray(), t.nl.links.list().toArray()]);
    assert.deepEqual(links.map((l) => l.length), [2, 2]);
    assert.ok(t.nl.usable);
    assert.equal(busy, 0);
    t.tapped.received = undefined;
  });

  it("that is aborted by a timer rejects with the reason, and leaves nothing behind", {
    timeout: 300_000,
  }, async () => {
    for (const whole of [true, false]) {
      const abort = new AbortController(), reason = new Error("too long");
      setTimeout(() => abort.abort(reason), 20);
      await assert.rejects(
        (async () => {
          const { signal } = abort;
          for await (const _ of t.nl.routes.list({ ...filter, whole, signal }));
        })(),
        reason,
      );
      assert.ok(!t.nl.usable);
      assert.equal((await t.nl.links.get("br0")).name, "br0");
      let count = 0;
      for await (const _ of stream()) count++;
      assert.equal(count, COUNT);
      assert.ok(t.nl.usable);
    }
  });
});

it("none of that leaves a descriptor behind", { skip, ...SLOW }, async () => {
  const round = async () => {
    await using t = await space(1);
    using raw = new RawSocket(adapter.libc, t.name);
    raw.send(message(RTM_GETADDR, REQUEST | DUMP, 1, words(0, 0)));
    for await (const _ of t.nl.links.list({ whole: false })) break;
  };
  await round();
  const before = await settledDescriptors();
  for (let i = 0; i < 5; i++) await round();
  assert.equal(await settledDescriptors(), before);
});
