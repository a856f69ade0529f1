/** Programs in a process of their own, on the runtime that runs the tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** This repository's root. */
export const root: string = join(dirname(fileURLToPath(import.meta.url)), "..");

/** How a program is started. */
export interface RunOptions {
  /** What goes before the runtime: a program that runs another. */
  prefix?: string[];
  /** The permissions that it gets on Deno. */
  deno?: string[];
  /** Milliseconds until it is killed. */
  timeout?: number;
}

/** A running program, and all that it printed. */
export class Program implements AsyncDisposable {
  /** Standard output and standard error as they came. */
  output = "";
  /** Its exit code once its output has ended; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(path: string, args: string[] = [], options: RunOptions = {}) {
    const { prefix = [], deno = ["-A"], timeout = 60_000 } = options;
    const run = "Deno" in globalThis ? ["run", "--no-prompt", "--no-lock", ...deno] : [];
    // Deno's node:child_process gives a Deno that it starts all permissions; it does not recognise
    // one that a shell starts.
    const words = [...prefix, process.execPath, ...run, path, ...args];
    const command = words.map((word) => `'${word}'`).join(" ");
    this.#child = spawn("sh", ["-c", `exec ${command}`], { cwd: root });
    this.#timer = setTimeout(() => this.kill("SIGKILL"), timeout);
    const collect = (chunk: Uint8Array) => void (this.output += new TextDecoder().decode(chunk));
    this.#child.stdout!.on("data", collect);
    this.#child.stderr!.on("data", collect);
    this.ended = new Promise((resolve) => {
      this.#child.on("close", (code) => {
        clearTimeout(this.#timer);
        resolve(code);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    // Not child.kill: after that Deno reports the signal even if the program then exits by itself.
    process.kill(this.pid, signal);
  }

  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Waits until the output matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    let over = false;
    this.ended.then(() => over = true);
    while (true) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (over) throw new Error(`It ended without printing ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Runs `source` to its end, as if it stood in a folder below tests/. */
export async function runModule(
  source: string,
  options?: RunOptions,
): Promise<{ code: number | null; output: string }> {
  // Inside the repository, so that "@x/pool" is found by both runtimes.
  const folder = mkdtempSync(join(root, "tests/.tmp-"));
  const path = join(folder, "main.ts");
  writeFileSync(path, source);
  try {
    const program = new Program(path, [], options);
    return { code: await program.ended, output: program.output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
