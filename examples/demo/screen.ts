/** What the demo shows: steps, live progress on a terminal, tables, and the checks it states. */

const live = process.stdout.isTTY === true;
let shown = false;

/** A line that stays. */
export function say(line: string): void {
  if (shown) process.stdout.write("\r\x1b[K");
  shown = false;
  console.log(line);
}

/** A line that the next one replaces; elsewhere than on a terminal only its last state is said. */
export function progress(line: string, last = false): void {
  if (last) return say(line);
  if (!live) return;
  process.stdout.write(`\r\x1b[K${line}`);
  shown = true;
}

/** Rows of text in aligned columns. */
export function table(title: string, header: string[], rows: string[][]): void {
  const widths = header.map((cell, i) =>
    Math.max(cell.length, ...rows.map((row) => row[i].length))
  );
  const line = (row: string[]) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join("  ")}`;
  say(`\n${title}`);
  for (const row of [header, ...rows]) say(line(row).trimEnd());
}

let failed = 0;

/** States a check and whether it held. */
export function check(statement: string, held: boolean, found?: unknown): void {
  if (!held) failed++;
  say(`  ${held ? "ok  " : "FAIL"} ${statement}${held ? "" : `, found ${found}`}`);
}

/** How many checks did not hold. */
export function failures(): number {
  return failed;
}
