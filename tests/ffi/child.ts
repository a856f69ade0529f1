/** Runs a snippet in a fresh process of this runtime, to see how it exits and what it prints. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What became of a child process. */
export interface Outcome {
  code: number | null;
  output: string;
  milliseconds: number;
}

/**
 * Runs `source` as a module, as if it stood in a folder below tests/.
 *
 * @param deno the permissions it gets on Deno
 */
export async function runModule(source: string, deno: string[] = ["-A"]): Promise<Outcome> {
  // Inside the repository, so that "@x/pool" is found by both runtimes.
  const folder = mkdtempSync(join(root, "tests/.tmp-"));
  const path = join(folder, "main.ts");
  writeFileSync(path, source);
  const began = performance.now();
  const args = "Deno" in globalThis ? ["run", "--no-prompt", "--no-lock", ...deno, path] : [path];
  // Deno's node:child_process gives a Deno that it starts all permissions; it does not recognise
  // one that a shell starts.
  const command = [process.execPath, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("sh", ["-c", `exec ${command}`], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  let output = "";
  const collect = (chunk: Uint8Array) => output += new TextDecoder().decode(chunk);
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  try {
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, output, milliseconds: performance.now() - began };
  } finally {
    clearTimeout(timer);
    rmSync(folder, { recursive: true });
  }
}
