import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { GenericConnection, NetlinkConnection, NetlinkError } from "../../src/netlink/mod.ts";
import type { AttributeSpec, FamilySpec } from "../../src/netlink/codec/spec.ts";
import { camel } from "../../tools/ynl_model.ts";
import { type Families, families } from "../../src/netlink/spec/mod.ts";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin");

/** What the kernel calls the types of an attribute (enum netlink_attribute_type). */
function fits(type: string, a: AttributeSpec, length?: number): boolean {
  if (type === a.type) return true;
  if (type === "nul-string" || type === "string") return a.type === "string";
  if (type === "nested") return ["nest", "sub-message", "nest-type-value"].includes(a.type);
  if (type === "nested-array") return a.type === "indexed-array";
  // IPv4 addresses, which may be IPv6 elsewhere, and large numbers in some order of bytes.
  if (type === "u32" && a.hint === "ipv4-or-v6") return true;
  return type === "binary" && length !== undefined && length * 8 === Number(a.type.slice(1));
}

/** The attributes that an operation's request may carry, by its generated interfaces. */
function requests(source: string, operation: string): Set<string> | undefined {
  const name = camel(`-${operation}`);
  const [plain, list] = ["", "Dump"].map((mode) =>
    new RegExp(`interface ${name}${mode}Request(?:Message)? extends (.*)`).exec(source)?.[1]
  );
  if (/Input<\w+>/.test(`${plain}${list}`)) return undefined;
  return new Set([...`${plain}${list}`.matchAll(/"(\w+)"/g)].map(([, a]) => a));
}

type Policies = Map<number, Map<number, { type?: string; maxLength?: number; policyIdx?: number }>>;

describe("the kernel's own policies", { skip }, () => {
  it("agree with the definitions of generic families", async () => {
    await using nl = await GenericConnection.open();
    const control = await nl.family("nlctrl");
    const present = await control.dump("getfamily").toArray();
    let compared = 0;
    for (const familyName of present.map((f) => f.familyName as keyof Families)) {
      if (!Object.hasOwn(families, familyName)) continue;
      const spec = await families[familyName]() as FamilySpec, policies: Policies = new Map();
      const file = new URL(
        `../../src/netlink/spec/${familyName.replaceAll("_", "-")}.ts`,
        import.meta.url,
      );
      const source = readFileSync(file, "utf8"), operations: [number, number][] = [];
      for await (const { policy, opPolicy } of control.dump("getpolicy", { familyName })) {
        for (const { policyId, attrId, value } of policy ?? []) {
          const { type, maxLength, policyIdx } = value;
          const of = policies.get(policyId) ?? new Map();
          of.set(attrId, { type, maxLength: Number(maxLength), policyIdx });
          policies.set(policyId, of);
        }
        for (const { opId, value } of opPolicy ?? []) {
          for (const id of [value.do, value.dump]) {
            if (id !== undefined) operations.push([opId, id]);
          }
        }
      }
      const nests = new Set<string>(); // they may hold themselves
      const compare = (id: number, set: string, where: string, taken?: Set<string>) => {
        const known = new Map(Object.entries(spec.sets[set]).map(([n, a]) => [a.id, { n, a }]));
        for (const [number, { type, maxLength, policyIdx }] of policies.get(id) ?? []) {
          const { n, a } = known.get(number) ?? {};
          const at = `${familyName} ${where}: ${set}.${n ?? number}`;
          assert.ok(n !== undefined && a !== undefined, `${at} is not defined`);
          assert.ok(fits(String(type), a, maxLength), `${at} is ${type}, not ${a.type}`);
          assert.ok(taken?.has(n) ?? true, `${at} is not in the request's type`);
          compared++;
          const inner = `${policyIdx} ${a.nest}`;
          if (policyIdx === undefined || a.nest === undefined || nests.has(inner)) continue;
          nests.add(inner);
          compare(policyIdx, a.nest, where);
        }
      };
      for (const [number, id] of operations) {
        for (const [name, { do: plain, dump, set = "" }] of Object.entries(spec.operations)) {
          if ((plain ?? dump)?.[0] === number) compare(id, set, name, requests(source, name));
        }
      }
    }
    console.log(`${compared} attributes compared`);
    assert.ok(compared > 100);
  });

  it("agree with the definitions of rtnetlink, told by what it refuses", async () => {
    await using ns = await testNamespace();
    await using nl = await NetlinkConnection.open("route", { netns: ns.name });
    const ifiIndex = 1, family = { ipv4: 2, ipv6: 10 }; // lo
    const probes = [
      ["rt-link", "setlink", { header: { ifiIndex } }],
      ["rt-addr", "newaddr", { header: { ifaFamily: family.ipv4, ifaIndex: ifiIndex } }],
      ["rt-route", "newroute", { header: { rtmFamily: family.ipv4 } }],
      ["rt-route", "newroute", { header: { rtmFamily: family.ipv6 } }],
      ["rt-neigh", "newneigh", { header: { ndmFamily: family.ipv4, ndmIfindex: ifiIndex } }],
      ["rt-rule", "newrule", { header: { family: family.ipv4, action: 1 } }],
    ] as const;
    let compared = 0;
    for (const [name, operation, values] of probes) {
      const spec: FamilySpec = await families[name]();
      // deno-lint-ignore no-explicit-any -- each family has its own types, and these values none
      const asked = await nl.family(name) as any;
      // An attribute without payload is too short for every type that has a size.
      const probe = async (set: string, wrap: (inside: object) => object, depth: number) => {
        for (const [n, a] of Object.entries(spec.sets[set])) {
          if (a.type === "pad") continue;
          const wrong = wrap({ [a.id]: new Uint8Array(0) });
          const error = await asked.do(operation, { ...values, ...wrong }).catch((e: unknown) => e);
          if (!(error instanceof NetlinkError) || error.policy?.type === undefined) continue;
          if (error.attribute?.replace(/^.*\./, "") !== n) continue;
          const { type } = error.policy;
          assert.ok(fits(String(type), a), `${name} ${set}.${n} is ${type}, not ${a.type}`);
          compared++;
        }
        for (const [n, a] of Object.entries(spec.sets[set])) {
          if (a.type !== "nest" || depth > 2) continue;
          await probe(a.nest!, (v) => wrap({ [n]: a.multi ? [v] : v }), depth + 1);
        }
      };
      await probe(spec.operations[operation].set!, (v) => v, 0);
    }
    console.log(`${compared} attributes compared`);
    assert.ok(compared > 50);
  });
});
