/** Child processes that end with this one, on the runtime that this one runs on. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The arguments with which this runtime runs a program. */
export const RUN: string[] = "Deno" in globalThis ? ["run", "-A"] : [];

/** A program of this folder, told to end by closing its standard input. */
export class Companion implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  /** The first line that it printed: it is ready. */
  readonly ready: Promise<string>;

  constructor(program: string, args: string[]) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    // In a process group of its own: a Ctrl-C or a kill of the demo's group must not end it first.
    this.#child = spawn(process.execPath, [...RUN, path, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.stdout!.once("data", (bytes) => resolve(String(bytes).trim()));
      this.#child.once("close", (code) => reject(new Error(`${program} ended with ${code}`)));
    });
    this.ready.catch(() => {}); // the caller sees it where it awaits
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }
}
