/**
 * Declarative configuration: `plan` says what differs, `apply` does it. What they need is loaded
 * when they are called.
 *
 * @module
 */

import type { RequestOptions } from "../exchange.ts";
import { checkOptions, REQUEST } from "../options.ts";
import type { RouteConnection } from "../route_connection.ts";
import type { Desired } from "./desired.ts";
import type { Change, Plan } from "./change.ts";

export type * from "./desired.ts";
export type { Change, Plan } from "./change.ts";

/**
 * Compares what a machine is with what it shall be. Only what is declared is compared, and what
 * `prune` names; nothing is changed. Without a bridge that tells, whether bridges look at VLANs is
 * asked by a request that every kernel refuses, which may load its bridge module.
 *
 * @throws {TypeError | RangeError} for a declaration that no kernel would accept, with the path to the
 * value, before anything is asked of the kernel; and for one that this kernel would refuse half-way
 * beside what is there, as far as a plan knows, with the object and the reason
 * @throws {NetlinkError} when the kernel cannot be asked
 *
 * @example
 * ```ts
 * import { apply, plan, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const desired = {
 *   links: [{ name: "br0", kind: "bridge", up: true, stp: false }],
 *   addresses: [{ link: "br0", address: "10.0.0.1/24" }],
 * };
 * const changes = await plan(nl, desired);
 * console.log(String(changes));
 * await apply(nl, changes);
 * console.log((await plan(nl, desired)).empty); // true
 * ```
 */
export async function plan(
  nl: RouteConnection,
  desired: Desired,
  options?: RequestOptions,
): Promise<Plan> {
  checkOptions("a plan", options, REQUEST);
  const { plan } = await import("./plan.ts");
  return await plan(nl, desired, options);
}

/**
 * Executes a plan. What the kernel takes along though the plan did not say so is made again:
 * declared things by a further round, others from what they were. A link that is made anew keeps
 * what is not declared of it. An apply that was interrupted is finished by the next plan and apply; of
 * a plan that was applied before, or by someone else meanwhile, what is left is done.
 *
 * @returns the changes that were made, those of further rounds among them
 * @throws {NetlinkError} what the kernel refused; the changes before it are made, or, where only
 * something that went along could not be made again, all of them
 * @throws {AggregateError} several of these
 * @throws {Error} when something else undoes what the plan does, round after round
 * @throws {unknown} the signal's reason; what was done by then stays done
 *
 * @example
 * ```ts
 * import { apply, plan, RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * const desired = { addresses: [{ link: "lo", address: "10.11.0.1/32" }] };
 * for (const { action, object, key } of await apply(nl, await plan(nl, desired))) {
 *   console.log(action, object, key); // create address lo 10.11.0.1/32
 * }
 * ```
 */
export async function apply(
  nl: RouteConnection,
  changes: Plan,
  options?: RequestOptions,
): Promise<readonly Change[]> {
  checkOptions("an apply", options, REQUEST);
  const { apply } = await import("./apply.ts");
  return await apply(nl, changes, options);
}
