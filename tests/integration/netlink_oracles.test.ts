import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { Program, root } from "../child.ts";
import { FakeKernel, int32, message } from "../netlink/fake_kernel.ts";
import { need, testNamespace } from "../support.ts";

/** Debian's packages are there for Debian's Python alone, which need not come first on the PATH. */
const PYTHON = "/usr/bin/python3";

function needPyroute2(): string | undefined {
  if (spawnSync(PYTHON, ["-c", "import pyroute2"]).status === 0) return undefined;
  return need("python3-pyroute2");
}

const READ = `
import json, sys
from pyroute2.netlink import nla_slot
from pyroute2.netlink.rtnl import ifinfmsg, ifaddrmsg, rtmsg, ndmsg, fibmsg, tcmsg
classes = {
    16: ifinfmsg.ifinfmsg, 20: ifaddrmsg.ifaddrmsg, 24: rtmsg.rtmsg,
    28: ndmsg.ndmsg, 32: fibmsg.fibmsg, 36: tcmsg.tcmsg,
}

def plain(v):
    if isinstance(v, nla_slot):
        return [v[0], plain(v.get_value())]
    if isinstance(v, dict):
        return {k: plain(w) for k, w in v.items() if k != "event"}
    if isinstance(v, (list, tuple)):
        return [plain(w) for w in v]
    return v.hex() if isinstance(v, bytes) else v

out = []
for line in sys.stdin:
    data = bytes.fromhex(line)
    message = classes[int.from_bytes(data[4:6], "little")](data)
    message.decode()
    out.append(plain(message))
print(json.dumps(out))
`;

// deno-lint-ignore no-explicit-any -- pyroute2's messages have no types
type Json = any;

it("pyroute2 reads our requests as they were meant", { skip: needPyroute2() }, async () => {
  const kernel = new FakeKernel();
  kernel.answer = (request) =>
    kernel.queue(message(2, request, [...int32(0), ...request.bytes.slice(0, 16)]));
  await using nl = await RouteConnection.open({ adapter: kernel });
  await nl.links.add({
    name: "vx0",
    kind: "vxlan",
    id: 42,
    remote: "239.1.1.1",
    port: 4789,
    link: 2,
    learning: false,
    mtu: 1400,
    address: "02:00:00:00:00:07",
    up: true,
  });
  await nl.links.add({ name: "p0", kind: "veth", peer: { name: "q0" } });
  await nl.addresses.add({ link: 3, address: "2001:db8::1/64", flags: ["nodad"] });
  await nl.routes.add({ destination: "10.1.0.0/16", gateway: "10.0.0.2", priority: 50, mtu: 1300 });
  await nl.routes.add({
    destination: "2001:db8:7::/48",
    nexthops: [{ gateway: "fe80::1", link: 3, weight: 2 }, { gateway: "fe80::2", link: 4 }],
  });
  await nl.neighbours.add({ link: 3, address: "10.0.0.7", mac: "02:00:00:00:00:08" });
  await nl.rules.add({ priority: 1000, from: "10.2.0.0/16", table: 77, mark: 5 });
  await nl.qdiscs.add({ link: 3, kind: "bfifo", options: { limitBytes: 12_345 } });
  const hex = kernel.sent.map(({ bytes }) => Buffer.from(bytes).toString("hex"));
  const text = execFileSync(PYTHON, ["-c", READ], { input: hex.join("\n"), encoding: "utf8" });
  const read: Json[] = JSON.parse(text);
  const attributes = (m: Json): Json => Object.fromEntries(m.attrs);
  const nest = (m: Json, ...path: string[]) =>
    path.reduce((value, name) => attributes(value)[name], m);
  const [vxlan, veth, address, route, multipath, neighbour, rule, qdisc] = read;

  const { IFLA_IFNAME, IFLA_MTU, IFLA_ADDRESS } = attributes(vxlan);
  assert.deepEqual([IFLA_IFNAME, IFLA_MTU, IFLA_ADDRESS], ["vx0", 1400, "02:00:00:00:00:07"]);
  assert.equal(vxlan.flags & 1, 1);
  assert.equal(nest(vxlan, "IFLA_LINKINFO", "IFLA_INFO_KIND"), "vxlan");
  const data = attributes(nest(vxlan, "IFLA_LINKINFO", "IFLA_INFO_DATA"));
  assert.deepEqual(
    [data.IFLA_VXLAN_ID, data.IFLA_VXLAN_GROUP, data.IFLA_VXLAN_PORT, data.IFLA_VXLAN_LINK],
    [42, "239.1.1.1", 4789, 2],
  );
  assert.equal(data.IFLA_VXLAN_LEARNING, 0);
  const peer = nest(veth, "IFLA_LINKINFO", "IFLA_INFO_DATA", "VETH_INFO_PEER");
  assert.equal(attributes(peer).IFLA_IFNAME, "q0");

  assert.deepEqual([address.family, address.prefixlen, address.index], [10, 64, 3]);
  assert.equal(attributes(address).IFA_ADDRESS, "2001:db8::1");
  assert.equal(attributes(address).IFA_FLAGS & 2, 2);

  assert.deepEqual([route.family, route.dst_len, route.table, route.proto], [2, 16, 254, 4]);
  const { RTA_DST, RTA_GATEWAY, RTA_PRIORITY } = attributes(route);
  assert.deepEqual([RTA_DST, RTA_GATEWAY, RTA_PRIORITY], ["10.1.0.0", "10.0.0.2", 50]);
  assert.equal(nest(route, "RTA_METRICS", "RTAX_MTU"), 1300);
  const hops = attributes(multipath).RTA_MULTIPATH;
  assert.deepEqual(
    hops.map((h: Json) => [h.oif, h.hops, attributes(h).RTA_GATEWAY]),
    [[3, 1, "fe80::1"], [4, 0, "fe80::2"]],
  );

  assert.equal(neighbour.ifindex, 3);
  const { NDA_DST, NDA_LLADDR } = attributes(neighbour);
  assert.deepEqual([NDA_DST, NDA_LLADDR], ["10.0.0.7", "02:00:00:00:00:08"]);

  const { FRA_PRIORITY, FRA_SRC, FRA_TABLE, FRA_FWMARK } = attributes(rule);
  assert.deepEqual([FRA_PRIORITY, FRA_SRC, FRA_FWMARK], [1000, "10.2.0.0", 5]);
  assert.ok(FRA_TABLE === 77 || rule.table === 77);
  assert.deepEqual([qdisc.index, attributes(qdisc).TCA_KIND], [3, "bfifo"]);
});

it(
  "strace sees one sendmsg and one recvmsg a request, and names every attribute",
  { skip: need("net-admin", "ip", "strace"), timeout: 300_000 },
  async () => {
    await using ns = await testNamespace();
    const folder = mkdtempSync(join(tmpdir(), "xpool-strace-")), log = join(folder, "log");
    try {
      const program = join(folder, "program.ts");
      writeFileSync(
        program,
        `import { RouteConnection } from ${JSON.stringify(join(root, "src/netlink/mod.ts"))};
        await using nl = await RouteConnection.open();
        for (let i = 0; i < 3; i++) await nl.links.get(1);
        await nl.routes.add({ destination: "10.9.0.0/16", type: "blackhole", priority: 7 });
        await nl.routes.list({ family: 4, table: 254 }).toArray();`,
      );
      // Inside the namespace, because it asks the kernel which protocol a socket has.
      const prefix = ["ip", "netns", "exec", ns.name, "strace", "-f", "-yy", "-s", "4096"]
        .concat("-e", "trace=sendmsg,recvmsg", "-o", log);
      await using run = new Program(program, [], { prefix });
      assert.equal(await run.ended, 0, run.output);
      const calls = readFileSync(log, "utf8").split("\n")
        .filter((line) => line.includes("<NETLINK:[ROUTE:"))
        .map((line) => ({
          call: /(sendmsg|recvmsg)/.exec(line)![1],
          type: /nlmsg_type=(\w+)/.exec(line)?.[1],
          line,
        }));
      assert.deepEqual(calls.map(({ call, type }) => `${call} ${type}`), [
        "sendmsg NLMSG_NOOP",
        "recvmsg NLMSG_ERROR",
        ...Array(3).fill(["sendmsg RTM_GETLINK", "recvmsg RTM_NEWLINK"]).flat(),
        "sendmsg RTM_NEWROUTE",
        "recvmsg NLMSG_ERROR",
        "sendmsg RTM_GETROUTE",
        "recvmsg RTM_NEWROUTE",
        "recvmsg NLMSG_DONE",
      ]);
      assert.match(calls[2].line, /nlmsg_flags=NLM_F_REQUEST,.*ifi_index=if_nametoindex\("lo"\)/);
      const route = calls[8].line;
      assert.match(route, /NLM_F_REQUEST\|NLM_F_ACK\|NLM_F_EXCL\|NLM_F_CREATE/);
      assert.match(route, /rtm_family=AF_INET, rtm_dst_len=16,.*rtm_type=RTN_BLACKHOLE/);
      assert.match(route, /nla_type=RTA_DST\}, inet_addr\("10\.9\.0\.0"\)/);
      assert.match(route, /nla_type=RTA_PRIORITY\}, 7\]/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
