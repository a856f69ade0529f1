import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { connect, createServer, type Server } from "node:net";
import { describe, it } from "node:test";
import {
  createNamespace,
  GenericConnection,
  NetlinkConnection,
  NetlinkError,
  RouteConnection,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "nft");

const INET = 1, FILTER_HOOKS = { input: 1, output: 3 }; // NFPROTO_INET, NF_INET_LOCAL_*
const header = { nfgenFamily: INET };

async function netfilter() {
  const ns = await testNamespace();
  const nl = await NetlinkConnection.open("netfilter", { netns: ns.name });
  const nftables = await nl.family("nftables");
  const shown = () => {
    const text = execFileSync("ip", ["netns", "exec", ns.name, "nft", "-j", "list", "ruleset"]);
    // The first entry is about nft itself.
    return JSON.parse(String(text)).nftables.slice(1);
  };
  return {
    ns: ns.name,
    nl,
    nftables,
    shown,
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

describe("nftables", { skip }, () => {
  it("reads times and fields of sets as nft writes them, and writes them so", async () => {
    await using t = await netfilter();
    const { nftables } = t;
    const run = (command: string) =>
      execFileSync("ip", ["netns", "exec", t.ns, "nft", ...command.split(" ")]);
    run("add table inet t");
    run("add set inet t timed { type ipv4_addr ; timeout 60s ; gc-interval 5s ; }");
    run("add element inet t timed { 10.0.0.1 timeout 1h }");
    run("add set inet t pairs { type ipv4_addr . inet_service ; flags interval ; }");
    const set = { header: { nfgenFamily: 1 }, table: "t" };
    const timed = await nftables.do("getset", { ...set, name: "timed" });
    assert.deepEqual([timed?.timeout, timed?.gcInterval], [60_000, 5_000]);
    const [list] = await nftables.dump("getsetelem", { ...set, set: "timed" }).toArray();
    assert.equal(list.elements?.elem?.[0].timeout, 3_600_000);
    const pairs = await nftables.do("getset", { ...set, name: "pairs" });
    const fields = pairs?.desc?.concat?.flatMap(({ elem }) => elem!.map(({ len }) => len));
    assert.deepEqual(fields, [4, 2]);
    await nftables.transaction((add) => {
      const { flags, keyType, keyLen } = timed!;
      const made = { flags, keyType, keyLen, timeout: 30_000, gcInterval: 2_000, id: 1 };
      add("newset", { ...set, name: "own", ...made }, { flags: ["create"] });
    });
    const own = t.shown().find(({ set }: { set?: { name: string } }) => set?.name === "own").set;
    assert.deepEqual([own.timeout, own["gc-interval"]], [30, 2]);
  });

  it("gets a table, a chain and a rule in one transaction, as nft shows them", async () => {
    await using t = await netfilter();
    const { nftables } = t;
    await using events = await nftables.watch("mgmt");
    await nftables.transaction((add) => {
      add("newtable", { header, name: "t" }, { flags: ["create", "exclusive"] });
      add("newchain", {
        header,
        table: "t",
        name: "in",
        type: "filter",
        hook: { num: FILTER_HOOKS.input, priority: -10 },
        policy: 1,
      }, { flags: ["create"] });
      add("newrule", {
        header,
        table: "t",
        chain: "in",
        expressions: {
          elem: [
            { name: "meta", data: { key: "l4-proto", dreg: 1 } },
            { name: "cmp", data: { sreg: 1, op: "eq", data: { value: new Uint8Array([6]) } } },
            { name: "payload", data: { base: "transport-header", dreg: 1, offset: 2, len: 2 } },
            { name: "cmp", data: { sreg: 1, op: "eq", data: { value: "0050" } } },
            { name: "counter", data: {} },
            { name: "immediate", data: { dreg: 0, data: { verdict: { code: 1 } } } },
          ],
        },
      }, { flags: ["create", "append"] });
    });
    const [table, chain, rule] = t.shown();
    assert.deepEqual([table.table.family, table.table.name], ["inet", "t"]);
    const { name, type, hook, prio, policy } = chain.chain;
    assert.deepEqual(
      { name, type, hook, prio, policy },
      { name: "in", type: "filter", hook: "input", prio: -10, policy: "accept" },
    );
    assert.deepEqual(rule.rule.expr, [
      { match: { op: "==", left: { payload: { protocol: "tcp", field: "dport" } }, right: 80 } },
      { counter: { packets: 0, bytes: 0 } },
      { accept: null },
    ]);
    const [read] = await nftables.dump("getrule", { header }).toArray();
    assert.deepEqual([read.table, read.chain, read.handle], ["t", "in", rule.rule.handle]);
    const names = read.expressions?.elem?.map((e) => e.name);
    assert.deepEqual(names, ["meta", "cmp", "payload", "cmp", "counter", "immediate"]);
    const seen = [];
    for await (const event of events) {
      seen.push(event.kind === "event" && event.operation);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, ["newtable", "newchain", "newrule"]);
  });

  it("tells its generation, which is no list", async () => {
    await using t = await netfilter();
    const { id } = await t.nftables.do("getgen") ?? {};
    await t.nftables.do("newtable", { header, name: "t" }, { flags: ["create"] });
    assert.equal((await t.nftables.do("getgen"))?.id, id! + 1);
    // @ts-expect-error it has none
    assert.throws(() => t.nftables.dump("getgen"), /getgen of nftables: it has no dump/);
    assert.ok(t.nl.usable);
  });

  it("takes a transaction that another thread sends, and refuses one", async () => {
    await using t = await netfilter();
    const make = (names: string[]) =>
      t.nftables.transaction((add) => {
        for (const name of names) {
          add("newtable", { header, name }, { flags: ["create", "exclusive"] });
        }
      }, { offload: true });
    await make(["a", "b"]);
    await assert.rejects(
      make(["c", "a", "d"]),
      (e) => e instanceof NetlinkError && e.isExists && /newtable/.test(e.operation),
    );
    assert.deepEqual(t.shown().map((s: { table: { name: string } }) => s.table.name), ["a", "b"]);
    await make(["e"]);
    assert.ok(t.nl.usable);
  });

  it("makes all changes of a transaction or none, and names the one that it refuses", async () => {
    await using t = await netfilter();
    const { nftables, nl } = t;
    const names = async () =>
      (await nftables.dump("gettable", { header }).toArray()).map((table) => table.name);
    await nftables.do("newtable", { header, name: "one" }, { flags: ["create"] });
    assert.deepEqual(await names(), ["one"]);
    await assert.rejects(
      nftables.transaction((add) => {
        add("newtable", { header, name: "two" }, { flags: ["create"] });
        add("delchain", { header, table: "one", name: "none" });
        add("delchain", { header, table: "nowhere", name: "none" });
      }),
      (error: NetlinkError) => {
        assert.deepEqual(
          [error.code, error.attribute, error.operation],
          ["ENOENT", "name", "request delchain of nftables, change 2"],
        );
        return true;
      },
    );
    assert.deepEqual(await names(), ["one"]);
    await assert.rejects(
      nftables.do("newtable", { header, name: "one" }, { flags: ["create", "exclusive"] }),
      (error: NetlinkError) => error.isExists,
    );
    await nftables.transaction(() => {});
    await assert.rejects(
      nftables.transaction((add) => {
        add("newtable", { header, name: "three" }, { flags: ["create"] });
        add("newtable", { header, name: 3 as unknown as string });
      }),
      /Cannot encode name of newtable of nftables: must be a string/,
    );
    await assert.rejects(
      nftables.transaction((add) => add("batch-end" as "newtable")),
      /batch-end of nftables/,
    );
    assert.deepEqual(await names(), ["one"]);
    assert.ok(nl.usable);
    let late: (() => void) | undefined;
    await nftables.transaction(async (add) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      add("newtable", { header, name: "late" }, { flags: ["create"] });
      late = () => add("newtable", { header, name: "too late" }, { flags: ["create"] });
    });
    assert.deepEqual(await names(), ["one", "late"]);
    assert.throws(
      late!,
      /TypeError: Cannot add newtable to a transaction of nftables: it has ended/,
    );
    const reason = new Error("enough");
    await assert.rejects(nftables.transaction(() => Promise.reject(reason)), reason);
    await nftables.do("deltable", { header, name: "late" });
    await nftables.do("deltable", { header, name: "one" });
    assert.deepEqual(t.shown(), []);
  });

  it("takes 5,000 changes at once, and refuses as many, on a connection that stays usable", async () => {
    await using t = await netfilter();
    const { nftables, nl } = t;
    const chains = (table: string) =>
      nftables.transaction((add) => {
        add("newtable", { header, name: "t" }, { flags: ["create"] });
        for (let i = 0; i < 5000; i++) {
          add("newchain", { header, table, name: `c${i}` }, { flags: ["create"] });
        }
      });
    await chains("t");
    assert.equal((await nftables.dump("getchain", { header }).toArray()).length, 5000);
    await assert.rejects(chains("none"), (error: NetlinkError) => error.attribute === "table");
    assert.ok(nl.usable);
    assert.equal((await nftables.dump("getchain", { header }).toArray()).length, 5000);
  });
});

describe("conntrack", { skip }, () => {
  it("lists and tells of the flows that an nftables rule makes it track", async () => {
    await using t = await netfilter();
    await using route = await RouteConnection.open({ netns: t.ns });
    await route.links.set("lo", { up: true });
    await t.nftables.transaction((add) => {
      add("newtable", { header, name: "t" }, { flags: ["create"] });
      const hook = { num: FILTER_HOOKS.output, priority: 0 };
      add("newchain", { header, table: "t", name: "out", type: "filter", hook }, {
        flags: ["create"],
      });
      const elem = [{ name: "ct", data: { key: "state", dreg: 1 } } as const];
      add("newrule", { header, table: "t", chain: "out", expressions: { elem } }, {
        flags: ["create", "append"],
      });
    });
    const conntrack = await t.nl.family("conntrack");
    await using events = await conntrack.watch(["new"]);
    const timestamps = "net.netfilter.nf_conntrack_timestamp=1";
    execFileSync("ip", ["netns", "exec", t.ns, "sysctl", "-qw", timestamps]);
    const before = Date.now();
    execFileSync("ip", ["netns", "exec", t.ns, "bash", "-c", "echo > /dev/udp/127.0.0.1/4711"]);
    const IPV4 = { nfgenFamily: 2 }, UDP = 17;
    const flows = await conntrack.dump("get", { header: IPV4 }).toArray();
    const mine = flows.find((f) => f.tupleOrig?.tupleProto?.protoDstPort === 4711);
    assert.equal(mine?.tupleOrig?.tupleIp?.ipV4Dst, "127.0.0.1");
    assert.equal(mine?.tupleOrig?.tupleProto?.protoNum, UDP);
    const started = Number(mine?.timestamp?.start) / 1e6; // nanoseconds
    assert.ok(started >= before - 10 && started <= Date.now() + 10, `started at ${started}`);
    const PROTO_NUM = 8, PROTO_DST_PORT = 32; // what of the tuple counts, for the kernel to select by
    const selected = async (protoDstPort: number) => {
      const tupleOrig = { tupleProto: { protoNum: UDP, protoDstPort } };
      const filter = { origFlags: PROTO_NUM | PROTO_DST_PORT };
      return (await conntrack.dump("get", { header: IPV4, tupleOrig, filter }).toArray()).length;
    };
    assert.deepEqual([await selected(4711), await selected(4712)], [1, 0]);
    const { value } = await events.next();
    assert.ok(value?.kind === "event" && value.operation === "get");
    assert.deepEqual(value.message.tupleOrig?.toJSON(), mine?.tupleOrig?.toJSON());
    const stats = await conntrack.dump("get-stats", { header: IPV4 }).toArray();
    assert.ok(stats.length > 0 && stats.every((s) => s.drop === 0));
  });
});

describe("generic families", { skip }, () => {
  it("mptcp_pm takes addresses and limits that ip shows", async () => {
    await using ns = await testNamespace();
    await using nl = await GenericConnection.open({ netns: ns.name });
    const mptcp = await nl.family("mptcp_pm");
    const SIGNAL = 1; // MPTCP_PM_ADDR_FLAG_SIGNAL
    await mptcp.do("add-addr", {
      addr: { family: 2, addr4: "10.1.2.3", id: 7, flags: SIGNAL },
    });
    await mptcp.do("set-limits", { rcvAddAddrs: 3, subflows: 4 });
    const ip = (...words: string[]) =>
      execFileSync("ip", ["-n", ns.name, "mptcp", ...words], { encoding: "utf8" });
    assert.match(ip("endpoint", "show"), /^10\.1\.2\.3 id 7 signal/);
    assert.match(ip("limits", "show"), /add_addr_accepted 3 subflows 4/);
    const [address] = await mptcp.dump("get-addr").toArray();
    assert.deepEqual(
      [address.addr?.addr4, address.addr?.id, address.addr?.flags],
      ["10.1.2.3", 7, SIGNAL],
    );
    const limits = await mptcp.do("get-limits");
    assert.deepEqual([limits.rcvAddAddrs, limits.subflows], [3, 4]);
  });

  it("tcp_metrics remembers a connection, as ip shows it, and forgets it", async () => {
    const address = `127.71.${process.pid >> 8 & 255}.${process.pid & 255}`;
    await talk(address);
    await using nl = await GenericConnection.open();
    const metrics = await nl.family("tcp_metrics");
    const mine = async () =>
      (await metrics.dump("get").toArray()).filter((m) => m.addrIpv4 === address);
    const [found] = await mine();
    assert.ok(found.vals!.rttUs! > 0 || found.vals!.rtt! > 0);
    const shown = execFileSync("ip", ["tcp_metrics", "show", address], { encoding: "utf8" });
    assert.ok(shown.startsWith(`${address} `), shown);
    const one = await metrics.do("get", { addrIpv4: address });
    assert.equal(one.addrIpv4, address);
    await metrics.do("del", { addrIpv4: address });
    assert.deepEqual(await mine(), []);
    await assert.rejects(
      metrics.do("get", { addrIpv4: address }),
      (e: NetlinkError) => e.isNotFound,
    );
  });

  it("are watched from the family itself, in the connection's namespace", async () => {
    await using ns = await testNamespace();
    await using nl = await GenericConnection.open({ netns: ns.name });
    const ethtool = await nl.family("ethtool");
    await using events = await ethtool.watch("monitor");
    await using route = await RouteConnection.open({ netns: ns.name });
    await route.links.add({ name: "p0", kind: "veth", peer: { name: "q0" } });
    const bit = [{ name: "tx-checksum-ip-generic" }];
    await ethtool.do("features-set", { header: { devName: "p0" }, wanted: { bits: { bit } } });
    const { value } = await events.next();
    assert.ok(value?.kind === "event" && value.operation === "features-ntf");
    assert.equal(value.message.header?.devName, "p0");
    for (const groups of [undefined, 3, null]) {
      await assert.rejects(ethtool.watch(groups as never), {
        name: "TypeError",
        message:
          `Cannot watch family ethtool: groups must be a name or names, current value is ${groups}`,
      });
    }
    nl.close();
    await assert.rejects(
      ethtool.watch("monitor"),
      /Cannot watch family ethtool: the connection is closed \(EBADF\)/,
    );
    await using again = await GenericConnection.open({ netns: ns.name });
    await assert.rejects(
      (await again.family("ethtool")).watch("nope"),
      /its groups are monitor, current value is "nope"/,
    );
  });

  it("are not watched in another namespace that has got the name meanwhile", async () => {
    const first = await testNamespace();
    await using nl = await GenericConnection.open({ netns: first.name });
    const control = await nl.family("nlctrl");
    await first[Symbol.asyncDispose]();
    await assert.rejects(control.watch("notify"), { name: "NetlinkError", code: "ENOENT" });
    await createNamespace(first.name);
    try {
      await assert.rejects(control.watch("notify"), (error: NetlinkError) => {
        return error instanceof NetlinkError && error.code === "ESTALE";
      });
    } finally {
      await first[Symbol.asyncDispose]();
    }
  });
});

/** A TCP connection to `address` that carries some data. */
async function talk(address: string): Promise<void> {
  const server: Server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve, reject) => {
    let got = 0;
    const socket = connect(port, address, () => socket.write(new Uint8Array(50_000)));
    socket.on("data", (chunk) => (got += chunk.length) === 50_000 && socket.end());
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
  await new Promise((resolve) => server.close(resolve));
}
