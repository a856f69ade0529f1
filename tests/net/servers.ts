// Echo servers in a process of their own; they end when their `await using` does.

import { otherRuntime, Program } from "../child.ts";

/** Echo servers in the runtime that this test does not run in. */
export async function otherRuntimeEcho(listeners: number): Promise<Program & { ports: number[] }> {
  const program = new Program("tests/net/echo_server.ts", [String(listeners)], {
    runtime: otherRuntime,
    timeout: 3_600_000,
  });
  const [line] = await program.printed(/^\[.*\]$/m);
  return Object.assign(program, { ports: JSON.parse(line) as number[] });
}
