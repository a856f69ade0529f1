/** Declarations that are applied, after which there is nothing left to do. */

import assert from "node:assert/strict";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import type { lab } from "./plan_lab.ts";

/** Applies a declaration, and plans it once more; what was done. */
export async function settle(t: Awaited<ReturnType<typeof lab>>, wanted: Desired): Promise<string> {
  const changes = await plan(t.nl, wanted);
  await apply(t.nl, changes);
  assert.equal(String(await plan(t.nl, wanted)), "", `after\n${changes}`);
  return changes.changes.map(({ action, object, differences }) =>
    `${action} ${object}${differences.length > 0 ? ` ${differences}` : ""}`
  ).join(", ");
}

/** The lines of a text in order. */
export function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).sort();
}
