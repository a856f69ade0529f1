import assert from "node:assert/strict";
import { it } from "node:test";
import { EventLoop } from "../../ffi/deno_loop.ts";

const POLLNVAL = 0x20, EPOLL = "anon_inode:[eventpoll]";

/** A process with these descriptors, whose epoll descriptors are ready as often as `ready` says. */
function fakeProcess(descriptors: Record<number, string>, ready: number) {
  const looks: number[][] = [];
  return {
    looks,
    poll(fds: Uint8Array<ArrayBuffer>) {
      const words = new Int32Array(fds.buffer), numbers = words.filter((_, i) => i % 2 === 0);
      if (numbers.length > 200) { // all that there may be
        numbers.forEach((fd, i) => words[2 * i + 1] |= descriptors[fd] ? 0 : POLLNVAL << 16);
        return 1;
      }
      looks.push([...numbers]);
      return looks.length <= ready ? 1 : 0;
    },
    readlink(path: Uint8Array<ArrayBuffer>, into: Uint8Array<ArrayBuffer>) {
      const fd = Number(/^\/proc\/self\/fd\/(\d+)\0$/.exec(new TextDecoder().decode(path))![1]);
      const name = descriptors[fd];
      if (name === undefined) throw new Error(`descriptor ${fd} is not open`);
      return new TextEncoder().encodeInto(name, into).written;
    },
  };
}

/** Rounds of the event loop that a breath lasts. */
async function rounds(loop: EventLoop): Promise<number> {
  let count = 0, over = false;
  const round = () => {
    if (over) return;
    count++;
    setImmediate(round);
  };
  setImmediate(round);
  await loop.breathe();
  over = true;
  return count;
}

it("a breath goes round until no socket waits", async () => {
  const process = fakeProcess({ 0: "/dev/null", 3: EPOLL, 4: "anon_inode:[eventfd]", 7: EPOLL }, 5);
  const loop = new EventLoop(process);
  assert.equal(await rounds(loop), 6);
  assert.deepEqual(process.looks, Array(6).fill([3, 7]));
  assert.equal(await rounds(loop), 1);
});

it("a breath ends though sockets wait again and again", async () => {
  assert.equal(await rounds(new EventLoop(fakeProcess({ 3: EPOLL }, Infinity))), 61);
});

it("one in sixty-four does not trust its look", async () => {
  const loop = new EventLoop(fakeProcess({ 3: EPOLL }, 0));
  const all: number[] = [];
  for (let i = 0; i < 128; i++) all.push(await rounds(loop));
  assert.deepEqual(all, [...Array(63).fill(1), 61, ...Array(63).fill(1), 61]);
});

it("where nothing can be looked at, each breath goes all the way", async () => {
  assert.equal(await rounds(new EventLoop(fakeProcess({ 0: "/dev/null" }, 0))), 61);
});
