import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { listNamespaces } from "../../src/netlink/mod.ts";
import { Program } from "../child.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin", "ip");

async function run(path: string, args: string[] = [], deno?: string[]): Promise<string> {
  const program = new Program(path, args, { deno });
  assert.equal(await program.ended, 0, program.output);
  return program.output;
}

it("examples/bridge.ts sets up a bridge", { skip }, async () => {
  await using ns = await testNamespace();
  const output = await run("examples/bridge.ts", ["--netns", ns.name], ["--allow-ffi"]);
  assert.match(output, /port1 is up/);
  assert.match(output, /the way out is 192\.0\.2\.254 from 192\.0\.2\.1/);
  assert.match(output, /host1 has (fq_codel|tbf)/);
  const shown = execFileSync("ip", ["-n", ns.name, "-j", "-d", "link", "show", "port2"]);
  const [{ master, linkinfo }] = JSON.parse(String(shown));
  assert.deepEqual([master, linkinfo.info_slave_data.isolated], ["br0", true]);
});

it("examples/netns_lab.ts wires three namespaces and leaves none", {
  skip: need("net-admin", "ip", "bash"),
}, async () => {
  const program = new Program("examples/netns_lab.ts");
  assert.equal(await program.ended, 0, program.output);
  assert.match(program.output, /left reaches right, [0-9a-f:]{17}, through the router/);
  assert.match(program.output, /the router sent packets/);
  // Others may run the same.
  const own = (name: string) => name.startsWith(`lab${program.pid}-`);
  assert.deepEqual((await listNamespaces()).map((n) => n.name).filter(own), []);
});

it("examples/plan.ts makes a machine what a file says, once", { skip }, async () => {
  await using ns = await testNamespace();
  const folder = mkdtempSync(join(tmpdir(), "xpool-")), file = join(folder, "machine.json");
  try {
    writeFileSync(
      file,
      JSON.stringify({
        links: [{ name: "br0", kind: "bridge", up: true, mtu: 1400 }],
        addresses: [{ link: "br0", address: "10.0.0.1/24" }],
        routes: [{ destination: "10.9.0.0/16", gateway: "10.0.0.2" }],
      }),
    );
    const permissions = ["--allow-ffi", "--allow-read"];
    const args = [file, "--netns", ns.name];
    assert.match(await run("examples/plan.ts", args, permissions), /^\+ link br0$/m);
    assert.match(
      await run("examples/plan.ts", [...args, "--apply"], permissions),
      /3 changes made/,
    );
    assert.equal(await run("examples/plan.ts", args, permissions), "nothing to do\n");
    execFileSync("ip", ["-n", ns.name, "link", "set", "br0", "mtu", "1300"]);
    assert.equal(await run("examples/plan.ts", args, permissions), "~ link br0: mtu 1300 → 1400\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
