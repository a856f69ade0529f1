import type { Conn } from "./conn.ts";

/** How many may use one connection at a time: one alone, or up to `shared` callers together. */
export type Access = "exclusive" | { readonly shared: number };

/**
 * What is done with a connection besides carrying bytes: what a user of the pool gets in its place
 * (a client, a multiplexer), and how that begins, is judged and ends. Only `init` is required.
 *
 * @example
 * ```ts
 * import { type Conn, EndpointPool } from "@x/pool";
 *
 * const lines = {
 *   init: (conn: Conn) => ({
 *     conn,
 *     async say(text: string): Promise<void> {
 *       await conn.write(new TextEncoder().encode(`${text}\n`));
 *     },
 *   }),
 * };
 * await using pool = new EndpointPool({ protocol: lines });
 * await pool.withConnection("127.0.0.1:7", (client) => client.say("hello"));
 * ```
 */
export interface Protocol<T extends object> {
  /**
   * Who may use a connection at a time.
   * @default "exclusive"
   */
  readonly access?: Access;
  /** Makes the state of a new connection: greetings, log-in. A throw closes the connection. */
  init(conn: Conn, options: { signal: AbortSignal }): T | Promise<T>;
  /** A caller begins to use the state. A throw closes the connection and fails the acquire. */
  onAcquire?(state: T): void;
  /** A caller has ended. A throw closes the connection. */
  onRelease?(state: T): void;
  /**
   * Whether the state may be lent again. Without it an exclusive connection must have nothing
   * unread, pending or unfinished; with it, it must only be open, and the rest is yours to judge.
   */
  isHealthy?(state: T): boolean;
  /** The connection leaves the pool and is closed once this has settled. */
  onClose?(state: T): void | Promise<void>;
}
