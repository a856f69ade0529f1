/** Pools connections to three echo servers and keeps asking while one of them dies and returns. */

import { type Conn, EndpointPool } from "@x/pool";
import { Companion } from "./process.ts";
import { check, progress, say } from "./screen.ts";

const REQUESTS = 2_000, IN_FLIGHT = 64, CONNECTIONS_EACH = 24, THINK_TIME_MS = 5;

/** Runs the requests; the servers and every connection are gone when it returns or throws. */
export async function poolUpstreams(signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const start = (port = "0") =>
    stack.use(new Companion("echo_server.ts", [port, String(THINK_TIME_MS)]));
  const servers = [start(), start(), start()];
  const ports = await Promise.all(servers.map((server) => server.ready));
  const pool = stack.use(new EndpointPool({ maxPerEndpoint: CONNECTIONS_EACH, connectRetries: 0 }));
  const endpoints = ports.map((port) => `127.0.0.1:${port}`);
  say(`\nEcho servers on ${endpoints.join(", ")}, each reply after ${THINK_TIME_MS} ms`);

  const latencies: number[] = [];
  const failures = new Map<string, number>();
  let sent = 0, wrong = 0, lost = 0, afterReturn = 0;
  let returned: Promise<boolean> | undefined, isBack = false;
  const began = performance.now();

  const ask = async (number: number): Promise<void> => {
    const request = `request ${number}`;
    const asked = performance.now();
    // A server that is down costs a failed attempt; the next one gets the request.
    for (let attempt = 0; attempt < endpoints.length; attempt++) {
      const chosen = (number + attempt) % endpoints.length;
      try {
        const reply = await pool.withConnection(
          endpoints[chosen],
          (conn) => roundTrip(conn, request, signal),
          { signal },
        );
        if (reply !== request) wrong++;
        if (chosen === 1 && isBack) afterReturn++;
        latencies.push(performance.now() - asked);
        return;
      } catch (error) {
        signal.throwIfAborted();
        failures.set(endpoints[chosen], (failures.get(endpoints[chosen]) ?? 0) + 1);
        if (attempt === endpoints.length - 1) {
          lost++;
          say(`  ${request} lost: ${error}`);
        }
      }
    }
  };

  const client = async (): Promise<void> => {
    while (sent < REQUESTS) {
      signal.throwIfAborted();
      const number = sent++;
      if (number === REQUESTS / 4) {
        say(`  ${number} requests sent: stopping ${endpoints[1]}`);
        await servers[1].kill();
      }
      if (number === REQUESTS / 2) {
        say(`  ${number} requests sent: starting ${endpoints[1]} again`);
        returned = start(ports[1]).ready.then(() => isBack = true);
      }
      if (number >= REQUESTS * 3 / 4) await returned;
      await ask(number);
      progress(`  ${latencies.length} of ${REQUESTS} requests answered`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, client));
  const seconds = (performance.now() - began) / 1000;
  progress(
    `  ${latencies.length} of ${REQUESTS} requests answered in ${seconds.toFixed(2)} s`,
    true,
  );

  const total = { created: 0, reused: 0, active: 0 };
  for (const [endpoint, stats] of pool.allStats()) {
    total.created += stats.totalCreated;
    total.reused += stats.totalReused;
    total.active += stats.active;
    say(
      `  ${endpoint}: ${stats.totalCreated} connections opened, ${stats.totalReused} times reused, ` +
        `${failures.get(String(endpoint)) ?? 0} attempts failed`,
    );
  }
  latencies.sort((a, b) => a - b);
  const percentile = (p: number) => `p${p} ${at(latencies, p).toFixed(1)} ms`;
  say(`  latency: ${[50, 90, 99, 100].map(percentile).join(", ")}`);

  const failedElsewhere = [...failures.keys()].filter((key) => key !== endpoints[1]);
  check(
    `all ${REQUESTS} requests were answered`,
    lost === 0 && latencies.length === REQUESTS,
    latencies.length,
  );
  check("every reply was the echo of its own request", wrong === 0, `${wrong} wrong`);
  check(
    "attempts failed at the stopped server only",
    failedElsewhere.length === 0,
    failedElsewhere,
  );
  check("the server that came back was used again", afterReturn > 0, afterReturn);
  check("connections were reused", total.reused > total.created * 10, total.reused);
  check("every connection was given back", total.active === 0, total.active);
}

async function roundTrip(
  conn: Conn,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  await conn.write(new TextEncoder().encode(text));
  const reply = new Uint8Array(text.length);
  for (let length = 0; length < reply.length;) {
    const n = await conn.read(reply.subarray(length), { signal });
    if (n === null) throw new Error(`${conn.endpoint} closed before it had answered`);
    length += n;
  }
  return new TextDecoder().decode(reply);
}

function at(sorted: number[], percentile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percentile / 100))];
}
