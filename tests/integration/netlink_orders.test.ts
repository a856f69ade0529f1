import { NetlinkConnection, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { Codec } from "../../src/netlink/codec/codec.ts";
import type { FamilySpec } from "../../src/netlink/codec/spec.ts";
import { spec as rtLink } from "../../src/netlink/spec/rt-link.ts";
import { spec as rtRoute } from "../../src/netlink/spec/rt-route.ts";
import { need, testNamespace } from "../support.ts";
import { theirs } from "./wire.ts";

const skip = need("net-admin", "ip", "bridge", "strace");

// deno-lint-ignore no-explicit-any -- whatever a message holds
type Json = any;

const words = (bytes: Uint8Array) => new Int32Array(bytes.slice().buffer);

it("numbers in network order are what other tools show, both ways", { skip }, async () => {
  await using ns = await testNamespace();
  const run = (tool: string, text: string) =>
    execFileSync(tool, ["-n", ns.name, ...text.split(" ")], { encoding: "utf8" });
  await using nl = await NetlinkConnection.open("route", { netns: ns.name });
  const links = await nl.family("rt-link");
  const neighbours = await nl.family("rt-neigh");
  const rules = await nl.family("rt-rule");

  const create = { flags: ["create", "exclusive"] } as const;
  run("ip", "link add vx type vxlan id 5 dstport 4789");
  const ndmIfindex = (await links.do("getlink", { ifname: "vx" })).header.ifiIndex!;
  const header = { ndmFamily: 7, ndmIfindex, ndmState: ["permanent"], ndmFlags: ["self"] } as const;
  const entry = { lladdr: "02:00:00:00:00:01", dst: "10.0.0.1" };
  await neighbours.do("newneigh", { header, ...entry, port: 7777 }, create);
  assert.match(run("bridge", "fdb show dev vx"), /02:00:00:00:00:01 dst 10\.0\.0\.1 port 7777 /);
  const shown = neighbours.dump("getneigh", { header: { ndmFamily: 7 }, ifindex: ndmIfindex });
  assert.equal((await shown.toArray()).find((n) => n.lladdr === entry.lladdr)?.port, 7777);
  await using objects = await RouteConnection.open({ netns: ns.name });
  const listed = await objects.fdb.list({ link: "vx" }).toArray();
  assert.equal(listed.find((n) => n.mac === entry.lladdr)?.port, 7777);

  await rules.do("newrule", {
    header: { family: 2, action: "to-tbl", table: 254 },
    priority: 7,
    tunId: 0x1_0000_0005,
  }, create);
  assert.match(run("ip", "rule show pref 7"), /tun_id 4294967301/);
  run("ip", "rule add pref 8 tun_id 9 table main");
  const all = await rules.dump("getrule", { header: { family: 2 } }).toArray();
  assert.deepEqual(
    all.filter(({ priority }) => priority === 7 || priority === 8).map((rule) => rule.tunId),
    [0x1_0000_0005, 9],
  );

  // What this kernel may lack, or not tell, is read as the tool writes it.
  const read = (spec: FamilySpec, operation: string, text: string) =>
    new (new Codec(spec).message(operation))(words(theirs(ns.name, "ip", text)), 0) as Json;
  const lookUp = "route get 127.0.0.1 ipproto udp sport 80 dport 4433";
  const { sport, dport } = read(rtRoute, "getroute", lookUp);
  assert.deepEqual([sport, dport], [80, 4433]);
  const bridge = read(rtLink, "newlink", "link add b0 type bridge vlan_protocol 802.1ad");
  assert.equal(bridge.linkinfo.data.vlanProtocol, 0x88a8);
  const tunnel = "link add t0 type ip6tnl local fd00::1 remote fd00::2 dscp inherit";
  const IP6_TNL_F_RCV_DSCP_COPY = 0x10; // linux/ip6_tunnel.h
  assert.equal(read(rtLink, "newlink", tunnel).linkinfo.data.flags, IP6_TNL_F_RCV_DSCP_COPY);
});
