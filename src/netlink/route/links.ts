/** Links: looking up, listing, creating, changing, deleting. */

import type { Ask, RequestOptions } from "../exchange.ts";
import { Encoder, type Values } from "../codec/encode.ts";
import type { Writer } from "../codec/writer.ts";
import type { Connection } from "../connection.ts";
import type { Dump, DumpOptions } from "../dump.ts";
import { NetlinkError } from "../error.ts";
import { type NamespaceTarget, targetPath } from "../namespace.ts";
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "../protocol.ts";
import { integer, linkName, type LinkRef, linkRef, mac } from "./input.ts";
import { Link, linkCodec } from "./link.ts";
import { kindData, type KindOptions } from "./link_kinds.ts";

/** What every link can be given. */
export interface LinkSettings {
  /** Largest packet, in bytes. */
  mtu?: number;
  /** MAC address, as in "02:00:00:00:00:01". */
  address?: string;
  /** Whether it is switched on. */
  up?: boolean;
  /** The bridge, bond or VRF that it becomes a port of; null leaves it. */
  master?: LinkRef | null;
  /** The network namespace that it moves to. */
  netns?: NamespaceTarget;
  /** A note of up to 255 bytes. */
  alias?: string;
  /** Packets that wait to be sent at most. */
  txQueueLength?: number;
  /** Options of its kind, named as in the kernel's specification (`IFLA_INFO_DATA`). */
  data?: Values;
}

/** The other end of a veth pair. It is switched on by a `set` of its own, once both ends exist. */
export interface VethPeer extends Omit<LinkSettings, "master" | "data" | "up"> {
  /**
   * Its name.
   *
   * @default one that the kernel chooses
   */
  name?: string;
}

/** A link to be created. */
export type NewLink =
  & LinkSettings
  & {
    /** Its name, 1 to 15 bytes. */
    name: string;
  }
  & (
    | { [K in keyof KindOptions]: { kind: K } & KindOptions[K] }[keyof KindOptions]
    | { kind: "veth"; peer?: VethPeer }
    | { kind: Exclude<string, keyof KindOptions | "veth"> }
  );

/** What changes of a link. Options of a kind are told with that kind. */
export type LinkChanges =
  & LinkSettings
  & {
    /** Its new name; most kernels want it to be down. */
    name?: string;
  }
  & (
    | { kind?: undefined }
    | { [K in keyof KindOptions]: { kind: K } & Partial<KindOptions[K]> }[keyof KindOptions]
    | { kind: string }
  );

/** Which links a list shall have; the kernel selects them. */
export interface LinkFilter extends DumpOptions {
  /** Only links of this kind. */
  kind?: string;
  /** Only ports of this bridge, bond or VRF. */
  master?: LinkRef;
}

const { operations } = linkCodec.spec;
const NEW = operations.newlink.do![0], DELETE = operations.dellink.do![0];
const GET = operations.getlink.do![0];
const encoder = new Encoder(linkCodec);
const layout = linkCodec.message("getlink");
const make = (w: Int32Array<ArrayBufferLike>, at: number) => new Link(w, at);
const IFF_UP = 1;
const O_CLOEXEC = 0o2000000;

/** The links of a connection's namespace. */
export class Links {
  readonly #nl: Connection;

  /** @internal */
  constructor(connection: Connection) {
    this.#nl = connection;
  }

  /**
   * One link, by name, alternative name or index.
   *
   * @throws {NetlinkError} `ENODEV` when there is none
   */
  async get(link: LinkRef, options?: RequestOptions): Promise<Link> {
    return await this.#nl.get(this.#ask(GET, 0, "get link", link), make, true, options) as Link;
  }

  /** All links, or those that the kernel selects. */
  list(filter: LinkFilter = {}): Dump<Link> {
    const { kind, master, ...options } = filter;
    return this.#nl.list(
      async () => {
        const values = {
          linkinfo: kind === undefined ? undefined : { kind },
          master: master === undefined ? undefined : await this.index(master, "master"),
        };
        return {
          type: GET,
          flags: NLM_F_DUMP,
          operation: "list links",
          layout,
          write: (writer) => encoder.request(writer, "getlink", values),
        };
      },
      make,
      options,
    );
  }

  /**
   * Creates a link.
   *
   * @throws {NetlinkError} `EEXIST` when the name is taken, `EOPNOTSUPP` for a kind that this kernel lacks
   * @throws {TypeError} for a value that no kernel would accept
   */
  async add(link: NewLink, options?: RequestOptions): Promise<void> {
    linkName("name", link.name);
    const flags = NLM_F_CREATE | NLM_F_EXCL;
    return await this.#change(`add link ${link.name}`, flags, undefined, link as AnyLink, options);
  }

  /**
   * Changes a link. Nothing that is not named is touched.
   *
   * @throws {NetlinkError} `ENODEV` when there is none
   */
  async set(link: LinkRef, changes: LinkChanges, options?: RequestOptions): Promise<void> {
    linkRef("link", link);
    if (changes.name !== undefined) linkName("name", changes.name);
    // The kernel takes a name beside an index for the new one.
    const target = changes.name === undefined || typeof link === "number"
      ? link
      : await this.index(link, "link", options);
    return await this.#change(`set link ${link}`, 0, target, changes as AnyLink, options);
  }

  /**
   * Deletes a link, and with it the other end of a veth pair.
   *
   * @throws {NetlinkError} `ENODEV` when there is none, `EOPNOTSUPP` for hardware
   */
  async delete(link: LinkRef, options?: RequestOptions): Promise<void> {
    await this.#nl.change(this.#ask(DELETE, NLM_F_ACK, "delete link", link), options);
  }

  /** @internal The index of a link; asks only for a name. */
  async index(link: LinkRef, parameter: string, options?: RequestOptions): Promise<number> {
    linkRef(parameter, link);
    return typeof link === "number" ? link : (await this.get(link, options)).index;
  }

  #ask(type: number, flags: number, verb: string, link: LinkRef): Ask {
    linkRef("link", link);
    return {
      type,
      flags,
      operation: `${verb} ${link}`,
      layout,
      write(writer) {
        if (typeof link === "string") return encoder.request(writer, "getlink", referenceOf(link));
        // struct ifinfomsg, nothing but its index.
        writer.word(0);
        writer.word(link);
        writer.word(0);
        writer.word(0);
      },
    };
  }

  /** Looks up the links that are named, and waits for nothing where none is. */
  #change(
    operation: string,
    flags: number,
    target: LinkRef | undefined,
    link: AnyLink,
    options?: RequestOptions,
  ): Promise<void> {
    const { kind, master } = link;
    const own = kind === undefined ? undefined : kindData(kind, link, target === undefined);
    const parent = own?.link;
    const send = (parent: number | undefined, master: number | undefined) => {
      const opened: number[] = [];
      const close = () => {
        for (const fd of opened.splice(0)) this.#nl.channel.adapter.libc.close(fd);
      };
      try {
        const values = {
          ...this.#values(link, own?.data, target, opened, operation),
          link: parent,
          master,
        };
        const write = (writer: Writer) => encoder.request(writer, "newlink", values);
        const ask = { type: NEW, flags: flags | NLM_F_ACK, operation, layout, write };
        return this.#nl.change(ask, options).finally(close);
      } catch (error) {
        close();
        throw error;
      }
    };
    const portOf = master ? linkRef("master", master) : master === null ? 0 : master;
    if (typeof parent !== "string" && typeof portOf !== "string") return send(parent, portOf);
    const lookUp = (ref: LinkRef | undefined, parameter: string) =>
      typeof ref === "string" ? this.index(ref, parameter, options) : ref;
    return Promise.all([lookUp(parent, "link"), lookUp(portOf, "master")]).then(([p, m]) =>
      send(p, m)
    );
  }

  #values(
    link: AnyLink,
    options: Values | undefined,
    target: LinkRef | undefined,
    opened: number[],
    operation: string,
  ): Values {
    const { kind } = link;
    const data: Record<string, unknown> = { ...options, ...link.data };
    if (kind === "veth" && link.peer !== undefined) {
      const { name } = link.peer;
      if (name !== undefined) linkName("peer.name", name);
      data.peer = { ...this.#settings(link.peer, opened, operation), ifname: name };
    }
    const settings = this.#settings(link, opened, operation);
    const reference = target === undefined ? {} : referenceOf(target);
    return {
      ...settings,
      ...reference,
      header: { ...settings.header, ...reference.header },
      ...(link.name === undefined ? {} : { ifname: link.name }),
      linkinfo: kind === undefined
        ? undefined
        : { kind, data: Object.keys(data).length > 0 ? data : undefined },
    };
  }

  /** What a link and a veth's peer share. */
  #settings(link: LinkSettings, opened: number[], operation: string) {
    const { up, mtu, address, alias, txQueueLength, netns } = link;
    return {
      header: up === undefined ? undefined : { ifiFlags: up ? IFF_UP : 0, ifiChange: IFF_UP },
      mtu: mtu === undefined ? undefined : integer("mtu", mtu, 0, 0x7fffffff),
      address: address === undefined ? undefined : mac("address", address),
      ifalias: alias,
      txqlen: txQueueLength === undefined
        ? undefined
        : integer("txQueueLength", txQueueLength, 0, 0x7fffffff),
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

function referenceOf(link: LinkRef): { header?: Values } & Values {
  if (typeof link === "number") return { header: { ifiIndex: link } };
  return link.length > 15 ? { altIfname: link } : { ifname: link };
}
