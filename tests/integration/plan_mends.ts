/** Drift: what someone else changed is noticed by a plan and mended by applying it. */

import assert from "node:assert/strict";
import { apply, type Desired, plan } from "../../src/netlink/mod.ts";
import { lab } from "./plan_lab.ts";

/** What someone does with a tool, and how a plan shows it: "object: what differs". */
export type Drift = readonly [words: string, noticed: string];

/** Drifts, each noticed once and mended, by the plan of one declaration. */
export async function mends(
  wanted: Desired,
  drifts: readonly Drift[],
  prepare: readonly string[] = [],
) {
  await using t = await lab();
  const run = (words: string) => {
    const [tool, ...rest] = words.split(" ");
    t.run(tool, rest.map((word) => /^\d,/.test(word) ? word.replaceAll("_", " ") : word));
  };
  for (const words of prepare) run(words);
  await apply(t.nl, await plan(t.nl, wanted));
  assert.equal(String(await plan(t.nl, wanted)), "", "as it was declared");
  const bad: string[] = [];
  for (const [words, noticed] of drifts) {
    try {
      for (const each of words.split("; ")) run(each);
      const found = await plan(t.nl, wanted);
      const shown = found.changes.map(({ action, object, differences }) =>
        `${object}: ${differences.length > 0 ? differences : action}`
      ).join(" and ");
      if (shown !== noticed) bad.push(`${words} is seen as ${shown || "nothing"}\n${found}`);
      await apply(t.nl, found);
      const rest = String(await plan(t.nl, wanted));
      if (rest !== "") bad.push(`${words} leaves ${rest}`);
    } catch (error) {
      bad.push(`${words}: ${error}`);
      await apply(t.nl, await plan(t.nl, wanted)).catch(() => {});
    }
  }
  assert.deepEqual(bad, []);
}
