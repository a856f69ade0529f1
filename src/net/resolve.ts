import type { Endpoint } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import { within } from "./within.ts";

/**
 * Turns a host name into address literals, in the order of preference; none, or a throw, is a
 * failure.
 *
 * @example
 * ```ts
 * import { connect, type Resolve } from "@x/pool";
 *
 * const resolve: Resolve = (host) => Promise.resolve(host === "echo.test" ? ["127.0.0.1"] : []);
 * await using connection = await connect("echo.test:7", { resolve });
 * console.log(connection.remoteAddress); // 127.0.0.1:7
 * ```
 */
export type Resolve = (host: string, options: { signal: AbortSignal }) => Promise<string[]>;

/** Asks the system's resolver (`getaddrinfo`, so /etc/hosts counts). */
export const systemResolve: Resolve = async (host) => {
  const { lookup } = await import("node:dns/promises");
  const answers = await lookup(host, { all: true, verbatim: true });
  return answers.map((answer) => answer.address);
};

/**
 * The endpoint's addresses in the order to try them: families alternate, IPv6 first.
 *
 * @throws {ConnectError} `DNS_RESOLUTION_FAILED`
 */
export async function addressesOf(
  endpoint: Endpoint,
  options: { resolve: Resolve; timeout: number; signal: AbortSignal },
): Promise<string[]> {
  const { host } = endpoint;
  if (host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host)) return [host];
  const { signal, timeout } = options;
  try {
    const addresses = await within((signal) => options.resolve(host, { signal }), {
      signal,
      timeout,
      expired: () => new Error(`no answer after ${timeout} ms`),
    });
    if (addresses.length === 0) throw new Error("no address");
    return interleaved(addresses);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { code, message = String(error) } = error as { code?: string; message?: string };
    // Deno's word for a missing permission.
    const why = code === "EPERM" ? `${message}, run Deno with --allow-net` : message;
    throw new ConnectError("DNS_RESOLUTION_FAILED", `Cannot resolve ${host}: ${why}`, {
      endpoint,
      cause: error,
    });
  }
}

function interleaved(addresses: string[]): string[] {
  const v6 = addresses.filter((address) => address.includes(":"));
  const v4 = addresses.filter((address) => !address.includes(":"));
  const pairs = addresses.flatMap((_, i) => [v6[i], v4[i]]);
  return [...new Set(pairs.filter((address) => address !== undefined))];
}
