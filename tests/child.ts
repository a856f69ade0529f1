/** Programs in a process of their own. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** This repository's root. */
export const root: string = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The runtime that runs the tests, and the other one. */
export const [thisRuntime, otherRuntime]: ("deno" | "bun")[] = "Deno" in globalThis
  ? ["deno", "bun"]
  : ["bun", "deno"];

/** How a program is started. */
export interface RunOptions {
  /**
   * What runs it; "none" if it runs by itself.
   * @default the runtime that runs the tests
   */
  runtime?: "deno" | "bun" | "none";
  /** What goes before the runtime: a program that runs another. */
  prefix?: string[];
  /**
   * The permissions that it gets on Deno.
   * @default ["-A"]
   */
  deno?: string[];
  /** Variables besides those of this process. */
  env?: Record<string, string>;
  /**
   * Milliseconds until it is killed.
   * @default 60_000
   */
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
    const { runtime = thisRuntime, prefix = [], deno = ["-A"], timeout = 60_000 } = options;
    const run = runtime === "deno" ? ["run", "--no-prompt", "--no-lock", ...deno] : [];
    const program = runtime === thisRuntime
      ? [process.execPath]
      : runtime === "none"
      ? []
      : [join(root, "node_modules/.bin", runtime)];
    // Deno's node:child_process gives a Deno that it starts all permissions; it does not recognise
    // one that a shell starts.
    const words = [...prefix, ...program, ...run, path, ...args];
    const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const env = { ...process.env, ...options.env };
    this.#child = spawn("sh", ["-c", `exec ${command}`], { cwd: root, env });
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

  /** Ends its standard input. */
  end(): void {
    this.#child.stdin!.end();
  }

  /** Asks it to end, and waits until it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(late);
  }

  /** Waits until something listens on the port. */
  async listening(port: number): Promise<void> {
    let over = false;
    this.ended.then(() => over = true);
    const up = () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1").on("error", () => resolve(false));
        socket.on("connect", () => {
          socket.destroy();
          resolve(true);
        });
      });
    while (!await up()) {
      if (over) throw new Error(`It ended without listening on port ${port}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
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
