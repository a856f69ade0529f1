import { loadAdapter, PlatformError } from "../../ffi/adapter.ts";
import { type Dialer, HandshakeError, type RawSocket } from "../../ffi/dial.ts";
import { Conn } from "./conn.ts";
import { Endpoint, type EndpointLike } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import { race, RaceLost } from "./race.ts";
import { addressesOf, type Resolve, systemResolve } from "./resolve.ts";
import { checkOptions, connectRules } from "./rules.ts";
import { dialTls, type TlsOptions } from "./tls.ts";
import { within } from "./within.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Gives up; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Milliseconds for everything: resolving, connecting, the TLS handshake. This and the other two
   * times are 1 to 2147483647; `Infinity` is refused.
   * @default 10_000
   */
  timeout?: number;
  /** TLS on top; without it, plain bytes. */
  tls?: TlsOptions;
  /**
   * Milliseconds for resolving the name.
   * @default 5_000
   */
  resolveTimeout?: number;
  /**
   * Milliseconds before the next address is tried beside the one before.
   * @default 250
   */
  attemptDelay?: number;
  /**
   * Sends small writes at once (TCP_NODELAY).
   * @default true
   */
  noDelay?: boolean;
  /**
   * Lets the kernel probe a silent peer (SO_KEEPALIVE).
   * @default false
   */
  keepAlive?: boolean;
  /** How names become addresses; the system's resolver by default. */
  resolve?: Resolve;
  /** What opens sockets; the runtime's own by default. */
  dialer?: Dialer;
}

/**
 * Opens one connection: resolves the host, tries its addresses (IPv6 first, staggered) and, if asked
 * to, completes the TLS handshake. Nothing is loaded before the first call.
 *
 * @throws {ConnectError} with the code of what failed and the layers below as `cause`
 *
 * @example
 * ```ts
 * import { connect } from "@x/pool";
 *
 * // With TLS: connect("example.com:443", { tls: { alpn: ["h2"] } })
 * await using conn = await connect("localhost:7", { timeout: 2_000 });
 * console.log(conn.remoteAddress);
 * ```
 */
export async function connect(to: EndpointLike, options: ConnectOptions = {}): Promise<Conn> {
  const endpoint = Endpoint.from(to);
  checkOptions("connect", options, connectRules);
  const { timeout = 10_000, attemptDelay = 250, resolveTimeout = 5_000 } = options;
  const { noDelay = true, keepAlive = false } = options;
  const tls = options.tls && dialTls(options.tls, endpoint);
  const common = { tls, noDelay, keepAlive };
  const resolving = "resolving the name";
  let phase = resolving;
  const onConnected = (): void => void (phase = "in the TLS handshake");
  const dial = async (signal: AbortSignal): Promise<RawSocket> => {
    const dialer = options.dialer ?? (await loadAdapter()).dialer;
    signal.throwIfAborted();
    if (endpoint.path !== undefined) {
      phase = "connecting";
      return await dialer.dial({ path: endpoint.path }, { ...common, signal, onConnected });
    }
    const resolve = options.resolve ?? systemResolve;
    const addresses = await addressesOf(endpoint, { resolve, timeout: resolveTimeout, signal });
    phase = "connecting";
    return await race(
      addresses,
      (address, { signal, onConnected: won }) =>
        dialer.dial({ address, port: endpoint.port }, {
          ...common,
          signal,
          onConnected: () => {
            onConnected();
            won();
          },
        }),
      { delay: attemptDelay, signal },
    );
  };
  const raw = await within(
    (signal) =>
      dial(signal).catch((error) => {
        throw signal.aborted ? error : described(error, endpoint);
      }),
    {
      signal: options.signal,
      timeout,
      expired: () => {
        const message = `Cannot connect to ${endpoint}: still ${phase} after ${timeout} ms`;
        const attempts = phase === resolving ? 0 : 1;
        return new ConnectError("CONNECTION_TIMEOUT", message, { endpoint, attempts });
      },
      late: (raw) => raw.close(),
    },
  );
  return new Conn(endpoint, raw);
}

/** Puts the endpoint in front of what a dialer or a race reports. */
function described(error: unknown, endpoint: Endpoint): unknown {
  if (error instanceof PlatformError) return error;
  if (error instanceof ConnectError) {
    return new ConnectError(error.code, `Cannot connect to ${endpoint}: name not resolved`, {
      endpoint,
      cause: error,
    });
  }
  const failures = error instanceof RaceLost ? error.failures : [{ address: "", error }];
  const list = failures.map(({ address, error }) => {
    const why = reason(error);
    return address === "" || failures.length === 1 ? why : `${address} ${why}`;
  });
  const handshake = failures.find((failure) => failure.error instanceof HandshakeError);
  const cause = failures.length === 1 ? failures[0].error : new AggregateError(
    failures.map((failure) => failure.error),
    list.join(", "),
  );
  return new ConnectError(
    handshake ? "TLS_HANDSHAKE_FAILED" : "CONNECTION_FAILED",
    `Cannot connect to ${endpoint}: ${list.join(", ")}`,
    { endpoint, attempts: 1, cause },
  );
}

function reason(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (error instanceof HandshakeError) return `TLS handshake failed: ${message}`;
  return code === undefined ? message : `${message} (${code})`;
}
