/**
 * A Redis client over a pool of connections: commands, pipelines, transactions, and a blocking pop on
 * a connection of its own.
 *
 *     deno run -A examples/redis.ts 127.0.0.1:6379
 *     bun examples/redis.ts 127.0.0.1:6379
 */

import { type Conn, EndpointPool } from "@x/pool";

/** What Redis answers. */
export type Reply = string | number | null | RedisError | Reply[];

/** An answer that begins with `-`. */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One connection that speaks RESP. */
export class Redis {
  #buffer: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(readonly conn: Conn) {}

  /** Nothing is left over from the user before. */
  get idle(): boolean {
    return this.conn.usable && this.#at === this.#buffer.length;
  }

  /** Sends one command; an error reply is thrown. */
  async command(...words: (string | number)[]): Promise<Reply> {
    const [reply] = await this.pipeline([words]);
    if (reply instanceof RedisError) throw reply;
    return reply;
  }

  /** Sends many commands at once; error replies are among the results. */
  async pipeline(commands: (string | number)[][]): Promise<Reply[]> {
    const write = this.conn.write(encoder.encode(commands.map(encode).join("")));
    const replies: Reply[] = [];
    for (let i = 0; i < commands.length; i++) replies.push(await this.#reply());
    await write;
    return replies;
  }

  /** All commands or none. */
  async transaction(commands: (string | number)[][]): Promise<Reply[]> {
    const replies = await this.pipeline([["MULTI"], ...commands, ["EXEC"]]);
    const result = replies.at(-1)!;
    if (result instanceof RedisError) throw result;
    return result as Reply[];
  }

  async #reply(): Promise<Reply> {
    const line = await this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case "-":
        return new RedisError(rest);
      case ":":
        return Number(rest);
      case "$":
        return rest === "-1" ? null : await this.#bulk(Number(rest));
      case "*": {
        if (rest === "-1") return null;
        const items: Reply[] = [];
        for (let n = Number(rest); n > 0; n--) items.push(await this.#reply());
        return items;
      }
    }
    throw new Error(`Cannot read a reply: it begins with ${JSON.stringify(line)}`);
  }

  async #line(): Promise<string> {
    while (true) {
      const end = this.#buffer.indexOf(10, this.#at);
      if (end > 0) {
        const line = decoder.decode(this.#buffer.subarray(this.#at, end - 1));
        this.#at = end + 1;
        return line;
      }
      await this.#more();
    }
  }

  async #bulk(length: number): Promise<string> {
    while (this.#buffer.length - this.#at < length + 2) await this.#more();
    const text = decoder.decode(this.#buffer.subarray(this.#at, this.#at + length));
    this.#at += length + 2;
    return text;
  }

  async #more(): Promise<void> {
    const rest = this.#buffer.subarray(this.#at);
    const room = new Uint8Array(rest.length + 16_384);
    room.set(rest);
    const n = await this.conn.read(room.subarray(rest.length));
    if (n === null) throw new Error("Cannot read a reply: Redis has closed the connection");
    this.#buffer = room.subarray(0, rest.length + n);
    this.#at = 0;
  }
}

function encode(words: (string | number)[]): string {
  const parts = words.map((word) => `$${encoder.encode(String(word)).length}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join("")}`;
}

/** A pool of Redis connections. */
export function redisPool(password?: string): EndpointPool<Redis> {
  return new EndpointPool<Redis>({
    maxPerEndpoint: 8,
    protocol: {
      async init(conn) {
        const redis = new Redis(conn);
        if (password !== undefined) await redis.command("AUTH", password);
        return redis;
      },
      isHealthy: (redis) => redis.idle,
    },
    healthCheck: async (redis) => await redis.command("PING") === "PONG",
    checkAfter: 30_000,
  });
}

if (import.meta.main) {
  const endpoint = process.argv[2] ?? "127.0.0.1:6379";
  await using pool = redisPool();

  await pool.withConnection(endpoint, async (redis) => {
    await redis.command("SET", "greeting", "hello");
    console.log("GET greeting:", await redis.command("GET", "greeting"));
    console.log("pipeline:", await redis.pipeline([["INCR", "n"], ["INCR", "n"], ["GET", "n"]]));
    console.log("MULTI:", await redis.transaction([["SET", "a", 1], ["INCRBY", "a", 41]]));
  });

  // A blocking pop keeps a connection for itself; the push goes over another one.
  await using worker = await pool.acquire(endpoint);
  const job = worker.value.command("BLPOP", "jobs", 5);
  await pool.withConnection(endpoint, (redis) => redis.command("RPUSH", "jobs", "job 1"));
  console.log("BLPOP jobs:", await job);
  worker.release();
  console.log("connections opened:", pool.stats(endpoint).totalCreated);
}
