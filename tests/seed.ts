/** Where what tests choose at random begins: another each time, unless TEST_SEED says which. */

import fc from "fast-check";

/** Whoever draws from it prints it; fast-check prints it with a property that fails. */
export const seed: number = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);

fc.configureGlobal({ seed });
