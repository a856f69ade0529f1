// Servers in processes of their own; each ends when its `await using` does.

import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { sleep } from "./peer.ts";

/** A child process that is gone once it is disposed of. */
export class Child implements AsyncDisposable {
  #output = "";
  readonly #ended: Promise<unknown>;

  private constructor(readonly process: ChildProcess) {
    process.stdout?.on("data", (data) => this.#output += data);
    process.stderr?.on("data", (data) => this.#output += data);
    this.#ended = new Promise((resolve) => process.once("close", resolve).once("error", resolve));
  }

  /** Starts a program. Its standard input ends when this process does. */
  static start(program: string, args: string[]): Child {
    return new Child(spawn(program, args, { stdio: "pipe" }));
  }

  /** The first line that the program prints. */
  async line(): Promise<string> {
    for (let i = 0; i < 1_000; i++) {
      const end = this.#output.indexOf("\n");
      if (end >= 0) return this.#output.slice(0, end);
      if (this.process.exitCode !== null) break;
      await sleep(10);
    }
    throw new Error(`Cannot read a line: the program printed ${JSON.stringify(this.#output)}`);
  }

  /** Waits until something listens on the port. */
  async listening(port: number): Promise<void> {
    for (let i = 0; i < 500; i++) {
      const up = await new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(true)).on(
          "error",
          () => resolve(false),
        );
        socket.on("connect", () => socket.destroy());
      });
      if (up) return;
      if (this.process.exitCode !== null) break;
      await sleep(10);
    }
    throw new Error(`Cannot reach port ${port}: the program printed ${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.stdin?.end();
    this.process.kill("SIGTERM");
    await this.#ended;
  }
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The program and arguments that run a file in `runtime`, as npm has installed it. */
export function runtimeCommand(runtime: "deno" | "bun", file: string): [string, string[]] {
  const program = here(`../../node_modules/.bin/${runtime}`);
  return [program, runtime === "deno" ? ["run", "-A", "--no-check", file] : [file]];
}

/** Echo servers in the runtime that this test does not run in. */
export async function otherRuntimeEcho(listeners: number): Promise<Child & { ports: number[] }> {
  const runtime = "Bun" in globalThis ? "deno" : "bun";
  const [program, args] = runtimeCommand(runtime, here("./echo_server.ts"));
  const child = Child.start(program, [...args, String(listeners)]);
  const ports = JSON.parse(await child.line()) as number[];
  return Object.assign(child, { ports });
}
