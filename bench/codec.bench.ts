/**
 * What views cost without a kernel: 100,000 synthetic routes and one link of 38 attributes, against
 * an eager decoder that makes plain objects. Ratios are medians of pairs that take turns.
 */

import { Codec } from "../src/netlink/codec/codec.ts";
import { Encoder, type Values } from "../src/netlink/codec/encode.ts";
import { Writer } from "../src/netlink/codec/writer.ts";
import { ipv4Text } from "../src/netlink/codec/address.ts";
import { find, type Words } from "../src/netlink/codec/words.ts";
import { Route } from "../src/netlink/route/route.ts";
import { spec as linkSpec } from "../src/netlink/spec/rt-link.ts";
import { spec as routeSpec } from "../src/netlink/spec/rt-route.ts";
import { collect } from "../tests/collect.ts";

const ROUTES = 100_000, PART = 32 * 1024, ROUNDS = 15;
let sink: unknown;

const routeCodec = new Codec(routeSpec), linkCodec = new Codec(linkSpec);
const routeEncoder = new Encoder(routeCodec), linkEncoder = new Encoder(linkCodec);
const RouteView = routeCodec.message("getroute"), LinkView = linkCodec.message("getlink");

function encode(writer: Writer, encoder: Encoder, operation: string, values: Values): void {
  const start = writer.length;
  writer.zeros(16);
  encoder.request(writer, operation, values);
  writer.words[start >> 2] = writer.length - start;
}

/** The routes as the kernel would send them: parts of 32 KiB. */
function parts(): Words[] {
  const out: Words[] = [], writer = new Writer(PART * 2);
  for (let i = 0; i < ROUTES; i++) {
    const ip = 0x0a000000 + i * 16;
    encode(writer, routeEncoder, "newroute", {
      header: { rtmFamily: 2, rtmDstLen: 28, rtmTable: 254, rtmProtocol: 4, rtmType: "unicast" },
      table: 254,
      dst: `10.${(ip >> 16) & 255}.${(ip >> 8) & 255}.${ip & 255}`,
      priority: i % 7,
      gateway: "192.168.0.2",
      oif: 2,
    });
    if (writer.length > PART - 100 || i === ROUTES - 1) {
      out.push(writer.words.slice(0, writer.length >> 2));
      writer.length = 0;
    }
  }
  return out;
}

function each<T>(datagrams: Words[], make: (w: Words, at: number) => T): T[] {
  const out: T[] = [];
  for (const part of datagrams) {
    const w = part.slice(); // as a connection copies what it received
    for (let at = 0; at < w.length; at += (w[at] + 3) >>> 2) out.push(make(w, at));
  }
  return out;
}

/** The eager decoder: a loop over all attributes, an object with all of them. */
function eager(w: Words, at: number): Record<string, unknown> {
  const end = (at << 2) + w[at],
    out: Record<string, unknown> = {
      family: w[at + 4] & 255,
      length: (w[at + 4] >>> 8) & 255,
      dst: undefined,
      gateway: undefined,
      oif: undefined,
      priority: undefined,
      table: undefined,
    };
  for (let i = at + 7; i << 2 < end; i += ((w[i] & 0xffff) + 3) >>> 2) {
    switch (w[i] >>> 16) {
      case 1:
        out.dst = ipv4Text(w, (i + 1) << 2);
        break;
      case 5:
        out.gateway = ipv4Text(w, (i + 1) << 2);
        break;
      case 4:
        out.oif = w[i + 1] >>> 0;
        break;
      case 6:
        out.priority = w[i + 1] >>> 0;
        break;
      case 15:
        out.table = w[i + 1] >>> 0;
    }
  }
  return out;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

/** Prints nanoseconds an item and the ratio to the rival, warm. */
function row(name: string, items: number, ours: () => unknown, rival?: () => unknown): void {
  const own: number[] = [], ratios: number[] = [];
  const time = (fn: () => unknown) => {
    const start = performance.now();
    sink = fn();
    return (performance.now() - start) * 1e6 / items;
  };
  const first = time(ours);
  for (let i = 0; i < ROUNDS; i++) {
    const mine = time(ours);
    own.push(mine);
    if (rival) ratios.push(mine / time(rival));
  }
  const against = rival ? `${median(ratios).toFixed(2)} of the eager decoder's time` : "";
  console.log(
    `${name.padEnd(44)} ${median(own).toFixed(0).padStart(6)} ns, first ${
      first.toFixed(0).padStart(6)
    } ns  ${against}`,
  );
}

interface Four {
  dst?: string;
  gateway?: string;
  oif?: number;
  priority?: number;
}

const datagrams = parts();
console.log(process.versions.bun ? "Bun" : "Deno");
const makeView = (w: Words, at: number) => new RouteView(w, at) as Four;
const makeRoute = (w: Words, at: number) => new Route(w, at);
row("build 100k routes", ROUTES, () => each(datagrams, makeRoute), () => each(datagrams, eager));
const readRoutes = (list: Route[]) => {
  let n = 0;
  for (const r of list) {
    n += r.destination.length + (r.gateway?.length ?? 0) + (r.link ?? 0) + r.priority;
  }
  return n;
};
const readFour = (list: Four[]) => {
  let n = 0;
  for (const r of list) {
    n += (r.dst?.length ?? 0) + (r.gateway?.length ?? 0) + (r.oif ?? 0) + (r.priority ?? 0);
  }
  return n;
};
row(
  "build and read 4, Route",
  ROUTES,
  () => readRoutes(each(datagrams, makeRoute)),
  () => readFour(each(datagrams, eager) as Four[]),
);
row(
  "build and read 4, generated view",
  ROUTES,
  () => readFour(each(datagrams, makeView)),
  () => readFour(each(datagrams, eager) as Four[]),
);
row(
  "build and read all, plain copy",
  ROUTES,
  () => each(datagrams, (w, at) => new RouteView(w, at).toJSON()),
  () => each(datagrams, eager),
);

const routeWriter = new Writer();
row("encode a route of 6 attributes, generic", 10_000, () => {
  for (let i = 0; i < 10_000; i++) {
    routeWriter.length = 0;
    encode(routeWriter, routeEncoder, "newroute", {
      header: { rtmFamily: 2, rtmDstLen: 28, rtmTable: 254, rtmType: "unicast" },
      dst: "10.1.2.3",
      gateway: "192.168.0.2",
      oif: 2,
      priority: i,
    });
  }
});

// A link as the kernel describes a veth: 38 attributes.
const linkWriter = new Writer();
encode(linkWriter, linkEncoder, "setlink", {
  header: { ifiIndex: 7, ifiFlags: ["up", "broadcast"] },
  ifname: "veth0",
  txqlen: 1000,
  operstate: 6,
  linkmode: 0,
  mtu: 1500,
  minMtu: 68,
  maxMtu: 65535,
  group: 0,
  promiscuity: 0,
  allmulti: 0,
  numTxQueues: 1,
  gsoMaxSegs: 65535,
  gsoMaxSize: 65536,
  groMaxSize: 65536,
  gsoIpv4MaxSize: 65536,
  groIpv4MaxSize: 65536,
  tsoMaxSize: 524280,
  tsoMaxSegs: 65535,
  numRxQueues: 1,
  link: 8,
  master: 2,
  carrier: 1,
  qdisc: "noqueue",
  carrierChanges: 2,
  carrierUpCount: 1,
  carrierDownCount: 1,
  netnsImmutable: 1,
  map: {},
  address: "02:00:00:00:00:01",
  broadcast: "ff:ff:ff:ff:ff:ff",
  stats64: { rxPackets: 5 },
  stats: { rxPackets: 5 },
  xdp: { attached: 0 },
  linkinfo: { kind: "veth", slaveKind: "bridge", slaveData: { state: 3, priority: 32, cost: 2 } },
  linkNetnsid: 1,
  headroom: 0,
  tailroom: 0,
  afSpec: { inet: { conf: Array(33).fill(1) } },
});
const message = linkWriter.words.slice(0, linkWriter.length >> 2);
const N = 20_000;
const repeat = (fn: () => unknown) => () => {
  let last;
  for (let i = 0; i < N; i++) last = fn();
  return last;
};
interface LinkFields {
  ifname?: string;
  mtu?: number;
  linkinfo?: { kind?: string };
}
row(
  "link of 38 attributes: view, read 3",
  N,
  repeat(() => {
    const view = new LinkView(message, 0) as LinkFields;
    return (view.ifname?.length ?? 0) + (view.mtu ?? 0) + (view.linkinfo?.kind?.length ?? 0);
  }),
  repeat(() => new LinkView(message, 0).toJSON()),
);
row("link of 38 attributes: read all", N, repeat(() => new LinkView(message, 0).toJSON()));
row("find the last of 38 attributes", N, repeat(() => find(message, 8, message[0], 26)));

/** Bytes that a kept list of 100k routes holds, its datagrams included. */
function kept(): number {
  const used = () => {
    for (let i = 0; i < 3; i++) collect();
    const { heapUsed, external } = process.memoryUsage();
    // Bun counts the memory of buffers in both.
    return process.versions.bun ? heapUsed : heapUsed + external;
  };
  sink = undefined;
  const before = used();
  sink = each(datagrams, makeRoute);
  return (used() - before) / ROUTES;
}
console.log(`bytes kept a route, its datagram included${kept().toFixed(0).padStart(8)}`);
if (sink === null) console.log();
