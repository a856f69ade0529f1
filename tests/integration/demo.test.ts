import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { listNamespaces } from "@x/pool/netlink";
import { Program, type RunOptions } from "../child.ts";
import { need } from "../support.ts";

const skip = need("net-admin", "ip");

let runs = 0;

/** One run of the demo, told from all others on this machine by a variable that is inherited. */
class Demo extends Program {
  readonly #mark: string;

  constructor(args: string[] = [], options: RunOptions = {}) {
    const mark = `${process.pid}-${runs++}`;
    super("examples/demo.ts", args, { ...options, env: { XPOOL_DEMO_TEST: mark } });
    this.#mark = `\0XPOOL_DEMO_TEST=${mark}\0`;
  }

  /** Command lines of the processes that belong to this run. */
  processes(): string[] {
    return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).flatMap((pid) => {
      try {
        const marked = `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`.includes(this.#mark);
        return marked ? [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")] : [];
      } catch {
        return []; // it has just ended
      }
    });
  }

  async #left(): Promise<string[]> {
    const names = (await listNamespaces()).map(({ name }) => name);
    const own = `xpool-demo-${this.pid}`;
    return [...this.processes(), ...names.filter((name) => name === own)];
  }

  async leavesNothing(): Promise<void> {
    const patience = performance.now() + 30_000;
    while ((await this.#left()).length > 0 && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(await this.#left(), []);
  }
}

it("the demo prints what ip sees, and its checks hold", { skip }, async () => {
  await using demo = new Demo(["--pause"]);
  const [, netns] = await demo.printed(/Network namespace: (\S+)/);
  await demo.printed(/Press Enter/);
  assert.equal(netns, `xpool-demo-${demo.pid}`);
  // The demo itself, its guard and its servers are what must be gone at the end.
  assert.ok(demo.processes().length > 1, demo.processes().join("\n"));
  const ip = (...args: string[]) =>
    JSON.parse(execFileSync("ip", ["-n", netns, "-d", "-j", ...args], { encoding: "utf8" }));

  const links = ip("link");
  const addresses = ip("-4", "address");
  const routes = ip("-4", "route");
  assert.equal(links.length, 34);
  for (const link of links) {
    const addressed = addresses.find((a: { ifname: string }) => a.ifname === link.ifname);
    const columns = [
      link.ifindex,
      link.ifname,
      link.linkinfo?.info_kind ?? "-",
      link.flags.includes("UP") ? "up" : "down",
      link.mtu,
      link.address,
      link.master ?? "-",
      ...(addressed?.addr_info ?? []).map((a: { local: string; prefixlen: number }) =>
        `${a.local}/${a.prefixlen}`
      ),
      ...routes.filter((r: { dev: string; gateway?: string }) => r.dev === link.ifname && r.gateway)
        .map((r: { dst: string; gateway: string }) => `${r.dst} via ${r.gateway}`),
    ];
    const rows = demo.output.split("\n").map((line) => line.trim().split(/ {2,}/));
    const row = rows.find(([index]) => index === String(link.ifindex));
    assert.deepEqual(row, columns.map(String));
  }
  demo.write("\n");
  assert.equal(await demo.ended, 0, demo.output);
  assert.match(demo.output, /Every check held/);
  assert.doesNotMatch(demo.output, /FAIL/);
  await demo.leavesNothing();
});

it("the demo cleans up after Ctrl-C, wherever it is", { skip }, async () => {
  for (const moment of [/Network namespace/, /veth pairs built/, /stopping/, /starting/]) {
    await using demo = new Demo();
    await demo.printed(moment);
    demo.kill("SIGINT");
    assert.equal(await demo.ended, 130, demo.output);
    await demo.leavesNothing();
  }
});

it("the demo leaves nothing behind when it is killed outright", { skip }, async () => {
  for (const moment of [/Network namespace/, /stopping/]) {
    await using demo = new Demo();
    await demo.printed(moment);
    demo.kill("SIGKILL");
    await demo.ended;
    await demo.leavesNothing();
  }
});

it("the demo needs no privilege", { skip: skip ?? need("setpriv", "unshare") }, async () => {
  // setfcap: without it the kernel lets nobody map root into a user namespace.
  const prefix = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"];
  await using demo = new Demo([], { prefix });
  assert.equal(await demo.ended, 0, demo.output);
  assert.match(demo.output, /this process's own[^]*Every check held/);
  await demo.leavesNothing();
});
