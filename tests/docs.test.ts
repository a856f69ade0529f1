import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { Program, root, runModule } from "./child.ts";
import { need, testNamespace } from "./support.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith(".ts") ? [path] : [];
  });
}

/** The TypeScript blocks in a file's doc comments. */
function examples(path: string): string[] {
  return [...read(path).matchAll(/^ *\/\*\*[\s\S]*?\*\//gm)].flatMap(([comment]) => {
    const text = comment.replace(/^ *\* ?/gm, "");
    return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  });
}

function docExamples(folder: string): { title: string; code: string }[] {
  return sources(folder).flatMap((path) =>
    examples(path).map((code, i) => ({ title: `example ${i + 1} in ${path}`, code }))
  );
}

it("every code block in the README and in a docstring type-checks", { timeout: 120_000 }, () => {
  const files = ["README.md", "CONTRIBUTING.md", "mod.ts", "src", "ffi"];
  const { status, stderr } = spawnSync("deno", ["check", "--doc-only", ...files], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});

it("an excerpt in the README stands in the file that it names", () => {
  const parts = read("README.md").split("```ts ignore\n");
  const excerpts = parts.slice(1).map((part, i) => ({
    path: [...parts[i].matchAll(/\]\((examples\/\w+\.ts)\)/g)].at(-1)![1],
    code: part.split("```")[0],
  }));
  assert.ok(excerpts.length >= 3, `only ${excerpts.length} excerpts found`);
  for (const { path, code } of excerpts) {
    assert.ok(read(path).includes(code), `${path} does not contain:\n${code}`);
  }
});

it("every file that a document names exists", () => {
  const all = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => !path.startsWith("node_modules")).map((path) => `/${path}`);
  for (const document of ["README.md", "CONTRIBUTING.md", "bench/README.md"]) {
    const text = read(document), folder = dirname(join(root, document));
    for (const [, path] of text.matchAll(/\]\((?!http)([^)#]+)[^)]*\)/g)) {
      assert.ok(existsSync(join(folder, path)), `${document} names ${path}`);
    }
    // In prose a path may leave out the folders in front.
    for (const [, path] of text.matchAll(/`([\w./-]+\.(?:ts|c|md|json))`/g)) {
      assert.ok(all.some((file) => file.endsWith(`/${path}`)), `${document} names ${path}`);
    }
  }
});

for (const folder of ["src/pool", "src/observe"]) {
  for (const { title, code } of docExamples(folder)) {
    it(`${title} runs and ends`, async () => {
      const { code: exit, output } = await runModule(code);
      assert.equal(exit, 0, output);
    });
  }
}

// Those of src/net want an echo server on port 7, all of them the freedom to configure the machine:
// each gets a network namespace of its own, and a place of its own for the ones that it makes.
const privately = ["sh", "-c", 'mount -t tmpfs none /run/netns && exec "$@"', "sh"];
const skip = need("net-admin", "ip", "mount");
for (const folder of ["src/net", "src/netlink"]) {
  for (const { title, code } of docExamples(folder)) {
    it(`${title} runs and ends`, { skip }, async () => {
      await using netns = await testNamespace();
      const prefix = ["ip", "netns", "exec", netns.name];
      execFileSync("ip", ["-n", netns.name, "link", "set", "lo", "up"]);
      await using server = folder === "src/net"
        ? new Program("examples/demo/echo_server.ts", ["7"], { prefix })
        : undefined;
      await server?.printed(/^7$/m);
      const { code: exit, output } = await runModule(code, { prefix: [...prefix, ...privately] });
      assert.equal(exit, 0, output);
    });
  }
}
