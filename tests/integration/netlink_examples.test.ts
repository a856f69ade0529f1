import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
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
