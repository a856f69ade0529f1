/** The pools that are compared, each behind the same few calls, with loops of its own. */
import { EventEmitter } from "node:events";
import { createPool as createGeneric } from "generic-pool";
import { createPool as createLightning } from "lightning-pool";
import PgPool from "pg-pool";
import { Pool as TarnPool } from "tarn";
import { Pool } from "../src/pool/mod.ts";
import { MinimalPool } from "./minimal_pool.ts";

/** One pool of `size` resources, all of them made. */
export interface Subject {
  /** Borrows and returns `n` times, one after the other. */
  pairs(n: number): Promise<void>;
  /** The same, holding each for one turn of the microtask queue. */
  turns(n: number): Promise<void>;
  /** Borrows; resolves to what returns it. */
  take(): Promise<() => void>;
}

/** Makes a subject; `timeout` is the pool's acquire timeout in ms, where it can be set. */
export type Maker = (size: number, timeout?: number) => Promise<Subject>;

/** A lease with a value is more than peers give, so that what they lend is an object too. */
const thing = (): { id: number } => ({ id: 1 });

const factory = {
  create: () => Promise.resolve(thing()),
  destroy: () => Promise.resolve(),
};

class Client extends EventEmitter {
  connect(done: (error?: Error) => void): void {
    done();
  }
  end(done?: () => void): void {
    done?.();
  }
}

async function warmed(size: number, subject: Subject): Promise<Subject> {
  const ends = await Promise.all(Array.from({ length: size }, () => subject.take()));
  for (const end of ends) end();
  await new Promise((r) => setTimeout(r, 1));
  return subject;
}

/** Our own pool: everything is on, and a `usable` that is asked each time if `judged`. */
export const ours = (judged = false): Maker => async (size, timeout) => {
  const usable = judged ? { usable: (t: { id: number }) => t.id === 1 } : {};
  const pool = new Pool({ ...factory, ...usable }, {
    maxSize: size,
    minIdle: Math.min(size, 2),
    acquireTimeout: timeout ?? 30_000,
    onError: (error) => console.error(error),
  });
  await pool.warm(size);
  return {
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const lease = await pool.acquire();
        lease.release();
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const lease = await pool.acquire();
        await undefined;
        lease.release();
      }
    },
    take: () => pool.acquire().then((lease) => () => lease.release()),
  };
};

export const minimal: Maker = (size, timeout) => {
  const pool = new MinimalPool(Array.from({ length: size }, thing));
  return Promise.resolve({
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const lease = await pool.acquire();
        lease.release();
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const lease = await pool.acquire();
        await undefined;
        lease.release();
      }
    },
    take: () => pool.acquire(timeout).then((lease) => () => lease.release()),
  });
};

const generic: Maker = (size, timeout) => {
  const pool = createGeneric(factory, {
    max: size,
    ...(timeout === undefined ? {} : { acquireTimeoutMillis: timeout }),
  });
  return warmed(size, {
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire();
        pool.release(resource);
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire();
        await undefined;
        pool.release(resource);
      }
    },
    take: () => pool.acquire().then((resource) => () => void pool.release(resource)),
  });
};

const tarn: Maker = (size, timeout = 30_000) => {
  const pool = new TarnPool({ ...factory, min: 0, max: size, acquireTimeoutMillis: timeout });
  return warmed(size, {
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire().promise;
        pool.release(resource);
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire().promise;
        await undefined;
        pool.release(resource);
      }
    },
    take: () => pool.acquire().promise.then((resource) => () => void pool.release(resource)),
  });
};

const lightning: Maker = (size, timeout = 0) => {
  const pool = createLightning(factory, {
    max: size,
    maxQueue: 1_000_000,
    acquireTimeoutMillis: timeout,
  });
  return warmed(size, {
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire();
        pool.release(resource);
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const resource = await pool.acquire();
        await undefined;
        pool.release(resource);
      }
    },
    take: () => pool.acquire().then((resource) => () => void pool.release(resource)),
  });
};

interface PgClient {
  release(): void;
}

const pg: Maker = (size, timeout = 0) => {
  const Constructor = PgPool as unknown as new (o: object) => { connect(): Promise<PgClient> };
  const pool = new Constructor({ max: size, Client, connectionTimeoutMillis: timeout });
  return warmed(size, {
    async pairs(n) {
      for (let i = 0; i < n; i++) {
        const client = await pool.connect();
        client.release();
      }
    },
    async turns(n) {
      for (let i = 0; i < n; i++) {
        const client = await pool.connect();
        await undefined;
        client.release();
      }
    },
    take: () => pool.connect().then((client) => () => client.release()),
  });
};

export const peers: Readonly<Record<string, Maker>> = {
  "generic-pool": generic,
  "lightning-pool": lightning,
  "pg-pool": pg,
  tarn,
};
