/** Makes a machine what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { RouteConnection } from "../route_connection.ts";
import { type Change, contextOf, type Plan, plan, SECTIONS } from "./plan.ts";
import { Bystanders } from "./bystanders.ts";
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
  const { desired } = changes;
  const done: Change[] = [];
  const bystanders = changes.changes.some(destroys)
    ? await Bystanders.note(await contextOf(nl, desired, options))
    : undefined;
  // An interruption must not cost what is none of the plan's.
  const calm = { ...options, signal: undefined };
  let next = changes;
  for (let round = 0; round < ROUNDS && !next.empty; round++) {
    const context = await contextOf(nl, desired, options);
    try {
      for (const change of next.changes) {
        options?.signal?.throwIfAborted();
        await execute(context, change);
        done.push(change);
      }
    } finally {
      await bystanders?.restore(await contextOf(nl, desired, calm), done);
    }
    if (!done.some(unsettles)) return done;
    next = await plan(nl, desired, options);
  }
  if (next.empty) return done;
  throw new Error(
    `Cannot apply the plan: after ${ROUNDS} rounds there is still to do\n${next}`,
  );
}

/** Whether a change may take other things along. */
function destroys({ action, object, after }: Change): boolean {
  return action === "delete" || action === "replace" || (object === "link" && after?.up === false);
}

/** Whether a change may undo others of its plan. */
function unsettles(change: Change): boolean {
  return destroys(change) || change.object === "link";
}

async function execute(context: Context, change: Change): Promise<void> {
  const section = sectionOf.get(change.object)!;
  const { action, before, after, differences } = change;
  switch (action) {
    case "create":
      return await section.create(context, after!);
    case "set":
      return await section.set(context, after!, before!, differences);
    case "delete":
      return await gone(section.remove(context, before!));
    case "replace":
      if (section.swap) return await section.swap(context, after!, before!);
      await gone(section.remove(context, before!));
      return await section.create(context, after!);
  }
}
