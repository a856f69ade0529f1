import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { listNamespaces } from "@x/pool/netlink";
import { Program } from "../child.ts";
import { need } from "../support.ts";

const skip = need("net-admin", "ip");

/** Command lines of the processes that belong to a demo. */
function companions(): string[] {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return /examples\/demo(\.ts|\/)/.test(line) ? [line] : [];
    } catch {
      return []; // it has just ended
    }
  });
}

async function leavesNothing(): Promise<void> {
  const left = async () => [
    ...companions(),
    ...(await listNamespaces()).filter((name) => name.startsWith("xpool-demo-")),
  ];
  const patience = Date.now() + 5_000;
  while ((await left()).length > 0 && Date.now() < patience) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(await left(), []);
}

it("the demo prints what ip sees, and its checks hold", { skip }, async () => {
  await using demo = new Program("examples/demo.ts", ["--pause"]);
  const [, netns] = await demo.printed(/Network namespace: (\S+)/);
  await demo.printed(/Press Enter/);
  const ip = (...args: string[]) =>
    JSON.parse(execFileSync("ip", ["-n", netns, "-d", "-j", ...args], { encoding: "utf8" }));

  const links = ip("link");
  const addresses = ip("-4", "address");
  const routes = ip("-4", "route");
  assert.equal(links.length, 34);
  for (const link of links) {
    const addressed = addresses.find((a: { ifname: string }) => a.ifname === link.ifname);
    const columns = [
      link.ifindex,
      link.ifname,
      link.linkinfo?.info_kind ?? "-",
      link.flags.includes("UP") ? "up" : "down",
      link.mtu,
      link.address,
      link.master ?? "-",
      ...(addressed?.addr_info ?? []).map((a: { local: string; prefixlen: number }) =>
        `${a.local}/${a.prefixlen}`
      ),
      ...routes.filter((r: { dev: string; gateway?: string }) => r.dev === link.ifname && r.gateway)
        .map((r: { dst: string; gateway: string }) => `${r.dst} via ${r.gateway}`),
    ];
    const rows = demo.output.split("\n").map((line) => line.trim().split(/ {2,}/));
    const row = rows.find(([index]) => index === String(link.ifindex));
    assert.deepEqual(row, columns.map(String));
  }
  demo.write("\n");
  assert.equal(await demo.ended, 0, demo.output);
  assert.match(demo.output, /Every check held/);
  assert.doesNotMatch(demo.output, /FAIL/);
  await leavesNothing();
});

it("the demo cleans up after Ctrl-C, wherever it is", { skip }, async () => {
  for (const moment of [/Network namespace/, /veth pairs built/, /stopping/, /starting/]) {
    await using demo = new Program("examples/demo.ts");
    await demo.printed(moment);
    demo.kill("SIGINT");
    assert.equal(await demo.ended, 130, demo.output);
    await leavesNothing();
  }
});

it("the demo leaves nothing behind when it is killed outright", { skip }, async () => {
  for (const moment of [/Network namespace/, /stopping/]) {
    await using demo = new Program("examples/demo.ts");
    await demo.printed(moment);
    demo.kill("SIGKILL");
    await demo.ended;
    await leavesNothing();
  }
});

it("the demo needs no privilege", { skip: skip ?? need("setpriv", "unshare") }, async () => {
  // setfcap: without it the kernel lets nobody map root into a user namespace.
  const prefix = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"];
  await using demo = new Program("examples/demo.ts", [], { prefix });
  assert.equal(await demo.ended, 0, demo.output);
  assert.match(demo.output, /this process's own[^]*Every check held/);
  await leavesNothing();
});
