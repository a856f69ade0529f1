import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type NewAddress,
  type NewLink,
  type NewRoute,
  type NewRule,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "bridge", "tc");

// deno-lint-ignore no-explicit-any -- the tools' JSON has no types
type Json = any;

/** Two namespaces that begin alike: one is ours, one belongs to ip, bridge and tc. */
async function twins() {
  const ours = await testNamespace(), theirs = await testNamespace();
  const nl = await RouteConnection.open({ netns: ours.name });
  const batch = (tool: string, lines: readonly string[]) =>
    execFileSync(tool, ["-n", theirs.name, "-batch", "-"], { input: lines.join("\n") + "\n" });
  const read = (netns: string, tool: string, words: string): Json[] => {
    const text = execFileSync(tool, ["-n", netns, "-d", "-j", ...words.split(" ")], {
      encoding: "utf8",
    });
    return text.trim() === "" ? [] : JSON.parse(text);
  };
  for (const { name } of [ours, theirs]) {
    execFileSync("ip", ["-n", name, "-batch", "-"], { input: BASE.join("\n") + "\n" });
  }
  return {
    nl,
    batch,
    ours: (tool: string, words: string) => read(ours.name, tool, words),
    /** The tool shows the same of both. */
    same(tool: string, words: string) {
      const [a, b] = [ours, theirs].map(({ name }) => {
        const list = steady(read(name, tool, words)) as Json[];
        // Tables of neighbours are hashed, with a secret of their own.
        const hashed = /^(neighbour|fdb)/.test(words);
        return hashed ? list.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1) : list;
      });
      assert.deepEqual(a, b, `${tool} ${words}`);
      return b as Json[];
    },
    /** The same, of what the tool cannot show as JSON. */
    sameText(tool: string, words: string) {
      const [a, b] = [ours, theirs].map(({ name }) =>
        execFileSync(tool, ["-n", name, "-d", ...words.split(" ")], { encoding: "utf8" })
      );
      assert.equal(a, b, `${tool} ${words}`);
      return b;
    },
    async [Symbol.asyncDispose]() {
      nl.close();
      await ours[Symbol.asyncDispose]();
      await theirs[Symbol.asyncDispose]();
    },
  };
}

const BASE = [
  "link set lo up",
  ...[0, 1, 2].flatMap((i) => [
    `link add d${i} index ${
      10 + 2 * i
    } address 02:00:00:00:00:0${i} type veth peer name e${i} index ${
      11 + 2 * i
    } address 02:00:00:00:01:0${i}`,
    `link set d${i} up addrgenmode none`,
    `link set e${i} up addrgenmode none`,
  ]),
  "address add 10.0.0.1/24 dev d0",
  "address add fd00::1/64 dev d0 nodad",
];

const VOLATILE =
  /operstate|timer|_life_time|^expires|^used|updated|confirmed|refcnt|^flags$|^rtt|hard_header|^bytes|^packets|peer_|ifi_/;

/** Without what passes with time. */
function steady(value: Json): Json {
  if (Array.isArray(value)) return value.map(steady);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) =>
      !VOLATILE.test(name) || name === "flags" && Array.isArray(value)
    )
      .map((
        [name, v],
      ) => [
        name,
        // The carrier of a link that was just switched on is noticed a little later.
        steady(
          Array.isArray(v) ? v.filter((flag) => flag !== "NO-CARRIER" && flag !== "LOWER_UP") : v,
        ),
      ]),
  );
}

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
/** So many generated things, the same ones each time. */
function sample<T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] {
  return fc.sample(arbitrary, { seed: 42, numRuns });
}
/** Words for the options that are given. */
function words(options: object, table: Record<string, (v: Json) => string>): string {
  return Object.entries(options).map(([name, v]) => v === undefined ? "" : table[name]?.(v) ?? "")
    .join(" ");
}
const on = (v: boolean) => v ? "1" : "0";
const onOff = (v: boolean) => v ? "on" : "off";
const hz = (ms: number) => String(ms / 10);
const hex = (n: number) => n.toString(16).padStart(2, "0");

describe("made by us and made by ip, bridge and tc", { skip }, () => {
  it("80 links of every kind that this kernel has are the same", async () => {
    await using t = await twins();
    const bridge = fc.record({
      kind: fc.constant("bridge" as const),
      stp: fc.boolean(),
      forwardDelay: pick(4000, 15000),
      helloTime: pick(1000, 2000),
      maxAge: pick(6000, 20000),
      ageingTime: pick(1000, 300000),
      priority: pick(0, 100, 65535),
      groupForwardMask: pick(0, 8),
      multicastSnooping: fc.boolean(),
      multicastQuerier: fc.boolean(),
      multicastRouter: pick(0, 1, 2),
      multicastHashMax: pick(512, 4096),
      multicastQueryInterval: pick(12500, 60000),
      multicastStartupQueryInterval: pick(3000, 60000),
      multicastStartupQueryCount: pick(1, 5),
      multicastQueryResponseInterval: pick(5000, 20000),
      multicastQuerierInterval: pick(100_000, 300_000),
      multicastQueryUseAddress: fc.boolean(),
      multicastLastMemberInterval: pick(500, 2000),
      multicastLastMemberCount: pick(1, 5),
      multicastStatistics: fc.boolean(),
      linkLocalLearning: fc.boolean(),
      igmpVersion: pick(2, 3),
      mldVersion: pick(1, 2),
    }, { requiredKeys: ["kind"] });
    const vxlan = fc.record({
      kind: fc.constant("vxlan" as const),
      link: pick("d0", "d1"),
      local: pick("10.0.0.1"),
      remote: pick("10.9.9.9", "239.1.1.1"),
      ttl: pick(1, 64),
      tos: pick(1, 16),
      learning: fc.boolean(),
      ageing: pick(0, 77),
      limit: pick(0, 9),
      proxy: fc.boolean(),
      routeShortCircuit: fc.boolean(),
      reportMissingMac: fc.boolean(),
      reportMissingIp: fc.boolean(),
      udpChecksum: fc.boolean(),
      sourcePorts: pick([1000, 2000] as [number, number]),
      groupPolicy: fc.constant(true),
    }, { requiredKeys: ["kind", "link"] });
    const macvlan = fc.record({
      kind: pick("macvlan" as const, "macvtap" as const),
      link: pick("d1", "d2"),
      mode: pick("private" as const, "vepa" as const, "bridge" as const),
      broadcastQueueLength: pick(500, 2000),
    }, { requiredKeys: ["kind", "link", "mode"] });
    const settings = fc.record({
      mtu: pick(1300, 1400),
      txQueueLength: pick(5, 500),
      group: pick(3, 4),
      up: fc.boolean(),
      alias: pick("an alias", "other"),
      promiscuous: fc.boolean(),
      allMulticast: fc.boolean(),
    }, { requiredKeys: [] });
    const all = sample(
      fc.tuple(fc.oneof(bridge, vxlan, macvlan, fc.constant({ kind: "ifb" as const })), settings),
      80,
    );
    const yes = (name: string) => (v: boolean) => v ? name : `no${name}`;
    const table: Record<string, Record<string, (v: Json) => string>> = {
      bridge: {
        stp: (v) => `stp_state ${on(v)}`,
        forwardDelay: (v) => `forward_delay ${hz(v)}`,
        helloTime: (v) => `hello_time ${hz(v)}`,
        maxAge: (v) => `max_age ${hz(v)}`,
        ageingTime: (v) => `ageing_time ${hz(v)}`,
        priority: (v) => `priority ${v}`,
        groupForwardMask: (v) => `group_fwd_mask ${v}`,
        multicastSnooping: (v) => `mcast_snooping ${on(v)}`,
        multicastQuerier: (v) => `mcast_querier ${on(v)}`,
        multicastRouter: (v) => `mcast_router ${v}`,
        multicastHashMax: (v) => `mcast_hash_max ${v}`,
        multicastQueryInterval: (v) => `mcast_query_interval ${hz(v)}`,
        multicastStartupQueryInterval: (v) => `mcast_startup_query_interval ${hz(v)}`,
        multicastStartupQueryCount: (v) => `mcast_startup_query_count ${v}`,
        multicastQueryResponseInterval: (v) => `mcast_query_response_interval ${hz(v)}`,
        multicastQuerierInterval: (v) => `mcast_querier_interval ${hz(v)}`,
        multicastQueryUseAddress: (v) => `mcast_query_use_ifaddr ${on(v)}`,
        multicastLastMemberInterval: (v) => `mcast_last_member_interval ${hz(v)}`,
        multicastLastMemberCount: (v) => `mcast_last_member_count ${v}`,
        multicastStatistics: (v) => `mcast_stats_enabled ${on(v)}`,
        linkLocalLearning: (v) => `no_linklocal_learn ${on(!v)}`,
        igmpVersion: (v) => `mcast_igmp_version ${v}`,
        mldVersion: (v) => `mcast_mld_version ${v}`,
      },
      vxlan: {
        id: (v) => `id ${v}`,
        link: (v) => `dev ${v}`,
        local: (v) => `local ${v}`,
        remote: (v) => `${v.startsWith("239") ? "group" : "remote"} ${v}`,
        ttl: (v) => `ttl ${v}`,
        tos: (v) => `tos 0x${hex(v)}`,
        learning: yes("learning"),
        ageing: (v) => `ageing ${v}`,
        limit: (v) => `maxaddress ${v}`,
        proxy: yes("proxy"),
        routeShortCircuit: yes("rsc"),
        reportMissingMac: yes("l2miss"),
        reportMissingIp: yes("l3miss"),
        udpChecksum: yes("udpcsum"),
        sourcePorts: ([a, b]) => `srcport ${a} ${b}`,
        groupPolicy: () => "gbp",
      },
      macvlan: { mode: (v) => `mode ${v}`, broadcastQueueLength: (v) => `bcqueuelen ${v}` },
      ifb: {},
    };
    table.macvtap = table.macvlan;
    const lines: string[] = [];
    for (const [i, [kind, more]] of all.entries()) {
      const name = `x${i}`, address = `02:00:00:00:02:${hex(i)}`;
      const special = kind.kind === "vxlan" ? { ...kind, id: 100 + i, port: 5000 + i } : kind;
      await t.nl.links.add({ name, address, ...special, ...more } as NewLink);
      const below = "link" in kind && kind.kind !== "vxlan" ? `link ${kind.link}` : "";
      const port = kind.kind === "vxlan" ? `dstport ${5000 + i}` : "";
      const { mtu, txQueueLength, group, up, alias, promiscuous, allMulticast } = more;
      lines.push(
        `link add ${below} name ${name} address ${address} ${
          words({ mtu, txQueueLength }, {
            mtu: (v) => `mtu ${v}`,
            txQueueLength: (v) => `txqueuelen ${v}`,
          })
        } type ${kind.kind} ${words(special, table[kind.kind])} ${port}`,
      );
      if (group !== undefined) lines.push(`link set ${name} group ${group}`);
      if (alias !== undefined) lines.push(`link set ${name} alias "${alias}"`);
      if (promiscuous !== undefined) lines.push(`link set ${name} promisc ${onOff(promiscuous)}`);
      if (allMulticast !== undefined) {
        lines.push(`link set ${name} allmulticast ${onOff(allMulticast)}`);
      }
      if (up) lines.push(`link set ${name} up`);
    }
    t.batch("ip", lines);
    const ours = new Map(t.ours("ip", "link show").map((l) => [l.ifname, steady(l)]));
    const shown = t.same("ip", "link show type ifb");
    assert.ok(shown.length > 5);
    for (const kind of ["bridge", "vxlan", "macvlan", "macvtap"]) {
      t.same("ip", `link show type ${kind}`);
    }
    for await (const link of t.nl.links.list()) {
      const l = ours.get(link.name);
      assert.equal(link.kind, l.linkinfo?.info_kind);
      assert.deepEqual(
        [link.mtu, link.address, link.index, link.txQueueLength, link.alias, link.altNames],
        [l.mtu, l.address, l.ifindex, l.txqlen ?? 0, l.ifalias, l.altnames ?? []],
      );
      if (link.kind === "bridge") {
        const data = l.linkinfo.info_data, o = link.options;
        assert.deepEqual(
          [o.stp, o.forwardDelay, o.ageingTime, o.priority, o.igmpVersion, o.multicastSnooping],
          [
            data.stp_state === 1,
            data.forward_delay * 10,
            data.ageing_time * 10,
            data.priority,
            data.mcast_igmp_version,
            data.mcast_snooping === 1,
          ],
        );
      }
    }
  });

  it("60 ports of bridges are the same", async () => {
    await using t = await twins();
    const port = fc.record({
      priority: pick(1, 63),
      cost: pick(1, 500),
      hairpin: fc.boolean(),
      guard: fc.boolean(),
      rootBlock: fc.boolean(),
      fastLeave: fc.boolean(),
      learning: fc.boolean(),
      unicastFlood: fc.boolean(),
      multicastFlood: fc.boolean(),
      broadcastFlood: fc.boolean(),
      neighbourSuppress: fc.boolean(),
      isolated: fc.boolean(),
      locked: fc.boolean(),
    }, { requiredKeys: ["cost"] });
    t.batch("ip", [
      "link add br0 index 50 address 02:00:00:00:03:00 type bridge",
      "link set d1 master br0",
    ]);
    await t.nl.links.add({ name: "br0", kind: "bridge", address: "02:00:00:00:03:00" });
    await t.nl.links.set("d1", { master: "br0" });
    for (const options of sample(port, 60)) {
      await t.nl.links.set("d1", { bridgePort: options });
      t.batch("ip", [
        `link set d1 type bridge_slave ${
          words(options, {
            priority: (v) => `priority ${v}`,
            cost: (v) => `cost ${v}`,
            hairpin: (v) => `hairpin ${onOff(v)}`,
            guard: (v) => `guard ${onOff(v)}`,
            rootBlock: (v) => `root_block ${onOff(v)}`,
            fastLeave: (v) => `fastleave ${onOff(v)}`,
            learning: (v) => `learning ${onOff(v)}`,
            unicastFlood: (v) => `flood ${onOff(v)}`,
            multicastFlood: (v) => `mcast_flood ${onOff(v)}`,
            broadcastFlood: (v) => `bcast_flood ${onOff(v)}`,
            neighbourSuppress: (v) => `neigh_suppress ${onOff(v)}`,
            isolated: (v) => `isolated ${onOff(v)}`,
            locked: (v) => `locked ${onOff(v)}`,
          })
        }`,
      ]);
      const [shown] = t.same("ip", "link show dev d1");
      const data = shown.linkinfo.info_slave_data, is = (await t.nl.links.get("d1")).bridgePort!;
      assert.deepEqual(
        [
          is.priority,
          is.cost,
          is.hairpin,
          is.guard,
          is.rootBlock,
          is.learning,
          is.isolated,
          is.locked,
        ],
        [
          data.priority,
          data.cost,
          data.hairpin,
          data.guard,
          data.root_block,
          data.learning,
          data.isolated,
          data.locked,
        ],
      );
    }
  });

  it("80 addresses are the same", async () => {
    await using t = await twins();
    const v4 = fc.record({
      broadcast: pick("10.255.255.255"),
      label: pick("d1:x", "d1:y"),
      scope: pick("link", "host", "site", "global"),
      metric: pick(5, 500),
      flags: pick(["noprefixroute"], [] as string[]),
      validLifetime: pick(5000, 9000),
      preferredLifetime: pick(100, 4000),
      peer: fc.boolean(),
    }, { requiredKeys: [] });
    const v6 = fc.record({
      metric: pick(5, 500),
      flags: pick(["nodad"], ["nodad", "noprefixroute"], ["nodad", "homeaddress"]),
      validLifetime: pick(5000, 9000),
      preferredLifetime: pick(100, 4000),
      peer: fc.boolean(),
    }, { requiredKeys: ["flags"] });
    const lines: string[] = [];
    for (const [i, options] of [...sample(v4, 40), ...sample(v6, 40)].entries()) {
      const six = i >= 40;
      const { peer, ...rest } = options as Json;
      if (rest.validLifetime) rest.preferredLifetime ??= rest.validLifetime;
      else delete rest.preferredLifetime;
      const host = six ? `fd${hex(i)}:0:0::1` : `10.1.${i}.1`;
      const other = six ? `fd${hex(i)}::2` : `10.1.${i}.2`;
      const prefix = six ? 64 : 24;
      const entry: NewAddress = {
        link: "d1",
        address: `${host}/${prefix}`,
        ...peer ? { peer: other } : {},
        ...rest,
      };
      await t.nl.addresses.add(entry);
      lines.push(
        `address add ${peer ? `${host} peer ${other}/${prefix}` : `${host}/${prefix}`} ${
          words(rest, {
            broadcast: (v) => `broadcast ${v}`,
            label: (v) => `label ${v}`,
            scope: (v) => `scope ${v}`,
            metric: (v) => `metric ${v}`,
            flags: (v) => v.map((f: string) => f === "homeaddress" ? "home" : f).join(" "),
            validLifetime: (v) => `valid_lft ${v}`,
            preferredLifetime: (v) => `preferred_lft ${v}`,
          })
        } dev d1`,
      );
    }
    t.batch("ip", lines);
    const [shown] = t.same("ip", "address show dev d1");
    const mine = await t.nl.addresses.list({ link: "d1" }).toArray();
    assert.deepEqual(
      mine.map((
        a,
      ) => [a.ip, a.prefixLength, a.label, String(a.scope), a.metric, a.broadcast, a.peer]),
      shown.addr_info.map((a: Json) => [
        a.local,
        a.prefixlen,
        a.label,
        a.scope,
        a.metric,
        a.broadcast,
        a.address,
      ]),
    );
  });

  it("100 routes are the same", async () => {
    await using t = await twins();
    const metrics = fc.record({
      window: pick(1000),
      rtt: pick(10, 100),
      rttVariation: pick(5),
      congestionWindow: pick(7),
      advertisedSegmentSize: pick(500),
      reordering: pick(4),
      hopLimit: pick(9),
      initialCongestionWindow: pick(12),
      initialReceiveWindow: pick(13),
      minRetransmission: pick(20),
      quickAck: fc.constant(true),
      congestionControl: pick("cubic", "reno"),
    }, { requiredKeys: [] });
    const common = {
      table: pick(254, 77, 1000),
      priority: pick(1, 500),
      protocol: pick("boot", "bird", "static"),
    };
    const none = { requiredKeys: [] as never[] };
    const unicast = fc.record({
      ...common,
      gateway: pick("10.0.0.2", "10.0.0.3", "fd00::2"),
      source: pick("10.0.0.1"),
      mtu: pick(1300, 1400),
      metrics,
      tos: pick(4, 8),
      realms: pick(5, 65541),
      onlink: fc.boolean(),
      encapsulation: pick(
        { type: "ip" as const, id: 7, destination: "192.0.2.1", ttl: 9, tos: 4 },
        { type: "ip6" as const, id: 8, destination: "fd01::1", ttl: 3 },
      ),
    }, none);
    const special = fc.record({
      ...common,
      type: pick(
        "blackhole" as const,
        "unreachable" as const,
        "prohibit" as const,
        "throw" as const,
      ),
    }, { requiredKeys: ["type"] });
    const multi = fc.record({
      ...common,
      nexthops: pick(
        [{ gateway: "10.0.0.2", weight: 2 }, { gateway: "10.0.0.3" }],
        [{ link: "d0" }, { link: "d1", weight: 256 }],
        [{ gateway: "10.77.0.1", link: "d1", onlink: true }, { link: "d2" }],
      ),
    }, { requiredKeys: ["nexthops"] });
    const hop = (h: Json) =>
      [
        "nexthop",
        h.gateway ? `via ${h.gateway}` : "",
        h.link ? `dev ${h.link}` : "",
        h.weight ? `weight ${h.weight}` : "",
        h.onlink ? "onlink" : "",
      ].join(" ");
    const table: Record<string, (v: Json) => string> = {
      type: () => "",
      tos: (v) => `tos 0x${hex(v)}`,
      table: (v) => `table ${v}`,
      priority: (v) => `metric ${v}`,
      protocol: (v) => `proto ${v}`,
      gateway: (v) => `via ${v.includes(":") ? "inet6 " : ""}${v} dev d0`,
      source: (v) => `src ${v}`,
      mtu: (v) => `mtu ${v}`,
      realms: (v) => `realms ${v >> 16 ? `${v >> 16}/` : ""}${v & 0xffff}`,
      onlink: (v) => v ? "onlink" : "",
      metrics: (v) =>
        words(v, {
          window: (v) => `window ${v}`,
          rtt: (v) => `rtt ${v}ms`,
          rttVariation: (v) => `rttvar ${v}ms`,
          congestionWindow: (v) => `cwnd ${v}`,
          advertisedSegmentSize: (v) => `advmss ${v}`,
          reordering: (v) => `reordering ${v}`,
          hopLimit: (v) => `hoplimit ${v}`,
          initialCongestionWindow: (v) => `initcwnd ${v}`,
          initialReceiveWindow: (v) => `initrwnd ${v}`,
          minRetransmission: (v) => `rto_min ${v}ms`,
          quickAck: (v) => `quickack ${on(v)}`,
          congestionControl: (v) => `congctl ${v}`,
        }),
      nexthops: (v) => v.map(hop).join(" "),
    };
    const encap = (e: Json) =>
      e
        ? `encap ${e.type} id ${e.id} dst ${e.destination} ${
          e.type === "ip" ? "ttl" : "hoplimit"
        } ${e.ttl} ${e.tos ? `tos ${e.tos}` : ""}`
        : "";
    const lines: string[] = [];
    const all: Json[] = [...sample(unicast, 60), ...sample(special, 20), ...sample(multi, 20)];
    for (const [i, options] of all.entries()) {
      const destination = `10.100.${i}.0/24`;
      if (options.onlink && !options.gateway) delete options.onlink;
      const link = i < 60 ? "d0" : undefined;
      await t.nl.routes.add({ destination, link, protocol: "boot", ...options } as NewRoute);
      const { encapsulation, nexthops, ...rest } = options;
      const dev = i < 60 && !options.gateway ? "dev d0" : "";
      lines.push(
        `route add ${options.type ?? ""} ${destination} ${encap(encapsulation)} ${dev} ${
          words(rest, table)
        } ${nexthops ? table.nexthops(nexthops) : ""}`,
      );
    }
    t.batch("ip", lines);
    const shown = t.same("ip", "-4 route show table all");
    const names = new Map((await t.nl.links.list().toArray()).map((l) => [l.index, l.name]));
    const mine = await t.nl.routes.list({ family: 4 }).toArray();
    const TABLES: Record<string, number> = { main: 254, local: 255, default: 253 };
    assert.deepEqual(
      mine.map((r) => [
        // What ip prints as JSON has two members dst where there is encapsulation.
        r.encapsulation === undefined ? r.destination.replace(/\/32$/, "") : undefined,
        r.type,
        r.gateway,
        r.link === undefined ? undefined : names.get(r.link),
        r.table,
        r.priority || undefined,
        r.source,
        String(r.scope),
        r.mtu,
        r.nexthops?.map((h) => [h.gateway, names.get(h.link), h.weight]),
      ]),
      shown.map((r) => [
        r.encap === undefined ? r.dst : undefined,
        r.type,
        r.gateway ?? r.via?.host,
        r.dev,
        TABLES[r.table ?? "main"] ?? Number(r.table),
        r.metric,
        r.prefsrc,
        r.scope,
        r.metrics?.[0].mtu,
        r.nexthops?.map((h: Json) => [h.gateway, h.dev, h.weight]),
      ]),
    );
  });

  it("80 rules are the same", async () => {
    await using t = await twins();
    const rule = fc.record({
      from: pick("10.1.0.0/16", "10.2.3.4/32"),
      to: pick("10.3.0.0/16"),
      not: fc.constant(true),
      incoming: pick("d0", "nope"),
      outgoing: pick("d1"),
      mark: pick(5, 0xffff0000),
      markMask: pick(0xff, 0xffff0000),
      tos: pick(4, 16),
      users: pick([0, 0] as [number, number], [1000, 2000] as [number, number]),
      ipProtocol: pick(6, 17, 132),
      sourcePorts: pick([80, 80] as [number, number], [1, 1024] as [number, number]),
      destinationPorts: pick([443, 443] as [number, number]),
      tunnelId: pick(77),
      suppressPrefixLength: pick(0, 8),
      suppressGroup: pick(3),
      table: pick(77, 254, 1000),
      realms: pick(7),
      protocol: pick("boot", "static"),
    }, { requiredKeys: ["table"] });
    const span = ([a, b]: [number, number]) => a === b ? `${a}` : `${a}-${b}`;
    const lines: string[] = [];
    for (const [i, options] of sample(rule, 80).entries()) {
      if (options.mark === undefined) delete options.markMask;
      const { not, mark, markMask, ...rest } = options;
      await t.nl.rules.add({ priority: 1000 + i, ...options } as NewRule);
      const mask = markMask === undefined ? "" : `/${markMask}`;
      lines.push(
        `rule add ${not ? "not" : ""} ${mark === undefined ? "" : `fwmark ${mark}${mask}`} ${
          words(rest, {
            from: (v) => `from ${v}`,
            to: (v) => `to ${v}`,
            incoming: (v) => `iif ${v}`,
            outgoing: (v) => `oif ${v}`,
            tos: (v) => `tos 0x${hex(v)}`,
            users: ([a, b]) => `uidrange ${a}-${b}`,
            ipProtocol: (v) => `ipproto ${v}`,
            sourcePorts: (v) => `sport ${span(v)}`,
            destinationPorts: (v) => `dport ${span(v)}`,
            tunnelId: (v) => `tun_id ${v}`,
            suppressPrefixLength: (v) => `suppress_prefixlength ${v}`,
            suppressGroup: (v) => `suppress_ifgroup ${v}`,
            table: (v) => `table ${v}`,
            realms: (v) => `realms ${v}`,
            protocol: (v) => `protocol ${v}`,
          })
        } priority ${1000 + i}`,
      );
    }
    t.batch("ip", lines);
    const shown = t.same("ip", "rule show");
    const mine = await t.nl.rules.list({ family: 4 }).toArray();
    assert.deepEqual(
      mine.map((r) => [r.priority, r.from?.replace("/32", ""), r.incoming, r.outgoing, r.not]),
      shown.map((r) => [
        r.priority,
        r.src === "all" ? undefined : r.srclen === undefined ? r.src : `${r.src}/${r.srclen}`,
        r.iif,
        r.oif,
        "not" in r,
      ]),
    );
  });

  it("neighbours, forwarding entries and nexthops are the same", async () => {
    await using t = await twins();
    const lines: string[] = [], bridge: string[] = [];
    const states = ["permanent", "noarp", "reachable", "stale"] as const;
    for (let i = 0; i < 40; i++) {
      const address = i % 2 ? `fd00::${hex(i)}` : `10.0.0.${100 + i}`;
      const mac = `02:00:00:00:04:${hex(i)}`, state = states[i % 4], router = i % 3 === 0;
      await t.nl.neighbours.add({ link: "d0", address, mac, state, router });
      lines.push(
        `neighbour add ${address} dev d0 lladdr ${mac} nud ${state} ${router ? "router" : ""}`,
      );
    }
    for (let i = 0; i < 10; i++) {
      await t.nl.neighbours.add({ link: "d1", address: `10.5.0.${i}`, proxy: true });
      lines.push(`neighbour add proxy 10.5.0.${i} dev d1`);
    }
    await t.nl.links.add({ name: "br0", kind: "bridge", address: "02:00:00:00:03:00", up: true });
    await t.nl.links.set("d1", { master: "br0" });
    await t.nl.links.add({ name: "vx0", kind: "vxlan", id: 7, address: "02:00:00:00:03:01" });
    lines.push(
      "link add br0 address 02:00:00:00:03:00 type bridge",
      "link set br0 up",
      "link set d1 master br0",
      "link add vx0 address 02:00:00:00:03:01 type vxlan id 7 dstport 4789",
    );
    for (let i = 0; i < 30; i++) {
      const mac = `02:00:00:00:05:${hex(i)}`;
      if (i % 2) {
        const lifetime = (["static", "permanent", "dynamic"] as const)[i % 3], sticky = i % 3 === 0;
        await t.nl.fdb.add({ link: "d1", mac, lifetime, sticky });
        bridge.push(`fdb add ${mac} dev d1 master ${lifetime} ${sticky ? "sticky" : ""}`);
      } else {
        const remote = i % 4 ? `192.0.2.${i}` : "192.0.2.1";
        await t.nl.fdb.add({ link: "vx0", mac, remote, port: 5000 + i, vni: i, via: "d0" });
        bridge.push(`fdb add ${mac} dev vx0 dst ${remote} port ${5000 + i} vni ${i} via d0`);
      }
    }
    for (let i = 1; i < 20; i++) {
      await t.nl.nexthops.add({
        id: i,
        link: "d0",
        gateway: i % 2 ? `10.0.0.${i}` : `fd00::${hex(i)}`,
      });
      lines.push(
        `nexthop add id ${i} via ${i % 2 ? `10.0.0.${i}` : `fd00::${hex(i)}`} dev d0 proto static`,
      );
    }
    await t.nl.nexthops.add({ id: 50, group: [{ id: 1, weight: 5 }, { id: 3 }] });
    await t.nl.nexthops.add({
      id: 51,
      group: [{ id: 2 }, { id: 4 }],
      resilient: { buckets: 16, idleTimeout: 5000, unbalancedTimeout: 7000 },
    });
    await t.nl.nexthops.add({ id: 52, blackhole: true });
    lines.push(
      "nexthop add id 50 group 1,5/3 proto static",
      "nexthop add id 51 group 2/4 type resilient buckets 16 idle_timer 5 unbalanced_timer 7 proto static",
      "nexthop add id 52 blackhole proto static",
    );
    t.batch("ip", lines);
    t.batch("bridge", bridge);
    const shown = t.same("ip", "neighbour show dev d0 nud all");
    t.same("ip", "neighbour show proxy");
    t.same("bridge", "fdb show dev vx0");
    t.same("bridge", "fdb show br br0 brport d1");
    const nexthops = t.same("ip", "nexthop show");
    const byAddress = new Map(shown.map((n) => [n.dst, n]));
    for await (const n of t.nl.neighbours.list({ link: "d0" })) {
      const is = byAddress.get(n.address);
      assert.deepEqual([n.mac, n.state.toUpperCase(), n.router], [
        is.lladdr,
        is.state[0],
        "router" in is,
      ]);
    }
    assert.deepEqual(
      (await t.nl.nexthops.list().toArray()).map((
        n,
      ) => [n.id, n.gateway, n.group?.map((m) => m.id)]),
      nexthops.map((n) => [n.id, n.gateway, n.group?.map((m: Json) => m.id)]),
    );
  });

  it("60 queues, classes and filters are the same", async () => {
    await using t = await twins();
    const tbf = fc.record({
      rateBytesPerSecond: pick(12_500, 125_000, 1_250_000, 125_000_000),
      burstBytes: pick(2_000, 15_000, 100_000),
      limitBytes: pick(3_000, 300_000),
    });
    const cls = fc.record({
      rateBytesPerSecond: pick(12_500, 1_250_000, 125_000_000),
      ceilBytesPerSecond: pick(1_250_000_000),
      burstBytes: pick(2_000, 15_000),
      ceilBurstBytes: pick(15_000, 30_000),
      quantumBytes: pick(1500, 60_000),
      priority: pick(1, 7),
      // Whole microseconds, which is what tc rounds to.
    }, { requiredKeys: ["rateBytesPerSecond", "burstBytes", "ceilBurstBytes"] });
    for (const options of sample(tbf, 25)) {
      await t.nl.qdiscs.replace({ link: "d1", kind: "tbf", handle: "8:", options });
      const { rateBytesPerSecond: rate, burstBytes: burst, limitBytes: limit } = options;
      t.batch("tc", [
        `qdisc replace dev d1 root handle 8: tbf rate ${rate}bps burst ${burst}b limit ${limit}b`,
      ]);
      const [shown] = t.same("tc", "qdisc show dev d1");
      const [mine] = await t.nl.qdiscs.list({ link: "d1" }).toArray();
      const is = mine.options as typeof options;
      assert.equal(is.rateBytesPerSecond, shown.options.rate);
      assert.ok(
        Math.abs(is.burstBytes - parseInt(shown.options.burst)) <= 1 + rate / 1e6,
        `${is.burstBytes} ${JSON.stringify(shown)}`,
      );
    }
    for (const [kind, word] of [["pfifo", "limit 77"], ["bfifo", "limit 7777"]] as const) {
      await t.nl.qdiscs.replace(
        kind === "pfifo"
          ? { link: "d2", kind, handle: "9:", options: { limitPackets: 77 } }
          : { link: "e2", kind, handle: "9:", options: { limitBytes: 7777 } },
      );
      t.batch("tc", [
        `qdisc replace dev ${kind === "pfifo" ? "d2" : "e2"} root handle 9: ${kind} ${word}`,
      ]);
      t.same("tc", `qdisc show dev ${kind === "pfifo" ? "d2" : "e2"}`);
    }
    const lines = [
      "qdisc add dev d0 root handle 1: htb default 10 r2q 5",
      "qdisc add dev d0 clsact",
    ];
    await t.nl.qdiscs.add({
      link: "d0",
      kind: "htb",
      handle: "1:",
      options: { defaultClass: 0x10, rateToQuantum: 5 },
    });
    await t.nl.qdiscs.add({ link: "d0", kind: "clsact" });
    for (const [i, options] of sample(cls, 25).entries()) {
      const handle = `1:${hex(16 + i)}`;
      await t.nl.classes.add({ link: "d0", handle, kind: "htb", options });
      lines.push(
        `class add dev d0 parent 1: classid ${handle} htb ${
          words(options, {
            rateBytesPerSecond: (v) => `rate ${v}bps`,
            ceilBytesPerSecond: (v) => `ceil ${v}bps`,
            burstBytes: (v) => `burst ${v}b`,
            ceilBurstBytes: (v) => `cburst ${v}b`,
            quantumBytes: (v) => `quantum ${v}`,
            priority: (v) => `prio ${v}`,
          })
        }`,
      );
    }
    for (let i = 1; i < 10; i++) {
      const value = 0x0a000000 + i;
      await t.nl.filters.add({
        link: "d0",
        parent: i % 2 ? "1:" : "egress",
        priority: i,
        protocol: "ip",
        kind: "u32",
        options: { class: "1:10", keys: [{ offset: 16, value, mask: 0xffffffff }] },
      });
      lines.push(
        `filter add dev d0 ${
          i % 2 ? "parent 1:" : "egress"
        } prio ${i} protocol ip u32 match ip dst 10.0.0.${i}/32 classid 1:10`,
      );
    }
    await t.nl.filters.add({
      link: "d0",
      parent: "ingress",
      priority: 1,
      kind: "bpf",
      options: { bytecode: [[6, 0, 0, 0xffffffff]], class: "1:1" },
    });
    lines.push(
      "filter add dev d0 ingress prio 1 protocol all bpf bytecode '1,6 0 0 4294967295' classid 1:1",
    );
    t.batch("tc", lines);
    t.same("tc", "qdisc show dev d0");
    const classes = t.sameText("tc", "class show dev d0");
    for (const where of ["parent 1:", "ingress", "egress"]) {
      t.same("tc", `filter show dev d0 ${where}`);
    }
    for await (const { handle, options } of t.nl.classes.list({ link: "d0" })) {
      const { priority, quantumBytes } = options as { priority: number; quantumBytes: number };
      const line = classes.split("\n").find((text) => text.startsWith(`class htb ${handle} `))!;
      assert.ok(line.includes(`prio ${priority} quantum ${quantumBytes}`), line);
      assert.deepEqual((await t.nl.classes.get({ link: "d0", handle })).options, options);
    }
    await assert.rejects(
      t.nl.classes.get({ link: "d0", handle: "1:9" }),
      (e: Error) => /Cannot get class 1:9 of d0: .*ENOENT/.test(e.message),
    );
  });
});
