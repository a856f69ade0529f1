import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { it } from "node:test";
import { Program } from "../child.ts";
import { until } from "../net/peer.ts";
import { need, testNamespace } from "../support.ts";

it("examples/protocol.ts pools sessions of its own protocol", async () => {
  const program = new Program("examples/protocol.ts");
  assert.equal(await program.ended, 0, program.output);
  assert.equal(program.output, "value 42\nOK\nhello\n102 uses of 4 sessions\n");
});

it(
  "examples/interface.ts configures an interface, again and again",
  { skip: need("net-admin", "ip") },
  async () => {
    await using netns = await testNamespace();
    const ip = (...args: string[]) =>
      execFileSync("ip", ["-n", netns.name, ...args], { encoding: "utf8" });
    ip("link", "add", "eth1", "type", "veth", "peer", "name", "far");
    ip("link", "set", "far", "up");
    for (let i = 0; i < 2; i++) {
      const program = new Program(
        "examples/interface.ts",
        ["eth1", "10.0.0.2/24", "--gateway", "10.0.0.1", "--netns", netns.name],
        { deno: ["--allow-ffi"] },
      );
      assert.equal(await program.ended, 0, program.output);
      assert.match(program.output, /eth1 has 10\.0\.0\.2\/24/);
      assert.match(program.output, /goes through 10\.0\.0\.1/);
    }
    const [route] = JSON.parse(ip("-j", "route", "show", "default"));
    assert.deepEqual([route.gateway, route.dev], ["10.0.0.1", "eth1"]);
    const [link] = JSON.parse(ip("-j", "address", "show", "eth1"));
    assert.equal(link.operstate, "UP");
    assert.equal(link.addr_info.filter((a: { family: string }) => a.family === "inet").length, 1);

    const wrong = new Program("examples/interface.ts", ["eth9", "10.0.0.2/24"]);
    assert.notEqual(await wrong.ended, 0);
    assert.match(wrong.output, /Cannot .*eth9/);
  },
);

it("examples/server.ts answers from pooled upstreams", { skip: need("bun") }, async () => {
  let connections = 0;
  const upstream = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  await using server = new Program("examples/server.ts", [
    ...["0", `127.0.0.1:${port}`],
    ...["--max-connections-per-endpoint", "8", "--max-idle-time", "2m"],
    ...["--acquire-timeout", "60s", "--connect-timeout", "20s"],
  ], { runtime: "bun", timeout: 120_000 });
  try {
    const [, listening] = await server.printed(/^listening on port (\d+)$/m);
    const url = `http://127.0.0.1:${listening}`;
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, i) => fetch(`${url}/?line=hello${i}`).then((r) => r.text())),
    );
    assert.deepEqual(replies, Array.from({ length: 200 }, (_, i) => `hello${i}\n`));
    const [stats] = await (await fetch(`${url}/stats`)).json();
    await until(() => stats.totalCreated === connections, "every connection to be accepted");
    assert.ok(connections <= 8, `${connections} connections`);
    // A connection may be opened for somebody who is then served by another.
    const lent = stats.totalCreated + stats.totalReused;
    assert.ok(lent >= 200 && lent < 208, `lent ${lent} times`);
    server.kill("SIGTERM");
    assert.equal(await server.ended, 0, server.output);
  } finally {
    upstream.close();
  }
});
