/**
 * Line-less TCP echo servers in a process of their own, so that the demo can kill one for real.
 * Prints the port of each; ends when its standard input does, that is, with whoever started it.
 *
 *     echo_server.ts [port,…] [milliseconds of think time]
 */

import { type AddressInfo, createServer } from "node:net";

const [ports = "0", thinkTime = "0"] = process.argv.slice(2);
for (const port of ports.split(",").map(Number)) {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      if (thinkTime === "0") socket.write(bytes);
      else setTimeout(() => socket.writable && socket.write(bytes), Number(thinkTime));
    });
  });
  server.listen({ port, host: "127.0.0.1", backlog: 1024 }, () => {
    console.log((server.address() as AddressInfo).port);
  });
}
process.stdin.on("end", () => process.exit(0)).resume();
