import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Which layers each layer may import; its own files are always allowed. */
const ALLOWED: Record<string, string[]> = {
  "mod.ts": ["src/pool", "src/net"],
  "src/pool": [],
  "src/net": ["src/pool", "ffi"],
  "src/netlink": ["src/pool", "ffi"],
  "src/observe": ["src/pool"],
  "ffi": [],
};

interface Import {
  from: string;
  to: string;
  dynamic: boolean;
}

function sources(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      return entry.isDirectory() ? below(path) : path.endsWith(".ts") ? [path] : [];
    });
  return ["mod.ts", ...below("src"), ...below("ffi")];
}

/** The source without its comments, which may name runtimes and show imports in examples. */
function code(path: string): string {
  const text = readFileSync(join(root, path), "utf8");
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function importsOf(from: string): Import[] {
  const text = code(from);
  const found: Import[] = [];
  const add = (specifier: string, dynamic: boolean) => {
    const local = specifier.startsWith(".");
    const to = local ? posix.join(posix.dirname(from), specifier) : specifier;
    found.push({ from, to, dynamic });
  };
  for (const [, name] of text.matchAll(/^(?:import|export)\b[^;"]*\bfrom\s*"([^"]+)"/gm)) {
    add(name, false);
  }
  for (const [, name] of text.matchAll(/\bimport\s*"([^"]+)"/g)) add(name, false);
  for (const [, name] of text.matchAll(/\bimport\(\s*"([^"]+)"/g)) add(name, true);
  return found;
}

function layer(path: string): string {
  return Object.keys(ALLOWED).find((name) => path === name || path.startsWith(`${name}/`)) ?? path;
}

function violation({ from, to, dynamic }: Import): string | undefined {
  const [source, target] = [layer(from), layer(to)];
  const adapter = /^ffi\/(deno|bun)(_\w+)?\.ts$/.test(to);
  if (to.startsWith("node:")) return source === "src/pool" ? "the core imports nothing" : undefined;
  if (to === "bun:ffi") return from.startsWith("ffi/bun") ? undefined : "bun:ffi outside ffi/bun";
  if (ALLOWED[target] === undefined) return "an import from outside the package";
  if (source !== target && !ALLOWED[source].includes(target)) return `${source} is below ${target}`;
  if (source !== "ffi" && adapter) return "an adapter that is not loaded through ffi/adapter.ts";
  if (from === "ffi/adapter.ts" && adapter && !dynamic) return "an adapter imported statically";
  return undefined;
}

it("imports point one way", () => {
  const all = sources().flatMap(importsOf);
  assert.ok(all.length > 50, `only ${all.length} imports found: the reader is broken`);
  const wrong = all.flatMap((edge) => {
    const reason = violation(edge);
    return reason ? [`${edge.from} -> ${edge.to}: ${reason}`] : [];
  });
  assert.deepEqual(wrong, []);
  const unknown = Object.keys(ALLOWED).filter((name) => !existsSync(join(root, name)));
  assert.deepEqual(unknown, [], "rules for what does not exist");
});

it("the rules catch a wrong import of each kind", () => {
  const edge = (from: string, to: string, dynamic = false) => ({ from, to, dynamic });
  const wrong = [
    edge("src/pool/pool.ts", "src/net/conn.ts"),
    edge("src/pool/pool.ts", "node:events"),
    edge("src/net/conn.ts", "src/netlink/mod.ts"),
    edge("src/net/conn.ts", "ffi/deno.ts", true),
    edge("src/net/conn.ts", "bun:ffi"),
    edge("ffi/adapter.ts", "ffi/bun.ts"),
    edge("ffi/adapter.ts", "src/net/error.ts"),
    edge("src/observe/log.ts", "src/net/conn.ts"),
    edge("src/net/conn.ts", "npm:left-pad"),
  ];
  for (const one of wrong) assert.ok(violation(one), `${one.from} -> ${one.to} went unnoticed`);
  assert.equal(violation(edge("ffi/adapter.ts", "ffi/bun.ts", true)), undefined);
});

it("runtime names appear in ffi alone", () => {
  const wrong = sources().filter((path) => !path.startsWith("ffi/")).flatMap((path) => {
    const found = /\b(Deno|Bun)\b\s*[.?[]|bun:ffi/.exec(code(path));
    return found ? [`${relative(".", path)}: ${found[0]}`] : [];
  });
  assert.deepEqual(wrong, []);
});
