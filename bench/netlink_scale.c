/* What raw sockets in C need for the work of netlink-scale.bench.ts: a repetition for each byte on
 * standard input, and a line of nanoseconds for each (see in_turns.ts).
 *
 *     netlink_scale NAMESPACE dumps|all|errors COUNT
 *     netlink_scale PREFIX scrape COUNT      (namespaces PREFIX0 to PREFIX<COUNT-1>)
 */
#define main netlink_main
#include "netlink.c"
#undef main

#define CHUNK 100

static char many[CHUNK * 128];

/* Adds or deletes `n` routes, CHUNK in a call; `all` has each one acknowledged, else the last. */
static void batch(int type, int flags, int n, int link, int all) {
  struct sockaddr_nl to = {.nl_family = AF_NETLINK};
  for (int i = 0; i < n;) {
    int k = 0;
    char *end = many;
    for (; k < CHUNK && i < n; k++, i++) {
      struct nlmsghdr *h = (struct nlmsghdr *)end;
      int last = k == CHUNK - 1 || i == n - 1;
      memset(h, 0, 64);
      h->nlmsg_type = type;
      h->nlmsg_flags = NLM_F_REQUEST | flags | (all || last ? NLM_F_ACK : 0);
      h->nlmsg_seq = ++sequence;
      h->nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg));
      route_body(h, i, link);
      end += NLMSG_ALIGN(h->nlmsg_len);
    }
    struct iovec iov = {many, end - many};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};
    if (sendmsg(fd, &m, 0) < 0) die("sendmsg");
    for (int left = all ? k : 1; left > 0; left--) {
      receive();
      struct nlmsghdr *h = (struct nlmsghdr *)in;
      int error = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
      if (h->nlmsg_type != NLMSG_ERROR || error) {
        errno = -error;
        die("batch");
      }
    }
  }
}

static int connection(const char *name) {
  int ns = open(name, O_RDONLY), one = 1, s;
  if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) die("setns");
  close(ns);
  s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl own = {.nl_family = AF_NETLINK};
  if (s < 0 || bind(s, (struct sockaddr *)&own, sizeof own) < 0) die("socket");
  setsockopt(s, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  return s;
}

static size_t shown;
static char texts[1 << 16][INET6_ADDRSTRLEN + 4];

/* inet_ntop is four times as slow. */
static char *dotted(char *to, const unsigned char *ip) {
  for (int i = 0; i < 4; i++) {
    unsigned v = ip[i];
    if (v > 99) *to++ = '0' + v / 100;
    if (v > 9) *to++ = '0' + v / 10 % 10;
    *to++ = '0' + v % 10;
    *to++ = '.';
  }
  *--to = 0;
  return to;
}

/* As text, which is what an exporter prints. */
static char *show(struct rtattr *a) {
  char *to = texts[shown++ & 0xffff];
  if (RTA_PAYLOAD(a) == 4) return dotted(to, RTA_DATA(a));
  inet_ntop(AF_INET6, RTA_DATA(a), to, INET6_ADDRSTRLEN);
  return to + strlen(to);
}

static void show_address(struct nlmsghdr *n) {
  struct item *t = item();
  int left = IFA_PAYLOAD(n);
  struct rtattr *ip = NULL;
  t->a = ((struct ifaddrmsg *)NLMSG_DATA(n))->ifa_index;
  for (struct rtattr *a = IFA_RTA(NLMSG_DATA(n)); RTA_OK(a, left); a = RTA_NEXT(a, left))
    switch (a->rta_type) {
      case IFA_ADDRESS: if (!ip) ip = a; break;
      case IFA_LOCAL: ip = a; break;
      case IFA_LABEL: strncpy(t->name, RTA_DATA(a), 15); break;
    }
  if (ip) show(ip);
}

static void show_route(struct nlmsghdr *n) {
  struct item *t = item();
  int left = RTM_PAYLOAD(n), to = 0;
  for (struct rtattr *a = RTM_RTA(NLMSG_DATA(n)); RTA_OK(a, left); a = RTA_NEXT(a, left))
    switch (a->rta_type) {
      case RTA_DST: {
        unsigned length = ((struct rtmsg *)NLMSG_DATA(n))->rtm_dst_len;
        char *end = show(a);
        to = 1;
        *end++ = '/';
        if (length > 99) *end++ = '1';
        if (length > 9) *end++ = '0' + length / 10 % 10;
        *end++ = '0' + length % 10;
        *end = 0;
        break;
      }
      case RTA_GATEWAY: show(a); break;
      case RTA_OIF: t->c = *(uint32_t *)RTA_DATA(a); break;
      case RTA_PRIORITY: t->d = *(uint32_t *)RTA_DATA(a); break;
    }
  if (!to) strcpy(texts[shown++ & 0xffff], "default");
}

static void dump_links(void) {
  dump(RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), read_link);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const char *work = argv[2];
  int n = atoi(argv[3]), link = 2, *sockets = NULL;
  if (!strcmp(work, "scrape")) sockets = calloc(n, sizeof *sockets);
  else fd = connection(argv[1]);
  setlinebuf(stdout);
  while (getchar() != EOF) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (!strcmp(work, "dumps")) for (int i = 0; i < n; i++) dump_links();
    else if (!strcmp(work, "all") || !strcmp(work, "errors")) {
      batch(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, n, link, *work == 'a');
      batch(RTM_DELROUTE, 0, n, link, *work == 'a');
    } else if (sockets) {
      for (int i = 0; i < n; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s%d", argv[1], i);
        if (!sockets[i]) sockets[i] = connection(name);
        fd = sockets[i];
        dump_links();
        dump(RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), show_address);
        dump(RTM_GETROUTE, AF_UNSPEC, sizeof(struct rtmsg), show_route);
      }
    } else return 2;
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000l + to.tv_nsec - from.tv_nsec);
  }
  return 0;
}
