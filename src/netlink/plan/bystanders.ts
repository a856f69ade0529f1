/** What must outlive a plan that it is no part of. */

import type { Change } from "./change.ts";
import { classDepths, classes } from "./classes.ts";
import { filters } from "./filters.ts";
import { SECTIONS } from "./plan.ts";
import { qdiscs } from "./qdiscs.ts";
import type { Context, Item, Section } from "./section.ts";

/** What stood beside what a plan deletes. */
export class Bystanders {
  readonly #items: readonly { section: Section; item: Item }[];

  private constructor(items: readonly { section: Section; item: Item }[]) {
    this.#items = items;
  }

  /** Reads what is there. */
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
      // A new link has a queueing discipline, which nobody asked for.
      const found = (await section.read(context)).filter((i) =>
        section !== qdiscs || qdiscs.own(i)
      );
      const there = new Set(found.map((item) => section.key(item)));
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

/** Whether there still is what a class or a filter would hang on; of other sections, true. */
async function hangs(context: Context, section: Section, item: Item): Promise<boolean> {
  if (section !== classes && section !== filters) return true;
  const all = (await qdiscs.read(context)).filter(({ link }) => link === item.link);
  const { parent } = item;
  if (section === filters && (parent === "ingress" || parent === "egress")) {
    return all.some(({ kind }) =>
      kind === "clsact" || (kind === "ingress" && parent === "ingress")
    );
  }
  const [handle, minor] = String(section === classes ? item.handle : parent).split(":");
  if (section === filters && minor !== "") {
    const inner = await classes.read(context);
    return inner.some((c) => c.link === item.link && c.handle === parent);
  }
  return all.some((q) =>
    q.handle === `${handle}:` && (section === filters || q.kind === item.kind)
  );
}
