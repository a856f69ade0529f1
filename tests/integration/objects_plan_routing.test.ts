import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apply, plan } from "../../src/netlink/mod.ts";
import { seed } from "../seed.ts";
import { need } from "../support.ts";
import { lab, striking } from "./plan_lab.ts";
import { acceptedOf, routing } from "./plan_routing.ts";
import { settle } from "./plan_settle.ts";

const skip = need("net-admin", "ip");

/** Numbers from 0 to below 1 that follow from a seed. */
function numbers(seed: number): () => number {
  let n = seed;
  return () => ((n = (Math.imul(n, 1103515245) + 12345) >>> 0) >>> 8) / 2 ** 24;
}

describe("a plan of anything that is routed by", { skip }, () => {
  it("settles, but for what is refused, also when it was interrupted", {
    timeout: 300_000,
  }, async () => {
    await using t = await lab();
    // The same ones unless a seed is told: each kernel has more rules of this than a plan knows, and to
    // hunt for those is another task than to see that nothing was lost.
    const random = numbers(process.env.TEST_SEED === undefined ? 1000 : seed);
    for (let run = 0; run < 30; run++) {
      let wanted = routing(random);
      try {
        wanted = await acceptedOf(t.nl, wanted);
        const signal = striking(Math.floor(random() * 60));
        await apply(t.nl, await plan(t.nl, wanted), { signal }).catch((error) => {
          assert.equal(error.message, "interrupted");
        });
        await settle(t, wanted);
      } catch (error) {
        throw new Error(`Run ${run}: ${JSON.stringify(wanted)}`, {
          cause: error,
        });
      }
    }
  });
});
