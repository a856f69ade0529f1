import { GenericConnection, RouteConnection } from "@x/pool/netlink";
import assert from "node:assert/strict";
import { it } from "node:test";
import { need, testNamespace } from "../support.ts";

const skip = need("net-admin");

it("a loop over requests lets timers fire, be they answered, refused or lists", {
  skip,
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  await using generic = await GenericConnection.open({ netns: ns.name });
  const control = await generic.family("nlctrl");
  const requests: Record<string, () => Promise<unknown>> = {
    answered: () => nl.links.get("lo"),
    refused: () => nl.links.get("none").catch(() => {}),
    changed: () => nl.links.set(1, { mtu: 1400 }),
    listed: () => nl.links.list().toArray(),
    "a refused list": () => nl.addresses.list({ link: 4711 }).toArray().catch(() => {}),
    generic: () => control.do("getfamily", { familyName: "nlctrl" }),
  };
  for (const [name, request] of Object.entries(requests)) {
    let over = false;
    setTimeout(() => over = true, 20);
    // By number: one request waits for seconds where somebody else holds the kernel's lock.
    for (let i = 0; !over && i < 200_000; i++) await request();
    assert.ok(over, `${name}: the timer did not fire`);
  }
});
