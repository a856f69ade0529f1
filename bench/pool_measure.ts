/** Paired measurements: what is compared runs in turns, so that a busy machine hurts all alike. */

/** Some work; `ops` says how many operations one run is. */
export interface Work {
  readonly name: string;
  readonly ops: number;
  run(): unknown;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Nanoseconds per operation of each work in each round, the first rounds left out. */
export async function interleave(works: readonly Work[], rounds: number): Promise<number[][]> {
  const times: number[][] = works.map(() => []);
  const warm = Math.ceil(rounds / 4);
  for (let round = 0; round < warm + rounds; round++) {
    for (const [i, work] of works.entries()) {
      const begin = performance.now();
      await work.run();
      const ns = (performance.now() - begin) * 1e6 / work.ops;
      if (round >= warm) times[i].push(ns);
    }
  }
  return times;
}

/** The median over the rounds of how many times as long `a` took as `b`. */
export const ratio = (a: readonly number[], b: readonly number[]): number =>
  median(a.map((ns, i) => ns / b[i]));

let missed = 0;

/** Prints one claim, and remembers whether it held. */
export function claim(what: string, value: number, least: number | undefined, most?: number): void {
  const held = (least === undefined || value >= least) && (most === undefined || value <= most);
  if (!held) missed++;
  const bar = least !== undefined
    ? `at least ${least}`
    : most !== undefined
    ? `at most ${most}`
    : "";
  const shown = value >= 100 ? value.toFixed(0) : value.toFixed(2);
  console.log(`${held ? "  " : "✗ "}${what.padEnd(64)} ${shown.padStart(7)}   ${bar}`);
}

/** With `--check`, a missed bar fails the run. */
export function finish(): never {
  console.log(missed === 0 ? "every bar held" : `${missed} bars missed`);
  process.exit(missed > 0 && process.argv.includes("--check") ? 1 : 0);
}
