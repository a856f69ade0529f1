/**
 * Netlink at scale, against a program in C that does the same over raw sockets (netlink_scale.c), and
 * against other libraries where this machine has them. Processes take turns, a repetition each.
 * "first" is the first thing that a fresh process does, start-up not counted, the median over the
 * rounds; "warm" is the median over all pairs of the later halves of their repetitions, in brackets
 * its quartiles.
 *
 *     deno run -A bench/netlink-scale.bench.ts [words of a row's title]
 *     bun bench/netlink-scale.bench.ts [words of a row's title]
 */

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createNamespace,
  deleteNamespace,
  netlinkPool,
  netlinkPools,
  type NewRoute,
  RouteConnection,
  watch,
} from "../src/netlink/mod.ts";
import { need } from "../tests/support.ts";
import { alone, type Command, inTurns, line, repeat } from "./in_turns.ts";
import { network, peers, type PeerWork } from "./netlink_scale_peers.ts";
import { median } from "./pool_measure.ts";
import { stream } from "./netlink_scale_stream.ts";

const DEVICE = 2;
const ROUNDS = 3, REPETITIONS = 20;
const TASKS = 16;

/** One repetition each; what comes before it, and after it, is not timed. */
interface Work {
  setup?(): Promise<void>;
  run(): Promise<unknown>;
  after?(): Promise<void>;
  end?(): Promise<void>;
}

/** Sixteen tasks list links over a pool. */
function dumps(netns: string, count: number, size: number, share: number): Work {
  const pool = netlinkPool({ netns, size, share });
  return {
    run: () =>
      Promise.all(Array.from({ length: TASKS }, async () => {
        let sum = 0;
        for (let i = 0; i < count / TASKS; i++) {
          await pool.use(async (nl) => {
            for (const l of await nl.links.list().toArray()) {
              sum += l.name.length + l.index + l.mtu + (l.kind?.length ?? 0);
            }
          });
        }
        return sum;
      })),
    end: () => pool.close(),
  };
}

/** Routes to be added or deleted, which whoever does so has at hand. */
const routes = (count: number): NewRoute[] =>
  Array.from({ length: count }, (_, i) => {
    return { destination: network(i), gateway: "192.168.0.2", link: DEVICE, priority: i % 7 };
  });

/** Adds and deletes routes in chunks of 100, as the program in C does. */
async function changing(netns: string, count: number, acknowledge: "all" | "errors") {
  const nl = await RouteConnection.open({ netns }), all = routes(count);
  const change = async (verb: "add" | "delete") => {
    const changes = nl.batch();
    for (const route of all) changes.routes[verb](route);
    const results = await changes.commit({ acknowledge, chunk: 100 });
    if (results.some((r) => r.status !== "done")) throw new Error(JSON.stringify(results[0]));
  };
  return {
    run: () => change("add").then(() => change("delete")),
    end: () => Promise.resolve(nl.close()),
  };
}

/** Reads events that have all queued up before. */
async function drain(netns: string, count: number): Promise<Work> {
  const nl = await RouteConnection.open({ netns }), all = routes(count);
  const events = await watch(["route"], { netns, receiveBuffer: 64 << 20 });
  const take = async () => {
    const read = [];
    for (let i = 0; i < count; i++) {
      const { value } = await events.next();
      if (value?.kind !== "route") throw new Error(`the buffer overran after ${i} events`);
      read.push([value.item.destination, value.item.gateway, value.item.link]);
    }
    return read;
  };
  const change = async (verb: "add" | "delete") => {
    const changes = nl.batch();
    for (const route of all) changes.routes[verb](route);
    await changes.commit({ acknowledge: "errors" });
  };
  return {
    setup: () => change("add"),
    run: take,
    async after() {
      await change("delete");
      await take();
    },
    end: () => Promise.resolve(events.close()),
  };
}

/** Reads everything of many namespaces, as an exporter does when it is scraped; a row for each object. */
function scrape(prefix: string, count: number): Work {
  const pools = netlinkPools({ size: 1 });
  const names = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  return {
    async run() {
      let rows = 0;
      for (const name of names) {
        await pools.use(name, async (nl) => {
          const links = (await nl.links.list().toArray())
            .map((l) => [l.name, l.index, l.mtu, l.kind]);
          const addresses = (await nl.addresses.list().toArray())
            .map((a) => [a.link, a.ip, a.label]);
          const routes = (await nl.routes.list().toArray())
            .map((r) => [r.destination, r.gateway, r.link, r.priority]);
          rows += links.length + addresses.length + routes.length;
        });
      }
      return rows;
    },
    end: () => pools.close(),
  };
}

/** The same request with a lease around it, or without. */
async function request(netns: string, count: number, leased: boolean): Promise<Work> {
  if (leased) {
    const pool = netlinkPool({ size: 1, netns });
    return {
      async run() {
        for (let i = 0; i < count; i++) {
          const lease = await pool.acquire();
          await lease.value.links.get(DEVICE);
          lease.release();
        }
      },
      end: () => pool.close(),
    };
  }
  const nl = await RouteConnection.open({ netns });
  return {
    async run() {
      for (let i = 0; i < count; i++) await nl.links.get(DEVICE);
    },
    end: () => Promise.resolve(nl.close()),
  };
}

const works: Record<string, (target: string, count: number) => Work | Promise<Work>> = {
  "8 sockets": (netns, count) => dumps(netns, count, 8, 1),
  "1 socket": (netns, count) => dumps(netns, count, 1, 1),
  "1 shared": (netns, count) => dumps(netns, count, 1, TASKS),
  all: (netns, count) => changing(netns, count, "all"),
  errors: (netns, count) => changing(netns, count, "errors"),
  drain,
  scrape,
  leased: (netns, count) => request(netns, count, true),
  alone: (netns, count) => request(netns, count, false),
};

/** In the child: repeats one work. */
async function measure(target: string, work: string, count: number) {
  const { setup, run, after, end } = await works[work](target, count);
  await repeat(run, setup, after);
  await end?.();
}

async function compare(words = "") {
  const wanted = (...names: string[]) => names.some((name) => name.includes(words));
  if (need("net-admin", "cc", "ip")) return;
  const folder = mkdtempSync(join(tmpdir(), "netlink-bench-"));
  const namespace = `xpool-scale-${process.pid}`;
  const path = `/run/netns/${namespace}`;
  const program = join(folder, "netlink_scale"), plain = join(folder, "netlink");
  const here = fileURLToPath(import.meta.url);
  execFileSync("cc", ["-O2", "-o", program, join(here, "../netlink_scale.c")]);
  execFileSync("cc", ["-O2", "-o", plain, join(here, "../netlink.c")]);
  const run = process.versions.bun ? [here] : ["run", "-A", "--no-check", here];
  const self = [process.execPath, ...run];
  const c = (work: string, count: number) => [program, path, work, `${count}`];
  const own = (work: string, count: number) => [...self, namespace, work, `${count}`];
  const row = async (
    name: string,
    ours: Command,
    theirs: Command,
    { rounds = ROUNDS, repetitions = REPETITIONS } = {},
  ) => {
    if (wanted(name)) console.log(line(name, await inTurns(ours, theirs, { rounds, repetitions })));
  };
  const peerList = peers(folder, namespace);
  /** The same work by others. */
  const compete = (title: string, work: PeerWork, theirWork: string, count: number) => {
    for (const { name, share, run } of peerList) {
      if (!wanted(title, name)) continue;
      const label = `  the same by ${name}`;
      try {
        const some = Math.ceil(count / share[work]);
        const ratios = Array.from({ length: ROUNDS }, () => {
          const theirs = Math.min(...alone(c(theirWork, some), 2));
          return Math.min(...run(work, some, 2)) / theirs;
        });
        console.log(`${label.padEnd(52)} ${median(ratios).toFixed(2)}`);
      } catch (error) {
        const { stderr, message } = error as Error & { stderr?: string };
        const why = (stderr || message).trim().split("\n");
        console.log(`${label}: ${why.find((line) => line.includes("Error")) ?? why[0]}`);
      }
    }
  };

  const others = Array.from({ length: 200 }, (_, i) => `${namespace}-${i}`);
  await createNamespace(namespace);
  try {
    console.log(`${process.versions.bun ? "Bun" : "Deno"}: time relative to C, less is better`);
    await using nl = await RouteConnection.open({ netns: namespace });
    await nl.links.add({ name: "b0", kind: "bridge", up: true });
    await nl.addresses.add({ link: "b0", address: "192.168.0.1/24" });
    const ADD = "add, delete 10,000 routes, all acknowledged";
    await row(ADD, own("all", 10_000), c("all", 10_000));
    await row("add, delete 10,000 routes, errors only", own("errors", 10_000), c("errors", 10_000));
    compete(ADD, "churn", "all", 10_000);
    const DRAIN = "10,000 route events from a full queue";
    if (wanted(DRAIN)) {
      const rates = alone(own("drain", 10_000), REPETITIONS).map((time) => 10_000 / (time / 1e9));
      const [first, warm] = [rates[0], median(rates.slice(REPETITIONS / 2))].map(Math.round);
      console.log(`${DRAIN.padEnd(52)} ${first} a second first, ${warm} warm`);
    }
    const LEASE = "lease and request, to the request alone";
    await row(LEASE, own("leased", 20_000), own("alone", 20_000));
    for (let i = 1; i < 49; i++) await nl.links.add({ name: `b${i}`, kind: "bridge" });
    const DUMPS = "16 tasks, 3,200 dumps of 50 links";
    for (const work of ["8 sockets", "1 socket", "1 shared"]) {
      await row(`${DUMPS}, ${work}`, own(work, 3_200), c("dumps", 3_200), { repetitions: 6 });
    }
    compete(DUMPS, "dumps", "dumps", 3_200);
    if (wanted("watch while ip adds")) await flood(namespace, nl);

    const SCRAPE = "scrape 200 namespaces";
    if (wanted(SCRAPE)) {
      await Promise.all(others.map(createNamespace));
      for (const name of others) {
        await using inside = await RouteConnection.open({ netns: name });
        await inside.batch().links.set("lo", { up: true })
          .links.add({ name: "eth0", kind: "veth", peer: { name: "peer" } })
          .links.set("eth0", { up: true }).links.set("peer", { up: true })
          .addresses.add({ link: "eth0", address: "10.0.0.2/24" })
          .routes.add({ destination: "default", gateway: "10.0.0.1" }).commit();
      }
      const ours = [...self, `${namespace}-`, "scrape", "200"];
      await row(SCRAPE, ours, [program, `${path}-`, "scrape", "200"], { repetitions: 200 });
    }

    if (!wanted("stream 1000000 routes")) return;
    alone([plain, path, "fill", "1000000"], 1);
    const told = execFileSync(process.execPath, [...run, namespace, "stream"], {
      encoding: "utf8",
    });
    const rounds = JSON.parse(told);
    for (const { routes, time, p99, max, timers, echoes, grown } of rounds) {
      console.log(
        `stream ${routes} routes in ${Math.round(time)} ms: timers late by ${p99.toFixed(1)} ms ` +
          `(p99), ${max.toFixed(1)} (most), ${timers} timers and ${echoes} echoes served, ` +
          `memory grew by ${grown.toFixed(1)} MiB`,
      );
    }
  } finally {
    await deleteNamespace(namespace);
    // Only the row that needs them has made them.
    await Promise.allSettled(others.map(deleteNamespace));
    rmSync(folder, { recursive: true });
  }
}

/** 10,000 routes are added as fast as `ip` can, to a watch with a buffer of the system's size. */
async function flood(netns: string, nl: RouteConnection) {
  const COUNT = 10_000;
  for (const receiveBuffer of [undefined, 212_992]) {
    const events = await watch(["route"], { netns, receiveBuffer });
    const input = Array.from({ length: COUNT }, (_, i) => `route add ${network(i)} dev b0`);
    input.push("route add 192.0.2.1 dev b0");
    const adds = spawn("ip", ["-n", netns, "-batch", "-"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    adds.stdin!.end(input.join("\n") + "\n");
    const known = new Set<string>();
    let told = 0, resyncs = 0;
    const start = performance.now();
    for await (const event of events) {
      if (event.kind === "resync") {
        resyncs++;
        known.clear();
        for (const { destination } of event.state.route) known.add(destination);
      } else {
        told++;
        known.add(event.item.destination);
      }
      if (known.has("192.0.2.1/32")) break;
    }
    const time = Math.round(performance.now() - start);
    const kernel = await nl.routes.list({ family: 4, table: 254 }).toArray();
    const missing = kernel.filter(({ destination }) =>
      destination.startsWith("10.") && !known.has(destination)
    );
    console.log(
      `watch while ip adds ${COUNT} routes, buffer ${receiveBuffer ?? "as by default"}: ` +
        `${told} events, ${resyncs} resyncs, ${missing.length} missing in the end, ${time} ms`,
    );
    const changes = nl.batch();
    for (const { destination } of kernel) {
      if (!destination.startsWith("192.168")) changes.routes.delete({ destination, link: DEVICE });
    }
    await changes.commit();
  }
}

const [target, work, count] = process.argv.slice(2);
if (work === "stream") await stream(target);
else if (work) await measure(target, work, Number(count));
else await compare(target);
