// A program that uses a pool of connections to the port it is given and just ends, never closing it.

import { EndpointPool } from "../../src/net/mod.ts";

const [port, mode] = process.argv.slice(2);
const pool = new EndpointPool();
const lease = await pool.acquire(["127.0.0.1", Number(port)]);
await lease.value.write(new TextEncoder().encode(mode));
const into = new Uint8Array(100);
const n = await lease.value.read(into);
console.log(`read ${new TextDecoder().decode(into.subarray(0, n ?? 0))}`);
if (mode !== "leased") lease.release();
