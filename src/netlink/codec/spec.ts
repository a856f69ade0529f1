/**
 * The shape of a netlink family's definition: plain data from which the decoder and the encoder are
 * built. Files under `spec/` hold one each, generated from the kernel's own specifications.
 *
 * @module
 */

/** Integers on the wire; `uint` and `sint` take four bytes or eight, whichever the value needs. */
export type ScalarType =
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "s8"
  | "s16"
  | "s32"
  | "s64"
  | "uint"
  | "sint";

/** How bytes or a number are shown as text. */
export type DisplayHint = "ipv4" | "ipv6" | "ipv4-or-v6" | "mac" | "hex" | "uuid";

/** What all values have in common, be they attributes or members of a struct. */
export interface ValueSpec {
  /** Big-endian on the wire; the host's order otherwise. */
  readonly big?: true;
  /** Name of the enum whose names stand for the values. */
  readonly enum?: string;
  /** The value is a set of bits of `enum`. */
  readonly flags?: true;
  /** Text form of an address or the like. */
  readonly hint?: DisplayHint;
  /** Name of the struct that the bytes hold. */
  readonly struct?: string;
}

/** One attribute of a set. */
export interface AttributeSpec extends ValueSpec {
  /** The attribute's number, `nla_type`. */
  readonly id: number;
  /** The payload's type. */
  readonly type:
    | ScalarType
    | "flag"
    | "string"
    | "binary"
    | "bitfield32"
    | "nest"
    | "sub-message"
    | "indexed-array"
    | "nest-type-value"
    | "pad";
  /** The set of a nest, or of an array's or a nest-type-value's elements. */
  readonly nest?: string;
  /** Struct between the nest's own header and its attributes. */
  readonly header?: string;
  /** The order of the nest's attributes counts: it is a list, each element of which is one of them. */
  readonly sequence?: true;
  /** The attribute may stand several times; its values form an array. */
  readonly multi?: true;
  /** The element type of an indexed array, of a binary array of integers, or of a nest-type-value. */
  readonly sub?: ScalarType | "nest" | "binary";
  /** Names of the levels of a nest-type-value, outermost first. */
  readonly levels?: readonly string[];
  /** The sub-message that describes the payload. */
  readonly message?: string;
  /**
   * The attribute, of this set or an enclosing one, or the member of a header in front of one, whose value
   * selects the sub-message's format.
   */
  readonly selector?: string;
}

/** One member of a struct; members stand at their natural C offsets. */
export interface MemberSpec extends ValueSpec {
  /** The member's type. */
  readonly type: Exclude<ScalarType, "uint" | "sint"> | "binary" | "pad";
  /** Byte length of a binary or padding member. */
  readonly len?: number;
  /** The last member takes the rest of the attribute: as many of its type as fit, none by itself. */
  readonly array?: true;
}

/** Names and values of an enumeration; of a set of flags, the values are bit masks. */
export interface EnumSpec {
  /** The entries are bits. */
  readonly flags?: true;
  /** Value or bit number of each name. */
  readonly entries: { readonly [name: string]: number };
}

/** What a sub-message holds for one value of its selector. */
export interface FormatSpec {
  /** The attribute set. */
  readonly set?: string;
  /** The struct in front of the attributes. */
  readonly header?: string;
}

/** The message types of one exchange: of the request, and of the reply where there is one. */
export type ExchangeSpec = readonly [request: number, reply?: number];

/** One operation, or one notification. */
export interface OperationSpec {
  /** Attribute set of its messages. */
  readonly set?: string;
  /** Struct in front of the attributes. */
  readonly header?: string;
  /** Numbers of the plain request and its reply. */
  readonly do?: ExchangeSpec;
  /** Numbers of the dump request and its replies. */
  readonly dump?: ExchangeSpec;
  /** Number of the notification. */
  readonly event?: number;
}

/** A whole family. */
export interface FamilySpec {
  /** Name, for generic netlink as the kernel registers it. */
  readonly name: string;
  /** The netlink protocol number; 16 is generic netlink. */
  readonly protocol: number;
  /** Version in generic netlink headers. */
  readonly version: number;
  /** Named constants. */
  readonly constants: { readonly [name: string]: number | string };
  /** Enumerations and flags. */
  readonly enums: { readonly [name: string]: EnumSpec };
  /** Structs, members in wire order. */
  readonly structs: { readonly [name: string]: { readonly [member: string]: MemberSpec } };
  /** Attribute sets. */
  readonly sets: { readonly [name: string]: { readonly [attribute: string]: AttributeSpec } };
  /** Sub-messages: formats by selector value; that of the value "" is for all others. */
  readonly messages: { readonly [name: string]: { readonly [selector: string]: FormatSpec } };
  /** Operations. */
  readonly operations: { readonly [name: string]: OperationSpec };
  /** Multicast groups; generic netlink's are numbered at run time, here 0. */
  readonly groups: { readonly [name: string]: number };
}
