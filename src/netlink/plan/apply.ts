/** Makes a machine what it shall be. */

import type { RequestOptions } from "../exchange.ts";
import type { RouteConnection } from "../route_connection.ts";
import { type Change, contextOf, type Plan, plan, SECTIONS } from "./plan.ts";
import { type Context, gone, type Item, type Section } from "./section.ts";
import { classDepths, hangs } from "./traffic.ts";

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
  let next = changes;
  for (let round = 0; round < ROUNDS && !next.empty; round++) {
    const context = await contextOf(nl, desired, options);
    for (const change of next.changes) {
      options?.signal?.throwIfAborted();
      await execute(context, change);
      done.push(change);
    }
    await bystanders?.restore(await contextOf(nl, desired, options), done);
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

/** What stood beside what a plan deletes. */
class Bystanders {
  readonly #items: readonly { section: Section; item: Item }[];

  private constructor(items: readonly { section: Section; item: Item }[]) {
    this.#items = items;
  }

  static async note(context: Context): Promise<Bystanders> {
    const items: { section: Section; item: Item }[] = [];
    for (const section of SECTIONS) {
      for (const item of await section.read(context)) {
        if (section.own(item)) items.push({ section, item });
      }
    }
    return new Bystanders(items);
  }

  /** Makes again what is missing, unless it was to go or its link is gone. */
  async restore(context: Context, done: readonly Change[]): Promise<void> {
    const names = new Set(context.links.map(({ name }) => name));
    const meant = new Set(done.map(({ object, key }) => `${object} ${key}`));
    for (const section of SECTIONS) {
      const mine = this.#items.filter((entry) => entry.section === section);
      if (mine.length === 0) continue;
      const there = new Set((await section.read(context)).map((item) => section.key(item)));
      const depth = classDepths(mine.map(({ item }) => item));
      const order = (item: Item) => section.rank(item) + depth(item) / 1e3;
      for (const { item } of mine.sort((a, b) => order(a.item) - order(b.item))) {
        const key = section.key(item);
        const { link } = item;
        if (there.has(key) || meant.has(`${section.object} ${key}`)) continue;
        if (typeof link === "string" && !names.has(link)) continue;
        if (!await hangs(context, section, item)) continue;
        await section.create(context, item);
      }
    }
  }
}
