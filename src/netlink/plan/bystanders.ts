/** What must outlive a plan that it is no part of. */

import { addresses } from "./addressing.ts";
import type { Change } from "./change.ts";
import { bridgeVlans } from "./bridge_vlans.ts";
import { classDepths, classes } from "./classes.ts";
import type { DesiredRoute } from "./desired.ts";
import { filters } from "./filters.ts";
import { byKey, SECTIONS, SEVERAL } from "./plan.ts";
import { qdiscs } from "./qdiscs.ts";
import { nexthops } from "./nexthops.ts";
import { routes } from "./routes.ts";
import { trimVlans } from "./rejoined.ts";
import { alike, type Context, gone, type Item, type Section } from "./section.ts";

/** Sections with several items of one key. */
const ALIKE = [...SEVERAL, filters];

type Wanted = ReadonlyMap<Section, ReadonlyMap<string, Item>>;

/** What stood beside what a plan deletes. */
export class Bystanders {
  readonly #items: ReadonlyMap<Section, readonly Item[]>;
  readonly #wanted: Wanted;
  readonly #masters: ReadonlyMap<unknown, string | undefined>;
  readonly #doomed: Change[] = [];
  #changes: readonly Change[] = [];

  private constructor(
    items: ReadonlyMap<Section, readonly Item[]>,
    wanted: Wanted,
    context: Context,
  ) {
    this.#items = items;
    this.#wanted = wanted;
    this.#masters = masters(context);
  }

  /** Reads what is there; `wanted` is what is declared. */
  static async note(context: Context, wanted: Wanted): Promise<Bystanders> {
    const items = new Map<Section, readonly Item[]>();
    for (const section of SECTIONS) {
      items.set(section, (await section.read(context)).filter((item) => section.own(item)));
    }
    return new Bystanders(items, wanted, context);
  }

  /** These changes are made next: what they delete is to go. */
  expect(changes: readonly Change[]): void {
    this.#changes = changes;
    this.#doomed.push(...changes.filter(({ action }) => action === "delete"));
  }

  /**
   * Makes again what is missing, unless it was to go or its link is gone.
   *
   * @param done changes that were made
   * @param last whether no round follows that would make what is declared
   * @returns why some could not be made
   */
  async restore(context: Context, done: readonly Change[], last: boolean): Promise<unknown[]> {
    // One thing may need another: what failed is tried again as long as anything else is made.
    for (let failed = Infinity;;) {
      const errors: unknown[] = [];
      for (const section of SECTIONS) await this.#mend(context, section, done, last, errors);
      const joined = masters(context),
        vlans = this.#items.get(bridgeVlans)!.filter(({ link }) =>
          this.#masters.get(link) === joined.get(link)
        );
      errors.push(...await trimVlans(context, vlans, this.#wanted.get(bridgeVlans)!, done));
      if (errors.length === 0 || errors.length >= failed) return errors;
      failed = errors.length;
    }
  }

  async #mend(
    context: Context,
    section: Section,
    done: readonly Change[],
    last: boolean,
    errors: unknown[],
  ): Promise<void> {
    const noted = this.#expected(context, section, done, last);
    if (noted.size === 0) return;
    // A new link has a queueing discipline, which nobody asked for, as an address has a route.
    const extra = (i: Item) => section === qdiscs || section === routes && i.family === 4;
    const found = (await section.read(context)).filter((i) => !extra(i) || section.own(i));
    const there = byKey(section, found, ALIKE);
    const all = [...noted.values()].flat(), depth = classDepths(all);
    const order = (item: Item) => section.rank(item) + depth(item) / 1e3;
    for (const item of all.sort((a, b) => order(a) - order(b))) {
      const key = section.key(item), is = there.get(key) ?? [], stood = noted.get(key)!;
      const attempt = async (make: () => Promise<void>) => {
        try {
          await make();
        } catch (error) {
          // What is declared is for the next plan to make.
          if (!this.#wanted.get(section)!.has(key)) errors.push(error);
        }
      };
      const whole = section === nexthops ? withMembers(item, noted, there) : item;
      if ((whole.group as readonly unknown[] | undefined)?.length === 0) continue;
      if (section === bridgeVlans && is.length > 0) {
        // A port that joins its bridge again has a VLAN by default, which may be one that it had.
        const differences = section.differs(item, is[0]);
        if (differences.length > 0) {
          await attempt(() => section.set(context, item, is[0], differences));
        }
        continue;
      }
      if (is.length >= stood.length) {
        // A nexthop that goes leaves its groups, and does not come back with its like.
        if (section !== nexthops || alike(whole.group, is[0].group)) continue;
        await attempt(() => section.set(context, whole, is[0], ["group"]));
        continue;
      }
      if (!await hangs(context, section, item)) continue;
      // Of several the first one counts: those that are left come after it again.
      const first = item === stood[0];
      for (const other of first ? is : []) {
        await attempt(() => gone(section.remove(context, other)));
      }
      await attempt(() => remake(context, section, whole, first));
    }
  }

  /** What there shall be, by key. */
  #expected(
    context: Context,
    section: Section,
    done: readonly Change[],
    last: boolean,
  ): Map<string, Item[]> {
    const names = new Set<unknown>(context.links.map(({ name }) => name));
    const doomed = Map.groupBy(
        this.#doomed.filter(({ object }) => object === section.object),
        ({ key }) => key,
      ),
      now = masters(context);
    const stays = (item: Item) =>
      (typeof item.link !== "string" || names.has(item.link)) &&
      (section !== bridgeVlans || this.#masters.get(item.link) === now.get(item.link)) &&
      !doomed.get(section.key(item))?.some(({ before }) =>
        !SEVERAL.includes(section) || isLike(before!, item)
      );
    const out = byKey(section, this.#items.get(section)!.filter(stays), ALIKE);
    // The last IPv4 address of a network takes the others along, and with them all routes.
    const whole = last || section === addresses;
    for (const key of this.#wanted.get(section)!.keys()) if (!whole) out.delete(key);
    // What is yet to be made is not made before.
    const next = last
      ? []
      : this.#changes.filter((c) => c.action === "create" && !done.includes(c));
    for (const { object, key } of next) if (object === section.object) out.delete(key);
    for (const { object, key, after } of whole ? done : []) {
      if (object === section.object && after !== undefined && section.own(after) && stays(after)) {
        out.set(key, [after]);
      }
    }
    return out;
  }
}

/** The link that each is a port of, by name. */
function masters({ links, nameOf }: Context): Map<unknown, string | undefined> {
  return new Map(links.map(({ name, master }) => [name, nameOf(master)]));
}

/** Whether one is the other, later: what is left of its time is less. */
function isLike(a: Item, b: Item): boolean {
  return alike({ ...a, expires: 0 }, { ...b, expires: 0 });
}

/** A group of nexthops as it was, without those that are gone for good; what is no group as it is. */
function withMembers(
  item: Item,
  ...known: readonly ReadonlyMap<string, unknown>[]
): Item {
  const group = item.group as readonly { id: number }[] | undefined;
  if (group === undefined) return item;
  return { ...item, group: group.filter(({ id }) => known.some((items) => items.has(`${id}`))) };
}

/** Makes an item again; a route whose source or way is gone as near to it as can be. */
async function remake(
  context: Context,
  section: Section,
  item: Item,
  first: boolean,
): Promise<void> {
  if (section !== routes) return await section.create(context, item);
  const { gateway, link: _, ...rest } = item;
  const ways: Item[] = [item];
  if (item.source !== undefined) ways.push({ ...item, source: undefined });
  if (gateway !== undefined && !item.onlink) ways.push({ ...rest, gateway, source: undefined });
  let failed: { error: unknown } | undefined;
  for (const way of ways) {
    try {
      if (first) return await section.create(context, way);
      return await context.nl.routes.append(way as unknown as DesiredRoute, context.options);
    } catch (error) {
      failed ??= { error };
    }
  }
  throw failed!.error;
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
