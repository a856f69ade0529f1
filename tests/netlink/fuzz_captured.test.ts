import assert from "node:assert/strict";
import { it } from "node:test";
import { Codec, type MessageClass } from "../../src/netlink/codec/codec.ts";
import { MalformedError } from "../../src/netlink/codec/malformed.ts";
import { NetlinkConnection } from "../../src/netlink/netlink_connection.ts";
import { type Families, families } from "../../src/netlink/spec/mod.ts";
import { NetlinkError } from "../../src/netlink/error.ts";
import { seed } from "../seed.ts";
import { captured } from "./captured.ts";
import { FakeKernel, int32, message, type Sent } from "./fake_kernel.ts";
import { Random } from "./random_message.ts";

const CASES = Number(process.env.FUZZ_CASES ?? 52_000) / 4;
const DUMP = 0x300, DONE = 3;

/** The datagram as if it answered `request`. */
function addressed(datagram: Uint8Array, request: Sent): Uint8Array {
  const out = datagram.slice(), view = new DataView(out.buffer);
  for (let at = 0; at < out.length; at += (view.getUint32(at, true) + 3) & ~3) {
    view.setUint32(at + 8, request.sequence, true);
    view.setUint32(at + 12, request.portId, true);
  }
  return out;
}

it(
  `captured datagrams are read or refused with a typed error, whatever is wrong: ${CASES} cases, seed ${seed}`,
  { timeout: 300_000 },
  async () => {
    const random = new Random(seed), kernel = new FakeKernel();
    const sources: { View: MessageClass; datagrams: Uint8Array[] }[] = [];
    for (const [name, list] of Object.entries(captured)) {
      const [family, operation] = name.split(" ");
      const View = new Codec(await families[family as keyof Families]()).message(operation);
      const datagrams = list.map((text) => new Uint8Array(Buffer.from(text, "base64")));
      sources.push({ View, datagrams });
    }
    const open = () => NetlinkConnection.open("route", { adapter: kernel, timeout: 30_000 });
    let nl = await open(), refused = 0, wrong = 0, read = 0;
    for (let n = 0; n < CASES; n++) {
      const { View, datagrams } = random.pick(sources);
      kernel.answer = (request) => {
        const bytes = addressed(random.pick(datagrams), request);
        for (let k = random.below(4); k > 0; k--) {
          bytes[random.below(bytes.length)] = random.pick([0, 1, 3, 4, 255, random.below(256)]);
        }
        const length = random.below(8) === 0 ? random.below(bytes.length) : bytes.length;
        kernel.queue(bytes.subarray(0, length));
        kernel.queue(message(DONE, request, int32(0)));
      };
      const ask = { type: 18, flags: DUMP, operation: "fuzz", layout: View, write: () => {} };
      try {
        const views = await nl.list(() => ask, (w, at) => new View(w, at)).toArray();
        for (const view of views) JSON.stringify(view);
        read += views.length;
      } catch (error) {
        const typed = error instanceof MalformedError || error instanceof NetlinkError;
        // A mutation can say ETIMEDOUT as well; it is waiting that must not happen.
        const hung = /no answer within/.test((error as Error).message);
        assert.ok(typed && !hung, `case ${n}: ${error}`);
        if (error instanceof MalformedError) wrong++;
        else refused++;
      }
      if (kernel.unread === 0 && nl.usable) continue;
      nl.close();
      kernel.clear();
      nl = await open();
    }
    nl.close();
    assert.ok(read > CASES / 10 && wrong > CASES / 100 && refused > CASES / 100);
  },
);
