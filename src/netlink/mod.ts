/**
 * The Linux kernel's netlink sockets: links, addresses, routes and namespaces as typed objects.
 *
 * @module
 */

export { PlatformError, type PlatformErrorCode } from "../../ffi/adapter.ts";
export { NetlinkError, type NetlinkErrorOptions } from "./error.ts";
export {
  createNamespace,
  deleteNamespace,
  listNamespaces,
  type NamespaceTarget,
} from "./namespace.ts";
