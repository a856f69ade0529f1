import {
  GenericConnection,
  NetlinkConnection,
  NetlinkError,
  RouteConnection,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin");

/** What the kernel said to a request that it refused. */
async function refused(request: Promise<unknown>): Promise<NetlinkError> {
  const error = await request.then(() => assert.fail("it was not refused"), (e) => e);
  assert.ok(error instanceof NetlinkError, String(error));
  return error;
}

describe("what the real kernel refuses", { skip }, () => {
  it("names the attribute in nests, and which one where there are several", async () => {
    await using ns = await testNamespace();
    await using nl = await RouteConnection.open({ netns: ns.name });
    await nl.links.add({ name: "v0", kind: "veth", peer: { name: "v1" } });
    const link = await nl.family("rt-link");
    const data = { id: 1 << 25 };
    const vxlan = link.do("newlink", { ifname: "x0", linkinfo: { kind: "vxlan", data } }, {
      flags: ["create", "exclusive"],
    });
    assert.equal((await refused(vxlan)).attribute, "linkinfo.data.id");

    await using generic = await GenericConnection.open({ netns: ns.name });
    const ethtool = await generic.family("ethtool");
    const bit = [{ name: "rx-gro", value: true }, { name: "no-such", value: true }];
    const header = { devName: "v0" };
    const features = ethtool.do("features-set", { header, wanted: { bits: { bit } } });
    assert.equal((await refused(features)).attribute, "wanted.bits.bit.1.name");

    await using netfilter = await NetlinkConnection.open("netfilter", { netns: ns.name });
    const nftables = await netfilter.family("nftables");
    const inet = { nfgenFamily: 1 };
    const chain = { header: inet, table: "none", name: "in" };
    assert.equal((await refused(nftables.do("newchain", chain))).attribute, "table");
    const elem = [{ name: "counter", data: {} }, { name: "no-such" }];
    const rule = nftables.transaction((add) => {
      add("newtable", { header: inet, name: "t" }, { flags: ["create"] });
      add("newchain", { header: inet, table: "t", name: "c" }, { flags: ["create"] });
      const values = { header: inet, table: "t", chain: "c", expressions: { elem } };
      add("newrule", values, { flags: ["create", "append"] });
    });
    assert.equal((await refused(rule)).attribute, "expressions.elem.1");
  });

  it("names what is missing", async () => {
    await using ns = await testNamespace();
    await using nl = await GenericConnection.open({ netns: ns.name });
    const ethtool = await nl.family("ethtool"), netdev = await nl.family("netdev");
    const header = await refused(ethtool.do("linkstate-get", {}));
    assert.deepEqual([header.missing, header.isInvalid], ["header", true]);
    assert.match(header.message, /missing header \(EINVAL\)$/);
    assert.equal((await refused(netdev.do("dev-get", {}))).missing, "ifindex");
    assert.equal((await refused(netdev.do("queue-get", { ifindex: 1 }))).missing, "id");
  });

  it("tells what it would have accepted", async () => {
    await using ns = await testNamespace();
    await using route = await RouteConnection.open({ netns: ns.name });
    await using nl = await GenericConnection.open({ netns: ns.name });
    const netdev = await nl.family("netdev"), control = await nl.family("nlctrl");
    const index = await refused(netdev.do("dev-get", { ifindex: 0 }));
    assert.deepEqual([index.attribute, index.code], ["ifindex", "ERANGE"]);
    assert.deepEqual(index.policy, { type: "u32", min: 1, max: 0xffffffff });
    const name = await refused(control.do("getfamily", { familyName: "n".repeat(20) }));
    assert.deepEqual([name.attribute, name.policy?.maxLength], ["familyName", 15]);
    assert.equal(name.policy?.type, "nul-string");
    const link = await route.family("rt-link");
    const long = await refused(link.do("newlink", { ifname: "n".repeat(20) }));
    assert.deepEqual([long.attribute, long.policy?.maxLength], ["ifname", 15]);
  });

  it("is not found, whichever number says so", async () => {
    await using ns = await testNamespace();
    await using nl = await RouteConnection.open({ netns: ns.name });
    await using generic = await GenericConnection.open({ netns: ns.name });
    await nl.links.add({ name: "b0", kind: "bridge", up: true });
    const ethtool = await generic.family("ethtool");
    const attempts: [string, () => Promise<unknown>][] = [
      ["ENODEV", () => nl.links.get("none")],
      ["ENODEV", () => nl.links.get(4711)],
      ["ENODEV", () => nl.links.delete("none")],
      ["ENODEV", () => ethtool.do("linkstate-get", { header: { devName: "none" } })],
      ["ENODEV", () => nl.addresses.add({ link: 4711, address: "10.0.0.1/24" })],
      ["EADDRNOTAVAIL", () => nl.addresses.delete({ link: "b0", address: "10.0.0.1/24" })],
      ["EADDRNOTAVAIL", () => nl.addresses.delete({ link: "b0", address: "fd00::1/64" })],
      ["ESRCH", () => nl.routes.delete({ destination: "10.1.0.0/16" })],
      ["ESRCH", () => nl.routes.delete({ destination: "fd01::/16" })],
      ["ENOENT", () => nl.rules.delete({ from: "10.0.0.0/8", table: 77 })],
      ["ENOENT", () => nl.neighbours.delete({ link: "b0", address: "10.0.0.2" })],
      ["ENOENT", () => nl.nexthops.delete(77)],
      ["ENOENT", () => nl.qdiscs.delete({ link: "b0", parent: "root" })],
      ["ENOENT", () => RouteConnection.open({ netns: "xpool-none" })],
      ["ENOENT", async () => {
        const wireguard = await generic.family("wireguard");
        return await wireguard.dump("get-device", { ifname: "none" }).toArray();
      }],
    ];
    for (const [code, attempt] of attempts) {
      const error = await refused(attempt());
      assert.ok(error.isNotFound, error.message);
      // Where there is WireGuard, it is the link that is not found.
      if (!/wireguard/.test(error.operation)) assert.equal(error.code, code, error.message);
      assert.ok(!error.isExists && !error.isPermission && !error.isBusy && !error.isInvalid);
    }
    // A value that does not exist is not an object that does not.
    const gateway = nl.routes.add({ destination: "10.0.0.0/8", gateway: "192.0.2.1" });
    const unreachable = await refused(gateway);
    assert.deepEqual([unreachable.code, unreachable.isNotFound], ["ENETUNREACH", false]);
  });
});
