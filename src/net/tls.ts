import type { DialTls } from "../../ffi/dial.ts";
import { type Endpoint, hostOf } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import { checkOptions, tlsRules } from "./rules.ts";

/**
 * How to speak TLS. An empty object means: verify against the system's authorities.
 *
 * @example
 * ```ts
 * import { EndpointPool, type TlsOptions } from "@x/pool";
 *
 * const tls: TlsOptions = { alpn: ["h2", "http/1.1"], minVersion: "TLSv1.3" };
 * await using pool = new EndpointPool({ tls });
 * ```
 */
export interface TlsOptions {
  /**
   * The name sent as SNI and verified.
   * @default the endpoint's host
   */
  serverName?: string;
  /** Certificates to trust instead of the runtime's own authorities, PEM. */
  ca?: string | readonly string[];
  /** This client's certificate chain, PEM; needs `key`. */
  cert?: string;
  /** This client's private key, PEM; needs `cert`. */
  key?: string;
  /** Protocols to offer through ALPN, most wanted first. */
  alpn?: readonly string[];
  /**
   * The lowest version to accept.
   * @default "TLSv1.2"
   */
  minVersion?: "TLSv1.2" | "TLSv1.3";
  /**
   * Accepts any certificate from anybody, which gives away all that TLS protects.
   * @default false
   */
  dangerouslyAcceptAnyCertificate?: boolean;
}

/**
 * Validates the options and fills in the endpoint's name.
 *
 * @throws {ConnectError} `INVALID_CONFIG`
 */
export function dialTls(options: TlsOptions, endpoint: Endpoint): DialTls {
  checkOptions("TLS", options, tlsRules, "tls.");
  const { cert, key, alpn, minVersion } = options;
  const invalid = (what: string): never => {
    throw new ConnectError("INVALID_CONFIG", `Cannot use TLS options: ${what}`, { endpoint });
  };
  // No certificate is for a zone of this machine.
  const serverName = hostOf(options.serverName ?? endpoint.host)?.split("%")[0] ??
    invalid("serverName is needed for a Unix socket");
  if ((cert === undefined) !== (key === undefined)) invalid("cert and key must come together");
  for (const name of alpn ?? []) {
    // Its length travels in one byte, and Bun takes the list as text.
    if (!/^[\x21-\x7e]{1,255}$/.test(name)) {
      const shown = JSON.stringify(name);
      invalid(`alpn names must be 1–255 ASCII characters, current value is ${shown}`);
    }
  }
  return {
    serverName,
    ca: typeof options.ca === "string" ? [options.ca] : options.ca,
    cert,
    key,
    alpn: alpn?.length ? alpn : undefined,
    minVersion,
    verify: options.dangerouslyAcceptAnyCertificate !== true,
  };
}
