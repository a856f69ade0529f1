import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { type Libc, loadAdapter } from "../../ffi/adapter.ts";
import { NetlinkError, RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip", "python3");

describe("on the real kernel", { skip }, () => {
  it("a list that changes while it is read ends with an error, or is read again", async () => {
    await using ns = await testNamespace();
    await using nl = await RouteConnection.open({ netns: ns.name });
    await using other = await RouteConnection.open({ netns: ns.name });
    for (let i = 0; i < 200; i++) await nl.links.add({ name: `b${i}`, kind: "bridge" });
    let seen = 0;
    await assert.rejects(
      (async () => {
        for await (const _ of nl.links.list({ whole: false })) {
          // Between the first part and the rest.
          if (seen++ === 0) await other.links.add({ name: "late", kind: "bridge" });
        }
      })(),
      (error: NetlinkError) => error instanceof NetlinkError && error.isInterrupted,
    );
    assert.ok(seen > 100, `${seen} links`);
    assert.ok(nl.usable);
    const names = (await nl.links.list().toArray()).map((l) => l.name);
    assert.ok(names.length === 202 && names.includes("late"));
  });

  it("what another process sends to our port is no answer", async () => {
    await using ns = await testNamespace();
    const adapter = await loadAdapter(), { libc } = adapter;
    const buffers = new Map<number, Uint8Array>();
    let forge = false;
    const forger: Libc = {
      ...libc,
      address(buffer) {
        const at = libc.address(buffer);
        buffers.set(at, buffer);
        return at;
      },
      // In front of the kernel's answer stands a forged one with the very number of the request.
      sendmsg(fd, header, flags) {
        if (!forge) return libc.sendmsg(fd, header, flags);
        const view = new DataView(header.buffer);
        const base = view.getUint32(56, true) + view.getUint32(60, true) * 2 ** 32;
        const request = buffers.get(base)!;
        const sequence = new DataView(request.buffer).getUint32(8, true);
        const program = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
link = struct.pack("=IHHII", 32, 16, 0, ${sequence}, ${nl.portId}) + struct.pack("=IIII", 0, 666, 0, 0)
s.sendto(link, (${nl.portId}, 0))
`;
        execFileSync("ip", ["netns", "exec", ns.name, "python3", "-c", program]);
        return libc.sendmsg(fd, header, flags);
      },
    };
    await using nl = await RouteConnection.open({
      netns: ns.name,
      adapter: {
        libc: forger,
        readable: (fd, options) => adapter.readable(fd, options),
        breathe: () => adapter.breathe(),
      },
    });
    const { index } = await nl.links.get("lo");
    forge = true;
    assert.equal((await nl.links.get("lo")).index, index);
    assert.deepEqual((await nl.links.list().toArray()).map((l) => l.name), ["lo"]);
    assert.ok(nl.usable);
  });
});
