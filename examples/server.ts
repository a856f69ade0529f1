/**
 * A Bun server in front of TCP upstreams: each HTTP request becomes one line to one of them, over a
 * pooled connection. At most 16 connections to each, whatever the number of clients.
 *
 *     bun examples/server.ts 8080 127.0.0.1:7001 127.0.0.1:7002 --max-idle-time 1m
 *     curl 'http://127.0.0.1:8080/?line=hello'
 */

import {
  ConnectError,
  endpointOptions,
  EndpointPool,
  optionsFromArgs,
  PoolError,
  poolFlags,
} from "@x/pool";
import { parseArgs } from "node:util";

declare const Bun: {
  serve(options: { port: number; fetch(request: Request): Promise<Response> }): {
    port: number;
    stop(): Promise<void>;
  };
};

const { positionals, values } = parseArgs({ allowPositionals: true, options: poolFlags });
const [port = "8080", ...upstreams] = positionals;
const defaults = { maxPerEndpoint: 16, acquireTimeout: 1_000, connectTimeout: 500 };
const pool = new EndpointPool({ ...defaults, ...endpointOptions(optionsFromArgs(values)) });
let next = 0;

/** One line there, one line back; a connection that broke off half-way is not lent again. */
function ask(upstream: string, line: string, signal: AbortSignal): Promise<string> {
  return pool.withConnection(upstream, async (conn) => {
    await conn.write(new TextEncoder().encode(`${line}\n`));
    let reply = "";
    const chunk = new Uint8Array(4096);
    while (!reply.endsWith("\n")) {
      const n = await conn.read(chunk, { signal });
      if (n === null) throw new Error(`${upstream} closed before it had answered`);
      reply += new TextDecoder().decode(chunk.subarray(0, n));
    }
    return reply;
  }, { signal });
}

const server = Bun.serve({
  port: Number(port),
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/stats") {
      return Response.json(
        pool.allStats().map(([endpoint, stats]) => ({
          endpoint: String(endpoint),
          ...stats,
        })),
      );
    }
    const upstream = upstreams[next++ % upstreams.length];
    try {
      const line = url.searchParams.get("line") ?? "";
      return new Response(await ask(upstream, line, request.signal));
    } catch (error) {
      const busy = error instanceof PoolError || error instanceof ConnectError;
      return new Response(`${error}\n`, { status: busy ? 503 : 502 });
    }
  },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await server.stop();
    await pool.close();
  });
}
console.log(`listening on port ${server.port}`);
