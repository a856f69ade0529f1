/** The message that creates or changes a link. */

import type { Libc } from "../../../ffi/adapter.ts";
import type { Values } from "../codec/encode.ts";
import type { Writer } from "../codec/writer.ts";
import type { Ask } from "../exchange.ts";
import { NLM_F_ACK } from "../protocol.ts";
import { spec } from "../spec/rt-link.ts";
import { bad, integer } from "../check.ts";
import { generationValue } from "./address_generation.ts";
import { aliasBytes, linkName, type LinkRef, linkRef, mac } from "./input.ts";
import { linkCodec } from "./link.ts";
import { LinkTarget } from "./link_fields.ts";
import { checkLinkOptions, kindData, portData } from "./link_kinds.ts";
import { checkNamespace, openNamespace } from "./link_namespace.ts";
import { encoder, flagsOf, message, referenceOf } from "./link_message.ts";
import type { LinkSettings, VethPeer } from "./link_settings.ts";

const NEW = linkCodec.spec.operations.newlink.do![0];
const layout = linkCodec.message("getlink");
const ALIAS = spec.sets["link-attrs"].ifalias.id;

/** The union of links, seen as what they may have in common. */
export type AnyLink = LinkSettings & {
  name?: string;
  kind?: string;
  peer?: VethPeer;
  index?: number;
  txQueues?: number;
  rxQueues?: number;
  carrier?: boolean;
  protoDown?: boolean;
};

/** Everything is checked when it is made, so that it is sent as a whole or not at all. */
export class LinkChange implements Ask {
  readonly type: number = NEW;
  readonly flags: number;
  readonly layout: typeof layout = layout;
  readonly #target?: LinkRef;
  readonly #link: AnyLink;
  readonly #portKind?: string;
  readonly #data: Record<string, unknown>;
  readonly #port?: Record<string, unknown>;
  readonly #own: Values & { header?: Values };
  readonly #peer?: Values;
  #parent?: LinkRef;
  #master?: LinkRef;
  #values: Values = {};
  readonly #opened: number[] = [];

  /**
   * @param target the link that is changed; undefined for a new one
   * @throws {TypeError | RangeError} for a value that no kernel would accept
   */
  constructor(
    flags: number,
    readonly operation: string,
    target: LinkRef | undefined,
    link: AnyLink,
  ) {
    const { kind, master, bridgePort, bondPort } = link, fresh = target === undefined;
    checkLinkOptions(kind, link, fresh);
    if (bridgePort !== undefined && bondPort !== undefined) {
      throw bad("bondPort", "given without bridgePort", bondPort);
    }
    const own = kind === undefined ? undefined : kindData(kind, link, fresh);
    this.flags = flags | NLM_F_ACK;
    this.#target = target;
    this.#link = link;
    this.#parent = own?.link;
    this.#master = master === null
      ? 0
      : master === undefined
      ? undefined
      : linkRef("master", master);
    this.#data = { ...own?.data };
    this.#portKind = bridgePort ? "bridge" : bondPort ? "bond" : undefined;
    this.#port = bridgePort
      ? portData("bridge", bridgePort)
      : bondPort && portData("bond", bondPort);
    this.#own = settings(link, "");
    this.#peer = link.peer && settings(link.peer, "peer.");
  }

  /** Puts indexes in place of names; what has to be looked up is to be waited for. */
  resolve(index: (link: string, parameter: string) => Promise<number>): Promise<void>[] {
    const out: Promise<void>[] = [];
    const resolve = (ref: LinkRef | undefined, parameter: string, put: (index: number) => void) => {
      if (typeof ref === "string") out.push(index(ref, parameter).then(put));
      else if (ref !== undefined) put(ref);
    };
    resolve(this.#parent, "link", (index) => this.#parent = index);
    resolve(this.#master, "master", (index) => this.#master = index);
    for (const values of [this.#data, this.#port ?? {}]) {
      for (const [name, value] of Object.entries(values)) {
        if (!(value instanceof LinkTarget)) continue;
        resolve(value.link, value.parameter, (index) => values[name] = index);
      }
    }
    return out;
  }

  /**
   * Opens the namespaces that it names, until {@linkcode over}.
   *
   * @throws {NetlinkError} `ENOENT` when there is no such namespace
   */
  open(libc: () => Libc): void {
    this.over = () => {
      for (const fd of this.#opened.splice(0)) libc().close(fd);
    };
    const namespace = ({ netns }: LinkSettings, path: string): Values => {
      if (netns === undefined) return {};
      if (typeof netns === "object" && "fd" in netns) return { netNsFd: netns.fd };
      const fd = openNamespace(libc(), this.operation, `${path}netns`, netns);
      this.#opened.push(fd);
      return { netNsFd: fd };
    };
    const link = this.#link, { kind, peer } = link;
    const data: Record<string, unknown> = { ...this.#data, ...link.data };
    if (peer !== undefined) {
      const values = { ...this.#peer, ...namespace(peer, "peer.") };
      data[kind === "veth" ? "peer" : "peerInfo"] = kind === "veth" ? values : message(values);
    }
    const reference = this.#target === undefined ? {} : referenceOf(this.#target);
    this.#values = {
      ...reference,
      ...this.#own,
      ...namespace(link, ""),
      header: { ...this.#own.header, ...reference.header },
      linkinfo: kind === undefined && this.#port === undefined ? undefined : {
        kind,
        data: Object.keys(data).length > 0 ? data : undefined,
        slaveKind: this.#portKind,
        slaveData: this.#port,
      },
      link: this.#parent,
      master: this.#master,
    };
  }

  write(writer: Writer): void {
    encoder.request(writer, "newlink", this.#values);
  }

  over?: () => void;
}

const GSO_MOST = 524280, SEGS_MOST = 65535; // GSO_MAX_SIZE, GSO_MAX_SEGS of linux/netdevice.h

/** What a link and a pair's other end share, checked. */
function settings(link: AnyLink, path: string): Values & { header?: Values } {
  const { name, mtu, address, broadcast, alias, txQueueLength, group } = link;
  const { addressGeneration: mode } = link;
  const bit = (value: boolean | undefined) => value === undefined ? undefined : Number(value);
  const whole = (name: string, value: number | undefined, high = 0x7fffffff, low = 0) =>
    value === undefined ? undefined : integer(path + name, value, low, high);
  const header = { ...flagsOf(link), ifiIndex: whole("index", link.index, 0x7fffffff, 1) };
  if (link.netns !== undefined) checkNamespace(`${path}netns`, link.netns);
  return {
    header,
    mtu: whole("mtu", mtu),
    address: address === undefined ? undefined : mac(`${path}address`, address),
    // The kernel counts a NUL as part of it.
    ...alias === undefined ? {} : { [ALIAS]: aliasBytes(alias) },
    txqlen: whole("txQueueLength", txQueueLength),
    group: whole("group", group, 0xffffffff),
    broadcast: broadcast === undefined ? undefined : mac(`${path}broadcast`, broadcast),
    gsoMaxSize: whole("gsoMaxSize", link.gsoMaxSize, GSO_MOST, 1),
    gsoMaxSegs: whole("gsoMaxSegs", link.gsoMaxSegs, SEGS_MOST, 1),
    gsoIpv4MaxSize: whole("gsoIpv4MaxSize", link.gsoIpv4MaxSize, GSO_MOST, 1),
    groMaxSize: whole("groMaxSize", link.groMaxSize, GSO_MOST),
    groIpv4MaxSize: whole("groIpv4MaxSize", link.groIpv4MaxSize, GSO_MOST),
    carrier: bit(link.carrier),
    protoDown: bit(link.protoDown),
    afSpec: mode === undefined
      ? undefined
      : { inet6: { addrGenMode: generationValue("addressGeneration", mode) } },
    numTxQueues: whole("txQueues", link.txQueues, 4096, 1),
    numRxQueues: whole("rxQueues", link.rxQueues, 4096, 1),
    ...name === undefined ? {} : { ifname: linkName(`${path}name`, name) },
  };
}
