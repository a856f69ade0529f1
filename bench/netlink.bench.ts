/**
 * The wire layer and the objects over it, against a program in C that uses raw sockets for the same
 * work on the same kernel (netlink.c): the same socket options, a new array for each list. Processes
 * of both take turns, a repetition each. "first" is the first thing that a fresh process does, start-up
 * not counted, the median over the rounds; "warm" is the median over all pairs of the later halves of
 * their repetitions, in brackets its quartiles.
 *
 * Lists of routes are compared with a C program that keeps the routes, as ours does, and then reads
 * four fields of each; and with one that keeps nothing but four numbers of each while it receives.
 * "bare JavaScript" is a loop over libc calls that keeps the routes, finds the same fields as numbers
 * and knows neither errors nor other tasks (netlink_bare.ts): what the runtime itself costs. Words of a
 * row's title run that row alone.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createNamespace,
  deleteNamespace,
  type NewAddress,
  type NewRoute,
  RouteConnection,
} from "../src/netlink/mod.ts";
import { need } from "../tests/support.ts";
import { alone, inTurns, line, repeat } from "./in_turns.ts";
import { bareWorks } from "./netlink_bare.ts";
import { network } from "./netlink_scale_peers.ts";

const DEVICE = 2;
const ROUNDS = 5, REPETITIONS = 8;
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
  churn: (nl) => change(nl.routes, routes),
  addresses: (nl) => change(nl.addresses, addresses),
};

/** Adds all, then deletes all. */
async function change<T>(objects: Changes<T>, all: readonly T[]): Promise<void> {
  for (const each of all) await objects.add(each);
  for (const each of all) await objects.delete(each);
}

interface Changes<T> {
  add(what: T): Promise<void>;
  delete(what: T): Promise<void>;
}

let routes: NewRoute[] = [], addresses: NewAddress[] = [];

/** What is added is at hand before, as it is in the program in C. */
function prepare(work: string, count: number): void {
  if (work === "churn") {
    routes = Array.from({ length: count }, (_, i) => {
      return { destination: network(i), gateway: "192.168.0.2", link: DEVICE, priority: i % 7 };
    });
  }
  if (work === "addresses") {
    addresses = Array.from({ length: count }, (_, i) => {
      return { link: DEVICE, address: `172.16.${i >> 8}.${i & 255}/32` };
    });
  }
}

/** In the child: repeats one work. */
async function measure(netns: string, work: string, count: number) {
  prepare(work, count);
  await using nl = await RouteConnection.open({ netns });
  const bare = await bareWorks(netns, DEVICE);
  const run = works[work] ?? bare[work];
  await repeat(() => run(nl, count));
}

async function compare(wanted = "") {
  const reason = need("net-admin", "cc");
  if (reason) return;
  const folder = mkdtempSync(join(tmpdir(), "netlink-bench-"));
  const namespace = `xpool-bench-${process.pid}`;
  const program = join(folder, "netlink");
  const here = fileURLToPath(import.meta.url);
  execFileSync("cc", ["-O2", "-o", program, join(here, "../netlink.c")]);
  const self = process.versions.bun ? [here] : ["run", "-A", "--no-check", here];
  const fill = (count: number) =>
    alone([program, `/run/netns/${namespace}`, "fill", `${count}`], 1);
  const row = async (
    name: string,
    work: string,
    count: number,
    { c = work, repetitions = REPETITIONS, rounds = ROUNDS } = {},
  ) => {
    if (!name.includes(wanted)) return;
    const ours = [process.execPath, ...self, namespace, work, `${count}`];
    const theirs = [program, `/run/netns/${namespace}`, c, `${count}`];
    console.log(line(name, await inTurns(ours, theirs, { rounds, repetitions })));
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
    await row("get one link", "get", 20_000);
    await row("  bare JavaScript", "bareGet", 20_000, { c: "get" });
    await row("add and delete 10,000 routes", "churn", 10_000);
    await row("add and delete 1,000 addresses", "addresses", 1_000, { repetitions: MANY });
    fill(10_000);
    await row("dump 10,000 routes, read 4 fields", "routes", 0, { repetitions: MANY });
    await row("  where C keeps four numbers", "routes", 0, { c: "numbers", repetitions: MANY });
    await row("  bare JavaScript", "bareRoutes", 0, { c: "routes", repetitions: MANY });
    await nl.links.set("b0", { up: false });
    await nl.links.set("b0", { up: true });
    fill(100_000);
    const large = { repetitions: 24, rounds: 3 };
    await row("dump 100,000 routes, read 4 fields", "routes", 0, large);
    await row("  where C keeps four numbers", "routes", 0, { c: "numbers", ...large });
    await row("  bare JavaScript", "bareRoutes", 0, { c: "routes", ...large });
    for (let i = 0; i < 1000; i++) {
      await nl.links.add({ name: `m${i}`, kind: "macvlan", link: "b0" });
    }
    await row("dump 1,000 links, read 4 fields", "links", 0, { repetitions: MANY });
  } finally {
    await deleteNamespace(namespace);
    rmSync(folder, { recursive: true });
  }
}

const [first, work, count] = process.argv.slice(2);
if (work) await measure(first, work, Number(count));
else await compare(first);
