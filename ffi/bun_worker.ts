/** Runs in a worker of Bun's: makes the calls that it is given, however long the kernel takes. */

import { toArrayBuffer } from "bun:ffi";
import { adapter } from "./bun.ts";
import type { ThreadCall } from "./bun_threads.ts";
import { HEADER_SIZE } from "./message_header.ts";

declare const self: {
  onmessage: (event: { data: ThreadCall }) => void;
  postMessage(result: number): void;
};

self.onmessage = ({ data: { call, fd, header, flags } }) => {
  const bytes = new Uint8Array(toArrayBuffer(header, 0, HEADER_SIZE));
  self.postMessage(adapter.libc[call](fd, bytes, flags));
};
