import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import {
  type NetlinkError,
  RouteConnection,
  type RouteFlush,
  type RuleFlush,
} from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const COUNT = 100;

describe("flushing", { skip: need("net-admin", "ip") }, () => {
  async function lab(netns: string): Promise<RouteConnection> {
    const nl = await RouteConnection.open({ netns });
    await nl.batch().links.add({ name: "b0", kind: "bridge" })
      .links.add({ name: "b1", kind: "bridge" })
      .links.set("b0", { up: true }).links.set("b1", { up: true }).commit();
    return nl;
  }

  it("removes the addresses that are selected, secondary ones too, and no other", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    for (
      const [link, address] of [
        ["b0", "10.0.0.1/24"],
        ["b0", "10.0.0.2/24"],
        ["b0", "fd00::1/64"],
        ["b1", "10.0.1.1/24"],
      ]
    ) await nl.addresses.add({ link, address });
    assert.equal(await nl.addresses.flush({ link: "b0", family: 4 }), 2);
    const left = (await nl.addresses.list().toArray()).filter((a) => a.scope === "global");
    assert.deepEqual(left.map((a) => a.address).sort(), ["10.0.1.1/24", "fd00::1/64"]);
  });

  it("removes neighbours, permanent ones when told to, whoever else does so meanwhile", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    await using other = await RouteConnection.open({ netns: ns.name });
    const fill = async () => {
      const neighbours = nl.batch();
      for (let i = 1; i <= COUNT; i++) {
        neighbours.neighbours.add({ link: "b0", address: `10.0.0.${i}`, mac: "02:00:00:00:00:01" });
      }
      for (const result of await neighbours.commit()) assert.equal(result.status, "done");
    };
    await fill();
    const filter = { link: "b0", family: 4, permanent: true } as const;
    assert.equal(await nl.neighbours.flush({ link: "b0", family: 4 }), 0, "they are permanent");
    // One may be through before the other lists, where the event loop had its turn in between.
    let both = false;
    for (let round = 0; round < 50 && !both; round++) {
      if (round > 0) await fill();
      const counts = await Promise.all([
        nl.neighbours.flush(filter),
        other.neighbours.flush(filter),
      ]);
      assert.equal(Math.max(...counts), COUNT, `${counts}`);
      both = counts.every((count) => count === COUNT);
    }
    assert.ok(both, "neither met what the other had deleted");
    const left = await nl.neighbours.list({ link: "b0", family: 4 }).toArray();
    assert.deepEqual(left.filter((n) => n.state !== "noarp").map((n) => n.address), []);
  });

  it("removes the routes that are selected, as ip does", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    await using twin = await testNamespace();
    const ip = (netns: string, ...words: string[]) =>
      execFileSync("ip", ["-n", netns, ...words], { encoding: "utf8" });
    const prepare = (netns: string) => {
      for (const version of ["-4", "-6"]) ip(netns, version, "route", "flush", "table", "all");
      execFileSync("ip", ["-n", netns, "-b", "-"], {
        input: `link set b0 down
          link set b1 down
          link set b0 up addrgenmode none
          link set b1 up addrgenmode none
          address replace 10.0.0.1/24 dev b0
          address replace 10.0.1.1/24 dev b1
          address replace fd00::1/64 dev b0 nodad
          route add 10.1.0.0/16 via 10.0.0.2 proto bgp metric 5 mtu 1400 advmss 900
          route add 10.1.0.0/16 via 10.0.0.2 proto bgp metric 6
          route add 10.1.2.0/24 tos 0x10 via 10.0.0.3 proto bgp
          route add 10.1.3.0/24 dev b1 scope link src 10.0.1.1
          route add 10.2.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2 weight 3
          route add blackhole 10.3.0.0/16
          route add 10.4.0.0/16 via inet6 fd00::2 dev b0
          route add 10.5.0.0/16 via 10.0.0.2 realms 3/4 table 100
          route add default via 10.0.0.2 onlink dev b0
          route add fd01::/64 via fd00::2 proto bgp pref high
          route add fd01::/64 from fd09::/64 via fd00::2 proto bgp metric 7
          route add fd02::/64 nexthop via fd00::2 nexthop via fd00::3 weight 3
          route add unreachable fd03::/64 expires 600
          route add fd04::/64 dev b1 table 100`.replaceAll(/^ +/gm, ""),
      });
    };
    ip(twin.name, "link", "add", "b0", "type", "bridge");
    ip(twin.name, "link", "add", "b1", "type", "bridge");
    const state = (netns: string) =>
      ["-4", "-6"].map((version) => ip(netns, version, "route", "show", "table", "all"))
        .join("").replaceAll(/ expires \d+sec/g, " expires");
    const cases: [filter: RouteFlush, words: string[]][] = [
      [{ protocol: "bgp" }, ["-4 route flush proto bgp", "-6 route flush proto bgp"]],
      [{ link: "b1", family: 4 }, ["-4 route flush dev b1"]],
      [{ link: "b0", family: 6, table: "all" }, ["-6 route flush table all dev b0"]],
      [{ type: "blackhole" }, ["-4 route flush type blackhole"]],
      [{ family: 6, type: "unreachable" }, ["-6 route flush type unreachable"]],
      [{ table: 100 }, ["-4 route flush table 100", "-6 route flush table 100"]],
      [{ within: "10.1.2.0/23" }, ["-4 route flush root 10.1.2.0/23"]],
      [{ within: "0.0.0.0/0" }, ["-4 route flush root 0.0.0.0/0"]],
      [{ within: "fd01::/33" }, ["-6 route flush root fd01::/33"]],
      [{ within: "::/0" }, ["-6 route flush root ::/0"]],
      [{ gateway: "10.0.0.2" }, ["-4 route flush via 10.0.0.2"]],
      [{ gateway: "fd00::2", family: 6 }, ["-6 route flush via fd00::2"]],
      [{ scope: "link", family: 4 }, ["-4 route flush scope link"]],
      [{ table: 254 }, ["-4 route flush table main", "-6 route flush table main"]],
      [{ table: 4711 }, []],
      [{ table: "all", family: 4 }, ["-4 route flush table all"]],
    ];
    for (const [filter, commands] of cases) {
      prepare(ns.name);
      prepare(twin.name);
      const before = state(ns.name);
      assert.equal(before, state(twin.name));
      const count = await nl.routes.flush(filter);
      for (const words of commands) ip(twin.name, ...words.split(" "));
      const after = state(ns.name), said = JSON.stringify(filter);
      assert.equal(after, state(twin.name), said);
      // Routes with several next hops take as many lines more.
      const routes = (text: string) => text.split("\n").filter((line) => /^\S/.test(line)).length;
      assert.equal(count, routes(before) - routes(after), said);
      assert.equal(count > 0, commands.length > 0, said);
    }
  });

  it("removes the rules that are selected and no other", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    const fill = async () => {
      for (const family of [4, 6] as const) {
        await nl.rules.add({ family, priority: 100, table: 7, mark: 1, protocol: "bgp" });
        await nl.rules.add({ family, priority: 100, table: 7, not: true, mark: 2 });
        await nl.rules.add({ family, priority: 101, table: 8, incoming: "b0", protocol: "bgp" });
        await nl.rules.add({ family, priority: 102, goto: 32766 });
        await nl.rules.add({ family, priority: 103, table: 7 });
      }
      await nl.rules.add({ priority: 104, from: "10.0.0.0/8", table: 9 });
    };
    const list = async () =>
      (await nl.rules.list().toArray()).map((r) => `${r.family}:${r.priority}:${r.mark ?? ""}`);
    const first = await list();
    await fill();
    const all = await list();
    const cases: [filter: RuleFlush, doomed: (rule: string) => boolean][] = [
      [{ protocol: "bgp" }, (r) => /:100:1|:101:/.test(r)],
      [{ protocol: "bgp", family: 6 }, (r) => /6:100:1|6:101:/.test(r)],
      [{ table: 7 }, (r) => /:100:|:103:/.test(r)],
      [{ table: 7, not: true }, (r) => /:100:2/.test(r)],
      [{ goto: 32766 }, (r) => /:102:/.test(r)],
      [{ priority: 100 }, (r) => /:100:/.test(r)],
      [{ incoming: "b0" }, (r) => /:101:/.test(r)],
      [{ from: "10.0.0.0/8" }, (r) => /:104:/.test(r)],
      [{ action: "lookup", table: 255 }, () => false],
      [{ priority: 0 }, () => false],
      [{ mark: 3 }, () => false],
    ];
    for (const [filter, doomed] of cases) {
      const count = await nl.rules.flush(filter), left = await list();
      assert.deepEqual(left, all.filter((rule) => !doomed(rule)), JSON.stringify(filter));
      assert.equal(count, all.filter(doomed).length);
      await nl.rules.flush({ table: 7 });
      for (const priority of [100, 101, 102, 103, 104]) await nl.rules.flush({ priority });
      assert.deepEqual(await list(), first);
      await fill();
    }
  });

  it("leaves a rule that the kernel cannot tell from one that is to go", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    const rule = { priority: 100, table: 7, mark: 2 };
    await nl.rules.add(rule);
    await nl.rules.append({ ...rule, not: true });
    await assert.rejects(
      nl.rules.flush({ table: 7, not: true }),
      (e: NetlinkError) => e.code === "ENOTUNIQ" && /^Cannot flush rule 100: /.test(e.message),
    );
    assert.equal((await nl.rules.list({ family: 4 }).toArray()).length, 5);
    assert.equal(await nl.rules.flush({ table: 7 }), 2);
  });

  it("is refused where nothing is named, and where a value is wrong", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    const routes: [filter: unknown, message: RegExp][] = [
      [{}, /^TypeError: Cannot use a flush of routes: must be told by more than an IP version/],
      [{ family: 4 }, /^TypeError: Cannot use a flush of routes: .*current value is {"family":4}$/],
      [undefined, /^TypeError: Cannot use a flush of routes: must be an object, current value is/],
      [{ table: "main" }, /^TypeError: Cannot use table: must be a number or all, .* "main"$/],
      [{ table: 0 }, /^RangeError: Cannot use table: must be 1 to 4294967295/],
      [{ table: null }, /^TypeError: Cannot use table: must be given, or left out/],
      [{ within: "10.0.0.1/8" }, /^TypeError: Cannot use within: must be a network/],
      [{ within: "default" }, /^TypeError: Cannot use within: must be an address such as/],
      [
        { within: "10.0.0.0/8", family: 6 },
        /^TypeError: Cannot use family: must be the IP version/,
      ],
      [{ gateway: "10.0.0.0/8" }, /^TypeError: Cannot use gateway: must be an IPv4 or IPv6/],
      [{ scope: "far" }, /^TypeError: Cannot use scope: must be a number or one of/],
      [{ destination: "10.0.0.0/8" }, /^TypeError: Cannot use destination: must be one of/],
      [{ link: "" }, /^TypeError: Cannot use link: must be a link's name or index/],
      [{ table: 1, family: 5 }, /^TypeError: Cannot use family: must be 4 or 6/],
    ];
    const rules: [filter: unknown, message: RegExp][] = [
      [{}, /^TypeError: Cannot use a flush of rules: must be told by more than an IP version/],
      [{ family: 6 }, /^TypeError: Cannot use a flush of rules: /],
      [{ from: "0.0.0.0/0" }, /^TypeError: Cannot use a flush of rules: /],
      [{ not: false }, /^TypeError: Cannot use a flush of rules: /],
      [undefined, /^TypeError: Cannot use a flush of rules: must be an object/],
      [{ table: "main" }, /^TypeError: Cannot use table: must be an integer/],
      [{ link: "b0" }, /^TypeError: Cannot use link: must be one of the options/],
      [{ priority: NaN }, /^TypeError: Cannot use priority: must be an integer/],
      [{ from: "10.0.0.0/8", family: 6 }, /^TypeError: Cannot use family/],
    ];
    const count = () => nl.rules.list().toArray().then((rules) => rules.length);
    const before = await count();
    for (const [filter, message] of routes) {
      await assert.rejects(nl.routes.flush(filter as RouteFlush), message);
    }
    for (const [filter, message] of rules) {
      await assert.rejects(nl.rules.flush(filter as RuleFlush), message);
    }
    assert.equal(await count(), before);
    await assert.rejects(
      nl.routes.flush({ link: "b9" }),
      (e: NetlinkError) => e.code === "ENODEV",
    );
  });

  it("stops where a signal says so", async () => {
    await using ns = await testNamespace();
    await using nl = await lab(ns.name);
    const fill = nl.batch();
    for (let i = 1; i <= COUNT; i++) {
      fill.addresses.add({ link: "b0", address: `10.0.${i}.1/24` });
      fill.neighbours.add({ link: "b1", address: `10.1.0.${i}`, mac: "02:00:00:00:00:01" });
    }
    await fill.commit();
    const reason = new Error("enough");
    for (
      const flush of [
        (signal: AbortSignal) => nl.addresses.flush({ link: "b0", family: 4, signal }),
        (signal: AbortSignal) =>
          nl.neighbours.flush({ link: "b1", family: 4, permanent: true, signal }),
      ]
    ) {
      const abort = new AbortController();
      const flushed = flush(abort.signal);
      await Promise.resolve();
      abort.abort(reason);
      await assert.rejects(flushed, (e) => e === reason);
    }
    assert.ok(
      await nl.addresses.list({ link: "b0", family: 4 }).toArray().then((a) => a.length) > 0,
    );
    assert.ok(
      await nl.neighbours.list({ link: "b1", family: 4 }).toArray().then((n) => n.length) > 0,
    );
    assert.ok(nl.usable);
  });
});
