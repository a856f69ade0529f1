/** A million routes, streamed, and what else the process does meanwhile. */

import { createConnection, createServer } from "node:net";
import { RouteConnection } from "../src/netlink/mod.ts";

/** Streams every route, and says how timers, a socket and memory fared meanwhile. */
export async function stream(netns: string): Promise<void> {
  await using nl = await RouteConnection.open({ netns });
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const socket = createConnection((server.address() as { port: number }).port, "127.0.0.1");
  let echoes = 0;
  socket.on("error", () => {});
  socket.on("data", () => {
    echoes++;
    socket.write("x");
  });
  const delays: number[] = [];
  let due = 0;
  let timer: ReturnType<typeof setTimeout>;
  const tick = () => {
    if (due > 0) delays.push(Math.max(0, performance.now() - due));
    due = performance.now() + 2;
    timer = setTimeout(tick, 2);
  };
  const rounds = [];
  for (let round = 0; round < 3; round++) {
    delays.length = echoes = due = 0;
    socket.write("x");
    tick();
    (globalThis as { gc?: () => void }).gc?.();
    const before = process.memoryUsage().rss;
    let most = before, routes = 0;
    const start = performance.now();
    for await (const route of nl.routes.list({ family: 4, whole: false })) {
      if (route.priority < 0) throw new Error("never");
      if (++routes % 20_000 === 0) most = Math.max(most, process.memoryUsage().rss);
    }
    const time = performance.now() - start;
    clearTimeout(timer!);
    delays.sort((a, b) => a - b);
    rounds.push({
      routes,
      time,
      p99: delays[Math.floor(delays.length * 0.99)],
      max: delays.at(-1),
      timers: delays.length,
      echoes,
      grown: (most - before) / 2 ** 20,
    });
  }
  console.log(JSON.stringify(rounds));
  socket.destroy();
  server.close();
}
