import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { loadAdapter } from "../../ffi/adapter.ts";
import { MessageHeader, MSG_TRUNC } from "../../ffi/message_header.ts";
import { need, openDescriptors } from "../support.ts";
import { runModule } from "../child.ts";

const skip = need("linux");
const adapter = skip ? undefined! : await loadAdapter();
const EBADF = 9, ENOENT = 2, EAGAIN = 11, EINVAL = 22;
const AF_NETLINK = 16, SOCK_RAW = 3, O_RDWR = 2, EFD_NONBLOCK = 0x800, EFD_SEMAPHORE = 1;
const MSG_DONTWAIT = 0x40;

const bytes = (n: number) => new Uint8Array(new ArrayBuffer(n));
const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it("calls return their value, or -errno of that very call", { skip }, () => {
  const { libc } = adapter;
  const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
  assert.ok(fd >= 0);
  assert.equal(libc.read(fd, bytes(8)), -EAGAIN);
  assert.equal(libc.write(fd, one), 8);
  assert.equal(libc.read(fd, bytes(8)), 8);
  assert.equal(libc.read(fd, bytes(4)), -EINVAL);
  assert.equal(libc.close(fd), 0);
  assert.equal(libc.close(fd), -EBADF);
  assert.equal(libc.open("/nowhere/at/all", O_RDWR), -ENOENT);
  assert.equal(libc.setns(-1, 0), -EBADF);
  assert.equal(libc.umount2("/nowhere/at/all", 0), -ENOENT);
  assert.throws(() => libc.open("/etc/\0passwd", 0), /NUL byte.*passwd/);
});

it("errno belongs to the call before it, under garbage collection too", { skip }, () => {
  const { libc } = adapter;
  let kept: unknown[] = [];
  for (let i = 0; i < 200_000; i++) {
    kept.push(new Uint8Array(64));
    if (kept.length > 1000) kept = [];
    assert.equal(i % 2 ? libc.close(-1) : libc.open("", 0), i % 2 ? -EBADF : -ENOENT);
  }
});

it("poll and fcntl see a descriptor's state", { skip }, () => {
  const { libc } = adapter;
  const F_GETFL = 3, POLLIN = 1;
  const fd = libc.eventfd(1, EFD_NONBLOCK);
  assert.equal(libc.fcntl(fd, F_GETFL, 0) & EFD_NONBLOCK, EFD_NONBLOCK);
  const pollfd = new Uint8Array(new Int32Array([fd, POLLIN]).buffer);
  assert.equal(libc.poll(pollfd, 0), 1);
  assert.equal(new DataView(pollfd.buffer).getInt16(6, true), POLLIN);
  libc.read(fd, bytes(8));
  assert.equal(libc.poll(pollfd, 0), 0);
  libc.close(fd);
});

it("a netlink socket binds, tells its port and talks to the kernel", { skip }, () => {
  const { libc } = adapter;
  const fd = libc.socket(AF_NETLINK, SOCK_RAW, 0);
  const name = bytes(12);
  name[0] = AF_NETLINK;
  assert.equal(libc.bind(fd, name), 0);
  assert.equal(libc.getsockname(fd, name), 12);
  assert.notEqual(new DataView(name.buffer).getUint32(4, true), 0);
  const SOL_SOCKET = 1, SO_RCVBUF = 8;
  assert.equal(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array([0, 0, 1, 0])), 0);
  const value = bytes(4);
  assert.equal(libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, value), 4);
  assert.equal(new DataView(value.buffer).getInt32(0, true), 0x20000); // the kernel doubles it

  const header = new MessageHeader(libc, bytes(65536));
  const words = new DataView(header.buffer.buffer);
  const RTM_GETLINK = 18, NLM_F_REQUEST = 1, RTM_NEWLINK = 16;
  words.setUint32(0, 32, true);
  words.setUint16(4, RTM_GETLINK, true);
  words.setUint16(6, NLM_F_REQUEST, true);
  words.setUint32(8, 7, true);
  words.setInt32(20, 1, true);
  const ask = () => {
    header.window(0, 32);
    assert.equal(libc.sendmsg(fd, header.bytes, 0), 32);
  };
  ask();
  header.window(32, 1024);
  assert.ok(libc.recvmsg(fd, header.bytes, MSG_DONTWAIT) === 1024);
  assert.equal(header.flags & MSG_TRUNC, MSG_TRUNC);
  ask();
  header.window(32, 65536 - 32);
  const length = libc.recvmsg(fd, header.bytes, MSG_DONTWAIT);
  assert.equal(words.getUint32(32, true), length);
  assert.equal(words.getUint16(36, true), RTM_NEWLINK);
  assert.deepEqual([header.flags, header.portId, header.groups], [0, 0, 0]);
  header.window(0, 8);
  assert.equal(libc.recvmsg(fd, header.bytes, MSG_DONTWAIT), -EAGAIN);

  libc.close(fd);
});

it("a message header refuses a window outside its buffer", { skip }, () => {
  const header = new MessageHeader(adapter.libc, bytes(100));
  for (const [offset, length] of [[0, 101], [-1, 5], [99, 2], [0, -1]]) {
    assert.throws(() => header.window(offset, length), RangeError);
  }
});

it("the kernel structs are laid out as cc lays them out", { skip: need("linux", "cc") }, () => {
  const folder = mkdtempSync(join(tmpdir(), "xpool-"));
  try {
    const c = `
      #include <stddef.h>
      #include <stdio.h>
      #include <sys/epoll.h>
      #include <sys/socket.h>
      #include <linux/netlink.h>
      #define o(s, m) printf("%zu ", offsetof(s, m))
      int main(void) {
        o(struct msghdr, msg_name); o(struct msghdr, msg_namelen); o(struct msghdr, msg_iov);
        o(struct msghdr, msg_iovlen); o(struct msghdr, msg_flags); o(struct iovec, iov_len);
        o(struct sockaddr_nl, nl_pid); o(struct sockaddr_nl, nl_groups);
        printf("%zu %zu %d\\n", sizeof(struct msghdr), sizeof(struct sockaddr_nl), MSG_TRUNC);
        printf("%zu %zu", sizeof(struct epoll_event), offsetof(struct epoll_event, data));
      }`;
    writeFileSync(join(folder, "a.c"), c);
    execFileSync("cc", ["-o", join(folder, "a"), join(folder, "a.c")]);
    const [message, epoll] = execFileSync(join(folder, "a"), { encoding: "utf8" }).split("\n");
    assert.equal(message, `0 8 16 24 48 8 4 8 56 12 ${MSG_TRUNC}`);
    assert.equal(epoll, process.arch === "x64" ? "12 4" : "16 8");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("readable settles when there is something to read, and consumes nothing", { skip }, async () => {
  const { libc } = adapter;
  const fd = libc.eventfd(0, EFD_NONBLOCK);
  for (let i = 0; i < 50; i++) {
    let settled = false;
    const wait = adapter.readable(fd).then(() => settled = true);
    await sleep(i % 3);
    assert.equal(settled, false);
    libc.write(fd, one);
    await wait;
    assert.equal(libc.read(fd, bytes(8)), 8);
  }
  libc.write(fd, one);
  await adapter.readable(fd);
  libc.close(fd);
});

it("readable aborts with the signal's own reason and can be asked again", { skip }, async () => {
  const { libc } = adapter;
  const fd = libc.eventfd(0, EFD_NONBLOCK);
  const before = openDescriptors();
  for (let i = 0; i < 200; i++) {
    const control = new AbortController();
    const reason = { i };
    const wait = adapter.readable(fd, { signal: control.signal });
    if (i % 2) await sleep(0);
    control.abort(reason);
    await assert.rejects(wait, (error) => error === reason);
    await assert.rejects(adapter.readable(fd, { signal: control.signal }), (e) => e === reason);
  }
  const wait = adapter.readable(fd);
  await assert.rejects(adapter.readable(fd), /fd \d+: it is waited for already/);
  libc.write(fd, one);
  await wait;
  await sleep(10);
  assert.ok(openDescriptors() <= before + 1, `${openDescriptors()} descriptors, ${before} before`);
  libc.close(fd);
  await assert.rejects(adapter.readable(fd), /errno 9/);
});

it("a thousand descriptors can be waited for at once", { skip }, async () => {
  const { libc } = adapter;
  const fds = Array.from({ length: 1000 }, () => libc.eventfd(0, EFD_NONBLOCK));
  const woken: number[] = [];
  const waits = fds.map((fd) => adapter.readable(fd).then(() => woken.push(fd)));
  // Reading files needs the thread pool, which the waits must not occupy.
  const signal = AbortSignal.timeout(30_000);
  assert.match(await readFile("/proc/self/status", { encoding: "utf8", signal }), /^Name:/);
  assert.equal(woken.length, 0);
  const order = fds.toReversed();
  for (const fd of order) {
    libc.write(fd, one);
    if (fd % 10 === 0) await sleep(0);
  }
  await Promise.all(waits);
  assert.deepEqual(woken.toSorted(), fds.toSorted());
  for (const fd of fds) libc.close(fd);
});

it("breathe lets timers and sockets have their turn", { skip }, async () => {
  let turns = 0, echoes = 0;
  const server = createServer((socket) => void socket.pipe(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = createConnection((server.address() as { port: number }).port, "127.0.0.1");
  await once(socket, "connect");
  socket.on("data", () => {
    echoes++;
    socket.write("x");
  });
  socket.write("x");
  const timer = setInterval(() => turns++, 1);
  const end = performance.now() + 10_000;
  while ((turns < 5 || echoes < 5) && performance.now() < end) await adapter.breathe();
  clearInterval(timer);
  socket.destroy();
  server.close();
  await once(server, "close");
  assert.ok(turns >= 5 && echoes >= 5, `${turns} timers and ${echoes} echoes in 10 s`);
});

it("a process that waits for nothing exits by itself", { skip }, async () => {
  const { code, output } = await runModule(`
    import { loadAdapter } from "../../ffi/adapter.ts";
    const adapter = await loadAdapter();
    const fd = adapter.libc.eventfd(0, 0);
    const control = new AbortController();
    setTimeout(() => control.abort(), 50);
    await adapter.readable(fd, { signal: control.signal }).catch(() => console.log("aborted"));
  `);
  assert.deepEqual([code, output], [0, "aborted\n"]);
});

it("a wait holds the process open", { skip }, async () => {
  const { code, output } = await runModule(`
    import { setTimeout } from "node:timers";
    import { loadAdapter } from "../../ffi/adapter.ts";
    const adapter = await loadAdapter();
    const fd = adapter.libc.eventfd(0, 0);
    adapter.readable(fd).then(() => console.log("readable"));
    const one = new Uint8Array(new BigUint64Array([1n]).buffer);
    setTimeout(() => adapter.libc.write(fd, one), 50).unref();
    console.log("waiting");
  `);
  assert.deepEqual([code, output], [0, "waiting\nreadable\n"]);
});

// Bun has no permissions to withhold.
const itOnDeno = "Deno" in globalThis ? it : () => {};

it("importing mod.ts needs no permission", { skip: need("linux") }, async () => {
  const { code, output } = await runModule(
    `import * as x from "@x/pool"; import * as n from "@x/pool/netlink";
     console.log(typeof x.Pool, typeof n.RouteConnection);`,
    { deno: [] },
  );
  assert.deepEqual([code, output], [0, "function function\n"]);
});

itOnDeno("without FFI permission the error says which flag to give", { skip }, async () => {
  const { code, output } = await runModule(
    `import { createNamespace } from "@x/pool/netlink";
     await createNamespace("x").catch((e) => console.log(e.name, e.code, e.message));`,
    { deno: [] },
  );
  assert.equal(code, 0);
  assert.match(output, /^PlatformError permission .*run with --allow-ffi/);
});

itOnDeno("without net permission connecting says which flag to give", { skip }, async () => {
  const { code, output } = await runModule(
    `import { connect } from "@x/pool";
     for (const endpoint of ["127.0.0.1:1", "localhost:1"]) {
       await connect(endpoint).catch((e) => console.log(e.message, "|", e.cause.message));
     }`,
    { deno: [] },
  );
  assert.equal(code, 0);
  assert.match(output, /127\.0\.0\.1.*--allow-net[^]*localhost.*--allow-net/);
});

itOnDeno(
  "the permissions that the README names open every kind of endpoint",
  { skip },
  async () => {
    const path = join(tmpdir(), `x-pool-permissions-${process.pid}.sock`);
    const { code, output } = await runModule(
      `import { connect } from "@x/pool";
     import { createServer } from "node:net";
     const path = ${JSON.stringify(path)};
     for (const where of [{ path }, { port: 0, host: "127.0.0.1" }]) {
       const server = createServer((socket) => socket.on("error", () => {}).end("no TLS"));
       await new Promise((listening) => server.listen(where, listening));
       const endpoint = where.path ?? ["127.0.0.1", server.address().port];
       (await connect(endpoint)).close();
       const tls = { serverName: "x" };
       await connect(endpoint, { tls }).catch((error) => console.log(error.code));
       server.close();
     }`,
      { deno: ["--allow-net", "--allow-read", "--allow-write"] },
    );
    assert.deepEqual([code, output], [0, "TLS_HANDSHAKE_FAILED\nTLS_HANDSHAKE_FAILED\n"]);
  },
);

it("elsewhere than on Linux the error says so", { skip }, async () => {
  const { output } = await runModule(`
    Object.defineProperty(process, "platform", { value: "darwin" });
    const { createNamespace } = await import("@x/pool/netlink");
    await createNamespace("x").catch((e) => console.log(e.name, e.code, e.message));
  `);
  assert.match(output, /^PlatformError platform .*need Linux, this system is darwin/);
});

it(
  "another thread's call tells why it failed, and takes nothing else along",
  { skip },
  async () => {
    const { libc } = adapter, ENOBUFS = 105, ENOTSOCK = 88, EMSGSIZE = 90;
    const SOL_SOCKET = 1, SO_RCVBUF = 8, NLMSG_NOOP = 1, NLM_F_REQUEST = 1, NLM_F_ACK = 4;
    const fd = libc.socket(AF_NETLINK, SOCK_RAW, 0);
    const into = new MessageHeader(libc, bytes(4096));
    const receive = (from = fd) => adapter.offThread("recvmsg", from, into.bytes, MSG_DONTWAIT);
    try {
      assert.equal(await receive(), -EAGAIN);
      assert.equal(await receive(1_000_000), -EBADF);
      const event = libc.eventfd(0, EFD_NONBLOCK);
      assert.equal(await receive(event), -ENOTSOCK);
      libc.close(event);
      const long = new MessageHeader(libc, bytes(1 << 20));
      assert.equal(await adapter.offThread("sendmsg", fd, long.bytes, 0), -EMSGSIZE);
      // Acknowledgements until there is no room for more.
      libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(new Int32Array([4096]).buffer));
      const noop = new Uint32Array([16, NLMSG_NOOP | ((NLM_F_REQUEST | NLM_F_ACK) << 16), 1, 0]);
      const out = new MessageHeader(libc, new Uint8Array(noop.buffer));
      for (let i = 0; i < 100; i++) assert.equal(libc.sendmsg(fd, out.bytes, 0), 16);
      assert.equal(await receive(), -ENOBUFS);
      assert.equal(await receive(), 36);
    } finally {
      libc.close(fd);
    }
  },
);
