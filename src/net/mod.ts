/**
 * Endpoints, connections, and pools of them.
 *
 * @module
 */

export {
  type Dialer,
  type DialOptions,
  type DialTls,
  HandshakeError,
  type RawSocket,
  type SocketEvents,
  type TcpTarget,
  type UnixTarget,
} from "../../ffi/dial.ts";
export { PlatformError, type PlatformErrorCode } from "../../ffi/adapter.ts";
export { Conn } from "./conn.ts";
export { connect, type ConnectOptions } from "./connect.ts";
export { Endpoint, type EndpointLike } from "./endpoint.ts";
export { EndpointPool } from "./endpoint_pool.ts";
export {
  endpointOptions,
  type EndpointPoolOptions,
  type EndpointStats,
} from "./endpoint_pool_options.ts";
export { ConnectError, type ConnectErrorCode } from "./error.ts";
export type { Access, Protocol } from "./protocol.ts";
export type { Resolve } from "./resolve.ts";
export type { TlsOptions } from "./tls.ts";
