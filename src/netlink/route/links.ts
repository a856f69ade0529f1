/** Links: looking up, listing, creating, changing, deleting. */

import { DEFAULT_TIMEOUT } from "../channel.ts";
import { requestOf } from "../options.ts";
import type { Ask, RequestOptions } from "../exchange.ts";
import type { Connection } from "../connection.ts";
import type { Dump } from "../dump.ts";
import { NetlinkError } from "../error.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "../protocol.ts";
import { bad } from "../check.ts";
import { kindName, linkName, type LinkRef, linkRef } from "./input.ts";
import { spec } from "../spec/rt-link.ts";
import { Link, linkCodec } from "./link.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnyLink, LinkChange } from "./link_change.ts";
import { alongWith } from "./link_kinds.ts";
import { blamed } from "./link_namespace.ts";
import { encoder, LinkAsk } from "./link_message.ts";
import type { LinkChanges, LinkFilter, NewLink } from "./link_settings.ts";
import { checkObject, checkOptions } from "./shape.ts";
import { type All, LIST, REQUEST } from "./shapes.ts";

const { operations } = linkCodec.spec;
const DELETE = operations.dellink.do![0];
const GET = operations.getlink.do![0];
const layout = linkCodec.message("getlink");
const FILTER: All<LinkFilter> = { ...LIST, kind: "text", master: "text or number" };
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Link(w, at);
const SET = spec.sets["link-attrs"], INFO = spec.sets["linkinfo-attrs"];
const NEW_PROPERTY = 108, DELETE_PROPERTY = 109; // RTM_NEWLINKPROP, RTM_DELLINKPROP
const ETIMEDOUT = 110;
/**
 * With any RTEXT_FILTER bit the kernel makes room for the largest link; without, it ends the list in
 * front of one beyond 32 KiB as if that were all. This bit adds nothing but to bridges' own lists.
 */
const MEASURE = spec.enums["rtext-filter"].entries.mrp;

/**
 * The links of a connection's namespace (RTM_*LINK of linux/rtnetlink.h, linux/if_link.h).
 *
 * @example
 * ```ts
 * import { RouteConnection } from "@x/pool/netlink";
 *
 * await using nl = await RouteConnection.open();
 * await nl.links.add({ name: "br0", kind: "bridge", stp: false });
 * await nl.links.add({ name: "a0", kind: "veth", mtu: 9000, peer: { name: "a1", mtu: 9000 } });
 * await nl.links.set("a0", { master: "br0", up: true });
 * for await (const { name, mtu } of nl.links.list({ master: "br0" })) console.log(name, mtu); // a0 9000
 * await nl.links.delete("a0"); // and with it a1
 * ```
 */
export class Links {
  readonly #nl: Connection;

  /** @internal */
  constructor(connection: Connection) {
    this.#nl = connection;
  }

  /**
   * One link, by name, alternative name or index; it asks for that one alone.
   *
   * @throws {NetlinkError} `ENODEV` when there is none
   * @throws {TypeError | RangeError} for what is no name or index
   */
  get(link: LinkRef, options?: RequestOptions): Promise<Link> {
    try {
      const ask = new LinkAsk(GET, 0, "get link", link);
      return this.#nl.get(ask, make, true, options) as Promise<Link>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * All links, or those that the kernel selects.
   *
   * @throws {TypeError | RangeError} for a filter that no kernel would accept
   * @throws {NetlinkError} while it is iterated: `ENODEV` when there is no such master
   */
  list(filter: LinkFilter = {}): Dump<Link> {
    checkOptions("a list of links", filter, FILTER);
    const { kind, master } = filter;
    if (kind !== undefined) kindName(kind);
    const ask = (master?: number): Ask => ({
      type: GET,
      flags: NLM_F_DUMP,
      operation: "list links",
      layout,
      write(writer) {
        writer.zeros(16); // struct ifinfomsg
        writer.small(SET.extMask.id, MEASURE, 4);
        if (master !== undefined) writer.small(SET.master.id, master, 4);
        if (kind === undefined) return;
        const at = writer.nest(SET.linkinfo.id);
        writer.string(INFO.kind.id, kind);
        writer.close(at);
      },
    });
    return this.#nl.list(
      () => master === undefined ? ask() : this.index(master, "master", filter).then(ask),
      make,
      // A kernel that lacks the kind, or has not loaded it yet, ignores the filter.
      kind === undefined ? filter : { ...filter, keep: (link: Link) => link.kind === kind },
    );
  }

  /**
   * Creates a link. It is switched off unless `up` says otherwise; what is left out is as the kernel has
   * it by default. In another namespace it cannot be given an alias, options as a port, or a way to
   * generate addresses at once.
   *
   * @throws {NetlinkError} `EEXIST` when the name is taken, `EOPNOTSUPP` for a kind that this kernel lacks
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(link: NewLink, options?: RequestOptions): Promise<void> {
    checkObject("a link", link);
    linkName("name", link.name);
    const flags = NLM_F_CREATE | NLM_F_EXCL;
    const { bridgePort, bondPort, alias, addressGeneration, ...rest } = link as AnyLink;
    // The kernel takes these of links that are there, and drops or refuses them otherwise.
    const later: AnyLink = { bridgePort, bondPort, alias, addressGeneration };
    if (rest.netns !== undefined) refuseElsewhere({ ...later });
    const more = Object.values(later).some((value) => value !== undefined);
    // What is wrong with them is told before the link is there.
    if (more) new LinkChange(0, "", link.name, later);
    if (addressGeneration !== undefined && rest.up) {
      rest.up = undefined;
      later.up = true;
    }
    await this.#change(`add link ${link.name}`, flags, undefined, rest, options);
    if (more) await this.set(link.name, later as LinkChanges, options);
  }

  /**
   * Changes a link. Nothing that is not named is touched.
   *
   * @throws {NetlinkError} `ENODEV` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async set(link: LinkRef, changes: LinkChanges, options?: RequestOptions): Promise<void> {
    linkRef("link", link);
    checkObject("changes", changes);
    if (changes.name !== undefined) linkName("name", changes.name);
    // The kernel takes a name beside an index for the new one.
    const target = changes.name === undefined || typeof link === "number"
      ? link
      : await this.index(link, "link", options);
    const { bridgePort, bondPort, ...rest } = await this.#completed(link, changes, options);
    const { addressGeneration, up } = rest;
    if (addressGeneration !== undefined && up) {
      // The kernel switches it on first, and so has an address for it before it reads how.
      new LinkChange(0, "", target, { bridgePort, bondPort, ...rest });
      await this.#change(`set link ${link}`, 0, target, { addressGeneration }, options);
      rest.addressGeneration = undefined;
    }
    if (rest.netns !== undefined) refuseElsewhere({ bridgePort, bondPort });
    if ((bridgePort ?? bondPort) === undefined || rest.master === undefined) {
      const all = { bridgePort, bondPort, ...rest };
      return await this.#change(`set link ${link}`, 0, target, all, options);
    }
    await this.#change(`set link ${link}`, 0, target, rest, options);
    const port = { bridgePort, bondPort };
    await this.#change(`set port ${link}`, 0, changes.name ?? link, port, options);
  }

  /** Adds what the kernel would reset because it is not told. */
  async #completed(link: LinkRef, changes: AnyLink, options?: RequestOptions): Promise<AnyLink> {
    const names = changes.kind === undefined ? [] : alongWith(changes.kind, changes);
    if (names.length === 0) return changes;
    const { kind, options: current } = await this.get(link, options);
    if (kind !== changes.kind) {
      throw bad("kind", `that of the link, which is ${kind}`, changes.kind);
    }
    return { ...Object.fromEntries(names.map((name) => [name, current[name]])), ...changes };
  }

  /**
   * Deletes a link, and with it the other end of a veth pair.
   *
   * @throws {NetlinkError} `ENODEV` when there is none, `EOPNOTSUPP` for hardware
   */
  async delete(link: LinkRef, options?: RequestOptions): Promise<void> {
    await this.#nl.change(new LinkAsk(DELETE, NLM_F_ACK, "delete link", link), options);
  }

  /**
   * Gives a link further names, of up to 127 bytes, by which it is found as well.
   *
   * @throws {NetlinkError} `EEXIST` when a link has that name, `ENODEV` when there is no such link
   */
  async addAltNames(
    link: LinkRef,
    names: readonly string[],
    options?: RequestOptions,
  ): Promise<void> {
    await this.#property(NEW_PROPERTY, "add names to", link, names, options);
  }

  /**
   * Takes further names from a link.
   *
   * @throws {NetlinkError} `ENODEV` when there is no such link, `ENOENT` when none has the name,
   * `EINVAL` when another one has it, or when it is not a further one
   */
  async deleteAltNames(
    link: LinkRef,
    names: readonly string[],
    options?: RequestOptions,
  ): Promise<void> {
    await this.#property(DELETE_PROPERTY, "delete names of", link, names, options);
  }

  /**
   * Waits until packets can pass a link: it is switched on, and has a carrier where its kind knows one.
   * Kinds without one stay "unknown", which is as good; a veth's state is "up" in the end.
   * It looks after 1 ms, then ever more seldom up to every 50 ms, until `timeout`.
   *
   * @throws {NetlinkError} `ENODEV` when there is none, `ETIMEDOUT` when it takes longer than `timeout`
   * @throws {TypeError | RangeError} for what is no name or index, and for an option that is none
   *
   * @example
   * ```ts
   * import { RouteConnection } from "@x/pool/netlink";
   *
   * await using nl = await RouteConnection.open();
   * await nl.links.add({ name: "b0", kind: "veth", up: true, peer: { name: "b1" } });
   * await nl.links.set("b1", { up: true });
   * console.log((await nl.links.waitUntilUp("b0", { timeout: 1000 })).operState); // up
   * ```
   */
  async waitUntilUp(link: LinkRef, options: RequestOptions = {}): Promise<Link> {
    checkOptions("a wait", options, REQUEST);
    const { timeout = this.#nl.timeout ?? DEFAULT_TIMEOUT, signal } = options;
    const end = performance.now() + timeout;
    for (let pause = 1;; pause = Math.min(2 * pause, 50)) {
      const found = await this.get(link, options);
      // Kinds without a carrier are running as soon as they are switched on; so is a veth that the
      // kernel has not looked at yet.
      const running = found.up && found.flags.includes("running");
      if (running && (found.operState === "up" || found.kind !== "veth")) return found;
      if (performance.now() + pause > end) {
        throw new NetlinkError(`it is ${found.operState} after ${timeout} ms`, {
          errno: ETIMEDOUT,
          operation: `wait for link ${link}`,
        });
      }
      await sleep(pause, undefined, { signal }).catch((error) => {
        signal?.throwIfAborted();
        throw error;
      });
    }
  }

  async #property(
    type: number,
    verb: string,
    link: LinkRef,
    names: readonly string[],
    options?: RequestOptions,
  ): Promise<void> {
    if (!Array.isArray(names)) throw bad("names", "a list of names", names);
    names.forEach((name, i) => {
      if (typeof linkRef(`names[${i}]`, name) !== "string") {
        throw bad(`names[${i}]`, "text", name);
      }
    });
    const ifiIndex = await this.index(link, "link", options);
    const values = { header: { ifiIndex }, propList: { altIfname: names } };
    await this.#nl.change({
      type,
      flags: NLM_F_ACK | (type === NEW_PROPERTY ? NLM_F_CREATE | NLM_F_EXCL : 0),
      operation: `${verb} link ${link}`,
      layout,
      write: (writer) => encoder.request(writer, "newlink", values),
    }, options);
  }

  /** @internal The index of a link; asks only for a name. */
  async index(link: LinkRef, parameter: string, options?: RequestOptions): Promise<number> {
    linkRef(parameter, link);
    return typeof link === "number"
      ? link
      : (await this.get(link, options && requestOf(options))).index;
  }

  /** Looks up the links that are named, and waits for nothing where none is. */
  #change(
    operation: string,
    flags: number,
    target: LinkRef | undefined,
    link: AnyLink,
    options?: RequestOptions,
  ): Promise<void> {
    const change = new LinkChange(flags, operation, target, link);
    const send = () => {
      try {
        change.open(() => this.#nl.channel.adapter.libc);
        return this.#nl.change(change, options);
      } catch (error) {
        change.over?.();
        throw error;
      }
    };
    const lookUps = change.resolve((name, parameter) => this.index(name, parameter, options));
    const sent = lookUps.length === 0 ? send() : Promise.all(lookUps).then(send);
    const { netns, peer } = link;
    if ((netns ?? peer?.netns) === undefined) return sent;
    return sent.catch((error) => {
      throw blamed(blamed(error, "netns", netns), "peer.netns", peer?.netns);
    });
  }
}

/** What is told of a link that is there already: one elsewhere is out of this socket's reach. */
function refuseElsewhere(told: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(told)) {
    if (value !== undefined) throw bad(name, "told by a connection there, not with netns", value);
  }
}
