/** Other libraries that do the work of netlink-scale.bench.ts, as far as this machine has them. */

import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** "dumps": 16 tasks list links. "churn": routes are added, then deleted. */
export type PeerWork = "dumps" | "churn";

/** One of them. */
export interface Peer {
  readonly name: string;
  /** By how much less of each work it is given, to save time. */
  readonly share: Record<PeerWork, number>;
  /** Nanoseconds of each repetition; throws what keeps it from the work. */
  run(work: PeerWork, count: number, repetitions: number): number[];
}

const NODE_NETLINK = "netlink@0.3.0";

/** The destination of route `i`, in all programs. */
export function network(i: number): string {
  const ip = 0x0a000000 + i * 16;
  return `10.${(ip >> 16) & 255}.${(ip >> 8) & 255}.${ip & 255}/28`;
}

function here(name: string): string {
  return join(fileURLToPath(import.meta.url), "..", name);
}

/** @param folder where programs are built and packages installed */
export function peers(folder: string, namespace: string): Peer[] {
  const inside = (command: string[], env: Record<string, string> = {}) =>
    execFileSync("ip", ["netns", "exec", namespace, ...command], {
      encoding: "utf8",
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    }).trim().split("\n").map(Number);
  return [
    {
      name: "ip -batch (its start included)",
      share: { dumps: 1, churn: 1 },
      run(work, count, repetitions) {
        if (work === "dumps") throw new Error("it starts anew for each list");
        const files = ["add", "delete"].map((verb) => {
          const file = join(folder, `ip-${verb}`);
          const line = (_: unknown, i: number) =>
            `route ${verb} ${network(i)} via 192.168.0.2 dev b0 proto static metric ${i % 7}\n`;
          writeFileSync(file, Array.from({ length: count }, line).join(""));
          return file;
        });
        return Array.from({ length: repetitions }, () => {
          const start = process.hrtime.bigint();
          for (const file of files) execFileSync("ip", ["-n", namespace, "-batch", file]);
          return Number(process.hrtime.bigint() - start);
        });
      },
    },
    {
      name: "Go vishvananda/netlink",
      share: { dumps: 4, churn: 1 },
      run(work, count, repetitions) {
        const program = join(folder, "netlink_go");
        // Debian's packages, which know no modules.
        const env = { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "" };
        built ??= need("go", ["build", "-o", program, here("netlink_scale.go")], env);
        return inside([program, work, `${count}`, `${repetitions}`]);
      },
    },
    {
      name: "pyroute2",
      share: { dumps: 16, churn: 10 },
      run(work, count, repetitions) {
        const python = ["/usr/bin/python3", "python3"].find((program) =>
          spawnSync(program, ["-c", "import pyroute2"]).status === 0
        );
        if (python === undefined) throw new Error("no python3 has pyroute2");
        return inside([python, here("netlink_scale.py"), work, `${count}`, `${repetitions}`]);
      },
    },
    {
      name: "node_netlink",
      share: { dumps: 8, churn: 1 },
      run(work, count, repetitions) {
        const packages = join(folder, "npm");
        // It brings its addon along; where it does not, it says so when it is loaded.
        installed ??= need("npm", [
          ...["install", "--prefix", packages, "--ignore-scripts", "--no-audit", "--no-fund"],
          NODE_NETLINK,
        ]);
        return inside(
          ["node", here("netlink_scale.cjs"), work, `${count}`, `${repetitions}`],
          { NODE_PATH: join(packages, "node_modules") },
        );
      },
    },
  ];
}

let built: true | undefined, installed: true | undefined;

function need(program: string, args: string[], env: Record<string, string> = {}): true {
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program}: ${stderr.trim().split("\n").at(-1)}`);
  return true;
}
