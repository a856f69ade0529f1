import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Peer, sleep } from "./peer.ts";
import { Child, runtimeCommand } from "./servers.ts";

const file = fileURLToPath(new URL("./exit_child.ts", import.meta.url));
const [program, args] = runtimeCommand("Bun" in globalThis ? "bun" : "deno", file);

describe("a process with a pool", () => {
  it("waits for a reply, and is not held by idle connections", { timeout: 20_000 }, async () => {
    await using peer = await Peer.listen((socket) =>
      // Later than anything else that the program waits for.
      socket.on("data", (data) => setTimeout(() => socket.write(data), 300))
    );
    await using child = Child.start(program, [...args, String(peer.port), "idle"]);
    assert.equal(await child.line(), "read idle");
    const started = performance.now();
    while (child.process.exitCode === null && performance.now() - started < 5_000) await sleep(5);
    assert.equal(child.process.exitCode, 0, "the program goes on running");
    assert.ok(performance.now() - started < 1_500);
  });

  it("is held by a connection that is in use", { timeout: 20_000 }, async () => {
    await using peer = await Peer.echo();
    await using child = Child.start(program, [...args, String(peer.port), "leased"]);
    assert.equal(await child.line(), "read leased");
    await sleep(300);
    assert.equal(child.process.exitCode, null);
    (await peer.socket()).end();
  });
});
