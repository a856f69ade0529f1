import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("./liveness_child.ts", import.meta.url));
const flags = "Deno" in globalThis
  ? ["run", "--no-prompt", "--no-check", "--v8-flags=--expose-gc"]
  : [];

/** Runs one mode on the runtime that runs this test. */
function run(mode: string): Promise<{ code: number | null; output: string; ms: number }> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const process_ = spawn(process.execPath, [...flags, child, mode], { timeout: 20_000 });
    let output = "";
    process_.stdout.on("data", (chunk) => output += chunk);
    process_.stderr.on("data", (chunk) => output += chunk);
    process_.on("error", reject);
    process_.on("close", (code) => resolve({ code, output, ms: performance.now() - begin }));
  });
}

it("a process with only an idle pool exits by itself", async () => {
  const { code, output, ms } = await run("idle");
  assert.deepEqual([code, output.trim()], [0, "idle 2"]);
  assert.ok(ms < 10_000, `${ms} ms`);
});

it("a process whose acquires were all served does not wait for their deadlines", async () => {
  const { code, output, ms } = await run("served");
  assert.deepEqual([code, output.trim()], [0, "served"]);
  assert.ok(ms < 10_000, `${ms} ms`);
});

it("a process with a pending acquire lives until its deadline, and no longer", async () => {
  const { code, output, ms } = await run("pending");
  assert.deepEqual([code, output.trim()], [0, "WAIT_TIMEOUT"]);
  assert.ok(ms >= 300 && ms < 10_000, `${ms} ms`);
});

it("a process lives through the pauses between creations while somebody waits", async () => {
  const { code, output } = await run("retrying");
  assert.deepEqual([code, output.trim()], [0, "created by try 3"]);
});

it("a collected lease is reported and gives its place back, a held one never", async () => {
  const { code, output } = await run("collected");
  assert.equal(code, 0, output);
  assert.deepEqual(output.trim().split("\n"), [
    "collected false 1 true",
    "10 1",
    "collected true 1 true",
    "10 1",
  ]);
});

it("a lease that was released and collected later says nothing of the next one", async () => {
  const { code, output } = await run("released");
  assert.deepEqual([code, output.trim()], [0, "0 1"]);
});
