import assert from "node:assert/strict";
import { it } from "node:test";
import { type Activity, type Factory, KeyedPool, type Lease, Pool } from "../../src/pool/mod.ts";

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true
  : false;
const same = <A, B>(_: Equal<A, B>): void => {};

interface Client {
  ask(question: string): Promise<string>;
}

// Checked by the type checker; the run only shows that it loads.
it("the public types say what they should", async () => {
  const factory: Factory<Client> = {
    create: ({ signal }) => {
      same<typeof signal, AbortSignal>(true);
      return Promise.resolve({ ask: (question) => Promise.resolve(question) });
    },
    destroy: () => {},
  };
  const pool = new Pool(factory);
  same<typeof pool, Pool<Client>>(true);
  const lease = await pool.acquire();
  same<typeof lease, Lease<Client>>(true);
  same<typeof lease.value, Client>(true);
  const maybe = pool.tryAcquire();
  same<typeof maybe, Lease<Client> | undefined>(true);
  const detached = lease.detach();
  same<typeof detached, Client>(true);
  const answer = await pool.use((client) => client.ask("why"));
  same<typeof answer, string>(true);
  const count = await pool.use((client) => client.ask.length);
  same<typeof count, number>(true);
  type Reported = "create" | "check" | "usable" | "capacity" | "destroy" | "observe";
  same<Activity, Reported>(true);
  // @ts-expect-error no such priority
  (await pool.acquire({ priority: "urgent" }).catch(() => undefined))?.release();
  // @ts-expect-error stats cannot be written
  assert.throws(() => pool.stats = {});
  // @ts-expect-error durations are numbers
  assert.throws(() => new Pool(factory, { idleTimeout: "5s" }));
  // @ts-expect-error no such option
  assert.throws(() => new Pool(factory, { mx: 5 }));
  // @ts-expect-error a factory needs destroy
  assert.throws(() => new Pool({ create: () => Promise.resolve(1) }));
  // @ts-expect-error a pool keeps its clock
  assert.throws(() => pool.reconfigure({ clock: { now: () => 0 } }));
  const keyed = new KeyedPool((_key: URL) => factory, { identify: (url) => url.host });
  same<typeof keyed, KeyedPool<URL, Client>>(true);
  // @ts-expect-error the key is a URL
  assert.throws(() => keyed.tryAcquire("not a url").value);
  // @ts-expect-error a pool keeps what makes its keys the same
  assert.throws(() => keyed.reconfigure({ identify: (url: URL) => url.port }));
  await using disposable: AsyncDisposable = pool;
  assert.ok(disposable);
});
