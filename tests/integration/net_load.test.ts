import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type Conn, EndpointPool, type Lease } from "../../mod.ts";
import { collect } from "../collect.ts";
import { echo, until } from "../net/peer.ts";
import { otherRuntimeEcho } from "../net/servers.ts";
import { need, openDescriptors } from "../support.ts";

const skip = need("linux");

describe("an endpoint pool under load", { skip }, () => {
  it("echoes 50,000 lines over 16 servers without a failure", { timeout: 600_000 }, async () => {
    await using servers = await otherRuntimeEcho(16);
    await using pool = new EndpointPool({ maxPerEndpoint: 5 });
    const endpoints = servers.ports.map((port) => `127.0.0.1:${port}`);
    let next = 0, peak = 0;
    const started = performance.now();
    const work = async (): Promise<void> => {
      while (next < 50_000) {
        const n = next++;
        // Spread by a stride, so that neighbours go to different servers.
        const endpoint = endpoints[(n * 7) % 16];
        await pool.withConnection(endpoint, (conn) => {
          peak = Math.max(peak, pool.stats(endpoint).active);
          return echo(conn, `line ${n}\n`);
        });
      }
    };
    await Promise.all(Array.from({ length: 200 }, work));
    const all = pool.allStats().map(([, stats]) => stats);
    const sum = (pick: (stats: (typeof all)[number]) => number): number =>
      all.reduce((total, stats) => total + pick(stats), 0);
    const created = sum((stats) => stats.totalCreated);
    assert.equal(all.length, 16);
    assert.ok(peak <= 5, `${peak} at once`);
    assert.ok(created <= 80, `${created} created`);
    assert.equal(created + sum((stats) => stats.totalReused), 50_000);
    assert.deepEqual([sum((s) => s.errors), sum((s) => s.active), sum((s) => s.waiting)], [
      0,
      0,
      0,
    ]);
    console.log(
      `50,000 echoes in ${Math.round(performance.now() - started)} ms, ${created} created`,
    );
  });

  it(
    "opens, uses and closes 10,000 connections and leaks nothing",
    { timeout: 600_000 },
    async () => {
      const limit = Number(
        /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))![1],
      );
      const count = Math.floor(Math.min(10_000, limit * 0.75) / 8) * 8;
      await using servers = await otherRuntimeEcho(8);
      const before = openDescriptors();
      const open: number[] = [], closed: number[] = []; // bytes of RSS
      const heap: number[] = []; // bytes of JavaScript objects when closed again
      for (let round = 0; round < 4; round++) {
        const pool = new EndpointPool({ maxPerEndpoint: count / 8, acquireTimeout: 50_000 });
        const start = process.memoryUsage().rss;
        const leases: Lease<Conn>[] = [];
        while (leases.length < count) {
          const some = Array.from(
            { length: Math.min(400, count - leases.length) },
            (_, i) => pool.acquire(["127.0.0.1", servers.ports[i % 8]]),
          );
          leases.push(...await Promise.all(some));
        }
        assert.ok(openDescriptors() >= count);
        for (let i = 0; i < leases.length; i += 500) {
          await Promise.all(
            leases.slice(i, i + 500).map(async (lease) => {
              await echo(lease.value, "x");
              lease.release();
            }),
          );
        }
        const idle = pool.allStats().reduce((total, [, stats]) => total + stats.idle, 0);
        assert.equal(idle, count);
        open.push(process.memoryUsage().rss - start);
        leases.length = 0;
        await pool.close();
        collect();
        const { rss, heapUsed } = process.memoryUsage();
        closed.push(rss);
        heap.push(heapUsed);
      }
      const each = open[0] / count;
      const megabytes = (all: number[]): string => all.map((n) => (n / 1e6).toFixed(1)).join(", ");
      console.log(
        `${count} connections: ${(each / 1e3).toFixed(1)} kB of RSS each; MB when closed again, ` +
          `4 times: RSS ${megabytes(closed)}, heap ${megabytes(heap)}`,
      );
      await until(() => openDescriptors() <= before + 10, "every descriptor to be closed", 10_000);
      assert.ok(each < 40_000, `${each} B a connection`);
      // The first round grows the heap; from then on a leak would add to every round. What the
      // allocator gives back to the kernel varies, which is why RSS shows only a large leak.
      assert.ok(heap[3] - heap[1] < 300 * 2 * count, `objects go on growing: ${megabytes(heap)}`);
      assert.ok(closed[3] - closed[1] < open[0], `RSS goes on growing: ${megabytes(closed)}`);
    },
  );
});
