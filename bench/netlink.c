/* What raw sockets in C need for the work of netlink.bench.ts: a repetition for each byte on standard
 * input, and a line of nanoseconds for each (see in_turns.ts).
 *
 *     netlink NAMESPACE WORK COUNT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int fd;
static uint32_t sequence;
static char out[4096], in[65536];

static void die(const char *what) {
  fprintf(stderr, "netlink.c: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void attribute(struct nlmsghdr *n, int type, const void *data, int length) {
  struct rtattr *a = (struct rtattr *)((char *)n + NLMSG_ALIGN(n->nlmsg_len));
  a->rta_type = type;
  a->rta_len = RTA_LENGTH(length);
  memcpy(RTA_DATA(a), data, length);
  n->nlmsg_len = NLMSG_ALIGN(n->nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static struct nlmsghdr *start(int type, int flags, int body) {
  struct nlmsghdr *n = (struct nlmsghdr *)out;
  memset(out, 0, NLMSG_SPACE(body));
  n->nlmsg_type = type;
  n->nlmsg_flags = NLM_F_REQUEST | flags;
  n->nlmsg_seq = ++sequence;
  n->nlmsg_len = NLMSG_LENGTH(body);
  return n;
}

static void send_out(void) {
  struct sockaddr_nl to = {.nl_family = AF_NETLINK};
  struct iovec iov = {out, ((struct nlmsghdr *)out)->nlmsg_len};
  struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};
  if (sendmsg(fd, &m, 0) < 0) die("sendmsg");
}

static int receive(void) {
  struct sockaddr_nl from;
  struct iovec iov = {in, sizeof in};
  struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
  int n = recvmsg(fd, &m, 0);
  if (n < 0) die("recvmsg");
  return n;
}

static void acknowledged(void) {
  send_out();
  receive();
  struct nlmsghdr *n = (struct nlmsghdr *)in;
  int error = ((struct nlmsgerr *)NLMSG_DATA(n))->error;
  if (n->nlmsg_type != NLMSG_ERROR || error) {
    errno = -error;
    die("request");
  }
}

/* What stands behind the header of the message that adds or deletes route `i`. */
static void route_body(struct nlmsghdr *n, uint32_t i, int link) {
  struct rtmsg *r = NLMSG_DATA(n);
  uint32_t dst = htonl(0x0a000000u + (i << 4)), gateway = htonl(0xc0a80002u), priority = i % 7;
  r->rtm_family = AF_INET;
  r->rtm_dst_len = 28;
  r->rtm_table = RT_TABLE_MAIN;
  r->rtm_protocol = RTPROT_STATIC;
  r->rtm_scope = n->nlmsg_type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
  r->rtm_type = RTN_UNICAST;
  attribute(n, RTA_DST, &dst, 4);
  attribute(n, RTA_GATEWAY, &gateway, 4);
  attribute(n, RTA_OIF, &link, 4);
  attribute(n, RTA_PRIORITY, &priority, 4);
}

static void route(int type, int flags, uint32_t i, int link) {
  route_body(start(type, flags | NLM_F_ACK, sizeof(struct rtmsg)), i, link);
  acknowledged();
}

static void address(int type, uint32_t i, int link) {
  struct nlmsghdr *n = start(type, NLM_F_ACK | (type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0),
                             sizeof(struct ifaddrmsg));
  struct ifaddrmsg *a = NLMSG_DATA(n);
  uint32_t ip = htonl(0xac100000u + i);
  a->ifa_family = AF_INET;
  a->ifa_prefixlen = 32;
  a->ifa_index = link;
  attribute(n, IFA_LOCAL, &ip, 4);
  attribute(n, IFA_ADDRESS, &ip, 4);
  acknowledged();
}

static void get(int link) {
  struct nlmsghdr *n = start(RTM_GETLINK, 0, sizeof(struct ifinfomsg));
  ((struct ifinfomsg *)NLMSG_DATA(n))->ifi_index = link;
  send_out();
  receive();
  if (((struct nlmsghdr *)in)->nlmsg_type != RTM_NEWLINK) die("get");
}

struct item {
  uint32_t a, b, c, d;
  char name[20], kind[16];
};
static struct item *items;
static size_t count, room;

static struct item *item(void) {
  if (count == room) {
    room = room ? room * 2 : 1024;
    items = realloc(items, room * sizeof *items);
  }
  return memset(&items[count++], 0, sizeof *items);
}

static void read_route(struct nlmsghdr *n) {
  struct item *t = item();
  int left = RTM_PAYLOAD(n);
  for (struct rtattr *a = RTM_RTA(NLMSG_DATA(n)); RTA_OK(a, left); a = RTA_NEXT(a, left))
    switch (a->rta_type) {
      case RTA_DST: t->a = *(uint32_t *)RTA_DATA(a); break;
      case RTA_GATEWAY: t->b = *(uint32_t *)RTA_DATA(a); break;
      case RTA_OIF: t->c = *(uint32_t *)RTA_DATA(a); break;
      case RTA_PRIORITY: t->d = *(uint32_t *)RTA_DATA(a); break;
    }
}

static void read_link(struct nlmsghdr *n) {
  struct item *t = item();
  int left = IFLA_PAYLOAD(n);
  t->a = ((struct ifinfomsg *)NLMSG_DATA(n))->ifi_index;
  for (struct rtattr *a = IFLA_RTA(NLMSG_DATA(n)); RTA_OK(a, left); a = RTA_NEXT(a, left))
    switch (a->rta_type & NLA_TYPE_MASK) {
      case IFLA_IFNAME: strncpy(t->name, RTA_DATA(a), 15); break;
      case IFLA_MTU: t->b = *(uint32_t *)RTA_DATA(a); break;
      case IFLA_LINKINFO: {
        int inner = RTA_PAYLOAD(a);
        for (struct rtattr *k = RTA_DATA(a); RTA_OK(k, inner); k = RTA_NEXT(k, inner))
          if (k->rta_type == IFLA_INFO_KIND) strncpy(t->kind, RTA_DATA(k), 15);
      }
    }
}

static void ask(int type, int family, int body) {
  struct nlmsghdr *n = start(type, NLM_F_DUMP, body);
  *(unsigned char *)NLMSG_DATA(n) = family;
  if (type == RTM_GETLINK) {
    /* Asked for details, the kernel makes room for the longest link; else such a one ends the list. */
    unsigned mask = RTEXT_FILTER_MRP;
    attribute(n, IFLA_EXT_MASK, &mask, sizeof mask);
  }
  send_out();
}

/* Keeps some fields of each message. */
static void dump(int type, int family, int body, void (*each)(struct nlmsghdr *)) {
  struct nlmsghdr *n;
  ask(type, family, body);
  /* A new array each time, as every other program makes one. */
  free(items);
  items = NULL;
  count = room = 0;
  for (;;) {
    int length = receive();
    for (n = (struct nlmsghdr *)in; NLMSG_OK(n, length); n = NLMSG_NEXT(n, length)) {
      if (n->nlmsg_type == NLMSG_DONE) return;
      if (n->nlmsg_type == NLMSG_ERROR) die("dump");
      each(n);
    }
  }
}

static struct part {
  struct part *next;
  char bytes[];
} *parts;
static struct nlmsghdr **messages;
static volatile uint32_t sum;

static void keep(struct nlmsghdr *n) {
  if (count == room) {
    room = room ? room * 2 : 1024;
    messages = realloc(messages, room * sizeof *messages);
  }
  messages[count++] = n;
}

/* Keeps the routes as they are, with whatever else may be read of them, then reads four fields of each. */
static void routes(void) {
  struct nlmsghdr *n;
  ask(RTM_GETROUTE, AF_INET, sizeof(struct rtmsg));
  for (struct part *part; (part = parts); free(part)) parts = part->next;
  free(messages);
  messages = NULL;
  count = room = 0;
  for (int more = 1; more;) {
    int length = receive();
    struct part *part = malloc(sizeof *part + length);
    memcpy(part->bytes, in, length);
    part->next = parts;
    parts = part;
    for (n = (struct nlmsghdr *)part->bytes; NLMSG_OK(n, length); n = NLMSG_NEXT(n, length)) {
      if (n->nlmsg_type == NLMSG_ERROR) die("dump");
      if (n->nlmsg_type != NLMSG_DONE) keep(n);
      else more = 0;
    }
  }
  for (size_t i = 0; i < count; i++) {
    int left = RTM_PAYLOAD(messages[i]);
    for (struct rtattr *a = RTM_RTA(NLMSG_DATA(messages[i])); RTA_OK(a, left); a = RTA_NEXT(a, left))
      switch (a->rta_type) {
        case RTA_DST:
        case RTA_GATEWAY:
        case RTA_OIF:
        case RTA_PRIORITY: sum += *(uint32_t *)RTA_DATA(a);
      }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int ns = open(argv[1], O_RDONLY), n = atoi(argv[3]), one = 1, link = 2;
  if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) die("setns");
  fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl own = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("socket");
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  const char *work = argv[2];
  setlinebuf(stdout);
  while (getchar() != EOF) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (!strcmp(work, "get")) for (int i = 0; i < n; i++) get(link);
    else if (!strcmp(work, "fill"))
      for (int i = 0; i < n; i++) route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, i, link);
    else if (!strcmp(work, "routes")) routes();
    else if (!strcmp(work, "numbers")) dump(RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), read_route);
    else if (!strcmp(work, "links")) dump(RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), read_link);
    else if (!strcmp(work, "churn")) {
      for (int i = 0; i < n; i++) route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, i, link);
      for (int i = 0; i < n; i++) route(RTM_DELROUTE, 0, i, link);
    } else if (!strcmp(work, "addresses")) {
      for (int i = 0; i < n; i++) address(RTM_NEWADDR, i, link);
      for (int i = 0; i < n; i++) address(RTM_DELADDR, i, link);
    } else return 2;
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000l + to.tv_nsec - from.tv_nsec);
  }
  return 0;
}
