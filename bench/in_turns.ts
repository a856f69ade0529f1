/**
 * Programs that do the same work in turns, a repetition each, so that whatever else the machine does
 * hurts both alike. Such a program repeats its work for each byte on its standard input, and answers
 * each with a line: nanoseconds.
 */

import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { median } from "./pool_measure.ts";

/** A program and its arguments. */
export type Command = readonly string[];

/** In such a program: times `run` for each byte. What comes before it, and after it, is not timed. */
export async function repeat(
  run: () => Promise<unknown>,
  setup?: () => Promise<void>,
  after?: () => Promise<void>,
): Promise<void> {
  for await (const bytes of process.stdin) {
    for (const _ of bytes) {
      await setup?.();
      const start = process.hrtime.bigint();
      const result = await run();
      const time = process.hrtime.bigint() - start;
      if (result === null) throw new Error("nothing"); // which a compiler cannot know
      await after?.();
      console.log(String(time));
    }
  }
}

/** Nanoseconds of each repetition of one program, by itself. */
export function alone([program, ...args]: Command, repetitions: number): number[] {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    input: ".".repeat(repetitions),
  });
  if (status !== 0) throw error ?? new Error(stderr);
  return stdout.trim().split("\n").map(Number);
}

/** What the turns of two programs came to: how many times as long one took as the other. */
export interface Turns {
  /** First repetitions of fresh processes, the median over the rounds. */
  readonly first: number;
  /** Later halves: the median of all pairs, and the quartiles. */
  readonly warm: number;
  readonly quartiles: readonly [number, number];
}

/** Has fresh processes of both take turns, `rounds` times. */
export async function inTurns(
  ours: Command,
  theirs: Command,
  { rounds, repetitions }: { rounds: number; repetitions: number },
): Promise<Turns> {
  const first: number[] = [], warm: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const both = [start(theirs), start(ours)];
    for (let i = 0; i < repetitions; i++) {
      const their = await both[0].next(), our = await both[1].next();
      if (i === 0) first.push(our / their);
      if (i >= repetitions / 2) warm.push(our / their);
    }
    for (const { end } of both) end();
  }
  warm.sort((a, b) => a - b);
  const quartiles = [warm[warm.length >> 2], warm[(warm.length * 3) >> 2]] as const;
  return { first: median(first), warm: median(warm), quartiles };
}

function start([program, ...args]: Command) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async next(): Promise<number> {
      child.stdin.write(".");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ${args.join(" ")} ended`);
      return Number(value);
    },
    end: () => child.stdin.end(),
  };
}

/** A line about it. */
export function line(title: string, { first, warm, quartiles: [low, high] }: Turns): string {
  const spread = `(${low.toFixed(2)}–${high.toFixed(2)})`;
  return `${title.padEnd(52)} first ${first.toFixed(2)}   warm ${warm.toFixed(2)} ${spread}`;
}
