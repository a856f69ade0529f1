import { LONGEST } from "../pool/clock.ts";
import {
  assertOptions,
  callable,
  flag,
  kind,
  methods,
  object,
  type Rule,
  type Rules,
  signal,
} from "../pool/rules.ts";
import type { ConnectOptions } from "./connect.ts";
import { hostOf } from "./endpoint.ts";
import { ConnectError } from "./error.ts";
import type { TlsOptions } from "./tls.ts";

/** Milliseconds that a timer takes. */
export const delay: Rule = kind(
  `ms, from 1 to ${LONGEST}`,
  (value) => typeof value === "number" && value >= 1 && value <= LONGEST,
);

/** Keys and certificates. Whatever is given in their place, it is not shown. */
const pem = (holding: string): Rule => (label, value) => {
  const form = `it must be PEM text with a ${holding}`;
  if (typeof value !== "string") {
    throw new TypeError(`Cannot use ${label}: ${form}, current type is ${typeof value}`);
  }
  // Deno ignores what it does not find.
  if (new RegExp(`^-----BEGIN [A-Z0-9 ]*${holding}-----`, "m").test(value)) return;
  throw new TypeError(`Cannot use ${label}: ${form}, current value has none`);
};

const certificate = pem("CERTIFICATE");

const texts: Rule = kind(
  "a list of text",
  (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
);

/** What the options of TLS must be. */
export const tlsRules: Readonly<Record<keyof TlsOptions, Rule>> = {
  serverName: kind(
    "a host name or an address",
    (value) => typeof value === "string" && hostOf(value) !== undefined,
  ),
  ca: (label, value) => {
    if (Array.isArray(value)) value.forEach((one, i) => certificate(`${label}[${i}]`, one));
    else certificate(label, value);
  },
  cert: certificate,
  key: pem("PRIVATE KEY"),
  alpn: texts,
  minVersion: kind(
    "TLSv1.2 or TLSv1.3",
    (value) => value === "TLSv1.2" || value === "TLSv1.3",
  ),
  dangerouslyAcceptAnyCertificate: flag,
};

/** What a connect may be told by a pool, which tells it the rest itself. */
export const socketRules: Readonly<
  Record<keyof Omit<ConnectOptions, "signal" | "timeout" | "tls">, Rule>
> = {
  resolveTimeout: delay,
  attemptDelay: delay,
  noDelay: flag,
  keepAlive: flag,
  resolve: callable,
  dialer: methods(["dial"]),
};

/** What the options of a connect must be; those of TLS are looked at when it is known where to. */
export const connectRules: Readonly<Record<keyof ConnectOptions, Rule>> = {
  ...socketRules,
  signal,
  timeout: delay,
  tls: object,
};

/**
 * Refuses bad values and names that nobody reads.
 *
 * @throws {ConnectError} `INVALID_CONFIG`, naming the option and the value
 */
export function checkOptions(what: string, options: unknown, rules: Rules, path?: string): void {
  try {
    assertOptions(what, options, rules, path);
  } catch (cause) {
    throw new ConnectError("INVALID_CONFIG", (cause as Error).message, { cause });
  }
}
