import assert from "node:assert/strict";
import { it } from "node:test";
import { runModule } from "../child.ts";

it("a process whose queue was served ends at once, the pool closed or not", async () => {
  for (const end of ["", "await pool.close();"]) {
    const began = performance.now();
    const { code, output } = await runModule(`
      import { Pool } from "@x/pool";
      const pool = new Pool({ create: () => Promise.resolve({}), destroy: () => {} }, { maxSize: 1 });
      const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      // So many that their deadlines are set a moment later, when all have been served.
      await Promise.all(Array.from({ length: 40 }, () => pool.use(() => {})));
      await rest(30);
      ${end}
      console.log(pool.stats.totals.acquired);
    `);
    assert.deepEqual([code, output], [0, "40\n"]);
    const ms = performance.now() - began;
    assert.ok(ms < 15_000, `it took ${ms} ms; acquireTimeout is 30,000`);
  }
});
