import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects garbage now, on either runtime and without flags. */
export const collect: () => void = ((): () => void => {
  const { Bun } = globalThis as { Bun?: { gc(sync: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
})();
