/**
 * The wire layer and the objects over it, against a program in C that uses raw sockets for the same
 * work on the same kernel (netlink.c): the same socket options, a new array for each list. Processes
 * of both take turns. "first" is the first thing that a fresh process does, start-up not counted;
 * "warm" is the median of the second half of its repetitions. Each figure is the median of the
 * rounds' ratios; in brackets stands the best round of ours by the best of C's, which shows how much
 * else the machine did.
 *
 * Lists of routes are compared with a C program that leaves addresses as numbers, and with one that
 * writes them as text, which is what the objects give. "bare JavaScript" is a loop over libc calls that
 * finds the same fields as numbers and knows neither errors nor other tasks (netlink_bare.ts): what the
 * runtime itself costs. Words of a row's title run that row alone.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNamespace, deleteNamespace, RouteConnection } from "../src/netlink/mod.ts";
import { need } from "../tests/support.ts";
import { bareWorks } from "./netlink_bare.ts";

const DEVICE = 2;
const PAIRS = 5, REPETITIONS = 8;
/** Short work is repeated more often: both compilers need some 100 ms of it until they are done. */
const MANY = 48;

/** What one repetition does, and what keeps its results from being optimised away. */
const works: Record<string, (nl: RouteConnection, count: number) => Promise<unknown>> = {
  async get(nl, count) {
    let last;
    for (let i = 0; i < count; i++) last = await nl.links.get(DEVICE);
    return last?.index;
  },
  async routes(nl) {
    const routes = await nl.routes.list({ family: 4, protocol: "static" }).toArray();
    let read = 0;
    for (const r of routes) {
      read += r.destination.length + r.gateway!.length + r.link! + r.priority;
    }
    return read;
  },
  async links(nl) {
    const links = await nl.links.list().toArray();
    let read = 0;
    for (const l of links) read += l.name.length + l.index + l.mtu + (l.kind?.length ?? 0);
    return read;
  },
  async churn(nl, count) {
    const gateway = "192.168.0.2", link = DEVICE;
    for (let i = 0; i < count; i++) {
      await nl.routes.add({ destination: network(i), gateway, link, priority: i % 7 });
    }
    for (let i = 0; i < count; i++) {
      await nl.routes.delete({ destination: network(i), gateway, link, priority: i % 7 });
    }
  },
  async addresses(nl, count) {
    const address = (i: number) => `172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`;
    for (let i = 0; i < count; i++) await nl.addresses.add({ link: DEVICE, address: address(i) });
    for (let i = 0; i < count; i++) {
      await nl.addresses.delete({ link: DEVICE, address: address(i) });
    }
  },
};

function network(i: number): string {
  const ip = 0x0a000000 + i * 16;
  return `10.${(ip >> 16) & 255}.${(ip >> 8) & 255}.${ip & 255}/28`;
}

/** In the child: runs one work and prints the nanoseconds of each repetition. */
async function measure(netns: string, work: string, count: number, repetitions: number) {
  await using nl = await RouteConnection.open({ netns });
  const bare = await bareWorks(netns, DEVICE);
  const run = works[work] ?? bare[work];
  for (let i = 0; i < repetitions; i++) {
    const start = process.hrtime.bigint();
    const result = await run(nl, count);
    console.log(String(process.hrtime.bigint() - start));
    if (result === null) throw new Error("nothing");
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

async function compare(wanted = "") {
  const reason = need("net-admin", "cc");
  if (reason) return;
  const folder = mkdtempSync(join(tmpdir(), "netlink-bench-"));
  const namespace = `xpool-bench-${process.pid}`;
  const program = join(folder, "netlink");
  const here = fileURLToPath(import.meta.url);
  execFileSync("cc", ["-O2", "-o", program, join(here, "../netlink.c")]);
  const lines = (text: string) => text.trim().split("\n").map(Number);
  const c = (work: string, count: number, repetitions: number) =>
    lines(
      execFileSync(program, [`/run/netns/${namespace}`, work, `${count}`, `${repetitions}`], {
        encoding: "utf8",
      }),
    );
  const own = (work: string, count: number, repetitions: number) => {
    const run = process.versions.bun ? [here] : ["run", "-A", "--no-check", here];
    const child = spawnSync(
      process.execPath,
      [...run, namespace, work, `${count}`, `${repetitions}`],
      { encoding: "utf8" },
    );
    if (child.status !== 0) throw new Error(child.stderr);
    return lines(child.stdout);
  };
  const row = (
    name: string,
    work: string,
    count: number,
    { c: theirWork = work, repetitions = REPETITIONS, pairs = PAIRS } = {},
  ) => {
    if (!name.includes(wanted)) return;
    const rounds = Array.from({ length: pairs }, () => {
      const theirs = c(theirWork, count, repetitions), ours = own(work, count, repetitions);
      const warm = (times: number[]) => median(times.slice(repetitions / 2));
      return { first: [ours[0], theirs[0]], warm: [warm(ours), warm(theirs)] };
    });
    const figure = (which: "first" | "warm") => {
      const best = (i: number) => Math.min(...rounds.map((round) => round[which][i]));
      const ratio = median(rounds.map(({ [which]: [ours, theirs] }) => ours / theirs));
      return `${which} ${ratio.toFixed(2)} (${(best(0) / best(1)).toFixed(2)})`;
    };
    console.log(`${name.padEnd(38)} ${figure("first").padEnd(20)} ${figure("warm")}`);
  };

  await createNamespace(namespace);
  try {
    await using nl = await RouteConnection.open({ netns: namespace });
    await nl.links.add({ name: "b0", kind: "bridge", up: true });
    await nl.addresses.add({ link: "b0", address: "192.168.0.1/24" });
    const load = loadavg().map((value) => value.toFixed(1)).join(" ");
    console.log(
      `${process.versions.bun ? "Bun" : "Deno"}: time relative to C, less is better; ` +
        `${availableParallelism()} cores, load ${load}`,
    );
    row("get one link", "get", 20_000);
    row("  bare JavaScript", "bareGet", 20_000, { c: "get" });
    row("add and delete 10,000 routes", "churn", 10_000);
    row("add and delete 1,000 addresses", "addresses", 1_000, { repetitions: MANY });
    c("fill", 10_000, 1);
    row("dump 10,000 routes, read 4 fields", "routes", 0, { repetitions: MANY });
    row("  where C writes addresses as text", "routes", 0, { c: "text", repetitions: MANY });
    row("  bare JavaScript", "bareRoutes", 0, { c: "routes", repetitions: MANY });
    await nl.links.set("b0", { up: false });
    await nl.links.set("b0", { up: true });
    c("fill", 100_000, 1);
    const large = { repetitions: 24, pairs: 3 };
    row("dump 100,000 routes, read 4 fields", "routes", 0, large);
    row("  where C writes addresses as text", "routes", 0, { c: "text", ...large });
    row("  bare JavaScript", "bareRoutes", 0, { c: "routes", ...large });
    for (let i = 0; i < 1000; i++) {
      await nl.links.add({ name: `m${i}`, kind: "macvlan", link: "b0" });
    }
    row("dump 1,000 links, read 4 fields", "links", 0, { repetitions: MANY });
  } finally {
    await deleteNamespace(namespace);
    rmSync(folder, { recursive: true });
  }
}

const [first, work, count, repetitions] = process.argv.slice(2);
if (work) await measure(first, work, Number(count), Number(repetitions));
else await compare(first);
