/**
 * A line-less TCP echo server in a process of its own, so that the demo can kill it for real.
 * Prints its port; ends when its standard input does, that is, with whoever started it.
 *
 *     echo_server.ts [port] [milliseconds of think time]
 */

import { createServer } from "node:net";

const [port = "0", thinkTime = "0"] = process.argv.slice(2);
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    setTimeout(() => socket.writable && socket.write(bytes), Number(thinkTime));
  });
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log((server.address() as { port: number }).port);
});
process.stdin.on("end", () => process.exit(0)).resume();
