/**
 * Turns the kernel's YAML netlink specifications into `src/netlink/spec/*.ts`.
 *
 *     YNL_SPECS=/path/to/linux/Documentation/netlink/specs deno run -A tools/ynl.ts
 *
 * Every specification becomes a file; the result depends on nothing but the specifications and
 * tools/ynl_overrides.ts.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { emit, HEADER } from "./ynl_emit.ts";
import { camel, type Model, readModel } from "./ynl_model.ts";
import { byRule } from "./ynl_headers.ts";

const module = (file: string) => `${file.replaceAll("_", "-")}.ts`;

/** All generated files by name. */
export function generate(folder: string): Map<string, string> {
  const out = new Map<string, string>();
  let types = "", loaders = "", exports = "", protocols = "";
  for (const model of models(folder)) {
    const { file } = model;
    const name = JSON.stringify(model.family.name);
    out.set(module(file), emit(model));
    types += `  /** ${module(file)} */\n`;
    types += `  ${name}: import("./${module(file)}").Operations;\n`;
    protocols += `  readonly ${name}: ${model.family.protocol};\n`;
    exports += `export type * as ${camel(model.family.name)} from "./${module(file)}";\n`;
    loaders += `  ${name}: async () => (await import("./${module(file)}")).spec,\n`;
  }
  out.set(
    "mod.ts",
    `${HEADER}/** Every generated family: types now, data on demand.\n *\n * @module\n */\n
import type { FamilySpec } from "../codec/spec.ts";

${exports}
/**
 * Messages of each family's operations, by family name. Left out of the documentation pages, which its
 * thousands of types would fill; editors show them.
 *
 * @internal
 */
export interface Families {
${types}}

/**
 * The netlink protocol number of each family.
 *
 * @internal
 */
export interface FamilyProtocols {
${protocols}}

/** Loads a family's definition. */
export const families: { readonly [N in keyof Families]: () => Promise<FamilySpec> } = {
${loaders}};
`,
  );
  return out;
}

/** tools/ynl.sha256: by which a test without the specifications knows files that were edited by hand. */
export function digest(files: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const name of [...files.keys()].sort()) hash.update(`${name}\n${files.get(name)}`);
  return hash.digest("hex") + "\n";
}

/** tools/ynl_names.ts: the C names that the definitions leave out. */
export function generateNames(folder: string): string {
  const out = models(folder).map((m) => `  ${JSON.stringify(m.family.name)}: {\n${named(m)}  },\n`);
  return `${HEADER}/** What the uapi headers call what the definitions name otherwise. */

import type { Names } from "./ynl_headers.ts";

/** By family. */
export const names: Readonly<Record<string, Names>> = {
${out.join("")}};
`;
}

function models(folder: string): Model[] {
  const entries = readdirSync(folder).filter((f) => f.endsWith(".yaml")).sort();
  return entries.map((entry) =>
    readModel(entry.slice(0, -".yaml".length), readFileSync(`${folder}/${entry}`, "utf8"))
  );
}

function named({ file, header, prefixes, cNames }: Model): string {
  const others = [...cNames].filter(([key, name]) =>
    byRule(Object.fromEntries(prefixes), key) !== name
  );
  const table = (entries: Iterable<[string, string]>) =>
    [...entries].map(([k, v]) => `      ${JSON.stringify(k)}: ${JSON.stringify(v)},\n`).join("");
  return `    file: ${JSON.stringify(file)},\n` +
    (header ? `    header: ${JSON.stringify(header)},\n` : "") +
    `    prefixes: {\n${table(prefixes)}    },\n    others: {\n${table(others)}    },\n`;
}

if (import.meta.main) {
  const folder = process.env.YNL_SPECS;
  if (!folder) throw new Error("Cannot generate: YNL_SPECS must name a folder of specifications");
  const target = new URL("../src/netlink/spec/", import.meta.url);
  const files = generate(folder);
  for (const old of readdirSync(target)) {
    if (!files.has(old)) rmSync(new URL(old, target));
  }
  for (const [name, text] of files) writeFileSync(new URL(name, target), text);
  writeFileSync(new URL("ynl_names.ts", import.meta.url), generateNames(folder));
  writeFileSync(new URL("ynl.sha256", import.meta.url), digest(files));
  console.log(`${files.size + 2} files written`);
}
