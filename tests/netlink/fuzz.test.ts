import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Codec } from "../../src/netlink/codec/codec.ts";
import { Encoder } from "../../src/netlink/codec/encode.ts";
import { MalformedError } from "../../src/netlink/codec/malformed.ts";
import { Writer } from "../../src/netlink/codec/writer.ts";
import { families } from "../../src/netlink/spec/mod.ts";
import { seed } from "../seed.ts";
import { MessageMaker, Random } from "./random_message.ts";

const CASES = Number(process.env.FUZZ_CASES ?? 52_000);
const LONG = { timeout: 300_000 };

interface Operation {
  family: string;
  name: string;
  codec: Codec;
  encoder: Encoder;
  maker: MessageMaker;
}

async function operations(random: Random): Promise<Operation[]> {
  const out: Operation[] = [];
  for (const [family, load] of Object.entries(families)) {
    const spec = await load(), codec = new Codec(spec), encoder = new Encoder(codec);
    const maker = new MessageMaker(spec, random);
    for (const name of Object.keys(spec.operations)) {
      out.push({ family, name, codec, encoder, maker });
    }
  }
  return out;
}

/** A whole message with its header, as words of its own. */
function encode(writer: Writer, { codec, encoder, name }: Operation, values: object): Int32Array {
  writer.length = 0;
  for (let i = 0; i < (codec.spec.protocol === 16 ? 5 : 4); i++) writer.word(0);
  encoder.request(writer, name, values as Record<string, unknown>);
  writer.words[0] = writer.length;
  return writer.words.slice(0, writer.length >> 2);
}

/** Now and then the first attribute once more, at the end. */
function repeated(random: Random, { codec, name }: Operation, words: Int32Array): Int32Array {
  const at = new (codec.message(name))(words, 0)._layout.start;
  if (at >= words.length || random.below(4) > 0) return words;
  const size = ((words[at] & 0xffff) + 3) >>> 2, out = new Int32Array(words.length + size);
  out.set(words);
  out.set(words.subarray(at, at + size), words.length);
  out[0] += 4 * size;
  return out;
}

describe(`every message of every family, seed ${seed}`, () => {
  it(`survives encode, decode and encode: ${CASES} random messages`, LONG, async () => {
    const random = new Random(seed), all = await operations(random), writer = new Writer();
    assert.ok(all.length > 300, `only ${all.length} operations`);
    for (let n = 0; n < CASES; n++) {
      const operation = all[n % all.length];
      const { set, header } = operation.codec.operation(operation.name);
      const values = operation.maker.message(set, header);
      const told = () => `case ${n}: ${operation.family} ${operation.name} ${show(values)}`;
      const View = operation.codec.message(operation.name);
      const first = repeated(random, operation, encode(writer, operation, values));
      const view = new View(first, 0), plain = view.toJSON();
      assert.deepEqual(encode(writer, operation, view), first, told());
      const second = encode(writer, operation, plain);
      // No attribute is lost, whatever its definition says of how many there may be.
      assert.equal(second.length, first.length, told());
      // Unknown attributes move to the end, so the bytes may differ where the content does not.
      if (String(second) !== String(first)) {
        assert.deepEqual(new View(second, 0).toJSON(), plain, told());
      }
    }
  });

  it(
    `is read or refused with a MalformedError, whatever bytes are wrong: ${CASES} messages`,
    LONG,
    async () => {
      const random = new Random(seed ^ 0x5bd1e995), all = await operations(random);
      const writer = new Writer();
      let refused = 0;
      for (let n = 0; n < CASES; n++) {
        const operation = all[n % all.length];
        const { set, header } = operation.codec.operation(operation.name);
        const words = encode(writer, operation, operation.maker.message(set, header));
        const bytes = new Uint8Array(words.buffer);
        for (let k = random.below(4) + 1; k > 0 && bytes.length > 16; k--) {
          bytes[16 + random.below(bytes.length - 16)] = random.pick([
            0,
            1,
            3,
            4,
            255,
            random.below(256),
          ]);
        }
        if (random.below(3) === 0) words[0] = 16 + random.below(bytes.length - 15);
        try {
          JSON.stringify(new (operation.codec.message(operation.name))(words, 0));
        } catch (error) {
          refused++;
          assert.ok(error instanceof MalformedError, `case ${n}: ${error}`);
          assert.ok(
            error.offset >= 0 && error.offset <= bytes.length,
            `case ${n}: ${error.offset}`,
          );
        }
      }
      assert.ok(refused > CASES / 50, `only ${refused} refused: the mutations do nothing`);
    },
  );
});

function show(values: object): string {
  return JSON.stringify(values, (_, v) => typeof v === "bigint" ? `${v}n` : v);
}
