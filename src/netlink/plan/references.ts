/** What queueing disciplines, classes and filters of a plan hang on and point to. */

import { classes } from "./classes.ts";
import { filters } from "./filters.ts";
import { qdiscs } from "./qdiscs.ts";
import type { Context, Item, Section } from "./section.ts";
import { ENTRY } from "./traffic.ts";

/** Kinds whose classes are made one by one; others have theirs by themselves. */
const CLASSFUL = ["htb", "drr"];

const ENTRY_HANDLE = "ffff:"; // of ingress and clsact, always

const FIRST_CHOSEN = 0x8000; // what the kernel chooses by itself is from 8000: on

const major = (handle: unknown) => `${String(handle).split(":")[0]}:`;
const isClass = (handle: unknown) => /:./.test(String(handle));

/**
 * Refuses what would point to nothing once the plan is applied: the kernel would take a filter for a
 * class that does not exist and send its packets elsewhere, and keep a class that one points to; one
 * at a hook that is not there it would refuse half-way.
 *
 * @param wanted what is declared, by section and key
 * @param lost links that go, with everything on them
 * @throws {TypeError} that names both
 */
export async function checkReferences(
  context: Context,
  wanted: ReadonlyMap<Section, ReadonlyMap<string, Item>>,
  lost: ReadonlySet<string>,
): Promise<void> {
  const [queues, inner, outer] = [qdiscs, classes, filters].map((section) => wanted.get(section)!);
  const hanging = [...queues.values(), ...outer.values()].filter((i) => /:/.test(`${i.parent}`));
  const entering = [...outer].filter(([, { parent }]) => !/:/.test(`${parent}`));
  if (hanging.length === 0 && inner.size === 0 && entering.length === 0) return;
  const after = new Future();
  await after.read(context, qdiscs, queues, lost);
  await after.read(context, classes, inner, lost);
  for (const item of hanging) {
    const section = outer.has(filters.key(item)) && item.priority !== undefined ? filters : qdiscs;
    const name = `${section.object} ${section.key(item)}`, { link, parent } = item;
    const kind = after.queue(name, link, parent);
    if (kind === undefined || !CLASSFUL.includes(kind)) continue;
    if (isClass(parent)) after.class(name, link, parent);
    if (section === qdiscs && after.inner(link, parent)) {
      throw refusal(name, `class ${parent} has classes below, and no queue`);
    }
    const target = (item.options as Item | undefined)?.class;
    if (section === filters && isClass(target)) after.class(name, link, target);
  }
  for (const [key, { link, parent }] of entering) {
    const name = `filter ${key}`, kind = after.entry(link);
    if (kind === undefined) throw refusal(name, "neither ingress nor clsact is declared or there");
    if (parent === "egress" && kind !== "clsact") {
      throw refusal(name, "egress is a hook of clsact, and there is ingress");
    }
  }
  for (const [key, item] of inner) {
    const name = `class ${key}`, { link, handle, kind } = item;
    const found = after.queue(name, link, handle);
    if (found !== undefined && found !== kind) {
      throw refusal(name, `${major(handle)} is of kind ${found}, not ${kind}`);
    }
    const seen = new Set<unknown>();
    for (let at = item; at.parent !== "root"; at = after.class(name, link, at.parent)) {
      if (seen.has(at.handle)) throw refusal(name, "it is below itself");
      seen.add(at.handle);
    }
  }
}

/** What there will be. */
class Future {
  readonly #queues = new Map<string, string>();
  readonly #classes = new Map<string, Item>();
  readonly #pruned = new Set<string>();
  /** Links with a queueing discipline whose handle the kernel will choose. */
  readonly #open = new Set<unknown>();

  async read(
    context: Context,
    section: Section,
    items: ReadonlyMap<string, Item>,
    lost: ReadonlySet<string>,
  ): Promise<void> {
    const { prune = {} } = context.desired, handles = new Map<string, unknown>();
    const put = (item: Item) => {
      const name = `${item.link} ${item.handle}`;
      if (section === classes) this.#classes.set(name, item);
      else this.#queues.set(name, item.kind as string);
    };
    for (const item of await section.read(context)) {
      const key = section.key(item);
      if (lost.has(String(item.link))) continue;
      if (items.has(key)) handles.set(`${key} ${item.kind}`, item.handle);
      else if (section.pruned(item, prune)) this.#pruned.add(`${item.link} ${item.handle}`);
      else put(item);
    }
    for (const [key, item] of items) {
      const handle = ENTRY.includes(item.kind as string)
        ? ENTRY_HANDLE
        : item.handle ?? handles.get(`${key} ${item.kind}`);
      if (handle === undefined) this.#open.add(item.link);
      else put({ ...item, handle });
    }
  }

  /** The kind of the queueing discipline that a handle belongs to; undefined if none can know. */
  queue(name: string, link: unknown, handle: unknown): string | undefined {
    const kind = this.#queues.get(`${link} ${major(handle)}`);
    const chosen = parseInt(String(handle), 16) >= FIRST_CHOSEN && this.#open.has(link);
    if (kind === undefined && !chosen) {
      throw this.#missing(name, "queueing discipline", link, major(handle));
    }
    return kind;
  }

  /** The kind of what filters of arriving packets hang at; undefined if there is none. */
  entry(link: unknown): string | undefined {
    return this.#queues.get(`${link} ${ENTRY_HANDLE}`);
  }

  /** Whether a class has others below it. */
  inner(link: unknown, handle: unknown): boolean {
    return [...this.#classes.values()].some((c) => c.link === link && c.parent === handle);
  }

  /** The class of a handle. */
  class(name: string, link: unknown, handle: unknown): Item {
    const found = this.#classes.get(`${link} ${handle}`);
    if (found === undefined) throw this.#missing(name, "class", link, handle);
    return found;
  }

  #missing(name: string, what: string, link: unknown, handle: unknown): TypeError {
    const why = this.#pruned.has(`${link} ${handle}`)
      ? "is not declared, and is to be pruned"
      : "is neither declared nor there";
    return refusal(name, `${what} ${handle} ${why}`);
  }
}

function refusal(name: string, why: string): TypeError {
  return new TypeError(`Cannot plan ${name}: ${why}`);
}
