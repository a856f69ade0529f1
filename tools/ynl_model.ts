/** Reads a kernel YAML netlink specification into the resolved form that the emitter prints. */

import { parse } from "yaml";
import type {
  AttributeSpec,
  EnumSpec,
  ExchangeSpec,
  FamilySpec,
  FormatSpec,
  MemberSpec,
  OperationSpec,
} from "../src/netlink/codec/spec.ts";
import { overrides } from "./ynl_overrides.ts";

// deno-lint-ignore no-explicit-any -- parsed YAML, shaped by the specification's own schema
type Yaml = any;

/** A family with what only documentation and types need. */
export interface Model {
  family: FamilySpec;
  /** File name without suffix. */
  file: string;
  doc: string;
  /** Documentation by "set.attribute", "struct.member", "operation", "enum". */
  docs: Map<string, string>;
  /** The C name of each "set.attribute", "enum:entry" and "operation". */
  cNames: Map<string, string>;
  /** What the C names of a set's attributes, an enum's entries and, under "", the operations start with. */
  prefixes: Map<string, string>;
  /** The header that defines the C names, if the specification tells. */
  header?: string;
  /** Attributes that an operation's request or reply carries, by "operation.do.request". */
  lists: Map<string, string[]>;
}

/** "net-ns-fd" → "netNsFd". */
export function camel(name: string): string {
  return name.replaceAll(/[-_]+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
}

const upper = (name: string) => name.replaceAll("-", "_").toUpperCase();
const put = <T>(record: Record<string, T>, name: string, value: T, where: string) => {
  if (Object.hasOwn(record, name)) throw new Error(`Cannot name two of ${where} ${name}`);
  record[name] = value;
};

/** Reads one specification; `file` is its name without suffix. */
export function readModel(file: string, text: string): Model {
  const spec: Yaml = parse(text);
  overrides[file]?.(spec);
  const model = {
    file,
    doc: clean(spec.doc),
    docs: new Map(),
    cNames: new Map(),
    prefixes: new Map(),
    lists: new Map(),
    header: spec["uapi-header"],
  } as unknown as Model;
  const raw = spec.protocol === "netlink-raw";
  const constants: Record<string, number | string> = {};
  const enums: Record<string, EnumSpec> = {};
  const structs: Record<string, Record<string, MemberSpec>> = {};
  const sets: Record<string, Record<string, AttributeSpec>> = {};
  const messages: Record<string, Record<string, FormatSpec>> = {};

  for (const d of spec.definitions ?? []) {
    model.docs.set(d.name, clean(d.doc));
    if (d.type === "const") constants[d.name] = d.value;
    else if (d.type === "struct") continue; // enums first: members refer to them
    else {
      enums[d.name] = enumeration(d);
      const prefix = d["name-prefix"] ?? `${spec.name}-${d.name}-`;
      model.prefixes.set(`${d.name}:`, upper(prefix));
      for (const entry of Object.keys(enums[d.name].entries)) {
        model.cNames.set(`${d.name}:${entry}`, upper(prefix + entry));
      }
    }
  }
  for (const d of spec.definitions ?? []) {
    if (d.type === "struct") structs[d.name] = members(d, model, enums);
  }
  const bySet = new Map<string, Yaml>(spec["attribute-sets"].map((s: Yaml) => [s.name, s]));
  for (const set of bySet.values()) sets[set.name] = attributes(set, bySet, model, spec, enums);
  for (const message of spec["sub-messages"] ?? []) {
    const formats: Record<string, FormatSpec> = {};
    for (const f of message.formats) {
      formats[f.value] = drop({ set: f["attribute-set"], header: f["fixed-header"] });
    }
    messages[message.name] = formats;
  }
  const groups: Record<string, number> = {};
  for (const g of spec["mcast-groups"]?.list ?? []) groups[g.name] = g.value ?? 0;

  model.family = {
    name: spec.name,
    protocol: raw ? spec.protonum : 16,
    version: spec.version ?? 1,
    constants,
    enums,
    structs,
    sets,
    messages,
    operations: operations(spec, model),
    groups,
  };
  return model;
}

function clean(doc: string | undefined): string {
  return (doc ?? "").trim().replaceAll("*/", "* /");
}

function drop<T extends object>(value: T): T {
  for (const key of Object.keys(value) as (keyof T)[]) {
    if (value[key] === undefined || value[key] === false) delete value[key];
  }
  return value;
}

function enumeration(d: Yaml): EnumSpec {
  const entries: Record<string, number> = {};
  const flags = d.type === "flags";
  let value = d["value-start"] ?? 0;
  for (const e of d.entries) {
    const entry = typeof e === "object" ? e : { name: String(e) };
    value = entry.value ?? value;
    put(entries, String(entry.name), flags ? 2 ** value : value, `enum ${d.name}'s entries`);
    value++;
  }
  return drop({ flags: flags || undefined, entries });
}

/** What attributes and members share. */
function common(a: Yaml, enums: Record<string, EnumSpec>) {
  if (a.enum !== undefined && !enums[a.enum]) throw new Error(`Cannot find enum ${a.enum}`);
  return {
    // An enum without entries names nothing.
    enum: a.enum && Object.keys(enums[a.enum].entries).length > 0 ? a.enum : undefined,
    flags: (a["enum-as-flags"] || (a.enum && enums[a.enum].flags)) || undefined,
    big: a["byte-order"] === "big-endian" || undefined,
    hint: a["display-hint"],
    struct: a.struct,
  };
}

function members(d: Yaml, model: Model, enums: Record<string, EnumSpec>) {
  const out: Record<string, MemberSpec> = {};
  for (const m of d.members) {
    const name = camel(m.name);
    const { type, len, array } = m;
    put(out, name, drop({ type, len, array, ...common(m, enums) }), `struct ${d.name}`);
    model.docs.set(`${d.name}.${name}`, clean(m.doc));
  }
  return out;
}

function attributes(
  set: Yaml,
  bySet: Map<string, Yaml>,
  model: Model,
  spec: Yaml,
  enums: Record<string, EnumSpec>,
) {
  const out: Record<string, AttributeSpec> = {};
  const parent = set["subset-of"] &&
    numbered(bySet.get(set["subset-of"]));
  const prefix = (bySet.get(set["subset-of"]) ?? set)["name-prefix"] ??
    `${spec.name}-a-${set["subset-of"] ?? set.name}-`;
  model.prefixes.set(`${set.name}.`, upper(prefix));
  for (const own of parent ? set.attributes : numbered(set)) {
    const a = parent ? { ...parent.find((p: Yaml) => p.name === own.name), ...own } : own;
    if (a.type === "unused") continue;
    // Every view has a method of that name.
    const name = a.name === "raw" ? "rawAttribute" : camel(a.name);
    const levels = a["type-value"]?.map(camel);
    const value: AttributeSpec = drop({
      id: a.value,
      type: a.type,
      multi: a["multi-attr"] || undefined,
      sub: a["sub-type"] ?? (levels ? "nest" : undefined),
      nest: a["nested-attributes"],
      header: a["fixed-header"],
      sequence: a.sequence,
      levels,
      message: a["sub-message"],
      selector: a.selector && camel(a.selector),
      ...common(a, enums),
    });
    // Subsets may list an attribute twice.
    if (!parent || !out[name]) put(out, name, value, `set ${set.name}`);
    model.docs.set(`${set.name}.${name}`, clean(a.doc));
    const cName = a["c-name"] ?? upper((a["name-prefix"] ?? prefix) + a.name);
    model.cNames.set(`${set.name}.${name}`, cName);
  }
  return out;
}

/** The attributes of a set, each with its number. */
function numbered(set: Yaml): Yaml[] {
  let value = 1;
  return set.attributes.map((a: Yaml) => {
    value = a.value ?? value;
    return { ...a, value: value++ };
  });
}

function operations(spec: Yaml, model: Model): Record<string, OperationSpec> {
  const out: Record<string, OperationSpec> = {};
  const list: Yaml[] = spec.operations.list;
  const directional = spec.operations["enum-model"] === "directional";
  let request = 1, reply = 1;
  for (const op of list) {
    const target = op.notify ? list.find((o) => o.name === op.notify) : op;
    const modes = (["do", "dump"] as const).filter((m) => op[m]);
    if (!directional) request = reply = op.value ?? request;
    else if (modes.length > 0) {
      const first = op[modes[0]];
      request = first.request?.value ?? request;
      reply = first.reply?.value ?? reply;
    } else reply = op.value ?? reply;

    const exchange = (mode: "do" | "dump"): ExchangeSpec | undefined => {
      const m = op[mode];
      if (!m) return undefined;
      for (const side of ["request", "reply"] as const) {
        if (m[side]) model.lists.set(`${op.name}.${mode}.${side}`, m[side].attributes ?? []);
      }
      const numbers = [m.request?.value ?? request];
      if (m.reply) numbers.push(m.reply.value ?? reply);
      return numbers as unknown as ExchangeSpec;
    };
    if (op.event) model.lists.set(`${op.name}.event.reply`, op.event.attributes ?? []);
    out[op.name] = drop({
      set: target["attribute-set"],
      header: op["fixed-header"] ?? target["fixed-header"] ?? spec.operations["fixed-header"],
      do: exchange("do"),
      dump: exchange("dump"),
      event: modes.length === 0 ? reply : undefined,
    });
    model.docs.set(op.name, clean(op.doc));
    const prefix = spec.operations["name-prefix"] ?? `${spec.name}-cmd-`;
    model.prefixes.set("", upper(prefix));
    model.cNames.set(op.name, upper(prefix + op.name));
    if (!directional) request = reply = request + 1;
    else if (modes.length > 0) {
      request++;
      reply += op[modes[0]].reply ? 1 : 0;
    } else reply++;
  }
  return out;
}
