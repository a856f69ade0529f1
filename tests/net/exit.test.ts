import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Program } from "../child.ts";
import { Peer, sleep } from "./peer.ts";

describe("a process with a pool", () => {
  const start = (peer: Peer, mode: string) =>
    new Program("tests/net/exit_child.ts", [String(peer.port), mode]);

  it("waits for a reply, and is not held by idle connections", { timeout: 120_000 }, async () => {
    await using peer = await Peer.listen((socket) =>
      // Later than anything else that the program waits for.
      socket.on("data", (data) => setTimeout(() => socket.write(data), 300))
    );
    await using child = start(peer, "idle");
    await child.printed(/^read idle$/m);
    // It would be killed after a minute; the connections are idle for five.
    assert.equal(await child.ended, 0, "the program goes on running");
  });

  it("is held by a connection that is in use", { timeout: 120_000 }, async () => {
    await using peer = await Peer.echo();
    await using child = start(peer, "leased");
    let ended = false;
    child.ended.then(() => ended = true);
    await child.printed(/^read leased$/m);
    await sleep(500);
    assert.equal(ended, false, child.output);
    (await peer.socket()).end();
  });
});
