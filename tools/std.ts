/**
 * Runs tests/std, the suite that needs `@std/*`. They come from JSR, or from a local checkout of
 * denoland/std (with a `log` folder of version 0.224.14) where JSR is out of reach:
 *
 *     deno task test:std [path/to/std]
 */

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const checkout = process.argv[2];
let config = join(root, "deno.std.json");
const local = join(root, ".deno.std.local.json");
try {
  if (checkout !== undefined) {
    // Links belong in a file of their own: a folder that is missing is a hard error.
    const links = [resolve(checkout), resolve(checkout, "log")];
    const settings = { ...JSON.parse(readFileSync(config, "utf8")), links };
    writeFileSync(config = local, JSON.stringify(settings));
  }
  const { status } = spawnSync("deno", ["test", "-A", "-c", config, "tests/std/"], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(local, { force: true });
}
