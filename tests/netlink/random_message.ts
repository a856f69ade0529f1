/** Random values for any message of any family, from a seed. */

import type {
  AttributeSpec,
  FamilySpec,
  MemberSpec,
  ValueSpec,
} from "../../src/netlink/codec/spec.ts";

/** A small generator of reproducible numbers (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** 0 to 2^32 - 1. */
  word(): number {
    let t = this.#state = (this.#state + 0x6d2b79f5) | 0;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  /** 0 to `n` - 1. */
  below(n: number): number {
    return this.word() % n;
  }
  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.below(256));
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

type Values = Record<string, unknown>;

/** Makes values for the messages of one family. */
export class MessageMaker {
  constructor(readonly family: FamilySpec, readonly random: Random) {}

  message(set: string | undefined, header: string | undefined): Values {
    const given = header !== undefined && this.random.below(4) > 0;
    const head = given ? this.#header(header) : undefined;
    const scopes = header === undefined ? [] : [this.#selectors(header, head)];
    const out: Values = set === undefined ? {} : this.#set(set, scopes, 0);
    if (head !== undefined) out.header = head;
    return out;
  }

  /** What of a header may select a sub-message: its members, 0 where they are left out. */
  #selectors(header: string, values: Values = {}): Values {
    const zero = Object.keys(this.family.structs[header]).map((name) => [name, 0]);
    return { ...Object.fromEntries(zero), ...values };
  }

  /** A header, now and then with what selects a format. */
  #header(header: string): Values {
    const out = this.#struct(header);
    if ("ifiFamily" in out && this.random.below(2)) out.ifiFamily = 7;
    return out;
  }

  #set(set: string, scopes: Values[], depth: number): Values {
    const r = this.random, out: Values = {}, here = [out, ...scopes];
    const all = Object.entries(this.family.sets[set] ?? {}).filter(([, a]) => a.type !== "pad");
    const wanted = all.length === 0 ? 0 : r.below(Math.min(all.length, 6) + 1);
    for (let n = 0; n < wanted; n++) {
      const [name, a] = r.pick(all);
      if (out[name] !== undefined || (depth > 3 && (a.nest || a.message))) continue;
      if (a.type === "sub-message") this.#subMessage(name, a, set, here, depth);
      else if (a.multi) {
        out[name] = Array.from({ length: 1 + r.below(3) }, () => this.#value(a, here, depth));
      } else out[name] = this.#value(a, here, depth);
    }
    if (r.below(8) === 0) {
      const unknown = 2000 + r.below(1000) + (r.below(2) && 0x8000);
      out[unknown] = r.bytes(r.below(9));
    }
    return out;
  }

  #subMessage(name: string, a: AttributeSpec, set: string, scopes: Values[], depth: number): void {
    const formats = this.family.messages[a.message!], selector = a.selector!;
    if (this.family.sets[set][selector]) {
      scopes[0][selector] ??= this.random.pick(Object.keys(formats));
    }
    const value = scopes.find((s) => s[selector] !== undefined)?.[selector];
    // An enclosing set may still get its selector.
    if (value === undefined) return;
    const known = Object.hasOwn(formats, String(value));
    const format = known ? formats[String(value)] : formats[""];
    if (format === undefined) scopes[0][name] = this.random.bytes(this.random.below(20));
    else {
      const out: Values = format.set === undefined ? {} : this.#set(format.set, scopes, depth + 1);
      if (format.header) out.header = this.#struct(format.header);
      scopes[0][name] = out;
    }
  }

  #value(a: AttributeSpec, scopes: Values[], depth: number): unknown {
    const r = this.random;
    const nest = () => this.#set(a.nest!, scopes, depth + 1);
    if (a.levels) {
      return Array.from({ length: 1 + r.below(2) }, () => ({
        ...Object.fromEntries(a.levels!.map((l) => [l, r.below(100)])),
        value: a.sub === "nest" ? nest() : this.#integer(a, a.sub!),
      }));
    }
    switch (a.type) {
      case "flag":
        return r.below(2) === 0;
      case "string":
        return r.pick(["", "a", "eth0", "ünïcode", "x".repeat(r.below(60))]);
      case "bitfield32":
        return { value: r.word(), selector: r.word() };
      case "nest": {
        if (a.sequence) return Array.from({ length: r.below(4) }, nest);
        if (!a.header) return nest();
        const header = this.#header(a.header);
        const enclosing = [this.#selectors(a.header, header), ...scopes];
        return { ...this.#set(a.nest!, enclosing, depth + 1), header };
      }
      case "indexed-array":
        return Array.from(
          { length: r.below(4) },
          () =>
            a.sub === "nest"
              ? { ...nest(), ...(r.below(2) ? { $index: r.below(50) } : {}) }
              : a.sub === "binary"
              ? a.hint ? this.#address(a.hint) : r.bytes(r.below(20))
              : this.#integer(a, a.sub!),
        );
      case "binary":
        if (a.struct) return this.#struct(a.struct);
        if (a.sub) return Array.from({ length: r.below(5) }, () => this.#integer({}, a.sub!));
        if (a.hint?.startsWith("ip")) return this.#address(a.hint);
        return r.bytes(r.pick([0, 1, 3, 4, 6, 16, 40]));
      default:
        return this.#integer(a, a.type);
    }
  }

  #address(hint: string): Uint8Array {
    return this.random.bytes(this.random.pick({ ipv4: [4], ipv6: [16] }[hint] ?? [4, 16]));
  }

  #integer(spec: ValueSpec, type: string): unknown {
    const r = this.random, signed = type[0] === "s";
    if (spec.hint === "ipv4" && type === "u32") return [...r.bytes(4)].join(".");
    if (spec.enum && r.below(2)) {
      const names = Object.keys(this.family.enums[spec.enum].entries);
      const fits = names.filter((n) => {
        const { flags, entries } = this.family.enums[spec.enum!];
        const value = spec.flags && !flags ? 2 ** entries[n] : entries[n];
        return value < 2 ** ((type === "u8" ? 8 : type === "u16" ? 16 : 32) - Number(signed));
      });
      if (fits.length > 0) return spec.flags ? [r.pick(fits), r.pick(fits)] : r.pick(fits);
    }
    const bits = Number(/\d+/.exec(type)?.[0] ?? 64);
    if (bits < 64) {
      const value = Math.floor(r.word() / 2 ** (32 - bits));
      return signed ? value - 2 ** (bits - 1) : value;
    }
    const wide = r.pick([BigInt(r.word()), (BigInt(r.word()) << 32n) | BigInt(r.word())]);
    return signed ? BigInt.asIntN(64, wide) : wide;
  }

  #struct(name: string): Values {
    const out: Values = {};
    for (const [member, m] of Object.entries(this.family.structs[name])) {
      if (m.type === "pad" || this.random.below(4) === 0) continue;
      out[member] = m.array
        ? Array.from({ length: this.random.below(4) }, () => this.#member(m))
        : this.#member(m);
    }
    return out;
  }

  #member(m: MemberSpec): unknown {
    if (m.struct) return this.#struct(m.struct);
    return m.type === "binary" ? this.random.bytes(m.len ?? 0) : this.#integer(m, m.type);
  }
}
