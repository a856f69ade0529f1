/** A kernel whose bridges filter VLANs, which not every kernel's do: links and their VLANs alone. */

import { RouteConnection } from "../../src/netlink/route_connection.ts";
import { FakeKernel, int32, message, type Sent } from "./fake_kernel.ts";

const NEWLINK = 16, DELLINK = 17, GETLINK = 18, SETLINK = 19, ERROR = 2, DONE = 3;
const MULTI = 2, DUMP = 0x300, CREATE = 0x400, AF_BRIDGE = 7, ENODEV = 19, EPROTONOSUPPORT = 93;
const PVID = 2, UNTAGGED = 4, BEGIN = 8, END = 16; // BRIDGE_VLAN_INFO_*

interface Link {
  index: number;
  name: string;
  kind: string;
  master: number;
  up: boolean;
  mtu: number;
  /** Flags by number. */
  vlans: Map<number, number>;
}

const bytes = (text: string) => [...new TextEncoder().encode(text), 0];

function attribute(type: number, payload: readonly number[]): number[] {
  const length = 4 + payload.length, pad = Array(-length & 3).fill(0);
  return [length & 255, length >> 8, type & 255, type >> 8, ...payload, ...pad];
}

/** The attributes of a message from a byte on. */
function attributes(from: Uint8Array): Map<number, Uint8Array[]> {
  const out = new Map<number, Uint8Array[]>();
  for (let at = 0; at + 4 <= from.length;) {
    const length = from[at] | from[at + 1] << 8, type = (from[at + 2] | from[at + 3] << 8) & 0x3fff;
    out.set(type, [...out.get(type) ?? [], from.subarray(at + 4, at + length)]);
    at += length + 3 & ~3;
  }
  return out;
}

const text = (value: Uint8Array | undefined) =>
  value && new TextDecoder().decode(value).replace(/\0.*/, "");
const word = (value: Uint8Array) => new DataView(value.slice().buffer).getUint32(0, true);

/** The kernel, with a connection to it; without filtering, it is as those are that have none. */
export async function bridges({ filtering = true } = {}) {
  const kernel = new FakeKernel(), links: Link[] = [], asked: string[] = [];
  let next = 1;

  const join = (link: Link, master: number) => {
    if (link.master !== master) link.vlans = new Map(master === 0 ? [] : [[1, PVID | UNTAGGED]]);
    link.master = master;
  };

  const shown = (link: Link, to: Sent, flags: number) => {
    const data = link.kind === "bridge" && filtering ? attribute(2, attribute(39, [1, 0])) : [];
    return message(NEWLINK, to, [
      ...[0, 0, 1, 0, ...int32(link.index), ...int32(link.up ? 1 : 0), ...int32(0)],
      ...attribute(3, bytes(link.name)),
      ...attribute(4, int32(link.mtu)),
      ...attribute(1, [2, 0, 0, 0, 0, link.index]),
      ...link.master ? attribute(10, int32(link.master)) : [],
      ...attribute(18, [...attribute(1, bytes(link.kind)), ...data]),
    ], flags);
  };

  const vlans = (link: Link, to: Sent) => {
    const all = [...link.vlans].sort(([a], [b]) => a - b).flatMap(([vid, flags]) =>
      attribute(2, [flags, 0, vid & 255, vid >> 8])
    );
    return message(NEWLINK, to, [
      ...[AF_BRIDGE, 0, 1, 0, ...int32(link.index), ...int32(0), ...int32(0)],
      ...attribute(26, all),
    ], MULTI);
  };

  const setVlans = (request: Sent, link: Link, spec: Uint8Array) => {
    let first = 0;
    for (const [flags, , low, high] of attributes(spec).get(2)!) {
      const vid = low | high << 8;
      if (flags & BEGIN) first = vid;
      if (flags & BEGIN) continue;
      for (let n = flags & END ? first : vid; n <= vid; n++) {
        const what = `${link.name} ${n}`;
        asked.push(request.type === SETLINK ? `+${what}` : `-${what}`);
        if (request.type !== SETLINK) link.vlans.delete(n);
        else {
          for (const [other, has] of flags & PVID ? link.vlans : []) {
            link.vlans.set(other, has & ~PVID);
          }
          link.vlans.set(n, flags & (PVID | UNTAGGED));
        }
      }
    }
  };

  /** The link that a request is about, by index or by name. */
  const named = (request: Sent) => {
    const given = attributes(request.bytes.slice(32)),
      name = text((given.get(3) ?? given.get(53))?.[0]);
    const index = new DataView(request.bytes.buffer).getInt32(20, true);
    return { given, name, link: links.find((l) => index ? l.index === index : l.name === name) };
  };

  const change = (request: Sent): number => {
    const view = new DataView(request.bytes.buffer), { given, name, ...found } = named(request);
    let { link } = found;
    if (request.bytes[16] === AF_BRIDGE) {
      if (link === undefined) return -ENODEV;
      setVlans(request, link, given.get(26)![0]);
      return 0;
    }
    if (request.type === DELLINK) {
      if (link === undefined) return -ENODEV;
      links.splice(links.indexOf(link), 1);
      for (const port of links) if (port.master === link.index) join(port, 0);
      return 0;
    }
    if (link === undefined) {
      // What a link of a kind can have is looked at before the link.
      const data = attributes(given.get(18)![0]).get(2) ?? [];
      const protocol = data.map((data) => attributes(data).get(8)?.[0].join()).join();
      if (filtering && protocol === "0,0") return -EPROTONOSUPPORT;
      if (!(request.flags & CREATE)) return -ENODEV;
      const kind = text(attributes(given.get(18)![0]).get(1)![0])!;
      const own = kind === "bridge" ? [[1, PVID | UNTAGGED] as const] : [];
      link = {
        index: next++,
        name: name!,
        kind,
        master: 0,
        up: false,
        mtu: 1500,
        vlans: new Map(own),
      };
      links.push(link);
    }
    if (view.getUint32(28, true) & 1) link.up = (view.getUint32(24, true) & 1) === 1;
    const [mtu, master] = [4, 10].map((type) => given.get(type)?.[0]);
    if (mtu) link.mtu = word(mtu);
    if (master) join(link, word(master));
    return 0;
  };

  kernel.answer = (request) => {
    if ((request.flags & DUMP) === DUMP) {
      for (const link of request.type === GETLINK ? links : []) {
        if (request.bytes[16] !== AF_BRIDGE) kernel.queue(shown(link, request, MULTI));
        else if (link.vlans.size > 0) kernel.queue(vlans(link, request));
      }
      return kernel.queue(message(DONE, request, int32(0), MULTI));
    }
    if (request.type === GETLINK) {
      const { link } = named(request);
      if (link) return kernel.queue(shown(link, request, 0));
      return kernel.queue(ack(request, -ENODEV));
    }
    kernel.queue(ack(request, change(request)));
  };
  const ack = (to: Sent, code: number) =>
    message(ERROR, to, [...int32(code), ...to.bytes.slice(0, 16)]);

  const nl = await RouteConnection.open({ adapter: kernel, timeout: 30_000 });
  return {
    nl,
    /** The VLANs of a link: "1 pvid untagged, 5". */
    vlans(name: string): string {
      const { vlans } = links.find((link) => link.name === name)!;
      return [...vlans].sort(([a], [b]) => a - b).map(([vid, flags]) =>
        `${vid}${flags & PVID ? " pvid" : ""}${flags & UNTAGGED ? " untagged" : ""}`
      ).join(", ");
    },
    /** The VLANs that were added and deleted since it was asked the last time. */
    asked: () => asked.splice(0),
    [Symbol.asyncDispose]: () => nl[Symbol.asyncDispose](),
  };
}
