/**
 * Endpoints, connections, and pools of them.
 *
 * @module
 */

export { Conn } from "./conn.ts";
export { connect, type ConnectOptions } from "./connect.ts";
export { Endpoint, type EndpointLike } from "./endpoint.ts";
export { ConnectError, type ConnectErrorCode } from "./error.ts";
export type { Resolve } from "./resolve.ts";
export type { TlsOptions } from "./tls.ts";
