// Echo servers in a process of their own; they end when their `await using` does.

import { otherRuntime, Program } from "../child.ts";

/** Echo servers in the runtime that this test does not run in. */
export async function otherRuntimeEcho(count: number): Promise<Program & { ports: number[] }> {
  const program = new Program("examples/demo/echo_server.ts", [Array(count).fill(0).join()], {
    runtime: otherRuntime,
    timeout: 3_600_000,
  });
  const [lines] = await program.printed(new RegExp(`^(\\d+\\n){${count}}`));
  return Object.assign(program, { ports: lines.trim().split("\n").map(Number) });
}
