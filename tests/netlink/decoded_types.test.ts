import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { Codec } from "../../src/netlink/codec/codec.ts";
import { Encoder } from "../../src/netlink/codec/encode.ts";
import { StructView } from "../../src/netlink/codec/struct.ts";
import { BaseView, ElementView } from "../../src/netlink/codec/view.ts";
import { Writer } from "../../src/netlink/codec/writer.ts";
import { families } from "../../src/netlink/spec/mod.ts";
import { seed } from "../seed.ts";
import { need } from "../support.ts";
import { MessageMaker, Random } from "./random_message.ts";

const MESSAGES = 4; // of each kind
const sources = new URL("../../src/netlink/", import.meta.url);

/** What a getter gave, as TypeScript. */
function literal(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (value instanceof Uint8Array) return "new Uint8Array()";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value instanceof BaseView) return `{ ...v, ${members(attributes(value))} }`;
  if (value instanceof StructView) {
    return `{ ${members(value._reads.map(({ name, read }) => [name, read(value)]))} }`;
  }
  return `{ ${members(Object.entries(value))} }`;
}

function members(entries: (readonly [string, unknown])[]): string {
  return entries.map(([name, value]) => `${JSON.stringify(name)}: ${literal(value)}`).join(", ");
}

function attributes(view: BaseView): [string, unknown][] {
  const names = [...view._layout.fields.values()].map(({ name }) => name);
  if (view._layout.header) names.push("header");
  if (view instanceof ElementView) names.push("$index");
  return names.map((name): [string, unknown] => [name, view[name as keyof BaseView]])
    .filter(([, value]) => value !== undefined);
}

/** Declares random messages of a family, decoded, to be of the types that are said to be theirs. */
async function declarations(family: keyof typeof families, random: Random): Promise<string> {
  const spec = await families[family](), codec = new Codec(spec), encoder = new Encoder(codec);
  const maker = new MessageMaker(spec, random), writer = new Writer();
  let out = `import type { Families } from "${new URL("spec/mod.ts", sources)}";
import type { View } from "${new URL("codec/types.ts", sources)}";
type Operations = Families[${JSON.stringify(family)}];
declare const v: View;
`;
  for (const [name, o] of Object.entries(spec.operations)) {
    const kinds = [o.do?.[1] && `["do"]["reply"]`, o.dump?.[1] && `["dump"]["reply"]`]
      .concat(o.event && `["event"]`).filter(Boolean);
    for (let n = 0; n < kinds.length * MESSAGES; n++) {
      writer.length = 0;
      for (let i = 0; i < (spec.protocol === 16 ? 5 : 4); i++) writer.word(0);
      encoder.request(writer, name, maker.message(o.set, o.header));
      writer.words[0] = writer.length;
      const view = new (codec.message(name))(writer.words.slice(0, writer.length >> 2), 0);
      // Which attributes of its set a message has is not for the decoder to know.
      const present = attributes(view).map(([name]) => `${JSON.stringify(name)}?: unknown`);
      const type = `Operations[${JSON.stringify(name)}]${kinds[n % kinds.length]}`;
      out += `((_: ${type} & { ${present.join("; ")} }) => {})(${literal(view)});\n`;
    }
  }
  return out;
}

it(
  `what the decoder gives is of the types that are generated, seed ${seed}`,
  { skip: need("deno"), timeout: 120_000 },
  async () => {
    const random = new Random(seed), folder = mkdtempSync(join(tmpdir(), "xpool-types-"));
    try {
      for (const family of Object.keys(families) as (keyof typeof families)[]) {
        writeFileSync(join(folder, `${family}.ts`), await declarations(family, random));
      }
      const all = Object.keys(families).map((family) => `${family}.ts`);
      const { status, stderr } = spawnSync("deno", ["check", "--no-config", ...all], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1" },
      });
      assert.equal(status, 0, stderr.replaceAll(/^Check .*\n/gm, "").slice(0, 4000));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
