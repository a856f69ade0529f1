/** The namespaces that links are created in or move to. */

import type { Libc } from "../../../ffi/adapter.ts";
import { bad, shown } from "../check.ts";
import { NetlinkError } from "../error.ts";
import { type NamespaceTarget, targetPath } from "../namespace.ts";

const O_CLOEXEC = 0o2000000;
const EBADF = 9, EINVAL = 22;

/** @throws {TypeError | RangeError} for what names no namespace */
export function checkNamespace(parameter: string, netns: NamespaceTarget): void {
  if (targetPath(netns, parameter).includes("\0")) throw bad(parameter, "without NUL", netns);
}

/**
 * A descriptor of a namespace, to be closed by the caller.
 *
 * @throws {NetlinkError} `ENOENT` when there is none
 */
export function openNamespace(
  libc: Libc,
  operation: string,
  parameter: string,
  netns: NamespaceTarget,
): number {
  const path = targetPath(netns), fd = libc.open(path, O_CLOEXEC);
  if (fd >= 0) return fd;
  const detail = `${none(parameter, netns)}: open of ${path} failed`;
  throw new NetlinkError(detail, { errno: -fd, operation });
}

/** Names the namespace where it is to blame, as the kernel says no more than that a value is invalid. */
export function blamed(error: unknown, parameter: string, netns?: NamespaceTarget): unknown {
  if (netns === undefined || !(error instanceof NetlinkError)) return error;
  const { errno, operation, kernelMessage, attribute, message } = error;
  if ((kernelMessage ?? attribute) !== undefined) return error;
  // A connection that is closed has this code too, in other words.
  if (errno === EBADF && message.includes("no such file descriptor")) {
    const detail = `${parameter} must be an open descriptor, current value is ${shown(netns)}`;
    return new NetlinkError(detail, { errno, operation, cause: error });
  }
  // Names stand for nothing else.
  const any = typeof netns === "string" ? netns.includes("/") : !("name" in netns);
  if (errno !== EINVAL || !any) return error;
  const detail = `a value is invalid, it may be that ${none(parameter, netns)}`;
  return new NetlinkError(detail, { errno, operation, cause: error });
}

function none(parameter: string, netns: NamespaceTarget): string {
  return `${parameter} must be a network namespace, current value is ${shown(netns)}`;
}
