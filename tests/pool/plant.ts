import type { Factory } from "../../src/pool/mod.ts";

/** What a test's pool lends. */
export interface Thing {
  readonly id: number;
  dirty: boolean;
  ended: boolean;
}

interface Pending<R> {
  readonly signal: AbortSignal;
  readonly thing?: Thing;
  resolve(value: R): void;
  reject(error: unknown): void;
}

/**
 * A factory whose every step the test decides: creations and checks stay pending until they are
 * settled, unless `eager`.
 */
export class Plant implements Factory<Thing> {
  readonly creations: Pending<Thing>[] = [];
  readonly checks: Pending<boolean>[] = [];
  readonly alive: Set<Thing> = new Set();
  readonly ended: Thing[] = [];
  made = 0;
  started = 0;
  most = 0;
  usable: Factory<Thing>["usable"] = (thing) => !thing.dirty;
  check: Factory<Thing>["check"] = undefined;
  capacity: Factory<Thing>["capacity"] = undefined;

  constructor(readonly eager = true) {}

  create({ signal }: { signal: AbortSignal }): Promise<Thing> {
    this.started++;
    if (this.eager) return Promise.resolve(this.make());
    return new Promise((resolve, reject) => this.creations.push({ signal, resolve, reject }));
  }

  destroy(thing: Thing): void {
    if (thing.ended) throw new Error(`thing ${thing.id} was ended twice`);
    thing.ended = true;
    this.alive.delete(thing);
    this.ended.push(thing);
  }

  make(): Thing {
    const thing = { id: ++this.made, dirty: false, ended: false };
    this.alive.add(thing);
    this.most = Math.max(this.most, this.alive.size);
    return thing;
  }

  /** Makes checks wait for the test. */
  checking(): this {
    this.check = (thing, { signal }) =>
      new Promise((resolve, reject) => this.checks.push({ signal, thing, resolve, reject }));
    return this;
  }

  finishCreation(i = 0): void {
    this.creations.splice(i, 1)[0].resolve(this.make());
  }

  failCreation(error: unknown, i = 0): void {
    this.creations.splice(i, 1)[0].reject(error);
  }

  finishCheck(good: boolean, i = 0): void {
    this.checks.splice(i, 1)[0].resolve(good);
  }
}
