import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { NetlinkConnection, NetlinkError, RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "ss");
const text = new TextDecoder(),
  bytes = (...words: number[]) => new Uint8Array(new Uint32Array(words).buffer);

describe("messages as they are", { skip }, () => {
  it("list the sockets that listen, as ss does", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await using nl = await NetlinkConnection.open("sockDiag");
    const SOCK_DIAG_BY_FAMILY = 20, AF_INET = 2, IPPROTO_TCP = 6, TCP_LISTEN = 10;
    const body = new Uint8Array(56); // struct inet_diag_req_v2
    body.set([AF_INET, IPPROTO_TCP]);
    new DataView(body.buffer).setUint32(4, 1 << TCP_LISTEN, true);
    const listening = async (whole: boolean) => {
      const found = new Map<number, string>();
      for await (const message of nl.dump({ type: SOCK_DIAG_BY_FAMILY, body }, { whole })) {
        assert.equal(message.type, SOCK_DIAG_BY_FAMILY);
        // struct inet_diag_msg: the port, and 16 bytes for the address.
        const port = new DataView(message.body.buffer).getUint16(4);
        found.set(port, message.body.slice(8, 12).join("."));
      }
      return found;
    };
    const { port } = server.address() as { port: number };
    for (const whole of [true, false]) {
      assert.equal((await listening(whole)).get(port), "127.0.0.1");
    }
    const shown = execFileSync("ss", ["-tln4H", "sport", "=", `:${port}`], { encoding: "utf8" });
    assert.match(shown, new RegExp(`^LISTEN .* 127\\.0\\.0\\.1:${port} `));
    await new Promise((resolve) => server.close(resolve));
    assert.ok(!(await listening(true)).has(port));
    assert.ok(nl.usable);
  });

  it("ask, change and watch IPsec, as ip does", async () => {
    await using ns = await testNamespace();
    const ip = (words: string) =>
      execFileSync("ip", ["-n", ns.name, "xfrm", ...words.split(" ")], { encoding: "utf8" });
    await using nl = await NetlinkConnection.open("xfrm", { netns: ns.name });
    const NEWPOLICY = 0x13,
      GETPOLICY = 0x15,
      FLUSHPOLICY = 0x1d,
      NEWSADINFO = 0x22,
      GETSADINFO = 0x23;
    const XFRMNLGRP_POLICY = 4;
    const [info, ...rest] = await nl.request({ type: GETSADINFO, body: bytes(0) });
    assert.deepEqual([info.type, rest], [NEWSADINFO, []]);

    await using events = await nl.watch(XFRMNLGRP_POLICY);
    ip("policy add src 10.0.0.0/24 dst 10.0.1.0/24 dir out");
    ip("policy add src 10.0.2.0/24 dst 10.0.3.0/24 dir in");
    const policies = await nl.dump({ type: GETPOLICY }).toArray();
    const network = (body: Uint8Array, at: number) => body.slice(at, at + 4).join(".");
    // struct xfrm_userpolicy_info begins with a selector: both addresses, 16 bytes each.
    const read = policies.map(({ body }) => [network(body, 16), network(body, 0)]).sort();
    assert.deepEqual(read, [["10.0.0.0", "10.0.1.0"], ["10.0.2.0", "10.0.3.0"]]);
    const { value } = await events.next();
    assert.ok(value?.kind === "event" && value.type === NEWPOLICY);
    assert.equal(network(value.body, 0), "10.0.1.0");

    assert.deepEqual(await nl.request({ type: FLUSHPOLICY }), []);
    assert.equal(ip("policy"), "");
    await assert.rejects(
      nl.request({ type: GETPOLICY, body: new Uint8Array(64) }),
      (error) =>
        error instanceof NetlinkError && error.isNotFound &&
        error.message.startsWith("Cannot request 21 of protocol 6: no such object"),
    );
    assert.ok(nl.usable);
  });

  it("ask the audit system for its status, which answers after it has acknowledged", async (test) => {
    const nl = await NetlinkConnection.open("audit").catch((error) => {
      if (error.code !== "EPROTONOSUPPORT") throw error;
    });
    if (nl === undefined) return test.skip("this kernel has no audit");
    await using audit = nl;
    const AUDIT_GET = 1000;
    for (let i = 0; i < 3; i++) {
      const all = await audit.request({ type: AUDIT_GET }, { acknowledged: false });
      assert.deepEqual(all.map(({ type }) => type), [AUDIT_GET]);
      assert.ok(all[0].body.length >= 32); // struct audit_status
    }
    assert.ok(audit.usable);
  });

  it("tell of devices, in a form that has no header", async () => {
    await using ns = await testNamespace();
    await using nl = await NetlinkConnection.open("uevent", { netns: ns.name });
    await using events = await nl.watch([1]);
    const poke = "echo change > /sys/class/net/lo/uevent";
    execFileSync("ip", ["netns", "exec", ns.name, "sh", "-c", poke]);
    const { value } = await events.next();
    assert.ok(value?.kind === "event");
    const lines = text.decode(value.body).split("\0");
    assert.deepEqual([value.type, lines[0]], [0, "change@/devices/virtual/net/lo"]);
    assert.ok(lines.includes("INTERFACE=lo") && lines.includes("SUBSYSTEM=net"), String(lines));
  });

  it("of a change come back with what it did, where that is asked for, or with nothing", async () => {
    await using ns = await testNamespace();
    await using nl = await NetlinkConnection.open("route", { netns: ns.name });
    const GETLINK = 18, SETLINK = 19, NEWLINK = 16, MTU = 1400, IFLA_MTU = 4;
    const lo = [...bytes(0, 1, 0, 0)]; // struct ifinfomsg
    const body = Uint8Array.from([...lo, 8, 0, IFLA_MTU, 0, ...bytes(MTU)]);
    assert.deepEqual(await nl.request({ type: SETLINK, body }), []);
    assert.deepEqual(await nl.request({ type: SETLINK, body }, { offload: true }), []);
    await using route = await RouteConnection.open({ netns: ns.name });
    assert.equal((await route.links.get("lo")).mtu, MTU);
    const ECHO = 8, NEWROUTE = 24, CREATE = 0x400; // NLM_F_*
    await route.links.set("lo", { up: true });
    const RTA_DST = 1, RTA_OIF = 4;
    const attributes = [8, 0, RTA_DST, 0, 77, 0, 0, 0, 8, 0, RTA_OIF, 0, ...bytes(1)];
    for (const offload of [false, true]) {
      const body = Uint8Array.from([2, 8, 0, 0, 254, 4, 0, 1, ...bytes(0), ...attributes]);
      body[16] += offload ? 1 : 0;
      const told = await nl.request({ type: NEWROUTE, flags: CREATE | ECHO, body }, { offload });
      assert.deepEqual(told.map(({ type }) => type), [NEWROUTE]);
      assert.ok(nl.usable);
    }
    const found = await nl.request({ type: GETLINK, body: Uint8Array.from(lo) });
    assert.deepEqual(found.map(({ type, flags }) => [type, flags]), [[NEWLINK, 0]]);
    const late = new AbortController(), reason = new Error("enough");
    late.abort(reason);
    await assert.rejects(nl.request({ type: GETLINK }, { signal: late.signal }), reason);
  });

  it("are lost when too many come, which is told", async () => {
    await using ns = await testNamespace();
    await using nl = await NetlinkConnection.open("route", { netns: ns.name });
    const RTNLGRP_LINK = 1;
    await using events = await nl.watch(RTNLGRP_LINK, { receiveBuffer: 4096 });
    await using route = await RouteConnection.open({ netns: ns.name });
    for (let i = 0; i < 100; i++) await route.links.set("lo", { mtu: 1400 + i });
    assert.deepEqual((await events.next()).value, { kind: "resync" });
    await route.links.set("lo", { mtu: 2000 });
    assert.equal((await events.next()).value?.kind, "event");
  });

  it("are refused where they make no sense", async () => {
    await using nl = await NetlinkConnection.open("route");
    const fails = (request: object, message: RegExp) =>
      assert.rejects(nl.request(request as never), message);
    await fails({}, /TypeError: Cannot use type: must be an integer, current value is undefined/);
    await fails({ type: 15 }, /RangeError: Cannot use type: must be 16 to 65535, .* is 15/);
    await fails({ type: 18, flags: 65536 }, /Cannot use flags: must be 0 to 65535/);
    await fails({ type: 18, body: [1] }, /Cannot use body: must be a Uint8Array, .* \[1\]/);
    await assert.rejects(
      nl.request({ type: 18 }, { acknowledged: 1 as never }),
      /Cannot use acknowledged: must be true or false, current value is 1/,
    );
    assert.throws(() => nl.dump({ type: -1 }), /Cannot use type/);
    for (const groups of [undefined, [], "link", null]) {
      await assert.rejects(
        nl.watch(groups as never),
        /Cannot use groups: must be a number or numbers/,
      );
    }
    await assert.rejects(nl.watch([0]), /Cannot use groups: must be 1 to 2147483647/);
    await assert.rejects(nl.watch(5000), NetlinkError);
    nl.close();
    await assert.rejects(nl.watch(1), /Cannot watch protocol 0: the connection is closed/);
    await assert.rejects(
      nl.request({ type: 18 }),
      /request 18 of protocol 0: the connection is closed/,
    );
  });
});
