/** Runs in a worker of Bun's: sends what it is given, however long the kernel takes. */

import { adapter } from "./bun.ts";
import type { SendRequest } from "./bun_senders.ts";
import { MessageHeader } from "./message_header.ts";

declare const self: {
  onmessage: (event: { data: SendRequest }) => void;
  postMessage(result: number): void;
};

self.onmessage = ({ data: { fd, message } }) => {
  const { libc } = adapter;
  const bytes = new Uint8Array(new ArrayBuffer(message.length));
  bytes.set(message);
  self.postMessage(Math.min(0, libc.sendmsg(fd, new MessageHeader(libc, bytes).bytes, 0)));
};
