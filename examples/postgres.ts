/**
 * PostgreSQL clients of npm's `pg` in the generic pool, in place of `pg-pool`: acquires that can be
 * cancelled, checks of idle clients, leases that end with their scope.
 *
 *     deno run -A examples/postgres.ts postgres://postgres@127.0.0.1:5432/postgres
 *     bun examples/postgres.ts postgres://postgres@127.0.0.1:5432/postgres
 */

import { Pool, type PoolOptions } from "@x/pool";
import pg from "pg";

/** A connected client, and whether PostgreSQL has ended it meanwhile. */
export class Session {
  ended = false;
  #inTransaction = false;

  constructor(readonly client: pg.Client) {
    client.on("end", () => this.ended = true);
    client.on("error", () => this.ended = true);
  }

  /** Whether the next user finds it as new. */
  get usable(): boolean {
    return !this.ended && !this.#inTransaction;
  }

  /** Runs one statement. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    return this.client.query<Row>(text, values).then((result) => result.rows);
  }

  /** Commits what `work` did, or rolls it back if it throws. */
  async transaction<R>(work: (session: Session) => Promise<R>): Promise<R> {
    await this.query("BEGIN");
    this.#inTransaction = true;
    try {
      const result = await work(this);
      await this.query("COMMIT");
      this.#inTransaction = false;
      return result;
    } catch (error) {
      await this.query("ROLLBACK");
      this.#inTransaction = false;
      throw error;
    }
  }
}

/** A pool of sessions with one database. */
export function postgresPool(url: string, options?: PoolOptions): Pool<Session> {
  return new Pool<Session>({
    async create({ signal }) {
      const client = new pg.Client({ connectionString: url });
      const session = new Session(client);
      const abort = (): void => void client.end();
      signal.addEventListener("abort", abort, { once: true });
      try {
        await client.connect();
      } finally {
        signal.removeEventListener("abort", abort);
      }
      return session;
    },
    destroy: (session) => session.ended ? undefined : session.client.end(),
    usable: (session) => session.usable,
    check: (session) => session.query("SELECT 1").then(() => true),
  }, { name: "postgres", checkAfter: 30_000, ...options });
}

if (import.meta.main) {
  const url = process.argv[2] ?? "postgres://postgres@127.0.0.1:5432/postgres";
  await using pool = postgresPool(url, { maxSize: 4 });

  const sums = await Promise.all(Array.from(
    { length: 100 },
    (_, n) => pool.use((s) => s.query<{ double: number }>("SELECT $1::int * 2 AS double", [n])),
  ));
  console.log("sum of 100 queries:", sums.reduce((sum, [{ double }]) => sum + double, 0));

  const moved = await pool.use((session) =>
    session.transaction(async () => {
      await session.query("CREATE TEMP TABLE account (owner text, amount int) ON COMMIT DROP");
      await session.query("INSERT INTO account VALUES ('a', 100), ('b', 0)");
      await session.query("UPDATE account SET amount = amount - 40 WHERE owner = 'a'");
      await session.query("UPDATE account SET amount = amount + 40 WHERE owner = 'b'");
      return await session.query<{ amount: number }>("SELECT amount FROM account ORDER BY owner");
    })
  );
  console.log("accounts after the transaction:", moved.map((row) => row.amount).join(" and "));

  await using lease = await pool.acquire({ signal: AbortSignal.timeout(1_000) });
  const version = await lease.value.query<{ version: string }>("SELECT version()");
  console.log(version[0].version);
  const { size, totals } = pool.stats;
  console.log(`${size} clients served ${totals.acquired} leases`);
}
