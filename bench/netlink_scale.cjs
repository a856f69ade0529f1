/**
 * What node_netlink (npm `netlink`, on Node) needs for the work of netlink-scale.bench.ts: one line of
 * nanoseconds a repetition. Run inside the namespace, with NODE_PATH where the package is:
 *
 *     node netlink_scale.cjs dumps|churn COUNT REPETITIONS
 */
"use strict";
const { createRtNetlink } = require("netlink");

const REQUEST = 1, ACK = 4, EXCL = 0x200, CREATE = 0x400;
const [work, count, repetitions] = [process.argv[2], +process.argv[3], +process.argv[4]];

function route(i) {
  const ip = 0x0a000000 + i * 16;
  return [
    {
      family: 2,
      dstLen: 28,
      table: 254,
      protocol: "STATIC",
      scope: "UNIVERSE",
      type: "UNICAST",
    },
    {
      dst: Buffer.from([10, (ip >> 16) & 255, (ip >> 8) & 255, ip & 255]),
      gateway: Buffer.from([192, 168, 0, 2]),
      oif: 2,
      priority: i % 7,
    },
  ];
}

/** A socket a task: the kernel makes one list at a time on each. */
async function dumps() {
  await Promise.all(Array.from({ length: 16 }, async () => {
    const socket = createRtNetlink({ ref: true });
    for (let i = 0; i < count / 16; i++) await socket.getLinks();
    socket.socket.close();
  }));
}

/** A hundred requests at a time, as it cannot put several into one call. */
async function churn() {
  const socket = createRtNetlink({ ref: true });
  for (const [verb, flags] of [["newRoute", CREATE | EXCL], ["delRoute", 0]]) {
    for (let i = 0; i < count;) {
      const chunk = [];
      for (let k = 0; k < 100 && i < count; k++) {
        chunk.push(socket[verb](...route(i++), { flags: REQUEST | ACK | flags }));
      }
      await Promise.all(chunk);
    }
  }
  socket.socket.close();
}

(async () => {
  for (let i = 0; i < repetitions; i++) {
    const start = process.hrtime.bigint();
    await (work === "dumps" ? dumps() : churn());
    console.log(String(process.hrtime.bigint() - start));
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
