import assert from "node:assert/strict";
import { it } from "node:test";
import { Listeners } from "../../src/netlink/mirror_listeners.ts";

it("news that a listener brings about comes after what is being told, to all", () => {
  const listeners = new Listeners<number>(), heard: string[] = [];
  listeners.add((n) => {
    heard.push(`a${n}`);
    if (n < 3) listeners.tell([n * 10]);
  });
  const remove = listeners.add((n) => heard.push(`b${n}`));
  listeners.tell([1, 2, 3]);
  assert.equal(heard.join(" "), "a1 b1 a2 b2 a3 b3 a10 b10 a20 b20");
  assert.deepEqual([remove(), remove(), listeners.size], [true, false, 1]);
});
