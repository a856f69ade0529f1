import type { Endpoint } from "./endpoint.ts";
import { ConnectError } from "./error.ts";

/** Turns a host name into address literals. */
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
  const { promise: stopped, reject: stop } = Promise.withResolvers<never>();
  const cancel = new AbortController();
  const abort = (): void => stop(options.signal.reason);
  options.signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(
    () => stop(new Error(`no answer after ${options.timeout} ms`)),
    options.timeout,
  );
  try {
    const addresses = await Promise.race([
      options.resolve(host, { signal: cancel.signal }),
      stopped,
    ]);
    if (addresses.length === 0) throw new Error("no address");
    return interleaved(addresses);
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    const why = error instanceof Error ? error.message : String(error);
    throw new ConnectError("DNS_RESOLUTION_FAILED", `Cannot resolve ${host}: ${why}`, {
      endpoint,
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", abort);
    cancel.abort();
  }
}

function interleaved(addresses: string[]): string[] {
  const v6 = addresses.filter((address) => address.includes(":"));
  const v4 = addresses.filter((address) => !address.includes(":"));
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(v6.length, v4.length); i++) {
    mixed.push(...v6.slice(i, i + 1), ...v4.slice(i, i + 1));
  }
  return [...new Set(mixed)];
}
