import { hostPort } from "../../ffi/dial.ts";
import { redacted } from "../pool/redact.ts";
import { show } from "../pool/show.ts";
import { ConnectError } from "./error.ts";

/**
 * Anything that names an endpoint: `"host:port"`, `"[::1]:80"`, `"unix:/run/x.sock"`, an absolute
 * path, a URL (as text or object) whose scheme or port tells the port, or whose scheme is `unix`,
 * `[host, port]`, or an object.
 */
export type EndpointLike =
  | string
  | URL
  | readonly [host: string, port: number]
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

const schemePorts: Record<string, number> = {
  "http:": 80,
  "https:": 443,
  "ws:": 80,
  "wss:": 443,
  "redis:": 6379,
  "rediss:": 6379,
  "postgres:": 5432,
  "postgresql:": 5432,
  "mysql:": 3306,
  "amqp:": 5672,
  "amqps:": 5671,
};

// Whom to log in as is nothing of a path's.
const UNIX_PREFIX = /^unix:(\/\/([^/]*@(?=\/))?)?/;

// The longest path that fits struct sockaddr_un with its terminating zero.
const maxUnixPath = 107;

/**
 * Where to connect: a host and a port, or the path of a Unix socket. Two endpoints that mean the
 * same (`"LOCALHOST:80"`, `["localhost", 80]`) have the same {@linkcode Endpoint.key}.
 *
 * @example
 * ```ts
 * import { Endpoint } from "@x/pool";
 *
 * const endpoint = Endpoint.from("[::0001]:80");
 * console.log(endpoint.host, endpoint.port, String(endpoint)); // ::1 80 [::1]:80
 * ```
 */
export class Endpoint {
  /** The host name in lower case, or the address literal without brackets; empty for Unix. */
  readonly host: string;
  /** The port, 1–65535; 0 for a Unix socket. */
  readonly port: number;
  /** The Unix socket's path, or undefined for TCP. */
  readonly path: string | undefined;
  /** The canonical text, equal for equal endpoints: `host:port`, `[v6]:port` or `unix:path`. */
  readonly key: string;

  private constructor(host: string, port: number, path?: string) {
    this.host = host;
    this.port = port;
    this.path = path;
    this.key = path !== undefined ? `unix:${path}` : hostPort(host, port);
  }

  /**
   * Reads and validates whatever names an endpoint.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`, naming the part that is wrong
   */
  static from(like: EndpointLike): Endpoint {
    if (like instanceof Endpoint) return like;
    if (typeof like === "string") return parse(like);
    if (like instanceof URL) return fromUrl(like);
    if (Array.isArray(like)) return Endpoint.tcp(like[0], like[1]);
    if (typeof like === "object" && like !== null) {
      if ("path" in like && like.path !== undefined) return Endpoint.unix(like.path);
      if ("host" in like) return Endpoint.tcp(like.host, like.port);
    }
    throw invalid("it must be text, a URL, [host, port], {host, port} or {path}", like);
  }

  /**
   * A TCP endpoint.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`
   */
  static tcp(host: string, port: number): Endpoint {
    const name = canonicalHost(host);
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw invalid("port must be an integer from 1 to 65535", port);
    }
    return new Endpoint(name, port);
  }

  /**
   * A Unix socket.
   *
   * @throws {ConnectError} `INVALID_ENDPOINT`
   */
  static unix(path: string): Endpoint {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw invalid("path must be non-empty text without NUL", path);
    }
    const bytes = new TextEncoder().encode(path).length;
    if (bytes > maxUnixPath) throw invalid(`path must fit ${maxUnixPath} bytes`, path);
    return new Endpoint("", 0, path);
  }

  /** Whether `other` names the same endpoint. */
  equals(other: EndpointLike): boolean {
    return this.key === Endpoint.from(other).key;
  }

  /** `host:port`, `[v6]:port` or `unix:path`. */
  toString(): string {
    return this.key;
  }

  /** The same text as {@linkcode Endpoint.toString}. */
  toJSON(): string {
    return this.key;
  }
}

function parse(text: string): Endpoint {
  if (text.startsWith("unix:")) return Endpoint.unix(text.replace(UNIX_PREFIX, ""));
  if (text.startsWith("/")) return Endpoint.unix(text);
  if (text.includes("://")) {
    const url = URL.parse(text);
    if (url === null) throw invalid("URL cannot be parsed", text);
    return fromUrl(url);
  }
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, Math.max(colon, 0));
  if (colon < 0 || text.endsWith("]")) throw invalid("port is missing", text);
  if (host.includes(":") && !host.startsWith("[")) {
    throw invalid("host is an IPv6 literal and needs brackets", text);
  }
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port)) throw invalid("port must be an integer from 1 to 65535", text);
  return Endpoint.tcp(host, Number(port));
}

function fromUrl(url: URL): Endpoint {
  if (url.protocol === "unix:") return Endpoint.unix(decodedPath(url));
  const port = url.port === "" ? schemePorts[url.protocol] : Number(url.port);
  if (port === undefined) throw invalid("port is missing and the scheme has no default", url.href);
  return Endpoint.tcp(url.hostname, port);
}

/** A URL has its path escaped, text has it as it is. */
function decodedPath(url: URL): string {
  try {
    return decodeURIComponent(url.host + url.pathname);
  } catch {
    throw invalid("URL must have a path of UTF-8, % escaped", url.href);
  }
}

function canonicalHost(host: string): string {
  if (typeof host !== "string" || host.trim() === "") throw invalid("host must not be blank", host);
  const name = hostOf(host);
  if (name === undefined) throw invalid("host is not a name or an address", host);
  return name;
}

/** The canonical form of a host's name or address; undefined for anything else. */
export function hostOf(host: string): string | undefined {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const [address, zone] = bare.includes(":") ? bare.split("%", 2) : [bare];
  // The URL parser knows the canonical form of every literal and of international names, but would
  // take these characters as the end of the host.
  const url = /[\s/?#@\\%[\]]/.test(address)
    ? null
    : URL.parse(`http://${bare.includes(":") ? `[${address}]` : address}`);
  if (url === null || zone === "") return undefined;
  const name = url.hostname;
  return name.startsWith("[") ? name.slice(1, -1) + (zone ? `%${zone}` : "") : name;
}

function invalid(what: string, value: unknown): ConnectError {
  const shown = show(typeof value === "string" ? redacted(value) : value);
  const message = `Cannot read endpoint: ${what}, current value is ${shown}`;
  return new ConnectError("INVALID_ENDPOINT", message);
}
