/** What the streams need of a connection. */
interface Duplex {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
  close(): void;
}

const chunkBytes = 64 * 1024;

/** A byte stream over `conn` that holds nothing back: it reads only when it is read. */
export function readableOf(conn: Duplex): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: chunkBytes,
    async pull(controller): Promise<void> {
      const request = controller.byobRequest!;
      const n = await conn.read(request.view as Uint8Array);
      if (n === null) controller.close();
      request.respond(n ?? 0);
    },
    cancel: () => conn.close(),
  });
}

/** A stream whose writes are done when the kernel has the bytes. */
export function writableOf(conn: Duplex): WritableStream<Uint8Array> {
  return new WritableStream({
    write: (bytes) => conn.write(bytes),
    close: () => conn.closeWrite(),
    abort: () => conn.close(),
  });
}
