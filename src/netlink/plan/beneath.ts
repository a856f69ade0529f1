/** What goes with a queueing discipline or a class, and is made again. */

import { classes } from "./classes.ts";
import { filters } from "./filters.ts";
import { qdiscs } from "./qdiscs.ts";
import { type Context, gone, type Item, type Section } from "./section.ts";
import { ENTRY } from "./traffic.ts";

/** Something beneath, those above in front. */
interface Member {
  readonly section: Section;
  readonly item: Item;
}

/**
 * Replaces a queueing discipline or a class by another. What hung on it or pointed to it is as before
 * then, as far as it can be.
 */
export async function swapWhole(
  section: Section,
  context: Context,
  item: Item,
  current: Item,
): Promise<void> {
  const entry = ENTRY.includes(String(current.kind));
  const members = await beneath(context, current);
  const inner = members.filter(({ section }) => section === classes);
  if (section === classes) {
    // The kernel keeps a class while filters point to it or classes hang on it.
    for (const { section, item } of members) {
      if (section === filters) await gone(filters.remove(context, item));
    }
    for (const { item } of inner.reverse()) await gone(classes.remove(context, item));
  }
  // What the kernel chose is replaced, and cannot be deleted.
  if (section === classes || current.handle !== "0:") {
    await gone(section.remove(context, current));
  }
  // A handle that nobody declared is what others may refer to.
  const same = !entry && item.kind === current.kind && current.handle !== "0:";
  const { handle = same ? current.handle : undefined } = item;
  await section.create(context, { ...item, handle });
  const after = (await section.read(context)).find((i) => section.key(i) === section.key(item));
  if (!entry && (after?.kind !== current.kind || after?.handle !== current.handle)) return;
  for (const { section, item } of members) {
    if (item.parent === "egress" && after?.kind !== "clsact") continue;
    await section.create(context, item);
  }
}

/** What is beneath an item, and the filters that point to it or to that. */
async function beneath(context: Context, top: Item): Promise<Member[]> {
  const mine = (item: Item) => item.link === top.link && item !== top;
  const queues = (await qdiscs.read(context)).filter((q) => mine(q) && qdiscs.own(q));
  const inner = (await classes.read(context)).filter(mine);
  const handles = new Set<unknown>(
    ENTRY.includes(String(top.kind))
      ? ["ingress", "egress"]
      : top.handle === "0:"
      ? []
      : [top.handle],
  );
  const above = ({ parent, handle }: Item) =>
    parent === "root" ? `${String(handle).split(":")[0]}:` : parent;
  const rest: Member[] = [
    ...inner.map((item) => ({ section: classes, item })),
    ...queues.filter((q) => String(q.parent).includes(":")).map((item) => ({
      section: qdiscs,
      item,
    })),
  ];
  const out: Member[] = [];
  for (let before = -1; before !== out.length;) {
    before = out.length;
    for (const member of rest) {
      if (out.includes(member) || !handles.has(above(member.item))) continue;
      out.push(member);
      handles.add(member.item.handle);
    }
  }
  for (const item of (await filters.read(context)).filter(mine)) {
    const target = (item.options as Item | undefined)?.class;
    if (handles.has(item.parent) || handles.has(target)) out.push({ section: filters, item });
  }
  return out;
}
