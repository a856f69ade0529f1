import {
  createNamespace,
  deleteNamespace,
  listNamespaces,
  NetlinkError,
  RouteConnection,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, readlinkSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import { loadAdapter } from "../../ffi/adapter.ts";
import { inNamespace } from "../../src/netlink/namespace.ts";
import { need, openDescriptors, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });
const current = () => readlinkSync("/proc/thread-self/ns/net");
const has = (code: string) => (error: unknown) =>
  error instanceof NetlinkError && error.code === code;

it("ip sees a namespace come and go", { skip }, async () => {
  const name = `xpool-test-${process.pid}-named`;
  await createNamespace(name);
  assert.ok((await listNamespaces()).includes(name));
  assert.match(ip("netns", "list"), new RegExp(`^${name}\\b`, "m"));
  assert.equal(JSON.parse(ip("-n", name, "-j", "link")).length, 1);
  await assert.rejects(createNamespace(name), has("EEXIST"));
  await deleteNamespace(name);
  assert.ok(!(await listNamespaces()).includes(name));
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
  const before = openDescriptors();
  for (let i = 0; i < 20; i++) await round();
  // A runtime may close its own a turn later (Bun: those of a child process), so fewer is right too.
  assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
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
  assert.ok(!(await listNamespaces()).includes(name));
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
    const before = openDescriptors();
    for (const target of [netns.name, { name: netns.name }, path, { path }, { pid }, { fd }]) {
      await using nl = await RouteConnection.open({ netns: target });
      assert.equal((await nl.links.get("here")).kind, "bridge", JSON.stringify(target));
    }
    assert.ok(openDescriptors() <= before);
  } finally {
    closeSync(fd);
    inside.kill();
  }
});

it("whatever happens inside, this thread is back where it was", { skip }, async () => {
  await using netns = await testNamespace();
  const { libc } = await loadAdapter();
  const home = current(), before = openDescriptors();
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
  assert.ok(openDescriptors() <= before);
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
