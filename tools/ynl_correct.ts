/** How parsed specifications are corrected. */

// deno-lint-ignore no-explicit-any -- parsed YAML, shaped by the specification's own schema
export type Yaml = any;

/** What a list of a specification calls so. */
export const named = (list: Yaml[], name: string): Yaml => {
  const found = list.find((x) => x.name === name);
  if (found === undefined) throw new Error(`Cannot override ${name}: the specification has none`);
  return found;
};

/** Replaces the members of a struct. */
export const struct = (spec: Yaml, name: string, members: Yaml[]) => {
  named(spec.definitions, name).members = members;
};

/** An attribute in short: name, type, and what else its entry says. */
export const attribute = ([name, type, more]: [string, string, Yaml?]): Yaml => ({
  name,
  type,
  ...more,
});

/** What attributes and members have in common. */
export const BE = { "byte-order": "big-endian" };
export const HOST = { "byte-order": undefined };
export const IPV4 = { ...BE, "display-hint": "ipv4" };
export const IPV6 = { "display-hint": "ipv6" };
export const IP = { "display-hint": "ipv4-or-v6" };
export const MAC = { "display-hint": "mac" };

/** Sets the numbers of attributes; those behind them follow. */
export function numbers(spec: Yaml, set: string, values: Record<string, number>): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const [name, value] of Object.entries(values)) named(attributes, name).value = value;
}

/** Attributes that stand once for each of what they tell of. */
export function multi(spec: Yaml, set: string, ...names: string[]): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const name of names) named(attributes, name)["multi-attr"] = true;
}

/** In which order the bytes of numbers stand. */
export function order(spec: Yaml, set: string, which: Yaml, ...names: string[]): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const name of names) Object.assign(named(attributes, name), which);
}

/** How the addresses of a set are to be shown. */
export function addresses(spec: Yaml, set: string, how: Record<string, Yaml>): void {
  const { attributes } = named(spec["attribute-sets"], set);
  for (const [name, what] of Object.entries(how)) Object.assign(named(attributes, name), what);
}

/** What a request carries, or a notification, and its list leaves out. */
export function carries(message: Yaml, ...attributes: string[]): void {
  message.attributes = [...message.attributes ?? [], ...attributes];
}

/** The C prefixes that a specification leaves out, of attribute sets and of enums. */
export function prefixes(
  spec: Yaml,
  sets: Record<string, string>,
  enums: Record<string, string>,
): void {
  for (const [name, prefix] of Object.entries(sets)) {
    named(spec["attribute-sets"], name)["name-prefix"] = prefix;
  }
  for (const [name, prefix] of Object.entries(enums)) {
    named(spec.definitions, name)["name-prefix"] = prefix;
  }
}
