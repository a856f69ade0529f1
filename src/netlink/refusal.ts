/** Turns an NLMSG_ERROR, or the end of a dump that failed, into a {@linkcode NetlinkError}. */

import { MalformedError } from "./codec/malformed.ts";
import type { BaseView, Field, NestView } from "./codec/view.ts";
import { bytes, find, next, payloadLength, text, typeOf, type Words } from "./codec/words.ts";
import { NetlinkError, type NetlinkErrorOptions } from "./error.ts";
import { errnoName } from "./errno.ts";
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_HEADER,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
  NLMSGERR_ATTR_POLICY,
} from "./protocol.ts";

/** What a request says about itself when it is refused. */
export interface Asked {
  /** What was attempted, in words. */
  readonly operation: string;
  /** The request, to find the attribute that the kernel's byte offset means. */
  request(): BaseView | undefined;
}

type Details = Pick<NetlinkErrorOptions, "kernelMessage" | "attribute" | "missing" | "policy">;

const WORDS: Record<string, string> = {
  EPERM: "not permitted, CAP_NET_ADMIN in this network namespace is needed",
  ENOENT: "no such object",
  ESRCH: "no such object",
  ENODEV: "no such link",
  EEXIST: "it exists already",
  EBUSY: "it is in use",
  EINVAL: "a value is invalid",
  EOPNOTSUPP: "this kernel does not support it",
  EADDRNOTAVAIL: "no such address",
  EADDRINUSE: "the address is in use",
  EAFNOSUPPORT: "the address family is missing or not supported",
  EBADF: "no such file descriptor",
  EHOSTUNREACH: "no route leads there",
  ENETUNREACH: "no route leads there",
  ERANGE: "a value is out of range",
};

/**
 * Reads the message at word `at`, whose payload starts with a negative errno.
 *
 * @param plain whether nothing but the code stands before the details, as in NLMSG_DONE
 */
export function refusal(
  w: Words,
  at: number,
  end: number,
  plain: boolean,
  asked: Asked,
): NetlinkError {
  const errno = -w[at + 4];
  const flags = w[at + 1] >>> 16;
  const details: Details = flags & NLM_F_ACK_TLVS ? detailsOf(w, at, end, flags, plain, asked) : {};
  const { operation } = asked;
  const said = details.kernelMessage ?? WORDS[errnoName(errno)] ?? "the kernel refused it";
  const where = details.attribute ?? details.missing;
  const hint = where === undefined
    ? said
    : `${said}, ${details.missing ? "missing" : "attribute"} ${where}`;
  return new NetlinkError(hint, { errno, operation, ...details });
}

function detailsOf(
  w: Words,
  at: number,
  end: number,
  flags: number,
  plain: boolean,
  asked: Asked,
): Details {
  // The header of the request follows the code, and the rest of it unless that was left out.
  const copied = plain ? 0 : flags & NLM_F_CAPPED ? NLMSG_HEADER : w[at + 5];
  const start = at + 5 + ((copied + 3) >>> 2);
  const word = (id: number) => {
    const i = find(w, start, end, id);
    return i < 0 || payloadLength(w, i) < 4 ? undefined : w[i + 1] >>> 0;
  };
  const message = find(w, start, end, NLMSGERR_ATTR_MSG);
  const view = asked.request();
  const offset = word(NLMSGERR_ATTR_OFFS), type = word(NLMSGERR_ATTR_MISS_TYPE);
  const nest = word(NLMSGERR_ATTR_MISS_NEST), policy = find(w, start, end, NLMSGERR_ATTR_POLICY);
  return {
    kernelMessage: message < 0 ? undefined : text(w, (message + 1) << 2, payloadLength(w, message)),
    attribute: offset === undefined ? undefined : place(view, (v) => pathAt(v, offset)),
    missing: type === undefined ? undefined : place(view, (v) => missingAt(v, nest, type)),
    policy: policy < 0 ? undefined : policyAt(w, policy),
  };
}

/** Bytes that the caller gave as they are may be no attributes: the refusal stands without a path then. */
function place(view: BaseView | undefined, find: (view: BaseView) => string | undefined) {
  try {
    return view && find(view);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

/** The names from the message down to the attribute whose header stands at byte `offset`. */
function pathAt(view: BaseView, offset: number): string | undefined {
  const found = descend(view, (view._at << 2) + offset);
  return found?.path.join(".");
}

function missingAt(view: BaseView, nest: number | undefined, type: number): string {
  const inside = nest === undefined ? undefined : descend(view, (view._at << 2) + nest);
  const fields = (inside === undefined ? view : inside.view ?? view)._layout.fields;
  return [...inside?.path ?? [], fields.get(type)?.name ?? `#${type}`].join(".");
}

/**
 * Finds the attribute at byte `target`; `view` is its nest, if it is one. What there may be several of
 * is numbered, as it is where a value cannot be encoded.
 */
function descend(
  view: BaseView,
  target: number,
): { path: string[]; view?: BaseView } | undefined {
  const { _w: w, _end: end, _layout: { fields, start } } = view;
  if (target < (view._at + start) << 2) return { path: ["header"] };
  const met = new Map<number, number>();
  for (let i = view._at + start; i << 2 < end;) {
    const after = next(w, i, end), id = typeOf(w[i]), field = fields.get(id);
    const index = met.get(id) ?? 0;
    if (target < after << 2) {
      const path = [field?.name ?? `#${id}`, ...field?.multi ? [String(index)] : []];
      const nests = nestsIn(field, w, i, view);
      if (target === i << 2) return { path, view: nests[0]?.nest };
      for (const { nest, number } of nests) {
        if (target < nest._at << 2 || target >= nest._end) continue;
        const inner = target === nest._at << 2 ? { path: [], view: nest } : descend(nest, target);
        if (inner) return { ...inner, path: [...path, ...number, ...inner.path] };
      }
      return { path };
    }
    met.set(id, index + 1);
    i = after;
  }
  return undefined;
}

/** The nests of an attribute, each with its number where there may be several; none in what is cut. */
function nestsIn(
  field: Field | undefined,
  w: Words,
  i: number,
  view: BaseView,
): { nest: NestView; number: string[] }[] {
  let value: unknown;
  try {
    value = field?.read(w, i, view);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  const isNest = (v: unknown): v is NestView => typeof v === "object" && v !== null && "_up" in v;
  if (!Array.isArray(value)) return isNest(value) ? [{ nest: value, number: [] }] : [];
  return value.flatMap((nest, k) => isNest(nest) ? [{ nest, number: [String(k)] }] : []);
}

// enum netlink_policy_type_attr of linux/netlink.h.
const POLICY = [
  "",
  "type",
  "minSigned",
  "maxSigned",
  "min",
  "max",
  "minLength",
  "maxLength",
  "",
  "",
  "bits",
  "",
  "mask",
];

// enum netlink_attribute_type of linux/netlink.h.
const TYPES = (
  "invalid flag u8 u16 u32 u64 s8 s16 s32 s64 binary string nul-string nested nested-array " +
  "bitfield32 sint uint"
).split(" ");

function policyAt(w: Words, policy: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const end = (policy << 2) + (w[policy] & 0xffff);
  for (let i = policy + 1; i << 2 < end;) {
    const after = next(w, i, end), name = POLICY[typeOf(w[i])];
    if (name) {
      const raw = bytes(w, (i + 1) << 2, payloadLength(w, i));
      let value = 0n;
      raw.forEach((b, k) => value |= BigInt(b) << BigInt(8 * k));
      if (name.endsWith("Signed")) value = BigInt.asIntN(8 * raw.length, value);
      const number = Number(value);
      if (name === "type") out[name] = TYPES[number] ?? number;
      else out[name] = Number.isSafeInteger(number) ? number : value;
    }
    i = after;
  }
  return out;
}
