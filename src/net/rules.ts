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
  text,
} from "../pool/rules.ts";
import type { ConnectOptions } from "./connect.ts";
import { ConnectError } from "./error.ts";
import type { TlsOptions } from "./tls.ts";

/** Milliseconds that a timer takes. */
export const delay: Rule = kind(
  `ms, from 1 to ${LONGEST}`,
  (value) => typeof value === "number" && value >= 1 && value <= LONGEST,
);

/** Keys and certificates. Whatever is given in their place, it is not shown. */
const pem: Rule = (label, value) => {
  if (typeof value === "string") return;
  throw new TypeError(`Cannot use ${label}: it must be PEM text, current type is ${typeof value}`);
};

const texts: Rule = kind(
  "a list of text",
  (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
);

/** What the options of TLS must be. */
export const tlsRules: Readonly<Record<keyof TlsOptions, Rule>> = {
  serverName: text,
  ca: (label, value) => {
    if (Array.isArray(value)) value.forEach((one, i) => pem(`${label}[${i}]`, one));
    else pem(label, value);
  },
  cert: pem,
  key: pem,
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
