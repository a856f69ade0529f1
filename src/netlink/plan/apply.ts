/** Makes a machine what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { RouteConnection } from "../route_connection.ts";
import { addresses } from "./addressing.ts";
import { Bystanders } from "./bystanders.ts";
import type { Change, Plan } from "./change.ts";
import { clear } from "./clear.ts";
import { twoParts } from "./link_parts.ts";
import { links } from "./links.ts";
import { contextOf, plan, SECTIONS, wantedOf } from "./plan.ts";
import { type Context, gone } from "./section.ts";

/** Rounds until everything must be there: a change may take along what a later round makes again. */
const ROUNDS = 4;

const sectionOf = new Map(SECTIONS.map((section) => [section.object, section]));

/** Executes a plan. */
export async function apply(
  nl: RouteConnection,
  changes: Plan,
  options?: RequestOptions,
): Promise<readonly Change[]> {
  const { desired } = changes, done: Change[] = [];
  // An interruption must not cost what is none of the plan's.
  const calm = { ...options, signal: undefined };
  let next = changes, bystanders: Bystanders | undefined, lost: unknown[] = [];
  const restore = async (last = false) =>
    await bystanders?.restore(await contextOf(nl, desired, calm), done, last) ?? [];
  for (let round = 0; round < ROUNDS && !next.empty; round++) {
    const context = await contextOf(nl, desired, options);
    if (next.changes.some(destroys)) {
      bystanders ??= await Bystanders.note(context, await wantedOf(desired));
    }
    bystanders?.expect(next.changes);
    try {
      await execute(context, next.changes, done, restore);
      lost = await restore();
    } catch (error) {
      const left = next.changes.filter((change) => !done.includes(change));
      await remake(context, await contextOf(nl, desired, calm), left);
      lost = await restore(true);
      const signal = options?.signal;
      // What someone else did meanwhile, or this plan when it was applied before, is as good.
      if (!signal?.aborted) next = await plan(nl, desired, options).catch(() => next);
      if (signal?.aborted) throw all(signal.reason, ...lost);
      if (left.length === 0 || next.changes.some((c) => same(c, left[0]))) {
        throw all(error, ...lost);
      }
      continue;
    }
    if (lost.length === 0 && !done.some(unsettles)) return done;
    next = await plan(nl, desired, options);
  }
  if (lost.length > 0) throw all(...lost);
  if (next.empty) return done;
  throw new Error(
    `Cannot apply the plan: after ${ROUNDS} rounds there is still to do\n${next}`,
  );
}

const same = (a: Change, b: Change) =>
  a.action === b.action && a.object === b.object && a.key === b.key;

/** The error that stands for several. */
function all(...errors: readonly unknown[]): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors[0]}`);
}

/** Whether a change may take other things along. */
function destroys({ action, object, after, differences }: Change): boolean {
  return action === "delete" || action === "replace" ||
    (object === links.object && (after?.up === false || differences.some((d) => FLUSHES.has(d))));
}

// With a link's MAC address, or what it means, the kernel forgets the neighbours, permanent ones too.
const FLUSHES = new Set(["address", "arp", "mtu", "master"]);

/** Whether a change may undo others of its plan. */
function unsettles(change: Change): boolean {
  return destroys(change) || change.object === "link";
}

/** Makes changes in their order; `done` are those that were made. */
async function execute(
  context: Context,
  changes: readonly Change[],
  done: Change[],
  restore: () => Promise<unknown>,
) {
  const signal = context.options?.signal, later: [Change, Change][] = [];
  let free = false, taken = false;
  for (const [i, change] of changes.entries()) {
    const { object, action } = change, ofLink = object === links.object;
    signal?.throwIfAborted();
    if (ofLink && action !== "delete" && !free) {
      await clear(context, changes.slice(i).filter((c) => c.object === links.object));
      free = true;
    }
    const [now, rest] = ofLink && action !== "delete" ? twoParts(change) : [change];
    await make(context, now);
    if (rest) later.push([change, rest]);
    else done.push(change);
    taken ||= TAKE.includes(object) && destroys(change);
    if (changes[i + 1]?.object === object) continue;
    for (const [whole, rest] of later.splice(0)) {
      await make(context, rest);
      done.push(whole);
    }
    // What comes next may need what went with this.
    if (taken && i + 1 < changes.length) await restore();
    taken = false;
  }
}

// What else goes with links and addresses is of other sections.
const TAKE: readonly string[] = [links.object, addresses.object];

/** Links that were there and went, to be made anew, are made whatever came in between. */
async function remake(before: Context, now: Context, left: readonly Change[]): Promise<void> {
  const [was, is] = [before, now].map(({ links }) => new Set(links.map(({ name }) => name)));
  for (const change of left) {
    const { key, object, action, after, before: stood } = change;
    if (object !== links.object || action === "delete" || !was.has(key)) continue;
    const [part, rest] = twoParts(change), parts = rest ? [part, rest] : [part];
    // Other ends of pairs, and ports, of what is made anew are set.
    const [had, has] = [before, now].map((context) => masterOf(context, key));
    const reset = Object.keys(stood ?? {}).length === 0 || had === after!.master && has !== had;
    const wanted = action === "set" ? (reset ? parts : []) : is.has(key) ? parts.slice(1) : parts;
    // What cannot be made is for the error that brought us here to tell, or for the next plan.
    for (const part of wanted) {
      const { action } = part;
      await make(now, { ...part, action: action === "replace" ? "create" : action }).catch(
        () => {},
      );
    }
  }
}

function masterOf({ links, nameOf }: Context, key: string): string | undefined {
  return nameOf(links.find(({ name }) => name === key)?.master);
}

async function make(context: Context, change: Change): Promise<void> {
  const section = sectionOf.get(change.object)!;
  const { action, before, after, differences } = change;
  switch (action) {
    case "create":
      return await section.create(context, after!);
    case "set":
      return await section.set(context, after!, before!, differences);
    case "delete":
      return await gone(section.remove(context, before!));
    case "replace": {
      // No interruption comes in between: half of this would be a loss.
      const calm = { ...context, options: { ...context.options, signal: undefined } };
      if (section.swap) return await section.swap(calm, after!, before!);
      await gone(section.remove(calm, before!));
      return await section.create(calm, after!);
    }
  }
}
