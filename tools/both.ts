/**
 * Runs the demo, the tests or the benches on Deno and then on Bun. `npm run X` and `deno task X`
 * both come here, so that they do the same.
 *
 *     deno run -A tools/both.ts demo | test [file…] | bench [file…] [words for them…]
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [task, ...rest] = process.argv.slice(2);
const env = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
};

let child: ChildProcess | undefined;
// Ctrl-C reaches the child too; it cleans up, and its exit ends this process.
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interrupted = true;
    if (signal !== "SIGINT" || !process.stdin.isTTY) child?.kill(signal);
  });
}

/** Runs a command to its end; with `capture`, its output is shown and returned. */
function run(command: string, args: string[], capture = false): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const stdio = capture ? "pipe" : "inherit";
    child = spawn(command, args, { cwd: root, env, stdio: ["inherit", stdio, stdio] });
    let output = "";
    const show = (to: NodeJS.WriteStream) => (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
      to.write(chunk);
    };
    child.stdout?.on("data", show(process.stdout));
    child.stderr?.on("data", show(process.stderr));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve([signal ? 1 : code ?? 1, output]));
  });
}

/** With Deno alone on the machine, Bun and the test libraries still have to come from npm. */
async function install(): Promise<void> {
  if (existsSync(join(root, "node_modules/bun"))) return;
  const [code] = await run("npm", ["install"]).catch(() =>
    run("deno", ["install", "--allow-scripts"])
  );
  if (code !== 0) process.exit(code);
}

function files(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return path.endsWith(ending) ? [path] : [];
    // tests/std needs JSR and has a configuration of its own.
    return path === join("tests", "std") ? [] : files(path, ending);
  }).sort();
}

function chosen(folder: string, ending: string, paths: string[]): string[] {
  const all = files(folder, ending);
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => relative(root, join(process.cwd(), path)));
  const found = all.filter((file) => wanted.some((path) => file.startsWith(path)));
  if (found.length > 0) return found;
  console.error(`Cannot run ${task} ${paths.join(" ")}: no file *${ending} is there`);
  process.exit(2);
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Deno's own total counts groups as tests and their tests as steps: count the leaves instead. */
function countDeno(output: string): Counts {
  const counts = { ok: 0, FAILED: 0, ignored: 0 };
  let previous = 0;
  for (const [, indent, result] of output.matchAll(/^( *)\S.* \.\.\. (ok|FAILED|ignored)\b/gm)) {
    // A group's result comes after its tests', less indented.
    if (indent.length >= previous) counts[result as keyof typeof counts]++;
    previous = indent.length;
  }
  return { passed: counts.ok, failed: counts.FAILED, skipped: counts.ignored };
}

function countBun(output: string): Counts {
  const last = (word: string) =>
    Number([...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  return { passed: last("pass"), failed: last("fail"), skipped: last("skip") };
}

/** What is said of the tests that failed; each runtime says it somewhere in thousands of lines. */
function failuresOfDeno(output: string): string {
  return /^ ERRORS\s[\s\S]*?(?=^ FAILURES\s)/m.exec(output)?.[0] ?? "";
}

/** Bun tells of an error before it names the test: with the last lines since the test before. */
function failuresOfBun(output: string): string {
  const lines = output.split("\n");
  return lines.flatMap((line, end) => {
    if (!line.startsWith("(fail) ")) return [];
    const start = lines.findLastIndex((line, i) => i < end && /^\((pass|fail|skip)\) /.test(line));
    return lines.slice(Math.max(start + 1, end - 40), end + 1);
  }).join("\n");
}

const RUNTIMES = [
  {
    name: "Deno",
    command: "deno",
    run: ["run", "-A"],
    test: ["test", "-A", "--no-check"],
    count: countDeno,
    failures: failuresOfDeno,
  },
  {
    name: "Bun",
    command: "bun",
    run: [] as string[],
    test: ["test", "--timeout", "120000"],
    count: countBun,
    failures: failuresOfBun,
  },
];

function heading(name: string): void {
  console.log(`\n── ${task} on ${name} ${"─".repeat(60)}`);
}

async function test(): Promise<number> {
  const tests = chosen("tests", ".test.ts", rest).map((file) => `./${file}`);
  const total = { passed: 0, failed: 0, skipped: 0 };
  let failures = "";
  for (const runtime of RUNTIMES) {
    heading(runtime.name);
    const [code, coloured] = await run(runtime.command, [...runtime.test, ...tests], true);
    // deno-lint-ignore no-control-regex
    const output = coloured.replace(/\x1b\[[0-9;]*m/g, "");
    const counts = runtime.count(output);
    total.passed += counts.passed;
    // A runtime that crashed has failed as well.
    total.failed += counts.failed || (code !== 0 || counts.passed === 0 ? 1 : 0);
    total.skipped += counts.skipped;
    if (code !== 0) {
      const said = runtime.failures(output) || output.slice(-4_000);
      failures += `\n── failed on ${runtime.name}\n${said}`;
    }
  }
  process.stdout.write(failures);
  const skipped = total.skipped ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 ? 0 : 1;
}

async function programs(paths: string[], args: string[]): Promise<number> {
  let worst = 0;
  for (const path of paths) {
    for (const runtime of RUNTIMES) {
      if (interrupted) return 130;
      heading(`${runtime.name}: ${path}`);
      const [code] = await run(runtime.command, [...runtime.run, path, ...args]);
      worst ||= code;
    }
  }
  return interrupted ? 130 : worst;
}

await install();
const tasks: Record<string, () => Promise<number>> = {
  test,
  demo: () => programs([join("examples", "demo.ts")], rest),
  bench: () => {
    const [paths, words] = [true, false].map((of) =>
      rest.filter((word) => word.startsWith("bench") === of)
    );
    return programs(chosen("bench", ".bench.ts", paths), words);
  },
};
if (tasks[task] === undefined) {
  console.error(`Cannot run ${task}: the tasks are ${Object.keys(tasks).join(", ")}`);
  process.exit(2);
}
process.exit(await tasks[task]());
