/** The least that JavaScript can do for a netlink request: libc calls, a buffer, a loop. */

import { loadAdapter } from "../ffi/adapter.ts";
import { MessageHeader } from "../ffi/message_header.ts";
import { inNamespace } from "../src/netlink/namespace.ts";

const GET_LINK = 18, GET_ROUTE = 26, DONE = 3; // linux/rtnetlink.h, linux/netlink.h
const REQUEST = 1, DUMP = 0x301;
const DST = 1, OIF = 4, GATEWAY = 5, PRIORITY = 6; // linux/rtnetlink.h

class Item {
  constructor(readonly words: Int32Array, readonly at: number) {}

  field(id: number): number {
    const { words } = this;
    const end = (this.at << 2) + words[this.at];
    for (let i = this.at + 7; i << 2 < end; i += ((words[i] & 0xffff) + 3) >>> 2) {
      if (((words[i] >>> 16) & 0x3fff) === id) return words[i + 1];
    }
    return 0;
  }
}

/** Works that need nothing but libc. */
export async function bareWorks(netns: string, device: number) {
  const { libc } = await loadAdapter();
  const fd = inNamespace(libc, netns, () => libc.socket(16, 3, 0));
  libc.bind(fd, new Uint8Array([16, ...Array(11).fill(0)]));
  libc.setsockopt(fd, 270, 12, new Uint8Array([1, 0, 0, 0])); // strict checking, so that filters hold
  const room = new Uint8Array(new ArrayBuffer(32 * 1024));
  const into = new MessageHeader(libc, room);
  const request = (type: number, flags: number, ...rest: number[]) => {
    const bytes = new Uint8Array(new ArrayBuffer(32));
    const words = new Int32Array(bytes.buffer);
    words.set([rest.length * 4 + 16, type | (flags << 16), 1, 0, ...rest]);
    const header = new MessageHeader(libc, bytes);
    header.window(0, words[0]);
    return header; // which keeps what it points to
  };
  const receive = () => {
    const length = libc.recvmsg(fd, into.bytes, 0);
    return new Int32Array(room.buffer.slice(0, length));
  };
  const getLink = request(GET_LINK, REQUEST, 0, device, 0, 0);
  const getRoutes = request(GET_ROUTE, DUMP, 2, 4 << 8, 0); // AF_INET, RTPROT_STATIC
  return {
    bareGet(_: unknown, count: number) {
      let last = 0;
      for (let i = 0; i < count; i++) {
        libc.sendmsg(fd, getLink.bytes, 0);
        last = receive()[5];
      }
      return Promise.resolve(last);
    },
    bareRoutes() {
      const items: Item[] = [];
      libc.sendmsg(fd, getRoutes.bytes, 0);
      for (let more = true; more;) {
        const words = receive();
        for (let at = 0; at < words.length; at += (words[at] + 3) >>> 2) {
          more = (words[at + 1] & 0xffff) !== DONE;
          if (!more) break;
          items.push(new Item(words, at));
        }
      }
      let read = 0;
      for (const item of items) {
        read += item.field(DST) + item.field(GATEWAY) + item.field(OIF) + item.field(PRIORITY);
      }
      return Promise.resolve(read);
    },
  } as Record<string, (_: unknown, count: number) => Promise<unknown>>;
}
