import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { NetlinkConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "nft");

// Which of them a kernel has is for whoever built it to say.
const RULES = `
  meta mark 5-9 accept
  ct state established accept
  ct count over 5 drop
  limit rate over 10 mbytes/second burst 3 kbytes drop
  limit rate 7/minute accept
  meta mark set jhash ip saddr mod 5 seed 0xdeadbeef offset 100
  meta mark set symhash mod 6
  meta mark set numgen inc mod 3 offset 2
  queue flags bypass,fanout to 1-3
  tcp option maxseg size 1400
  tcp option maxseg size set rt mtu
  add @s { ip saddr timeout 60s }
  update @s { ip saddr limit rate 5/second }
  delete @s { ip saddr }
  quota over 5 mbytes drop
  fib saddr . iif oif missing drop
  socket transparent 1 accept
  socket mark 5 accept
  osf ttl skip version "Linux:3.0" accept
  ipsec in reqid 5 accept
  ipsec out spnum 1 ip saddr 10.0.0.1 accept
  synproxy mss 1460 wscale 5 timestamp sack-perm
  rt classid 5 accept
  ip saddr & 255.255.255.0 == 10.0.0.0
  dup to 10.0.0.9
  notrack
`;
const NAT = "meta l4proto tcp redirect to :8080 random,persistent\n masquerade random";

async function netfilter() {
  const ns = await testNamespace();
  const nl = await NetlinkConnection.open("netfilter", { netns: ns.name });
  const inside = ["netns", "exec", ns.name, "nft"];
  return {
    nftables: await nl.family("nftables"),
    run: (text: string) =>
      execFileSync("ip", [...inside, "-f", "-"], { input: text.replaceAll("}", "}\n") }),
    /** Adds a rule, unless this kernel lacks what it consists of. */
    has(rule: string): boolean {
      const { status, stderr } = spawnSync("ip", [...inside, rule], { encoding: "utf8" });
      assert.ok(status === 0 || /No such file|not supported/.test(stderr), stderr);
      return status === 0;
    },
    /** What nft shows of one kind, by the table. */
    shown(kind: string): Record<string, unknown>[] {
      const text = execFileSync("ip", [...inside, "-j", "list", "ruleset"], { encoding: "utf8" });
      return JSON.parse(text).nftables.flatMap((o: object) =>
        kind in o ? [(o as Record<string, unknown>)[kind]] : []
      );
    },
    async [Symbol.asyncDispose]() {
      nl.close();
      await ns[Symbol.asyncDispose]();
    },
  };
}

describe("nftables", { skip }, () => {
  it("has attributes for every expression that nft writes, and takes them back", async () => {
    await using t = await netfilter();
    const { nftables } = t, header = { nfgenFamily: 2 }; // NFPROTO_IPV4
    const chains = (suffix: string) => `
      chain in${suffix} { type filter hook prerouting priority -350; }
      chain nat${suffix} { type nat hook prerouting priority -100; }
      chain post${suffix} { type nat hook postrouting priority 100; }`;
    t.run(`table ip t { set s { type ipv4_addr; size 99; flags dynamic,timeout; }
      ${chains("")} ${chains("2")} }`);
    const [redirect, masquerade] = NAT.split("\n");
    const added = [
      ...RULES.trim().split("\n").map((rule) => `in ${rule}`),
      `nat ${redirect}`,
      `post ${masquerade}`,
    ].filter((rule) => t.has(`add rule ip t ${rule}`));
    assert.ok(added.length > 20, `only ${added.length} rules`);

    const rules = await nftables.dump("getrule", { header }).toArray();
    const met = new Set<string | undefined>();
    await nftables.transaction((add) => {
      for (const rule of rules) {
        for (const { name, data } of rule.expressions?.elem ?? []) {
          met.add(name);
          assert.ok(!(data instanceof Uint8Array), `${name} is bytes`);
          const unknown = Object.keys(data?.toJSON() ?? {}).filter((key) => /^\d+$/.test(key));
          assert.deepEqual(unknown, [], `${name} has more`);
        }
        const { expressions } = rule.toJSON() as { expressions: Record<string, never> };
        const values = { header, table: "t", chain: `${rule.chain}2`, expressions };
        add("newrule", values, { flags: ["create", "append"] });
      }
    });
    const all = t.shown("rule").map(({ chain, expr }) => ({ chain: String(chain), expr }));
    const copies = all.filter(({ chain }) => chain.endsWith("2"));
    assert.deepEqual([rules.length, copies.length], [added.length, added.length]);
    assert.deepEqual(
      copies.map(({ expr }) => expr),
      all.filter(({ chain }) => !chain.endsWith("2")).map(({ expr }) => expr),
    );
    console.log(`compared: ${[...met].join(" ")}`);
  });

  it("reads numbers of expressions as nft does", async () => {
    await using t = await netfilter();
    t.run(`table ip t { set s { type ipv4_addr; size 99; flags dynamic,timeout; } chain c {
      limit rate over 10 mbytes/second burst 3 kbytes
      meta mark set jhash ip saddr mod 5 seed 0xdeadbeef offset 100
      meta mark set numgen inc mod 3 offset 2
      add @s { ip saddr timeout 60s }
      ct count 4
      synproxy mss 1460 wscale 5 timestamp
      } }`);
    const rules = await t.nftables.dump("getrule", { header: { nfgenFamily: 2 } }).toArray();
    const elem = rules.flatMap(({ expressions }) => expressions?.elem ?? []);
    const data = (name: string) => {
      const found = elem.find((e) => e.name === name)?.data;
      return found instanceof Uint8Array ? undefined : found?.toJSON();
    };
    assert.deepEqual(data("limit"), {
      rate: 10 * 2 ** 20,
      unit: 1,
      burst: 3 * 1024,
      type: "pkt-bytes",
      flags: ["inv"],
    });
    const { sreg: _, dreg: _d, ...hash } = data("hash") ?? {};
    assert.deepEqual(hash, { len: 4, modulus: 5, seed: 0xdeadbeef, offset: 100, type: "jenkins" });
    const numbers = { dreg: "reg-1", modulus: 3, type: "incremental", offset: 2 };
    assert.deepEqual(data("numgen"), numbers);
    const { setName, op, timeout } = data("dynset") ?? {};
    assert.deepEqual([setName, op, timeout], ["s", "add", 60_000]);
    assert.deepEqual(data("connlimit"), { count: 4 });
    const flags = ["mss", "wscale", "timestamp"];
    assert.deepEqual(data("synproxy"), { mss: 1460, wscale: 5, flags });
  });

  it("reads what elements of intervals are, and makes them", async () => {
    await using t = await netfilter();
    const { nftables } = t, header = { nfgenFamily: 2 };
    const set = (name: string, more: string) =>
      `set ${name} { type ipv4_addr; flags interval; ${more}}\n`;
    const range = "elements = { 10.0.0.0/8 }";
    t.run(`table ip t { ${set("r", range)} ${set("copy", "")} }`);
    const [{ elements }] = await nftables.dump("getsetelem", { header, table: "t", set: "r" })
      .toArray();
    assert.deepEqual(elements?.elem?.map((e) => e.flags ?? []), [["interval-end"], [], [
      "interval-end",
    ]]);
    await nftables.do("newsetelem", { header, table: "t", set: "copy", elements }, {
      flags: ["create"],
    });
    const [made, copy] = ["r", "copy"].map((name) => t.shown("set").find((s) => s.name === name));
    assert.ok(made?.elem);
    assert.deepEqual(copy?.elem, made.elem);
  });

  it("has attributes for the objects that nft makes, and takes them back", async () => {
    await using t = await netfilter();
    const { nftables } = t, header = { nfgenFamily: 2 };
    t.run(`table ip copy { }
      table ip t {
        counter counter1 { packets 5 bytes 700 }
        quota quota1 { over 10 mbytes used 7 bytes }
        limit limit1 { rate 5/second burst 9 packets }
        synproxy synproxy1 { mss 1460; wscale 5; timestamp sack-perm; }
        ct timeout timeout1 { protocol tcp; l3proto ip; policy = { established: 120, close: 21 } }
        ct expectation expect1 { protocol udp; dport 9876; timeout 2m; size 12; l3proto ip; }
      }`);
    const objects = await nftables.dump("getobj", { header }).toArray();
    assert.equal(objects.length, 6);
    await nftables.transaction((add) => {
      for (const { name, type, data } of objects) {
        assert.ok(!(data instanceof Uint8Array), `${type} is bytes`);
        const values = { header, table: "copy", name, type, data: data?.toJSON() };
        add("newobj", values, { flags: ["create"] });
      }
    });
    const kinds = ["counter", "quota", "limit", "synproxy", "ct timeout", "ct expectation"];
    for (const kind of kinds) {
      const seen = t.shown(kind).map(({ handle: _, table, ...rest }) => ({ table, rest }));
      const [copy, original] = ["copy", "t"].map((name) => seen.find((o) => o.table === name));
      assert.deepEqual(copy?.rest, original?.rest, kind);
      assert.ok(copy, kind);
    }
    const expectation = objects.find(({ type }) => type === "ct-expect");
    assert.ok(expectation?.data && "size" in expectation.data);
    const { dport, timeout, size } = expectation.data;
    assert.deepEqual([dport, timeout, size], [9876, 120_000, 12]);
  });

  it("makes tunnels that nft does not know, as the kernel keeps them", async () => {
    await using t = await netfilter();
    const { nftables } = t, header = { nfgenFamily: 5 }; // NFPROTO_NETDEV
    const data = {
      id: 77,
      ip: { src: "10.0.0.1", dst: "10.0.0.2" },
      flags: ["dont-fragment"],
      tos: 4,
      ttl: 9,
      sport: 5,
      dport: 4789,
      opts: { vxlan: { gbp: 3 } },
    } as const;
    await nftables.transaction((add) => {
      add("newtable", { header, name: "t" }, { flags: ["create"] });
      const tunnel = { header, table: "t", name: "tunnel1", type: "tunnel", data } as const;
      add("newobj", tunnel, { flags: ["create"] });
    });
    const [read] = await nftables.dump("getobj", { header }).toArray();
    assert.ok(!(read.data instanceof Uint8Array));
    assert.deepEqual(read.data?.toJSON(), data);
  });
});
