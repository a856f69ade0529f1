/** What messages about links have in common. */

import { Encoder, type Values } from "../codec/encode.ts";
import { Writer } from "../codec/writer.ts";
import type { Ask } from "../exchange.ts";
import { byteLength, type LinkRef, linkRef } from "./input.ts";
import { linkCodec } from "./link.ts";
import type { LinkSettings } from "./link_settings.ts";

// linux/if.h
const IFF_UP = 1,
  IFF_NOARP = 0x80,
  IFF_PROMISC = 0x100,
  IFF_ALLMULTI = 0x200,
  IFF_MULTICAST = 0x1000;

const layout = linkCodec.message("getlink");

/** Writes them. */
export const encoder: Encoder = new Encoder(linkCodec);

/** The flags that are meant, and those of them that are set. */
export function flagsOf(link: LinkSettings): Values {
  const { up, promiscuous, allMulticast, arp, multicast } = link;
  let ifiFlags = 0, ifiChange = 0;
  const flag = (value: boolean | undefined, bit: number) => {
    if (value === undefined) return;
    ifiChange |= bit;
    if (value) ifiFlags |= bit;
  };
  flag(up, IFF_UP);
  flag(promiscuous, IFF_PROMISC);
  flag(allMulticast, IFF_ALLMULTI);
  flag(multicast, IFF_MULTICAST);
  flag(arp === undefined ? undefined : !arp, IFF_NOARP);
  return { ifiFlags, ifiChange };
}

/** `struct ifinfomsg` and attributes, for a nest that the kernel's specification knows as bytes. */
export function message(values: Values): Uint8Array {
  const writer = new Writer(256);
  encoder.request(writer, "newlink", values);
  return writer.bytes.slice(0, writer.length);
}

/** Asks for, or of, one link and nothing else; the most frequent of all requests. */
export class LinkAsk implements Ask {
  readonly layout: typeof layout = layout;
  constructor(
    readonly type: number,
    readonly flags: number,
    readonly verb: string,
    readonly link: LinkRef,
  ) {
    linkRef("link", link);
  }

  get operation(): string {
    return `${this.verb} ${this.link}`;
  }

  write(writer: Writer): void {
    const { link } = this;
    if (typeof link === "string") return encoder.request(writer, "getlink", referenceOf(link));
    // struct ifinfomsg, nothing but its index.
    writer.word(0);
    writer.word(link);
    writer.word(0);
    writer.word(0);
  }
}

/** A link as requests name it. */
export function referenceOf(link: LinkRef): { header?: Values } & Values {
  if (typeof link === "number") return { header: { ifiIndex: link } };
  return byteLength(link) > 15 ? { altIfname: link } : { ifname: link };
}
