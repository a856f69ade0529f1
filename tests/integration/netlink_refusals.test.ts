import {
  type DoOptions,
  GenericConnection,
  NetlinkConnection,
  NetlinkError,
  type RequestOptions,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "nft");

/** The code, and what else the kernel tells. */
type Expected = [
  code: string,
  told?: {
    kernelMessage?: RegExp;
    attribute?: string;
    missing?: string;
    policy?: Record<string, unknown>;
  },
];

type Refusal = [Expected, (how: RequestOptions, change: DoOptions) => Promise<unknown>];

async function connections() {
  const ns = await testNamespace(), where = { netns: ns.name };
  const route = await NetlinkConnection.open("route", where);
  const netfilter = await NetlinkConnection.open("netfilter", where);
  const generic = await GenericConnection.open(where);
  const all = [route, netfilter, generic];
  return {
    all,
    links: await route.family("rt-link"),
    addresses: await route.family("rt-addr"),
    routes: await route.family("rt-route"),
    neighbours: await route.family("rt-neigh"),
    rules: await route.family("rt-rule"),
    tc: await route.family("tc"),
    nftables: await netfilter.family("nftables"),
    conntrack: await netfilter.family("conntrack"),
    ethtool: await generic.family("ethtool"),
    netdev: await generic.family("netdev"),
    control: await generic.family("nlctrl"),
    mptcp: await generic.family("mptcp_pm"),
    route,
    async [Symbol.asyncDispose]() {
      all.forEach((nl) => nl.close());
      await ns[Symbol.asyncDispose]();
    },
  };
}

/** What makes this kernel refuse, of a namespace with v0 and v1, of which v0 has 10.0.0.1/24. */
function refusals(c: Awaited<ReturnType<typeof connections>>, v0: number): Refusal[] {
  const link = { ifiIndex: v0 }, NONE = 4711;
  const ipv4 = { ifaFamily: 2, ifaIndex: v0, ifaPrefixlen: 24 };
  const to = { rtmFamily: 2, rtmDstLen: 16, rtmTable: 254, rtmType: 1 } as const;
  const neighbour = { ndmFamily: 2, ndmIfindex: v0, ndmState: ["permanent"] } as const;
  const inet = { nfgenFamily: 1 }, device = { devName: "v0" };
  const policy = { type: "u32", min: 1, max: 0xffffffff };
  const made = (kind: string, data?: object) => ({
    ifname: "x0",
    linkinfo: { kind, data } as { kind: string },
  });
  const { links, addresses, routes, neighbours, rules, tc, nftables, conntrack } = c;
  const { ethtool, netdev, control, mptcp } = c;
  return [
    // Links.
    [
      ["EEXIST"],
      (_, change) => links.do("newlink", { ...made("bridge", {}), ifname: "v0" }, change),
    ],
    [
      ["EOPNOTSUPP", { kernelMessage: /^Unknown device type$/ }],
      (_, change) => links.do("newlink", made("none"), change),
    ],
    [
      ["ERANGE", { attribute: "linkinfo.data.id", kernelMessage: /16777216/ }],
      (_, change) => links.do("newlink", made("vxlan", { id: 2 ** 24 }), change),
    ],
    [["ERANGE", {
      attribute: "linkinfo.data.priority",
      policy: { type: "u16", min: 0, max: 65535 },
    }], (_, change) => links.do("newlink", made("bridge", { 6: "00" }), change)],
    [
      ["EINVAL", { kernelMessage: /^mtu less than device minimum$/ }],
      (how) => links.do("setlink", { header: link, mtu: 1 }, how),
    ],
    [
      ["ERANGE", { attribute: "mtu", policy: { type: "u32", min: 0, max: 0xffffffff } }],
      (how) => links.do("setlink", { header: link, 4: "00" } as object, how),
    ],
    [
      ["ERANGE", { attribute: "ifname", policy: { type: "string", maxLength: 15 } }],
      (how) => links.do("setlink", { header: link, ifname: "x".repeat(20) }, how),
    ],
    [["EINVAL"], (how) => links.do("setlink", { header: link, ifname: "a/b" }, how)],
    [
      ["EADDRNOTAVAIL"],
      (how) => links.do("setlink", { header: link, address: "01:00:00:00:00:00" }, how),
    ],
    [["ESRCH"], (how) => links.do("setlink", { header: link, netNsPid: 2 ** 22 + 1 }, how)],
    [["EBADF"], (how) => links.do("setlink", { header: link, netNsFd: 99999 }, how)],
    [["ENODEV"], (how) => links.do("getlink", { ifname: "none" }, how)],
    [
      ["EINVAL", { kernelMessage: /^Invalid values in header for get link request$/ }],
      (how) => links.do("getlink", { header: { ifiIndex: v0, ifiFlags: ["up"] } }, how),
    ],
    // Addresses.
    [
      ["EEXIST"],
      (_, change) => addresses.do("newaddr", { header: ipv4, local: "10.0.0.1" }, change),
    ],
    [["EINVAL"], (_, change) => addresses.do("newaddr", { header: ipv4 }, change)],
    [
      ["ENODEV"],
      (_, change) =>
        addresses.do("newaddr", { header: { ...ipv4, ifaIndex: NONE }, local: "10.0.0.2" }, change),
    ],
    [
      ["EADDRNOTAVAIL"],
      (how) => addresses.do("deladdr", { header: ipv4, local: "10.0.0.9" }, how),
    ],
    // Routes.
    [
      ["ENETUNREACH", { kernelMessage: /^Nexthop has invalid gateway$/ }],
      (_, change) =>
        routes.do("newroute", { header: to, dst: "10.1.0.0", gateway: "192.0.2.1" }, change),
    ],
    [
      ["EINVAL", { kernelMessage: /^Invalid prefix for given prefix length$/ }],
      (_, change) => routes.do("newroute", { header: to, dst: "10.1.1.0", oif: v0 }, change),
    ],
    [
      ["EINVAL", { kernelMessage: /^Invalid route type$/ }],
      (_, change) =>
        routes.do(
          "newroute",
          { header: { ...to, rtmType: 200 }, dst: "10.1.0.0", oif: v0 },
          change,
        ),
    ],
    [["EINVAL", { kernelMessage: /^Unknown tcp congestion algorithm$/ }], (_, change) => {
      const metrics = { ccAlgo: "none" };
      return routes.do("newroute", { header: to, dst: "10.1.0.0", oif: v0, metrics }, change);
    }],
    [
      ["EINVAL", { kernelMessage: /^Nexthop id does not exist$/ }],
      (_, change) => routes.do("newroute", { header: to, dst: "10.1.0.0", nhId: NONE }, change),
    ],
    [["ESRCH"], (how) => routes.do("delroute", { header: to, dst: "10.1.0.0" }, how)],
    [
      ["ENETUNREACH"],
      (how) =>
        routes.do(
          "getroute",
          { header: { rtmFamily: 2, rtmDstLen: 32 }, dst: "192.0.2.1" },
          how,
        ),
    ],
    // Neighbours and rules.
    [
      ["EINVAL", { kernelMessage: /^Invalid link address$/ }],
      (_, change) =>
        neighbours.do("newneigh", { header: neighbour, dst: "10.0.0.2", lladdr: "00:11" }, change),
    ],
    [
      ["EINVAL", { kernelMessage: /^Network address not specified$/ }],
      (_, change) => neighbours.do("newneigh", { header: neighbour }, change),
    ],
    [
      ["ENOENT"],
      (how) =>
        neighbours.do(
          "getneigh",
          { header: { ndmFamily: 2, ndmIfindex: v0 }, dst: "10.0.0.9" },
          how,
        ),
    ],
    [["EINVAL", { kernelMessage: /^Invalid sport range$/ }], (_, change) => {
      const sportRange = { start: 9, end: 5 };
      return rules.do(
        "newrule",
        { header: { family: 2, action: 1, table: 5 }, sportRange },
        change,
      );
    }],
    [
      ["ENOENT"],
      (how) =>
        rules.do("delrule", { header: { family: 2, action: 1, table: 5 }, priority: NONE }, how),
    ],
    // Traffic control.
    [
      ["ENOENT", { kernelMessage: /qdisc kind is unknown/ }],
      (_, change) =>
        tc.do("newqdisc", { header: { ifindex: v0, parent: 0xffffffff }, kind: "none" }, change),
    ],
    // Generic netlink.
    [["EINVAL", { missing: "header" }], (how) => ethtool.do("linkstate-get", {}, how)],
    [
      ["ENODEV", { attribute: "header.devName", kernelMessage: /^no device matches name$/ }],
      (how) => ethtool.do("linkstate-get", { header: { devName: "none" } }, how),
    ],
    [
      ["EINVAL", { attribute: "header.flags", kernelMessage: /^reserved bit set$/ }],
      (how) => ethtool.do("linkstate-get", { header: { ...device, flags: 0x80 as never } }, how),
    ],
    [["EOPNOTSUPP", { attribute: "wanted.bits.bit.1.index" }], (how) => {
      const bit = [{ index: 0, value: true }, { index: 999, value: true }];
      return ethtool.do("features-set", { header: device, wanted: { bits: { bit } } }, how);
    }],
    [["EOPNOTSUPP", { attribute: "stringsets.stringset.1" }], (how) => {
      const stringsets = { stringset: [{ id: 0 }, { id: 999 }] };
      return ethtool.do("strset-get", { header: device, stringsets }, how);
    }],
    [
      ["EINVAL", { kernelMessage: /^invalid first\/last parameter$/ }],
      (how) =>
        ethtool.do("cable-test-tdr-act", { header: device, cfg: { first: 9, last: 5 } }, how),
    ],
    [
      ["ERANGE", { attribute: "ifindex", policy }],
      (how) => netdev.do("dev-get", { ifindex: 0 }, how),
    ],
    [["EINVAL", { missing: "id" }], (how) => netdev.do("queue-get", { ifindex: v0 }, how)],
    [
      ["EINVAL", { attribute: "familyName", policy: { type: "nul-string", maxLength: 15 } }],
      (how) => control.do("getfamily", { familyName: "x".repeat(20) }, how),
    ],
    [
      ["ENOENT", { attribute: "op" }],
      (how) => control.dump("getpolicy", { familyName: "ethtool", op: 250 }, how).toArray(),
    ],
    [["EINVAL", { missing: "addr" }], (how) => mptcp.do("add-addr", {}, how)],
    [
      ["EINVAL", { attribute: "addr", kernelMessage: /^missing address data$/ }],
      (how) => mptcp.do("add-addr", { addr: { family: 2 } }, how),
    ],
    // Netfilter.
    [
      ["ENOENT", { attribute: "table" }],
      (_, change) => nftables.do("newchain", { header: inet, table: "none", name: "c" }, change),
    ],
    [
      ["ENOENT", { attribute: "name" }],
      (how) => nftables.do("gettable", { header: inet, name: "none" }, how),
    ],
    [
      ["ENOENT", { attribute: "table" }],
      (how) =>
        nftables.dump("getsetelem", { header: inet, table: "none", set: "s" }, how).toArray(),
    ],
    [
      ["ERANGE", { attribute: "name", policy: { type: "string", maxLength: 255 } }],
      (_, change) => nftables.do("newtable", { header: inet, name: "x".repeat(300) }, change),
    ],
    [
      ["EINVAL", { attribute: "expressions.elem.1" }],
      ({ signal, offload }) =>
        nftables.transaction((add) => {
          add("newtable", { header: inet, name: "t" }, { flags: ["create"] });
          add("newchain", { header: inet, table: "t", name: "c" }, { flags: ["create"] });
          const elem = [{ name: "counter", data: {} }, { name: "limit", data: { rate: 0 } }];
          const rule = { header: inet, table: "t", chain: "c", expressions: { elem } };
          add("newrule", rule, { flags: ["create"] });
        }, { signal, offload }),
    ],
    [["ENOENT"], (how) => {
      const tupleIp = { ipV4Src: "10.0.0.1", ipV4Dst: "10.0.0.2" };
      const tupleProto = { protoNum: 17, protoSrcPort: 1, protoDstPort: 2 };
      return conntrack.do(
        "get",
        { header: { nfgenFamily: 2 }, tupleOrig: { tupleIp, tupleProto } },
        how,
      );
    }],
    // Messages as they are.
    [["EOPNOTSUPP"], (how) => c.route.request({ type: 9999 }, how)],
    [
      ["EINVAL", { kernelMessage: /^Invalid header for get link$/ }],
      (how) => c.route.request({ type: 18, body: new Uint8Array(3) }, how),
    ],
  ];
}

function compare(error: unknown, [code, told = {}]: Expected, where: string): void {
  assert.ok(error instanceof NetlinkError, `${where}: ${error}`);
  const { kernelMessage, attribute, missing, policy } = error;
  assert.equal(error.code, code, `${where}: ${error.message}`);
  const { kernelMessage: _, ...rest } = told, nothing = undefined;
  assert.deepEqual(
    { attribute, missing, policy },
    { attribute: nothing, missing: nothing, policy: nothing, ...rest },
    `${where}: ${error.message}`,
  );
  if (told.kernelMessage) assert.match(kernelMessage ?? "", told.kernelMessage, where);
  assert.ok(error.message.endsWith(`(${code})`) && error.message.startsWith("Cannot "), where);
  for (const part of [kernelMessage, attribute, missing]) {
    assert.ok(error.message.includes(part ?? ""), error.message);
  }
}

describe("what the kernel refuses is told as it told it", { skip }, () => {
  it("one by one, many at a time, and from another thread", async () => {
    await using c = await connections();
    const veth = { kind: "veth", data: { peer: { ifname: "v1" } } };
    await c.links.do("newlink", { ifname: "v0", linkinfo: veth }, { flags: ["create"] });
    const { header } = await c.links.do("getlink", { ifname: "v0" }), v0 = header.ifiIndex;
    await c.links.do("setlink", { header: { ifiIndex: v0, ifiFlags: ["up"], ifiChange: 1 } });
    const own = { ifaFamily: 2, ifaIndex: v0, ifaPrefixlen: 24 };
    await c.addresses.do("newaddr", { header: own, local: "10.0.0.1" }, { flags: ["create"] });

    const all = refusals(c, v0);
    const attempt = async (n: number, how: RequestOptions) => {
      const refused = all[n][1](how, { ...how, flags: ["create", "exclusive"] });
      return await refused.then(() => assert.fail(`${n} was not refused`), (error) => error);
    };
    for (const [n, [expected]] of all.entries()) compare(await attempt(n, {}), expected, `${n}`);
    for (const how of [{}, { offload: true }]) {
      const together = await Promise.all(all.map((_, n) => attempt(n, how)));
      all.forEach(([expected], n) =>
        compare(together[n], expected, `${n}, offload ${how.offload}`)
      );
    }
    assert.ok(all.length >= 40 && c.all.every((nl) => nl.usable));
  });
});
