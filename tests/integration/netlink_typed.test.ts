import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { NetlinkConnection, type NetlinkError } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "tc");

async function lab() {
  const ns = await testNamespace();
  const ip = (...words: string[]) =>
    execFileSync("ip", ["-n", ns.name, ...words], { encoding: "utf8" });
  const tc = (...words: string[]) =>
    execFileSync("tc", ["-n", ns.name, ...words], { encoding: "utf8" });
  return { ...ns, ip, tc };
}

describe("a plain connection to generic netlink", { skip }, () => {
  it("knows the families' numbers and groups, as a generic connection does", async () => {
    await using t = await lab();
    for (const protocol of ["generic", 16] as const) {
      await using nl = await NetlinkConnection.open(protocol, { netns: t.name });
      const mptcp = await nl.family("mptcp_pm");
      assert.ok(mptcp.id > 16);
      assert.deepEqual([...mptcp.groups.keys()].sort(), ["mptcp_pm_cmds", "mptcp_pm_events"]);
      await mptcp.do("set-limits", { rcvAddAddrs: 3, subflows: protocol === 16 ? 5 : 4 });
      assert.equal((await mptcp.do("get-limits")).subflows, protocol === 16 ? 5 : 4);
      assert.deepEqual(await mptcp.dump("get-addr").toArray(), []);
    }
    assert.match(t.ip("mptcp", "limits", "show"), /subflows 5/);
  });

  it("is refused for a number that is no protocol's", async () => {
    for (const protocol of [2 ** 32, 2 ** 32 + 16, -1, 1.5, NaN, 2 ** 31]) {
      await assert.rejects(NetlinkConnection.open(protocol), {
        name: "RangeError",
        message: "Cannot open a connection: protocol must be 0 to 2147483647, " +
          `current value is ${protocol}`,
      });
    }
    for (const name of ["rout", "toString"]) {
      await assert.rejects(NetlinkConnection.open(name as "route"), {
        name: "TypeError",
        message: /must be a number or one of route, .*, current value is "/,
      });
    }
    await assert.rejects(
      NetlinkConnection.open(99),
      (error: NetlinkError) => error.code === "EPROTONOSUPPORT",
    );
  });
});

describe("an address of the wrong version", { skip }, () => {
  it("is refused, and no four bytes of it are stored", async () => {
    await using t = await lab();
    await using nl = await NetlinkConnection.open("route", { netns: t.name });
    const links = await nl.family("rt-link");
    const vxlan = (data: { local?: string; local6?: string }) =>
      links.do("newlink", { ifname: "x", linkinfo: { kind: "vxlan", data: { id: 1, ...data } } }, {
        flags: ["create", "exclusive"],
      });
    await assert.rejects(vxlan({ local: "fe80::1" }), {
      name: "TypeError",
      message:
        /linkinfo\.data\.local of newlink of rt-link: must be an IPv4 address, current value is "fe80::1"/,
    });
    await assert.rejects(vxlan({ local6: "10.0.0.1" }), /must be an IPv6 address/);
    await vxlan({ local6: "fd00::1" });
    assert.match(t.ip("-d", "link", "show", "x"), /vxlan id 1 local fd00::1/);
  });
});

describe("a struct that ends in an array", { skip }, () => {
  it("is read with all keys, and a filter of two is written", async () => {
    await using t = await lab();
    t.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1");
    t.tc("qdisc", "add", "dev", "d0", "root", "handle", "1:", "htb");
    const match = "match ip dst 10.1.2.3 match ip src 10.4.5.6 flowid 1:1".split(" ");
    t.tc(..."filter add dev d0 parent 1: protocol ip prio 1 u32".split(" "), ...match);
    await using nl = await NetlinkConnection.open("route", { netns: t.name });
    const tc = await nl.family("tc");
    const link = await (await nl.family("rt-link")).do("getlink", { ifname: "d0" });
    const header = { ifindex: link.header.ifiIndex, parent: 0x10000 };
    const read = async (prio: number) => {
      const all = await tc.dump("gettfilter", { header }).toArray();
      for (const { header: { info }, options } of all) {
        if (info >>> 16 === prio && options && "sel" in options && options.sel) return options;
      }
      return assert.fail(`no filter of priority ${prio}`);
    };
    const { sel, pcnt } = await read(1);
    const keys = [[0x0a010203, 16], [0x0a040506, 12]].map(([val, off]) => {
      return { mask: 0xffffffff, val, off, offmask: 0 };
    });
    const shown = (s: typeof sel) => JSON.parse(JSON.stringify(s)).keys;
    assert.deepEqual(shown(sel), keys);
    if (pcnt !== undefined) assert.equal(pcnt.kcnts.length, 2);

    const info = 2 << 16 | 0x0008; // priority 2, ETH_P_IP in network order
    const options = {
      sel: { ...JSON.parse(JSON.stringify(sel)), nkeys: 2, keys },
      classid: 0x10001,
    };
    await tc.do("newtfilter", { header: { ...header, info }, kind: "u32", options }, {
      flags: ["create", "exclusive"],
    });
    assert.deepEqual(shown((await read(2)).sel), keys);
    assert.match(
      t.tc("filter", "show", "dev", "d0", "pref", "2"),
      /0a010203.*at 16\s+match 0a040506/,
    );
  });
});
