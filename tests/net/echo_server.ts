// A program: listens on as many ports as its first argument says, prints them as JSON, echoes what
// it gets, and ends with its standard input.

import { type AddressInfo, createServer } from "node:net";

const ports: number[] = [];
for (let i = 0; i < Number(process.argv[2] ?? 1); i++) {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => socket.write(data));
  });
  await new Promise<void>((done) =>
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, done)
  );
  ports.push((server.address() as AddressInfo).port);
}
console.log(JSON.stringify(ports));
process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
