import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import {
  createNamespace,
  deleteNamespace,
  GenericConnection,
  RouteConnection,
} from "@x/pool/netlink";
import { Program } from "../child.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

it("examples/monitor.ts prints what changes, until it is interrupted", { skip }, async () => {
  await using ns = await testNamespace();
  await using program = new Program("examples/monitor.ts", ["link", "--netns", ns.name], {
    deno: ["--allow-ffi"],
  });
  await program.printed(/start: 1 of kind link/);
  execFileSync("ip", ["-n", ns.name, "link", "add", "b0", "type", "bridge"]);
  await program.printed(/^set link \{.*"name":"b0","kind":"bridge"/m);
  execFileSync("ip", ["-n", ns.name, "link", "delete", "b0"]);
  await program.printed(/^delete link \{.*"name":"b0"/m);
  program.kill("SIGINT");
  assert.equal(await program.ended, 0, program.output);
});

it("examples/exporter.ts serves metrics of every namespace", { skip }, async () => {
  await using a = await testNamespace();
  await using b = await testNamespace();
  execFileSync("ip", ["-n", a.name, "link", "set", "lo", "up"]);
  await using program = new Program("examples/exporter.ts", ["0"]);
  const [, port] = await program.printed(/listening on (\d+)/);
  for (let round = 0; round < 2; round++) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(text, new RegExp(`^net_link_up\\{netns="${a.name}",link="lo"\\} 1$`, "m"));
    assert.match(text, new RegExp(`^net_link_up\\{netns="${b.name}",link="lo"\\} 0$`, "m"));
    assert.match(text, new RegExp(`^net_addresses\\{netns="${a.name}"\\} 2$`, "m"));
  }
  program.kill("SIGTERM");
  assert.equal(await program.ended, 0, program.output);
});

it(
  "examples/ethtool.ts prints what a link offloads, and what becomes of it",
  { skip },
  async () => {
    await using ns = await testNamespace();
    await using route = await RouteConnection.open({ netns: ns.name });
    await route.links.add({ name: "p0", kind: "veth", peer: { name: "q0" } });
    await using program = new Program("examples/ethtool.ts", ["p0", "--netns", ns.name], {
      deno: ["--allow-ffi"],
    });
    await program.printed(/^p0: no carrier, \d+ features: .*tx-checksum-ip-generic/m);
    await using nl = await GenericConnection.open({ netns: ns.name });
    const ethtool = await nl.family("ethtool");
    const bit = [{ name: "tx-checksum-ip-generic" }];
    await ethtool.do("features-set", { header: { devName: "p0" }, wanted: { bits: { bit } } });
    await program.printed(/^p0: no carrier, \d+ features: (?!.*tx-checksum-ip-generic)/m);
    program.kill("SIGTERM");
    assert.equal(await program.ended, 0, program.output);
  },
);

it("examples/agent.ts gives an interface to every namespace that appears", { skip }, async () => {
  await using host = await testNamespace();
  const prefix = `xpool-pod-${process.pid}-`, names = [`${prefix}a`, `${prefix}b`];
  await createNamespace(names[0]);
  try {
    await using program = new Program("examples/agent.ts", [
      "--prefix",
      prefix,
      "--netns",
      host.name,
    ]);
    await program.printed(/-a has 10\.88\.0\.2: a process inside sees it/);
    await createNamespace(names[1]);
    await program.printed(/-b has 10\.88\.0\.3: a process inside sees it/);
    const links = execFileSync("ip", ["-n", host.name, "-j", "link", "show", "master", "agent0"]);
    assert.deepEqual(
      JSON.parse(String(links)).map((link: { ifname: string }) => link.ifname),
      ["agent-2", "agent-3"],
    );
    await deleteNamespace(names[0]);
    await program.printed(/-a is gone: 2 is free again/);
    program.kill("SIGINT");
    assert.equal(await program.ended, 0, program.output);
  } finally {
    await Promise.allSettled(names.map(deleteNamespace));
  }
});
