/** Numbers of linux/netlink.h. */

/** Netlink protocols, the third argument of socket(2). */
export const Protocol = {
  route: 0,
  sockDiag: 4,
  xfrm: 6,
  audit: 9,
  netfilter: 12,
  uevent: 15,
  generic: 16,
} as const;

export const NLMSG_NOOP = 1, NLMSG_ERROR = 2, NLMSG_DONE = 3, NLMSG_MIN_TYPE = 16;
export const NLMSG_HEADER = 16;

export const NLM_F_REQUEST = 0x1,
  NLM_F_ACK = 0x4,
  NLM_F_ECHO = 0x8,
  NLM_F_DUMP_INTR = 0x10,
  NLM_F_DUMP = 0x300,
  NLM_F_REPLACE = 0x100,
  NLM_F_EXCL = 0x200,
  NLM_F_CREATE = 0x400,
  NLM_F_APPEND = 0x800,
  NLM_F_CAPPED = 0x100,
  NLM_F_ACK_TLVS = 0x200;

export const NLMSGERR_ATTR_MSG = 1,
  NLMSGERR_ATTR_OFFS = 2,
  NLMSGERR_ATTR_POLICY = 4,
  NLMSGERR_ATTR_MISS_TYPE = 5,
  NLMSGERR_ATTR_MISS_NEST = 6;
