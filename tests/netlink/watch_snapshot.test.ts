import assert from "node:assert/strict";
import { it, mock } from "node:test";
import type { Connection } from "../../src/netlink/connection.ts";
import { NetlinkError } from "../../src/netlink/error.ts";
import type { Feed } from "../../src/netlink/watch_feed.ts";
import { snapshot } from "../../src/netlink/watch_snapshot.ts";

/** A list that ends at once, in an error. */
function failing(error: Error): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

/** A feed and a list that fail so many times before they work, on a clock that `run` turns. */
function kernel(overruns: number, interruptions = 0) {
  const done = { lists: 0, grown: 0, elapsed: 0 };
  const feed = {
    drain() {},
    read: () => overruns-- > 0 ? "overrun" : "nothing",
    grow: () => void done.grown++,
  } as unknown as Feed;
  const connection = {
    list() {
      done.lists++;
      const error = new NetlinkError("it changed", { errno: 4, operation: "list every link" });
      return interruptions-- > 0 ? failing(error) : [];
    },
  } as unknown as Connection;
  const specs = new Map([["link", { groups: [], type: 16, header: 4 }]]) as never;
  async function run(signal: AbortSignal) {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let over = false;
      const tables = snapshot(feed, connection, specs, signal).finally(() => over = true);
      tables.catch(() => {});
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve));
        mock.timers.tick(1);
        done.elapsed++;
      }
      return await tables;
    } finally {
      mock.timers.reset();
    }
  }
  return { done, run };
}

const never = new AbortController().signal;

it("a hundred overruns in a row delay a snapshot, with growing pauses, and do not end it", async () => {
  const { done, run } = kernel(100);
  assert.equal((await run(never)).size, 1);
  assert.equal(done.grown, 100);
  // 1 + 2 + ... + 128 ms, then 250 each.
  assert.ok(done.elapsed >= 255 + 92 * 250, `${done.elapsed} ms`);
  assert.ok(done.elapsed < 255 + 92 * 250 + 500, `${done.elapsed} ms`);
});

it("a list that is interrupted thirty times is read again, and nothing else is", async () => {
  const { done, run } = kernel(0, 30);
  assert.equal((await run(never)).size, 1);
  assert.deepEqual([done.lists, done.grown], [31, 0]);
});

it("a signal ends the pause between two attempts with its own reason", async () => {
  const control = new AbortController(), reason = new Error("enough");
  const { done, run } = kernel(Infinity);
  const running = run(control.signal);
  while (done.grown < 20) await new Promise((resolve) => setImmediate(resolve));
  control.abort(reason);
  await assert.rejects(running, reason);
});

it("is made anew where rules that are the same come or go while it is made", async () => {
  const { kinds } = await import("../../src/netlink/watch_kinds.ts");
  const spec = await kinds.rule(), specs = new Map([["rule", spec]]) as never;
  // struct nlmsghdr and struct fib_rule_hdr, of IPv4.
  const rule = (type: number) => Int32Array.of(28, type, 0, 0, 2, 0, 0);
  const NEW = 32, DELETE = 33;
  /** How often it is listed, and what is there in the end, where `listed` are and then `events` come. */
  async function made(listed: number, ...events: number[]) {
    let lists = 0;
    const queue = [...events];
    const connection = {
      async *list(_: unknown, make: (w: Int32Array, at: number) => unknown) {
        lists++;
        for (let i = 0; i < listed; i++) yield make(rule(NEW), 0);
      },
    } as unknown as Connection;
    const feed = {
      drain() {},
      read(take: (w: Int32Array, at: number) => void) {
        if (lists === 0 || queue.length === 0) return "nothing";
        take(rule(queue.shift()!), 0);
        return "messages";
      },
      grow() {},
    } as unknown as Feed;
    const tables = await snapshot(feed, connection, specs, never);
    return [lists, tables.get("rule")!.size];
  }
  assert.deepEqual(await made(2), [1, 2]);
  assert.deepEqual(await made(0, NEW), [1, 1]);
  assert.deepEqual(await made(1, DELETE), [1, 0]);
  assert.deepEqual(await made(1, NEW), [2, 1]);
  assert.deepEqual(await made(2, DELETE), [2, 2]);
  assert.deepEqual(await made(0, NEW, NEW), [2, 0]);
});
