/** Requests as bytes: ours without a kernel, and those of a tool as strace sees them. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { FakeKernel, int32, message } from "../netlink/fake_kernel.ts";

const DONE = 3, ERROR = 2, CAPPED = 0x100, DUMP = 0x300;

/** The request that we would send, without a kernel. Links are given by index. */
export async function ours(call: (nl: RouteConnection) => Promise<unknown>): Promise<Uint8Array> {
  const kernel = new FakeKernel();
  kernel.answer = ({ sequence, flags, bytes }) =>
    kernel.queue(
      (flags & DUMP) === DUMP
        ? message(DONE, { sequence }, int32(0), 2)
        : message(ERROR, { sequence }, [...int32(0), ...bytes.slice(0, 16)], CAPPED),
    );
  await using nl = await RouteConnection.open({ adapter: kernel });
  try {
    await call(nl);
  } catch (error) {
    // Whoever asks for one object gets none here.
    if (kernel.sent.length === 0) throw error;
  }
  return kernel.sent[0].bytes;
}

/** The last request that a tool sends, whatever the kernel says to it. */
export function theirs(netns: string, tool: string, words: string): Uint8Array {
  return allOfTheirs(netns, tool, words).at(-1) ?? new Uint8Array();
}

/** All requests that a tool sends. */
export function allOfTheirs(netns: string, tool: string, words: string): Uint8Array[] {
  const folder = mkdtempSync(join(tmpdir(), "xpool-")), path = join(folder, "trace");
  try {
    const trace = ["-e", "trace=sendmsg,sendto", "-e", "write=all", "-o", path];
    const list = words.split(" ").filter(Boolean);
    spawnSync("ip", ["netns", "exec", netns, "strace", ...trace, tool, ...list]);
    const calls = readFileSync(path, "utf8").split(/^(?=send)/m);
    return calls.filter((call) => call.startsWith("send")).map((call) => {
      const dump = call.matchAll(/^ \| [0-9a-f]+ {2}([0-9a-f ]{49})/gm);
      const digits = [...dump].flatMap(([, hex]) => hex.trim().split(/ +/));
      return Uint8Array.from(digits, (hex) => parseInt(hex, 16));
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const HEADERS: [from: number, to: number, bytes: number][] = [
  [16, 19, 16],
  [20, 22, 8],
  [24, 26, 12],
  [28, 30, 12],
  [32, 34, 12],
  [36, 47, 20],
  [104, 106, 8],
  [108, 109, 16],
];
const NESTED = 0x8000;

/** Numbers of a request's attributes that hold attributes, as their flag says. */
export type Nests = Set<string>;

/**
 * A request in lines: the message's type and flags, its fixed header, and each attribute by its
 * numbers. `nests` is filled with what is flagged as a nest, and says it of one that flags none.
 */
export function lines(bytes: Uint8Array, nests: Nests): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const hex = (from: number, to: number) =>
    [...bytes.slice(from, to)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const type = view.getUint16(4, true);
  const [, , size] = HEADERS.find(([from, to]) => from <= type && type <= to)!;
  // Whether an answer is asked for makes no difference to what is asked.
  const flags = view.getUint16(6, true) & ~4;
  const out = [`type ${type} flags ${flags.toString(16)}`, `header ${hex(16, 16 + size)}`];
  const walk = (from: number, end: number, path: string) => {
    const found: string[] = [];
    for (let at = from; at + 4 <= end;) {
      const length = view.getUint16(at, true), id = view.getUint16(at + 2, true);
      // Some tools send room that they did not fill.
      if (length === 0) break;
      if (length < 4) throw new Error(`an attribute of ${length} bytes at ${at}`);
      const name = `${path}${id & ~NESTED}`;
      if (id & NESTED) nests.add(name);
      if (nests.has(name)) found.push(`${name} {`, ...walk(at + 4, at + length, `${name}.`));
      else found.push(`${name} = ${hex(at + 4, at + length)}`);
      at += (length + 3) & ~3;
    }
    return found;
  };
  return [...out, ...walk(16 + size, bytes.length, "").sort()];
}
