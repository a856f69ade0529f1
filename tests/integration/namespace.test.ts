import {
  createNamespace,
  deleteNamespace,
  listNamespaces,
  type NamespaceEvent,
  NetlinkError,
  RouteConnection,
  runInNamespace,
  watchNamespaces,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { loadAdapter } from "../../ffi/adapter.ts";
import { inNamespace, namespaceNames } from "../../src/netlink/namespace.ts";
import { runModule } from "../child.ts";
import { need, settledDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "ss", "mount");

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });
const current = () => readlinkSync("/proc/thread-self/ns/net");
const has = (code: string) => (error: unknown) =>
  error instanceof NetlinkError && error.code === code;

it("ip sees a namespace come and go", { skip }, async () => {
  const name = `xpool-test-${process.pid}-named`;
  await createNamespace(name);
  assert.ok((await namespaceNames()).includes(name));
  assert.match(ip("netns", "list"), new RegExp(`^${name}\\b`, "m"));
  assert.equal(JSON.parse(ip("-n", name, "-j", "link")).length, 1);
  await assert.rejects(createNamespace(name), has("EEXIST"));
  await deleteNamespace(name);
  assert.ok(!(await namespaceNames()).includes(name));
  assert.doesNotMatch(ip("netns", "list"), new RegExp(name));
  await assert.rejects(deleteNamespace(name), has("ENOENT"));
});

it("making and deleting namespaces leaves no descriptor", { skip }, async () => {
  const name = `xpool-test-${process.pid}-again`;
  const round = async () => {
    await createNamespace(name);
    await assert.rejects(createNamespace(name), has("EEXIST"));
    await deleteNamespace(name);
    await assert.rejects(deleteNamespace(name), has("ENOENT"));
  };
  await round();
  const before = await settledDescriptors();
  for (let i = 0; i < 20; i++) await round();
  assert.equal(await settledDescriptors(), before);
});

it("a namespace that ip made can be used and deleted", { skip }, async () => {
  const name = `xpool-test-${process.pid}-ip`;
  ip("netns", "add", name);
  await using nl = await RouteConnection.open({ netns: name });
  assert.deepEqual((await nl.links.list().toArray()).map((link) => link.name), ["lo"]);
  await deleteNamespace(name);
});

it("a stale marker is deleted like a namespace", { skip }, async () => {
  const name = `xpool-test-${process.pid}-stale`;
  await using _ = await testNamespace(); // so that the folder is there
  writeFileSync(`/run/netns/${name}`, "");
  await assert.rejects(RouteConnection.open({ netns: name }), has("EINVAL"));
  await deleteNamespace(name);
  assert.ok(!(await namespaceNames()).includes(name));
});

it("a namespace is reached by name, path, process and descriptor", { skip }, async () => {
  await using netns = await testNamespace();
  const path = `/run/netns/${netns.name}`;
  ip("-n", netns.name, "link", "add", "here", "type", "bridge");
  const inside = spawn("ip", ["netns", "exec", netns.name, "sleep", "30"]);
  const fd = openSync(path, "r");
  try {
    const pid = inside.pid!;
    while (readlinkSync(`/proc/${pid}/ns/net`) === current()) {
      await new Promise((r) => setTimeout(r, 5));
    }
    const before = await settledDescriptors();
    for (const target of [netns.name, { name: netns.name }, path, { path }, { pid }, { fd }]) {
      await using nl = await RouteConnection.open({ netns: target });
      assert.equal((await nl.links.get("here")).kind, "bridge", JSON.stringify(target));
    }
    assert.equal(await settledDescriptors(), before);
  } finally {
    closeSync(fd);
    inside.kill();
  }
});

it("whatever happens inside, this thread is back where it was", { skip }, async () => {
  await using netns = await testNamespace();
  const { libc } = await loadAdapter();
  const home = current(), before = await settledDescriptors();
  assert.notEqual(inNamespace(libc, netns.name, current), home);
  assert.throws(() => {
    inNamespace(libc, netns.name, () => {
      throw new Error("mine");
    });
  }, /mine/);
  for (const [target, code] of [["xpool-none", "ENOENT"], ["/etc/hostname", "EINVAL"]]) {
    assert.throws(() => inNamespace(libc, target, () => {}), has(code));
  }
  assert.throws(() => inNamespace(libc, { pid: 2 ** 22 + 1 }, () => {}), has("ENOENT"));
  assert.throws(() => inNamespace(libc, { fd: 9999 }, () => {}), has("EBADF"));
  assert.equal(current(), home);
  assert.equal(await settledDescriptors(), before);
});

it("without the privilege to enter a namespace that is an error, and all else works", {
  skip: skip ?? need("setpriv"),
}, async () => {
  await using netns = await testNamespace();
  const { code, output } = await runModule(
    `
    import * as netlink from "@x/pool/netlink";
    const netns = ${JSON.stringify(netns.name)};
    const tries = {
      open: () => netlink.RouteConnection.open({ netns }),
      watch: () => netlink.watch(["link"], { netns }),
      mirror: () => netlink.mirror({ netns }),
      run: () => netlink.runInNamespace(netns, () => 1),
      create: () => netlink.createNamespace("xpool-none"),
      delete: () => netlink.deleteNamespace(netns),
      pool: () => netlink.netlinkPool({ netns, acquireTimeout: 50 }).use(() => {}),
    };
    for (const [name, attempt] of Object.entries(tries)) {
      const error = await attempt().catch((error) => error);
      const { isPermission, operation } = error.cause ?? error;
      console.log(name, isPermission && /xpool-/.test(operation));
    }
    const nl = await netlink.RouteConnection.open();
    const error = await nl.links.set("lo", { mtu: 1400 }).catch((error) => error);
    console.log((await nl.links.get("lo")).index, error.isPermission);
    const events = await netlink.watch(["link", "route"], { initial: true });
    console.log((await events.next()).value.kind);
  `,
    { prefix: ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], timeout: 300_000 },
  );
  assert.equal(code, 0, output);
  const tried = ["open", "watch", "mirror", "run", "create", "delete", "pool"];
  assert.deepEqual(output.trim().split("\n"), [
    ...tried.map((name) => `${name} true`),
    "1 true",
    "resync",
  ]);
});

it("a name that could reach another path is refused", { skip }, async () => {
  for (const name of ["", ".", "..", "a/b", "../x", "a\0b", "x".repeat(256)]) {
    await assert.rejects(createNamespace(name), TypeError);
    await assert.rejects(deleteNamespace(name), TypeError);
  }
  for (const netns of [{ pid: 0 }, { pid: 1.5 }, { fd: -1 }, { fd: NaN }]) {
    await assert.rejects(RouteConnection.open({ netns }), /(pid|fd) must be an integer/);
  }
});

it("namespaces made at the same time do not get in each other's way", { skip }, async () => {
  const home = current();
  const all = await Promise.all(Array.from({ length: 20 }, () => testNamespace()));
  await Promise.all(all.map(async ({ name }, i) => {
    await using nl = await RouteConnection.open({ netns: name });
    await nl.links.add({ name: `br${i}`, kind: "bridge" });
    assert.deepEqual((await nl.links.list().toArray()).map((link) => link.name), ["lo", `br${i}`]);
  }));
  for (const netns of all) await netns[Symbol.asyncDispose]();
  assert.equal(current(), home);
});

it("a live namespace is told from a stale marker and has its inode", { skip }, async () => {
  await using netns = await testNamespace();
  const stale = `xpool-test-${process.pid}-marker`;
  writeFileSync(`/run/netns/${stale}`, "");
  try {
    const all = await listNamespaces();
    assert.deepEqual(all.map(({ name }) => name), await namespaceNames());
    const inode = statSync(`/run/netns/${netns.name}`).ino;
    const of = (name: string) => all.find((n) => n.name === name);
    assert.deepEqual(of(netns.name), { name: netns.name, live: true, inode });
    assert.deepEqual(of(stale), { name: stale, live: false });
    assert.equal(await runInNamespace(netns.name, current), `net:[${inode}]`);
  } finally {
    await deleteNamespace(stale);
  }
});

it("a name with odd characters, and what another kind is mounted on", { skip }, async () => {
  await using _ = await testNamespace();
  const odd = `xpool-test-${process.pid}- b\\c#\u00e9`, uts = `xpool-test-${process.pid}-uts`;
  await createNamespace(odd);
  writeFileSync(`/run/netns/${uts}`, "");
  execFileSync("mount", ["--bind", "/proc/self/ns/uts", `/run/netns/${uts}`]);
  try {
    const live = (await listNamespaces()).filter((n) => n.live).map((n) => n.name);
    assert.ok(live.includes(odd), JSON.stringify(live));
    assert.ok(!live.includes(uts));
    await assert.rejects(RouteConnection.open({ netns: uts }), has("EINVAL"));
  } finally {
    await deleteNamespace(odd);
    await deleteNamespace(uts);
  }
});

describe("a watch of namespaces", { skip }, () => {
  /** The next event about a namespace of this test: others may make their own meanwhile. */
  const own = async (events: AsyncIterator<NamespaceEvent, undefined>, prefix: string) => {
    for (;;) {
      const { done, value } = await events.next();
      if (done) throw new Error("the watch has ended");
      if (value.name.startsWith(prefix)) return value;
    }
  };

  it("tells of what we and ip make and delete, once it can be entered", async () => {
    const prefix = `xpool-test-${process.pid}-w`;
    await using events = await watchNamespaces();
    for (let i = 0; i < 10; i++) {
      const name = `${prefix}${i % 3}`;
      const next = own(events, prefix);
      if (i % 2) await createNamespace(name);
      else ip("netns", "add", name);
      const { action, inode } = await next;
      assert.deepEqual([action, inode], ["set", statSync(`/run/netns/${name}`).ino]);
      assert.equal(await runInNamespace(name, current), `net:[${inode}]`);
      if (i % 2) ip("netns", "delete", name);
      else await deleteNamespace(name);
      assert.deepEqual(await own(events, prefix), { action: "delete", name, inode });
    }
  });

  it("loses nothing that stays, however much happens at once", async () => {
    const prefix = `xpool-test-${process.pid}-many`;
    await using events = await watchNamespaces({ initial: true });
    const names = Array.from({ length: 60 }, (_, i) => `${prefix}${String(i).padStart(2, "0")}`);
    await Promise.all(names.map((name) => createNamespace(name)));
    const known = new Set<string>();
    while (known.size < 60) known.add((await own(events, prefix)).name);
    for (const name of names.slice(10)) await deleteNamespace(name);
    while (known.size > 10) {
      const { action, name } = await own(events, prefix);
      assert.equal(action, "delete");
      known.delete(name);
    }
    assert.deepEqual([...known].sort(), names.slice(0, 10));
    for (const name of names.slice(0, 10)) await deleteNamespace(name);
  });

  it("tells that a name was given to another namespace", async () => {
    const name = `xpool-test-${process.pid}-again`;
    await createNamespace(name);
    const first = statSync(`/run/netns/${name}`).ino;
    await using events = await watchNamespaces();
    // Entered by a descriptor, so that the first one stays and its inode is not free.
    const fd = openSync(`/run/netns/${name}`, "r");
    try {
      await deleteNamespace(name);
      await createNamespace(name);
      const second = statSync(`/run/netns/${name}`).ino;
      assert.notEqual(first, second);
      assert.deepEqual(await own(events, name), { action: "delete", name, inode: first });
      assert.deepEqual(await own(events, name), { action: "set", name, inode: second });
    } finally {
      closeSync(fd);
      await deleteNamespace(name);
    }
  });

  it("begins with what is there when asked to", async () => {
    await using netns = await testNamespace();
    await using events = await watchNamespaces({ initial: true });
    assert.equal((await own(events, netns.name)).action, "set");
  });

  it("ends by break, close, a signal, and leaves no descriptor", async () => {
    await using netns = await testNamespace();
    const round = async () => {
      for await (const { action } of await watchNamespaces({ initial: true })) {
        assert.equal(action, "set");
        break;
      }
      const closed = await watchNamespaces();
      const nothing = closed.next();
      closed.close();
      closed.close();
      assert.deepEqual(await nothing, { done: true, value: undefined });
      const returned = await watchNamespaces();
      const waiting = returned.next();
      await returned.return();
      assert.equal((await waiting).done, true);
      const stop = new AbortController();
      const aborted = await watchNamespaces({ signal: stop.signal });
      const failing = assert.rejects(aborted.next(), /mine/);
      stop.abort(new Error("mine"));
      await failing;
      assert.equal((await aborted.next()).done, true);
      await assert.rejects(watchNamespaces({ signal: stop.signal }), /mine/);
    };
    await round();
    const before = await settledDescriptors();
    for (let i = 0; i < 20; i++) await round();
    assert.equal(await settledDescriptors(), before);
    assert.ok((await namespaceNames()).includes(netns.name));
  });

  it("holds no process once nobody listens", async () => {
    const { code, output } = await runModule(`
      import { watchNamespaces } from "@x/pool/netlink";
      const events = await watchNamespaces();
      try {
        // Others may make namespaces meanwhile.
        for await (const _ of await watchNamespaces({ signal: AbortSignal.timeout(50) }));
      } catch (error) {
        console.log(error.name);
      }
      globalThis.kept = events;
    `);
    assert.deepEqual([code, output.trim()], [0, "TimeoutError"]);
  });
});

describe("a function run in a namespace", { skip }, () => {
  const inodeOf = (text: string) => /net:\[\d+\]/.exec(text)?.[0];

  it("gives its namespace to child processes, and this thread is back", async () => {
    await using netns = await testNamespace();
    const home = current();
    const inside = await runInNamespace(netns.name, current);
    assert.notEqual(inside, home);
    const synchronous = await runInNamespace(
      netns.name,
      () => spawnSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).stdout,
    );
    assert.equal(inodeOf(synchronous), inside);
    const child = await runInNamespace(netns.name, () => spawn("sleep", ["30"]));
    try {
      assert.equal(ip("netns", "identify", String(child.pid)).trim(), netns.name);
    } finally {
      child.kill();
    }
    assert.equal(current(), home);
  });

  it("gives it to the runtime's own listeners", async () => {
    await using netns = await testNamespace();
    // deno-lint-ignore no-explicit-any -- whichever of the two there is
    const { Deno, Bun } = globalThis as any;
    const listeners = await runInNamespace(netns.name, () => {
      if (Bun === undefined) {
        const server = Deno.serve({ port: 4002, onListen() {} }, () => new Response());
        const listener = Deno.listen({ port: 4001, hostname: "127.0.0.1" });
        return { close: () => (listener.close(), server.shutdown()) };
      }
      const server = Bun.serve({ port: 4002, fetch: () => new Response() });
      const listener = Bun.listen({ port: 4001, hostname: "127.0.0.1", socket: { data() {} } });
      return { close: () => (listener.stop(), server.stop()) };
    });
    try {
      const table = (namespace: string) => ip("netns", "exec", namespace, "ss", "-Htln");
      assert.match(table(netns.name), /:4001\b/);
      assert.match(table(netns.name), /:4002\b/);
      await using other = await testNamespace();
      assert.equal(table(other.name), "");
      assert.doesNotMatch(execFileSync("ss", ["-Htln"], { encoding: "utf8" }), /:400[12]\b/);
    } finally {
      await listeners.close();
    }
  });

  it("gives it to a Worker and to all sockets that it opens later", async () => {
    await using netns = await testNamespace();
    ip("-n", netns.name, "link", "set", "lo", "up");
    const worker = await runInNamespace(
      netns.name,
      () => new Worker(new URL("./namespace_worker.ts", import.meta.url)),
    );
    try {
      const port = await new Promise<number>((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
      });
      // The worker has connected to its own listener; there is none of that number outside.
      assert.match(ip("netns", "exec", netns.name, "ss", "-Htln"), new RegExp(`:${port}\\b`));
      const outside: Server = createServer().listen(port, "127.0.0.1");
      await once(outside, "listening");
      outside.close();
    } finally {
      await worker.terminate();
    }
  });

  it("may throw, and the thread is back", async () => {
    await using netns = await testNamespace();
    const home = current();
    const failing = (): never => {
      throw new Error("mine");
    };
    await assert.rejects(runInNamespace(netns.name, failing), /^Error: mine$/);
    await assert.rejects(runInNamespace("xpool-none", () => 1), has("ENOENT"));
    assert.equal(current(), home);
  });

  it("is refused when it is asynchronous, in words that say why", async () => {
    await using netns = await testNamespace();
    let called = 0;
    // deno-lint-ignore require-await -- asynchronous is the point
    const declared = async () => {
      called++;
    };
    const message = /must be synchronous, because the thread is back when it returns/;
    await assert.rejects(runInNamespace(netns.name, declared as never), {
      name: "TypeError",
      message,
    });
    assert.equal(called, 0);
    for (const promise of [Promise.resolve(1), Promise.reject(new Error("never told"))]) {
      await assert.rejects(runInNamespace(netns.name, (() => promise) as never), {
        name: "TypeError",
        message,
      });
    }
  });
});
