/**
 * Connection pools for Deno and Bun: a generic pool of anything, and pools of TCP, TLS and Unix
 * connections by endpoint. The Linux kernel's netlink sockets are in `@x/pool/netlink`.
 *
 * Importing this module loads no library, opens nothing and asks for no permission.
 *
 * @module
 */

export * from "./src/pool/mod.ts";
export * from "./src/net/mod.ts";
