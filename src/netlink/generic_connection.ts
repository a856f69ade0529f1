/** Generic netlink: families that the kernel numbers at run time. */

import type { FamilySpec } from "./codec/spec.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { Family } from "./family.ts";
import type { KernelAccess } from "./kernel_access.ts";
import { Protocol } from "./protocol.ts";
import { type Families, families } from "./spec/mod.ts";

/** The number of nlctrl itself (GENL_ID_CTRL of linux/genetlink.h). */
const CONTROL = 16;

/**
 * A connection to generic netlink, in one network namespace.
 *
 * @example
 * ```ts
 * import { GenericConnection } from "@x/pool/netlink";
 *
 * await using nl = await GenericConnection.open();
 * const ethtool = await nl.family("ethtool");
 * const state = await ethtool.do("linkstate-get", { header: { devName: "lo" } });
 * console.log(state.link);
 * ```
 */
export class GenericConnection extends Connection {
  #control?: Promise<Family<Families["nlctrl"]>>;

  private constructor(adapter: KernelAccess, options: ConnectionOptions) {
    super(adapter, Protocol.generic, options);
  }

  /**
   * Opens a connection.
   *
   * @throws {PlatformError} where there is no Linux, or no permission to call libc
   * @throws {NetlinkError} when the namespace cannot be entered
   */
  static async open(options: ConnectionOptions = {}): Promise<GenericConnection> {
    return new GenericConnection(await this.prepare(options), options);
  }

  /** @internal Asks nlctrl for the family's number. */
  protected override async resolve(spec: FamilySpec): Promise<Family<unknown>> {
    this.#control ??= families.nlctrl().then((s) => new Family(this, s, CONTROL, new Map()));
    const control = await this.#control;
    const answer = await control.do("getfamily", { familyName: spec.name }).catch((cause) => {
      if (!(cause instanceof NetlinkError && cause.isNotFound)) throw cause;
      const { errno } = cause, operation = `use family ${spec.name}`;
      throw new NetlinkError("this kernel does not have it", { errno, operation, cause });
    });
    const groups = new Map(answer.mcastGroups?.map((g) => [g.name ?? "", g.id ?? 0]));
    return new Family(this, spec, answer.familyId ?? 0, groups);
  }
}
