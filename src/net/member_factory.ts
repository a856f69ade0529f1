import type { Factory } from "../pool/mod.ts";
import type { Conn } from "./conn.ts";
import { connect } from "./connect.ts";
import type { ResolvedEndpointPoolOptions } from "./endpoint_pool_options.ts";
import { ConnectError } from "./error.ts";
import { Member } from "./member.ts";
import type { Place } from "./place.ts";
import type { Rest } from "./rest.ts";
import { within } from "./within.ts";

/** How the connections of one place are made, judged and ended; `lost` is told of idle ones lost. */
export function memberFactory<T extends object>(
  place: Place<T>,
  options: ResolvedEndpointPoolOptions<T>,
  rest: Rest<T>,
  lost: (place: Place<T>) => void,
): Factory<Member<T>> {
  const { endpoint } = place;
  const { protocol, healthCheck, tls, initTimeout } = options;
  const access = protocol?.access;

  let telling = false;
  const onLost = (): void => {
    // A peer that dies takes many connections within a moment: tell once.
    if (telling) return;
    telling = true;
    setTimeout(() => {
      telling = false;
      lost(place);
    }, 0);
  };

  const init = (conn: Conn, signal: AbortSignal): T | Promise<T> => {
    if (protocol === undefined) return conn as unknown as T; // without a protocol T is Conn
    const end = (state: T): unknown => protocol.onClose?.(state);
    return within((signal) => protocol.init(conn, { signal }), {
      signal,
      timeout: initTimeout,
      expired: () => {
        const message = `Cannot connect to ${endpoint}: init still running after ${initTimeout} ms`;
        return new ConnectError("CONNECTION_TIMEOUT", message, { endpoint, attempts: 1 });
      },
      late: (state) => void Promise.try(end, state).catch(place.onError),
    });
  };

  const open = async (signal: AbortSignal): Promise<Member<T>> => {
    const conn = await connect(endpoint, {
      ...options.connect,
      signal,
      timeout: options.connectTimeout,
      tls: typeof tls === "function" ? tls(endpoint) : tls,
    });
    try {
      return new Member(conn, await init(conn, signal), { place, protocol, rest, onLost });
    } catch (error) {
      conn.close();
      throw error;
    }
  };

  return {
    create: async ({ signal }) => {
      try {
        const member = await open(signal);
        place.created++;
        place.tell(options.onCreated);
        return member;
      } catch (error) {
        place.errors++;
        throw error;
      }
    },
    retryable: (error) => !(error instanceof ConnectError && error.code === "INVALID_CONFIG"),
    usable: (member) => member.usable,
    check: healthCheck && (async (member, { signal }) => {
      let healthy = false;
      try {
        return healthy = await healthCheck(member.state, { signal });
      } finally {
        if (!healthy) member.blame();
      }
    }),
    capacity: typeof access === "object" ? () => access.shared : undefined,
    destroy: async ({ state, conn }) => {
      try {
        await protocol?.onClose?.(state);
      } finally {
        conn.close();
        place.closed++;
        place.lastUsed = options.clock.now();
        place.tell(options.onClosed);
      }
    },
  };
}
