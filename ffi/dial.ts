/** A TCP address to dial: a literal IPv4 or IPv6 address, never a name. */
export interface TcpTarget {
  /** The address literal, without brackets. */
  readonly address: string;
  /** The port, 1–65535. */
  readonly port: number;
}

/** A Unix socket to dial. */
export interface UnixTarget {
  /** The socket's path. */
  readonly path: string;
}

/** The TLS settings that the runtimes understand, already validated. */
export interface DialTls {
  /** The name sent as SNI (RFC 6066) and verified against the certificate. */
  readonly serverName: string;
  /** PEM certificates trusted instead of the runtime's own. */
  readonly ca?: readonly string[];
  /** The client's certificate chain, PEM. */
  readonly cert?: string;
  /** The client's private key, PEM. */
  readonly key?: string;
  /** Protocols offered through ALPN (RFC 7301), most wanted first. */
  readonly alpn?: readonly string[];
  /** The lowest protocol version accepted (RFC 5246, RFC 8446). */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** False accepts any certificate. */
  readonly verify: boolean;
}

/** What a socket tells its owner. None of these may throw. */
export interface SocketEvents {
  /**
   * Bytes arrived. True: they have been taken, send more. False: they stay referenced, and the
   * socket holds back (at the latest after a bounded read-ahead) until `resume` is called.
   */
  data(bytes: Uint8Array): boolean;
  /** The peer will send nothing more. */
  end(): void;
  /** The socket is gone without this side having closed it. */
  lost(error: Error | undefined): void;
}

/** One connected socket of a runtime. */
export interface RawSocket {
  /** The local address as `host:port` or a path; empty where the runtime does not tell it. */
  readonly local: string;
  /** The remote address as `host:port` or a path. */
  readonly remote: string;
  /** The protocol chosen through ALPN. */
  readonly alpn: string | undefined;
  /** Begins delivering events; called once, before anything else. */
  start(events: SocketEvents): void;
  /** Every byte handed over so far has been read. */
  resume(): void;
  /**
   * Hands bytes to the kernel and tells how many it took, at least one: a number when it took them
   * at once. One write at a time; the bytes must stay unchanged until then.
   *
   * @throws {Error} the runtime's own, with a `code` such as `ECONNRESET`; as a rejection or at once
   */
  write(bytes: Uint8Array): Promise<number> | number;
  /** Sends the end of the stream and goes on reading. */
  shutdown(): Promise<void>;
  /** Closes without waiting; idempotent, no event follows. */
  close(): void;
  /** TCP_NODELAY; nothing on a Unix socket. */
  setNoDelay(on: boolean): void;
  /** SO_KEEPALIVE; nothing on a Unix socket. */
  setKeepAlive(on: boolean): void;
  /** Whether this socket alone keeps the process running. */
  setRef(on: boolean): void;
}

/** How to dial one address. */
export interface DialOptions {
  /** Ends the attempt; the promise rejects with its reason and a late connection is closed. */
  readonly signal: AbortSignal;
  /** TLS on top, or undefined for plain bytes. */
  readonly tls?: DialTls;
  /** TCP_NODELAY from the start. */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE from the start. */
  readonly keepAlive?: boolean;
  /** Called when the transport is up, before the TLS handshake. */
  readonly onConnected?: () => void;
}

/**
 * Opens sockets natively on one runtime.
 *
 * @example
 * ```ts
 * import { connect, type Dialer } from "@x/pool";
 *
 * const refuse = () => Promise.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
 * const dialer: Dialer = { dial: refuse };
 * await connect("127.0.0.1:7", { dialer }).catch((error) => console.log(error.code)); // CONNECTION_FAILED
 * ```
 */
export interface Dialer {
  /**
   * Opens one connection.
   *
   * @throws {HandshakeError} when the transport is up, but TLS fails
   * @throws {Error} the runtime's own, with a `code` such as `ECONNREFUSED`
   * @throws {unknown} the signal's reason, if that aborts first
   */
  dial(target: TcpTarget | UnixTarget, options: DialOptions): Promise<RawSocket>;
}

/**
 * The transport was up but the TLS handshake failed; the message has the reason.
 *
 * @example
 * ```ts
 * import { connect, HandshakeError } from "@x/pool";
 *
 * // An echo server is no TLS server.
 * await connect("127.0.0.1:7", { tls: {} }).catch((error) => {
 *   console.log(error.code, error.cause instanceof HandshakeError); // TLS_HANDSHAKE_FAILED true
 * });
 * ```
 */
export class HandshakeError extends Error {
  /** The error's class name. */
  override readonly name = "HandshakeError";
}

/** Settles as `work` does, unless `signal` aborts first: what still arrives then is closed. */
export function abandonable<T extends { close(): void }>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    work.then((socket) => {
      signal.removeEventListener("abort", abort);
      if (signal.aborted) socket.close();
      else resolve(socket);
    }, (error) => {
      signal.removeEventListener("abort", abort);
      reject(error);
    });
  });
}

/** An address and a port as text, IPv6 in brackets. */
export function hostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
