import assert from "node:assert/strict";
import { it } from "node:test";
import { Program } from "../child.ts";

/** Runs one mode on the runtime that runs this test, without any permission. */
async function run(mode: string): Promise<{ code: number | null; output: string; ms: number }> {
  const begin = performance.now();
  const program = new Program("tests/pool/liveness_child.ts", [mode], { deno: [] });
  const code = await program.ended;
  return { code, output: program.output, ms: performance.now() - begin };
}

it("a process with only an idle pool exits by itself", async () => {
  const { code, output, ms } = await run("idle");
  assert.deepEqual([code, output.trim()], [0, "idle 2"]);
  assert.ok(ms < 30_000, `${ms} ms`);
});

it("a process whose acquires were all served does not wait for their deadlines", async () => {
  const { code, output, ms } = await run("served");
  assert.deepEqual([code, output.trim()], [0, "served"]);
  assert.ok(ms < 30_000, `${ms} ms`);
});

it("a process with a pending acquire lives until its deadline, and no longer", async () => {
  const { code, output, ms } = await run("pending");
  assert.deepEqual([code, output.trim()], [0, "WAIT_TIMEOUT"]);
  assert.ok(ms >= 300, `${ms} ms`);
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
