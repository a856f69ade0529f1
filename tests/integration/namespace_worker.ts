/** Listens, connects to itself by name and by address, and tells its port; for namespace.test.ts. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { parentPort } from "node:worker_threads";

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
for (const host of ["localhost", "127.0.0.1"]) {
  const socket = connect({ port, host, family: 4 });
  await once(socket, "connect");
  socket.destroy();
}
parentPort!.postMessage(port);
