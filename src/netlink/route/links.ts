/** Links: looking up, listing, creating, changing, deleting. */

import { DEFAULT_TIMEOUT } from "../channel.ts";
import type { Ask, RequestOptions } from "../exchange.ts";
import type { Values } from "../codec/encode.ts";
import type { Writer } from "../codec/writer.ts";
import type { Connection } from "../connection.ts";
import type { Dump } from "../dump.ts";
import { NetlinkError } from "../error.ts";
import { type NamespaceTarget, targetPath } from "../namespace.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "../protocol.ts";
import { bad, integer, linkName, type LinkRef, linkRef, mac } from "./input.ts";
import { spec } from "../spec/rt-link.ts";
import { Link, linkCodec } from "./link.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { LinkTarget } from "./link_fields.ts";
import { kindData, portData, refuseUnknownLinkOptions } from "./link_kinds.ts";
import { encoder, flagsOf, LinkAsk, message, referenceOf } from "./link_message.ts";
import type { LinkChanges, LinkFilter, LinkSettings, NewLink, VethPeer } from "./link_settings.ts";

export type { LinkChanges, LinkFilter, LinkSettings, NewLink, VethPeer };

const { operations } = linkCodec.spec;
const NEW = operations.newlink.do![0], DELETE = operations.dellink.do![0];
const GET = operations.getlink.do![0];
const layout = linkCodec.message("getlink");
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Link(w, at);
const SET = spec.sets["link-attrs"], INFO = spec.sets["linkinfo-attrs"];
const NEW_PROPERTY = 108, DELETE_PROPERTY = 109; // RTM_NEWLINKPROP, RTM_DELLINKPROP
const ETIMEDOUT = 110;
/**
 * With any RTEXT_FILTER bit the kernel makes room for the largest link; without, it ends the list in
 * front of one beyond 32 KiB as if that were all. This bit adds nothing but to bridges' own lists.
 */
const MEASURE = spec.enums["rtext-filter"].entries.mrp;
const O_CLOEXEC = 0o2000000;

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
    const { kind, master } = filter;
    if (kind !== undefined && typeof kind !== "string") throw bad("kind", "a name", kind);
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
      filter,
    );
  }

  /**
   * Creates a link. It is switched off unless `up` says otherwise; what is left out is as the kernel has
   * it by default.
   *
   * @throws {NetlinkError} `EEXIST` when the name is taken, `EOPNOTSUPP` for a kind that this kernel lacks
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async add(link: NewLink, options?: RequestOptions): Promise<void> {
    linkName("name", link.name);
    const flags = NLM_F_CREATE | NLM_F_EXCL;
    const { bridgePort, bondPort, alias, ...rest } = link as AnyLink;
    await this.#change(`add link ${link.name}`, flags, undefined, rest, options);
    // The kernel takes these of links that are there, and drops them in silence otherwise.
    if (bridgePort ?? bondPort ?? alias) {
      await this.set(link.name, { bridgePort, bondPort, alias }, options);
    }
  }

  /**
   * Changes a link. Nothing that is not named is touched.
   *
   * @throws {NetlinkError} `ENODEV` when there is none
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  async set(link: LinkRef, changes: LinkChanges, options?: RequestOptions): Promise<void> {
    linkRef("link", link);
    if (changes.name !== undefined) linkName("name", changes.name);
    // The kernel takes a name beside an index for the new one.
    const target = changes.name === undefined || typeof link === "number"
      ? link
      : await this.index(link, "link", options);
    const { bridgePort, bondPort, ...rest } = changes as AnyLink;
    if ((bridgePort ?? bondPort) === undefined || rest.master === undefined) {
      return await this.#change(`set link ${link}`, 0, target, changes as AnyLink, options);
    }
    await this.#change(`set link ${link}`, 0, target, rest, options);
    const port = { bridgePort, bondPort };
    await this.#change(`set port ${link}`, 0, changes.name ?? link, port, options);
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
   * @throws {NetlinkError} `ENODEV` when there is no such link, `ENOENT` when it does not have the name
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
    return typeof link === "number" ? link : (await this.get(link, options)).index;
  }

  /** Looks up the links that are named, and waits for nothing where none is. */
  #change(
    operation: string,
    flags: number,
    target: LinkRef | undefined,
    link: AnyLink,
    options?: RequestOptions,
  ): Promise<void> {
    const { kind, master, bridgePort, bondPort } = link;
    refuseUnknownLinkOptions(kind, link);
    const own = kind === undefined ? undefined : kindData(kind, link, target === undefined);
    const parts: Parts = {
      parent: own?.link,
      master: master ? linkRef("master", master) : master === null ? 0 : undefined,
      data: { ...own?.data },
      portKind: bridgePort ? "bridge" : bondPort ? "bond" : undefined,
      port: bridgePort ? portData("bridge", bridgePort) : bondPort && portData("bond", bondPort),
    };
    const send = () => {
      const opened: number[] = [];
      const close = () => {
        for (const fd of opened.splice(0)) this.#nl.channel.adapter.libc.close(fd);
      };
      try {
        const values = {
          ...this.#values(link, parts, target, opened, operation),
          link: parts.parent,
          master: parts.master,
        };
        const write = (writer: Writer) => encoder.request(writer, "newlink", values);
        const ask = { type: NEW, flags: flags | NLM_F_ACK, operation, layout, write, over: close };
        return this.#nl.change(ask, options);
      } catch (error) {
        close();
        throw error;
      }
    };
    const lookUps = this.#lookUps(parts, options);
    return lookUps.length === 0 ? send() : Promise.all(lookUps).then(send);
  }

  /** Puts indexes in place of names. */
  #lookUps(parts: Parts, options?: RequestOptions): Promise<void>[] {
    const out: Promise<void>[] = [];
    const resolve = (ref: LinkRef | undefined, parameter: string, put: (index: number) => void) => {
      if (typeof ref === "string") out.push(this.index(ref, parameter, options).then(put));
      else if (ref !== undefined) put(ref);
    };
    resolve(parts.parent, "link", (index) => parts.parent = index);
    resolve(parts.master, "master", (index) => parts.master = index);
    for (const values of [parts.data, parts.port ?? {}]) {
      for (const [name, value] of Object.entries(values)) {
        if (!(value instanceof LinkTarget)) continue;
        resolve(value.link, value.parameter, (index) => values[name] = index);
      }
    }
    return out;
  }

  #values(
    link: AnyLink,
    parts: Parts,
    target: LinkRef | undefined,
    opened: number[],
    operation: string,
  ): Values {
    const { kind } = link;
    const data: Record<string, unknown> = { ...parts.data, ...link.data };
    if (link.peer !== undefined && (kind === "veth" || kind === "netkit")) {
      const { name } = link.peer;
      if (name !== undefined) linkName("peer.name", name);
      const peer = { ...this.#settings(link.peer, opened, operation), ifname: name };
      data[kind === "veth" ? "peer" : "peerInfo"] = kind === "veth" ? peer : message(peer);
    }
    const settings = this.#settings(link, opened, operation);
    const reference = target === undefined ? {} : referenceOf(target);
    return {
      ...settings,
      ...reference,
      header: { ...settings.header, ...reference.header },
      ...(link.name === undefined ? {} : { ifname: link.name }),
      linkinfo: kind === undefined && parts.port === undefined ? undefined : {
        kind,
        data: Object.keys(data).length > 0 ? data : undefined,
        slaveKind: parts.portKind,
        slaveData: parts.port,
      },
    };
  }

  /** What a link and a veth's peer share. */
  #settings(link: LinkSettings, opened: number[], operation: string) {
    const { mtu, address, alias, txQueueLength, netns, group } = link;
    return {
      header: flagsOf(link),
      mtu: mtu === undefined ? undefined : integer("mtu", mtu, 0, 0x7fffffff),
      address: address === undefined ? undefined : mac("address", address),
      ifalias: alias,
      txqlen: txQueueLength === undefined
        ? undefined
        : integer("txQueueLength", txQueueLength, 0, 0x7fffffff),
      group: group === undefined ? undefined : integer("group", group, 0, 0xffffffff),
      ...(netns === undefined ? {} : this.#namespace(netns, opened, operation)),
    };
  }

  #namespace(netns: NamespaceTarget, opened: number[], operation: string): Values {
    if (typeof netns === "object" && "fd" in netns) return { netNsFd: netns.fd };
    const fd = this.#nl.channel.adapter.libc.open(targetPath(netns), O_CLOEXEC);
    if (fd < 0) throw NetlinkError.fromCall(operation, `open of ${targetPath(netns)}`, fd);
    opened.push(fd);
    return { netNsFd: fd };
  }
}

/** The union of links, seen as what they may have in common. */
type AnyLink = LinkSettings & { name?: string; kind?: string; peer?: VethPeer };

/** Links that a message names, and the attributes that may name some. */
interface Parts {
  parent?: LinkRef;
  master?: LinkRef;
  readonly data: Record<string, unknown>;
  readonly portKind?: string;
  readonly port?: Record<string, unknown>;
}
